package [[ package ]]

/** Real values to elements of a tensor and back. */
internal object Quantize {
    /**
     * Return [values] as elements of [tensorSpec]: `round(x / scale) + zero point`, clipped, where half
     * rounds away from zero. A tensor without a scale takes whole numbers only, or is FLOAT32.
     */
    fun quantize(values: FloatArray, tensorSpec: TensorSpec, shape: IntArray): Tensor {
        if (tensorSpec.dtype == DType.FLOAT32) return Tensor.of(shape, values)
        val made = Tensor.zeros(tensorSpec.dtype, shape)
        val quantization = tensorSpec.quantization
        for (index in values.indices) {
            val value = values[index].toDouble()
            val element =
                if (quantization == null) whole(value, tensorSpec) else step(value, quantization, tensorSpec)
            made.putWhole(index, element)
        }
        return made
    }

    /** Return the real values of an output: `(element - zero point) * scale`, as float32. */
    fun dequantize(tensor: Tensor, tensorSpec: TensorSpec): FloatArray {
        val quantization = tensorSpec.quantization ?: return tensor.toFloats()
        return FloatArray(tensor.count) { index ->
            ((tensor[index] - quantization.zeroPoint) * quantization.scale).toFloat()
        }
    }

    /** Return the real values of all outputs of [variant]. */
    fun real(outputs: List<Tensor>, variant: Variant): List<FloatArray> =
        outputs.mapIndexed { index, tensor -> dequantize(tensor, variant.outputs[index]) }

    private fun step(value: Double, quantization: Quantization, tensorSpec: TensorSpec): Long {
        require(!value.isNaN()) { "got NaN for ${tensorSpec.name}, expected a number" }
        val scaled = value / quantization.scale
        val rounded = Math.signum(scaled) * Math.floor(Math.abs(scaled) + 0.5)
        val limits = limits(tensorSpec.dtype)
        return (rounded + quantization.zeroPoint)
            .coerceIn(limits.first.toDouble(), limits.last.toDouble())
            .toLong()
    }

    private fun whole(value: Double, tensorSpec: TensorSpec): Long {
        val limits = limits(tensorSpec.dtype)
        require(value == Math.rint(value) && value.toLong() in limits) {
            "got $value for ${tensorSpec.name}, expected whole numbers that ${tensorSpec.dtype} can hold"
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
