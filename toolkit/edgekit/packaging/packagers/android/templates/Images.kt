package [[ package ]]

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.media.ExifInterface
import java.io.ByteArrayInputStream

/** Android's pictures to pixels. */
internal object Images {
    /** Return the pixels of [bitmap], red, green, blue as stored in sRGB; its alpha is dropped. */
    fun pixels(bitmap: Bitmap): Pixels {
        val readable = readable(bitmap)
        val width = readable.width
        val bytes = ByteArray(width * readable.height * 3)
        val row = IntArray(width)
        var place = 0
        for (y in 0 until readable.height) {
            readable.getPixels(row, 0, width, 0, y, width, 1)
            for (colour in row) {
                bytes[place++] = (colour shr 16).toByte()
                bytes[place++] = (colour shr 8).toByte()
                bytes[place++] = colour.toByte()
            }
        }
        return Pixels(width, readable.height, 3, bytes)
    }

    /** Return the pixels of an image file, as stored; [orientation] says how to turn them. */
    fun decode(file: ByteArray): Pixels {
        val options = BitmapFactory.Options()
        options.inPreferredConfig = Bitmap.Config.ARGB_8888
        // Colours multiplied by their alpha could not be had back exactly.
        options.inPremultiplied = false
        options.inScaled = false
        val bitmap = requireNotNull(BitmapFactory.decodeByteArray(file, 0, file.size, options)) {
            "got bytes that Android cannot decode, expected an image file"
        }
        try {
            return pixels(bitmap)
        } finally {
            bitmap.recycle()
        }
    }

    /** Return the EXIF orientation of an image file, 1 to 8; 1 where it has none. */
    fun orientation(file: ByteArray): Int {
        val found = ByteArrayInputStream(file).use { stream ->
            ExifInterface(stream).getAttributeInt(ExifInterface.TAG_ORIENTATION, 1)
        }
        return if (found in 1..8) found else 1
    }

    /** Return [bitmap], or a copy of it where its pixels cannot be read as 8 bits a channel. */
    private fun readable(bitmap: Bitmap): Bitmap {
        if (bitmap.config == Bitmap.Config.ARGB_8888) return bitmap
        return requireNotNull(bitmap.copy(Bitmap.Config.ARGB_8888, false)) {
            "got a bitmap of ${bitmap.config} that Android cannot copy to ARGB_8888"
        }
    }
}
