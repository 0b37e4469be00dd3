package [[ package ]]

/** Which source pixels make each new pixel along one axis, and by how much: `count` rows of `taps`. */
internal class Taps(val taps: Int, val index: IntArray, val weight: DoubleArray)

/**
 * Resizing as it was done when the model was trained and validated.
 *
 * The operations and their order are the reference's, in IEEE double, so that the results are the
 * same to the bit. The platform's own scaling would give other pixels.
 */
internal object Resize {
    /** Return [pixels] at another size; width first, each axis rounded by itself, half up. */
    fun resize(pixels: Pixels, height: Int, width: Int, interpolation: Interpolation): Pixels {
        val wide = if (pixels.width == width) pixels else toWidth(pixels, width, interpolation)
        return if (wide.height == height) wide else toHeight(wide, height, interpolation)
    }

    /**
     * Return source indices and weights for [to] pixels made of [from]; the weights of a row sum to
     * 1. The source coordinate of pixel i is `(i + 0.5) * from / to - 0.5`. Taps beyond the tensorSpec
     * are left out (antialias) or moved to the border pixel (bilinear).
     */
    fun taps(from: Int, to: Int, interpolation: Interpolation): Taps {
        val ratio = from.toDouble() / to
        if (interpolation == Interpolation.NEAREST) return nearest(from, to, ratio)
        val antialias = interpolation == Interpolation.ANTIALIAS
        val halfWidth = if (antialias) Math.max(1.0, ratio) else 1.0
        val taps = 2 * Math.ceil(halfWidth).toInt() + 1
        val made = Taps(taps, IntArray(to * taps), DoubleArray(to * taps))
        for (place in 0 until to) {
            val centre = (place + 0.5) * ratio - 0.5
            val first = Math.ceil(centre - halfWidth).toInt()
            for (k in 0 until taps) {
                val source = first + k
                val inside = !antialias || source in 0 until from
                val weight = Math.max(0.0, 1.0 - Math.abs(source - centre) / halfWidth)
                made.weight[place * taps + k] = if (inside) weight else 0.0
                made.index[place * taps + k] = source.coerceIn(0, from - 1)
            }
            normalize(made.weight, place * taps, taps)
        }
        return made
    }

    private fun nearest(from: Int, to: Int, ratio: Double): Taps {
        val made = Taps(1, IntArray(to), DoubleArray(to) { 1.0 })
        for (place in 0 until to) {
            val centre = (place + 0.5) * ratio - 0.5
            made.index[place] = Math.floor(centre + 0.5).toInt().coerceIn(0, from - 1)
        }
        return made
    }

    private fun normalize(weight: DoubleArray, start: Int, count: Int) {
        var sum = 0.0
        for (k in start until start + count) sum += weight[k]
        for (k in start until start + count) weight[k] /= sum
    }

    private fun toWidth(pixels: Pixels, width: Int, interpolation: Interpolation): Pixels {
        val taps = taps(pixels.width, width, interpolation)
        val made = Pixels.blank(width, pixels.height, pixels.channels)
        for (y in 0 until made.height) {
            for (x in 0 until width) {
                for (c in 0 until made.channels) {
                    var sum = 0.0
                    for (k in x * taps.taps until (x + 1) * taps.taps) {
                        sum += pixels.at(y, taps.index[k], c) * taps.weight[k]
                    }
                    made.put(y, x, c, rounded(sum))
                }
            }
        }
        return made
    }

    private fun toHeight(pixels: Pixels, height: Int, interpolation: Interpolation): Pixels {
        val taps = taps(pixels.height, height, interpolation)
        val made = Pixels.blank(pixels.width, height, pixels.channels)
        for (y in 0 until height) {
            for (x in 0 until made.width) {
                for (c in 0 until made.channels) {
                    var sum = 0.0
                    for (k in y * taps.taps until (y + 1) * taps.taps) {
                        sum += pixels.at(taps.index[k], x, c) * taps.weight[k]
                    }
                    made.put(y, x, c, rounded(sum))
                }
            }
        }
        return made
    }

    private fun rounded(value: Double): Int = Math.floor(value + 0.5).toInt().coerceIn(0, 255)
}
