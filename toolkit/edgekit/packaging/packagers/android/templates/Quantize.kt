package [[ package ]]

/** Real values to elements of a tensor and back. */
internal object Quantize {
    /**
     * Return [values] as elements of [border]: `round(x / scale) + zero point`, clipped, where half
     * rounds away from zero. A tensor without a scale takes whole numbers only, or is FLOAT32.
     */
    fun quantize(values: FloatArray, border: Border, shape: IntArray): Tensor {
        if (border.dtype == DType.FLOAT32) return Tensor.of(shape, values)
        val made = Tensor.zeros(border.dtype, shape)
        val quantization = border.quantization
        for (index in values.indices) {
            val value = values[index].toDouble()
            val element =
                if (quantization == null) whole(value, border) else step(value, quantization, border)
            made.putWhole(index, element)
        }
        return made
    }

    /** Return the real values of an output: `(element - zero point) * scale`, as float32. */
    fun dequantize(tensor: Tensor, border: Border): FloatArray {
        val quantization = border.quantization ?: return tensor.toFloats()
        return FloatArray(tensor.count) { index ->
            ((tensor[index] - quantization.zeroPoint) * quantization.scale).toFloat()
        }
    }

    /** Return the real values of all outputs of [variant]. */
    fun real(outputs: List<Tensor>, variant: Variant): List<FloatArray> =
        outputs.mapIndexed { index, tensor -> dequantize(tensor, variant.outputs[index]) }

    private fun step(value: Double, quantization: Quantization, border: Border): Long {
        require(!value.isNaN()) { "got NaN for ${border.name}, expected a number" }
        val scaled = value / quantization.scale
        val rounded = Math.signum(scaled) * Math.floor(Math.abs(scaled) + 0.5)
        val limits = limits(border.dtype)
        return (rounded + quantization.zeroPoint)
            .coerceIn(limits.first.toDouble(), limits.last.toDouble())
            .toLong()
    }

    private fun whole(value: Double, border: Border): Long {
        val limits = limits(border.dtype)
        require(value == Math.rint(value) && value.toLong() in limits) {
            "got $value for ${border.name}, expected whole numbers that ${border.dtype} can hold"
        }
        return value.toLong()
    }

    /** Return the least and the largest number that an integer type can hold. */
    fun limits(dtype: DType): LongRange = when (dtype) {
        DType.INT8 -> -128L..127L
        DType.UINT8 -> 0L..255L
        DType.INT32 -> Int.MIN_VALUE.toLong()..Int.MAX_VALUE.toLong()
        else -> Long.MIN_VALUE..Long.MAX_VALUE
    }
}
