package [[ package ]]

/** The order of an image's colours: grey, or three channels. */
enum class Colour(val channels: Int) {
    L(1),
    RGB(3),
    BGR(3)
}

/** How an image of another size comes to the model's: not at all, stretched, or cut to the centre. */
enum class Fit {
    EXACT,
    STRETCH,
    CROP
}

/** How new pixels are made of old ones. */
enum class Interpolation {
    NEAREST,
    BILINEAR,
    ANTIALIAS
}

/** Where a tensor's channels lie. */
enum class Layout {
    NHWC,
    NCHW
}

/** How real values lie in an integer tensor: `element = round(value / scale) + zeroPoint`. */
class Quantization(val scale: Double, val zeroPoint: Int)

/** An output of the model, or the tensor that an input becomes; [shape] counts the batch. */
class TensorSpec(
    val name: String,
    val shape: IntArray,
    val dtype: DType,
    val quantization: Quantization?
)

/**
 * What happens to a sample before the model sees it, and the [input] that it becomes.
 *
 * Images go: upright, [colour], size, `(x * scale - mean) / std` in float32, [layout], then the
 * quantization of [input]. Without a [colour] the sample is a plain tensor of type [takes]: FLOAT32
 * goes through the arithmetic alone, integers are only handed on. Without [height] and [width] an
 * image keeps its size.
 */
class Spec(
    val input: TensorSpec,
    val colour: Colour?,
    val height: Int?,
    val width: Int?,
    val fit: Fit,
    val interpolation: Interpolation,
    val scale: Double,
    val mean: DoubleArray,
    val std: DoubleArray,
    val layout: Layout,
    val takes: DType
)
