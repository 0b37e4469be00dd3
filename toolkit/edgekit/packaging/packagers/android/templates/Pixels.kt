package [[ package ]]

/**
 * An image as numbers: uint8, row by row, the channels of a pixel side by side.
 *
 * [channels] is 1 for grey, 3 for red, green, blue, and 4 with an alpha that is dropped.
 */
class Pixels(val width: Int, val height: Int, val channels: Int, val bytes: ByteArray) {
    init {
        require(width > 0 && height > 0 && channels in setOf(1, 3, 4)) {
            "got ${width}x$height pixels of $channels channels, expected an image of 1, 3 or 4"
        }
        require(bytes.size == width * height * channels) {
            "got ${bytes.size} bytes, expected ${width * height * channels}"
        }
    }

    /** Return one channel of the pixel in row [y] and column [x], 0 to 255. */
    fun at(y: Int, x: Int, c: Int): Int =
        bytes[(y * width + x) * channels + c].toInt() and 0xff

    internal fun put(y: Int, x: Int, c: Int, value: Int) {
        bytes[(y * width + x) * channels + c] = value.toByte()
    }

    /** Return the image turned upright by its EXIF [orientation], 1 to 8 (EXIF 2.3, tag 274). */
    fun upright(orientation: Int): Pixels {
        require(orientation in 1..8) { "got orientation $orientation, expected 1 to 8" }
        if (orientation == 1) return this
        val turned = if (orientation < 5) blank(width, height, channels) else blank(height, width, channels)
        for (y in 0 until turned.height) {
            for (x in 0 until turned.width) {
                val row = if (orientation < 5) y else x
                val column = if (orientation < 5) x else y
                val fromRow = if (orientation in FLIPPED_ROWS) height - 1 - row else row
                val fromColumn = if (orientation in FLIPPED_COLUMNS) width - 1 - column else column
                for (c in 0 until channels) turned.put(y, x, c, at(fromRow, fromColumn, c))
            }
        }
        return turned
    }

    /** Return the image in the model's [colour]: grey by ITU-R BT.601 in 16-bit fixed point. */
    fun inColour(colour: Colour): Pixels {
        // A photo of a phone takes many megabytes: no copy where nothing changes.
        if (channels == colour.channels && colour != Colour.BGR) return this
        val made = blank(width, height, colour.channels)
        for (y in 0 until height) {
            for (x in 0 until width) {
                if (colour == Colour.L) {
                    made.put(y, x, 0, grey(y, x))
                } else {
                    for (c in 0 until 3) {
                        val source = if (colour == Colour.BGR) 2 - c else c
                        made.put(y, x, c, at(y, x, if (channels == 1) 0 else source))
                    }
                }
            }
        }
        return made
    }

    private fun grey(y: Int, x: Int): Int {
        if (channels == 1) return at(y, x, 0)
        return (19595 * at(y, x, 0) + 38470 * at(y, x, 1) + 7471 * at(y, x, 2) + 0x8000) shr 16
    }

    /** Return the part of the image that starts at row [top] and column [left]. */
    internal fun cropped(top: Int, left: Int, height: Int, width: Int): Pixels {
        val made = blank(width, height, channels)
        for (y in 0 until height) {
            for (x in 0 until width) {
                for (c in 0 until channels) made.put(y, x, c, at(top + y, left + x, c))
            }
        }
        return made
    }

    internal companion object {
        private val FLIPPED_ROWS = setOf(3, 4, 6, 7)
        private val FLIPPED_COLUMNS = setOf(2, 3, 7, 8)

        fun blank(width: Int, height: Int, channels: Int): Pixels =
            Pixels(width, height, channels, ByteArray(width * height * channels))
    }
}
