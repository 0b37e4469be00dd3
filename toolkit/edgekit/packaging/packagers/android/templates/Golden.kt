package [[ package ]]

/** One array in golden/vectors.bin, and how far each element may differ. */
internal class GoldenTensor(
    val dtype: DType,
    val shape: IntArray,
    val offset: Int,
    val tolerance: Double
) {
    /** Return the array out of the file's bytes. */
    fun read(vectors: ByteArray): Tensor = Tensor.read(dtype, shape, vectors, offset)
}

/**
 * One sample on its way: image file, pixels or tensors, the model's inputs, its outputs, and what
 * an app gets of these.
 *
[% if takes_image %]
 * [orientation] is the EXIF orientation that turns the pixels upright.
[% endif %]
 * [values] are quantized outputs as real numbers.[% if is_classifier %] [top] is the best class, called [label].[% endif %]

 * [isProbe] is a drawn picture that no model was asked about. Without [outputs] another sample's
 * file was not run where it was made.
 */
internal class GoldenSample(
    val image: String?,
    val isProbe: Boolean,
[% if takes_image %]
    val orientation: Int,
[% endif %]
    val samples: List<GoldenTensor>,
    val inputs: List<GoldenTensor>,
    val outputs: List<GoldenTensor>,
[% if is_classifier %]
    val top: Int?,
    val label: String?,
[% endif %]
    val values: List<GoldenTensor>
)

/** What the validated files gave for real samples. */
internal object Golden {
[% if is_classifier and has_labels %]
    /** The sha256 of labels.txt. */
    const val LABELS = "[[ labels_sha256 ]]"

[% endif %]
    /** Return whether one answer, whatever the input, would pass for all of a variant's samples. */
    fun areAlike(variant: String): Boolean = variant in listOf<String>([[ alike ]])

    /** Return the samples of a variant. */
    fun of(variant: String): List<GoldenSample> = when (variant) {
[% for v in variants %]
        [[ v.name ]] -> [[ v.function ]]()
[% endfor %]
        else -> throw IllegalArgumentException("got no variant $variant, expected a known one")
    }
[% for v in variants %]

    private fun [[ v.function ]](): List<GoldenSample> = listOf(
[% for sample in v.golden %]
        GoldenSample(
            image = [[ sample.image ]],
            isProbe = [[ sample.is_probe ]],
[% if takes_image %]
            orientation = [[ sample.orientation ]],
[% endif %]
            samples = listOf([[ sample.samples ]]),
            inputs = listOf([[ sample.inputs ]]),
            outputs = listOf([[ sample.outputs ]]),
[% if is_classifier %]
            top = [[ sample.top ]],
            label = [[ sample.label ]],
[% endif %]
            values = listOf([[ sample.real ]])
        )[% if not loop.last %],[% endif %]

[% endfor %]
    )
[% endfor %]

    private fun tensor(dtype: DType, shape: IntArray, offset: Int, tolerance: Double) =
        GoldenTensor(dtype, shape, offset, tolerance)
}
