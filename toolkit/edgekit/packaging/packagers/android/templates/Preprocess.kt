package [[ package ]]

/**
 * What happens to a sample before the model sees it: the same as in training and validation.
 *
 * Plain Kotlin without any Android class, so that it runs and is tested on any JVM.
 */
object Preprocess {
    /**
     * Return the model's input for an image; [orientation] is its EXIF orientation, 1 to 8.
     *
     * Throws IllegalArgumentException where the image has another size than the model takes and
     * [spec] allows no resizing.
     */
    @JvmStatic
    fun image(pixels: Pixels, orientation: Int, spec: Spec): Tensor {
        val colour = requireNotNull(spec.colour) {
            "got an image for ${spec.input.name}, expected a tensor"
        }
        val upright = pixels.upright(orientation).inColour(colour)
        val sized = toSize(upright, spec)
        val shape = shapeOf(sized, spec.layout)
        require(shape.contentEquals(spec.input.shape)) {
            "got an image of shape ${Tensor.inWords(shape)}, " +
                "expected ${Tensor.inWords(spec.input.shape)}"
        }
        return Quantize.quantize(normalized(sized, spec), spec.input, shape)
    }

    /**
     * Return the model's input for a plain tensor, which has as many elements as the input. FLOAT32
     * is normalized and, where the input is an integer tensor, quantized; mean and std go over the
     * last dimension. Whole numbers are handed on as they are.
     */
    @JvmStatic
    fun tensor(values: Tensor, spec: Spec): Tensor {
        val shape = spec.input.shape
        require(values.dtype == spec.takes && values.count == Tensor.countOf(shape)) {
            "got ${values.dtype} ${Tensor.inWords(values.shape)} for ${spec.input.name}, " +
                "expected ${spec.takes} ${Tensor.inWords(shape)}"
        }
        if (spec.takes != DType.FLOAT32) return cast(values, spec.input)
        val real = values.toFloats()
        val last = shape.lastOrNull() ?: 1
        val arithmetic = Arithmetic(spec)
        for (index in real.indices) real[index] = arithmetic.of(real[index], index % last)
        return Quantize.quantize(real, spec.input, shape)
    }

    private fun cast(values: Tensor, input: TensorSpec): Tensor {
        val made = Tensor.zeros(input.dtype, input.shape)
        for (index in 0 until values.count) {
            val value = values.whole(index)
            if (input.dtype == DType.FLOAT32) {
                made.putFloat(index, value.toFloat())
            } else {
                require(value in Quantize.limits(input.dtype)) {
                    "got $value for ${input.name}, expected what ${input.dtype} can hold"
                }
                made.putWhole(index, value)
            }
        }
        return made
    }

    private fun toSize(pixels: Pixels, spec: Spec): Pixels {
        val height = spec.height ?: return pixels
        val width = spec.width ?: return pixels
        if (pixels.height == height && pixels.width == width) return pixels
        return when (spec.fit) {
            Fit.EXACT -> throw IllegalArgumentException(
                "got an image of ${pixels.width}x${pixels.height} pixels, expected ${width}x$height"
            )
            Fit.STRETCH -> Resize.resize(pixels, height, width, spec.interpolation)
            Fit.CROP -> cover(pixels, height, width, spec.interpolation)
        }
    }

    /** Scale until both sides are covered, then take the centre. */
    private fun cover(pixels: Pixels, height: Int, width: Int, way: Interpolation): Pixels {
        val ratio = Math.max(
            height.toDouble() / pixels.height, width.toDouble() / pixels.width
        )
        // rint rounds half to even, as the reference does.
        val newHeight = Math.max(height, Math.rint(pixels.height * ratio).toInt())
        val newWidth = Math.max(width, Math.rint(pixels.width * ratio).toInt())
        val sized = Resize.resize(pixels, newHeight, newWidth, way)
        return sized.cropped((newHeight - height) / 2, (newWidth - width) / 2, height, width)
    }

    private fun shapeOf(pixels: Pixels, layout: Layout): IntArray =
        if (layout == Layout.NCHW) {
            intArrayOf(1, pixels.channels, pixels.height, pixels.width)
        } else {
            intArrayOf(1, pixels.height, pixels.width, pixels.channels)
        }

    private fun normalized(pixels: Pixels, spec: Spec): FloatArray {
        val arithmetic = Arithmetic(spec)
        val plane = pixels.width * pixels.height
        val values = FloatArray(plane * pixels.channels)
        for (index in values.indices) {
            val channel = index % pixels.channels
            val value = (pixels.bytes[index].toInt() and 0xff).toFloat()
            val place =
                if (spec.layout == Layout.NCHW) channel * plane + index / pixels.channels else index
            values[place] = arithmetic.of(value, channel)
        }
        return values
    }

    /** `(x * scale - mean) / std`, every step rounded to float32. */
    private class Arithmetic(spec: Spec) {
        private val scale = spec.scale.toFloat()
        private val mean = FloatArray(spec.mean.size) { spec.mean[it].toFloat() }
        private val std = FloatArray(spec.std.size) { spec.std[it].toFloat() }

        fun of(value: Float, channel: Int): Float {
            val scaled = value * scale
            return (scaled - mean[if (mean.size == 1) 0 else channel]) /
                std[if (std.size == 1) 0 else channel]
        }
    }
}
