[% macro tensorSpec(b) %]TensorSpec([[ b.name ]], intArrayOf([[ b.shape ]]), DType.[[ b.dtype ]], [[ b.quantization ]])[% endmacro %]
package [[ package ]]

/** One model file of this package; [inputs] and [outputs] are in the file's order. */
class Variant(
    val name: String,
    val file: String,
    val sizeBytes: Long,
    val sha256: String,
    val inputs: List<Spec>,
    val outputs: List<TensorSpec>
) {
    internal fun checkInputs(given: List<Tensor>) {
        require(given.size == inputs.size) {
            "got ${given.size} inputs for $file, expected ${inputs.size}"
        }
        for ((tensor, spec) in given.zip(inputs)) {
            val tensorSpec = spec.input
            require(tensor.dtype == tensorSpec.dtype && tensor.shape.contentEquals(tensorSpec.shape)) {
                "got ${tensor.dtype} ${Tensor.inWords(tensor.shape)} for ${tensorSpec.name}, " +
                    "expected ${tensorSpec.dtype} ${Tensor.inWords(tensorSpec.shape)}"
            }
        }
    }

    internal fun otherBytes(found: String): String =
        "$file is not the file that was validated: its sha256 is $found, expected $sha256"
}

/** The model files of this package. */
object Variants {
    /** The name of the file that was chosen. */
    const val DEFAULT = [[ variants[0].name ]]

    /** All files, the default first. */
    @JvmField
    val all: List<Variant> = listOf([% for v in variants %][[ v.function ]]()[% if not loop.last %], [% endif %][% endfor %])

    /** The files that lost least against the float model first. */
    @JvmField
    val byQuality: List<Variant> = listOf([% for name in by_quality %]named([[ name ]])[% if not loop.last %], [% endif %][% endfor %])

    /** Return the file called [name]. */
    @JvmStatic
    fun named(name: String): Variant = requireNotNull(all.find { it.name == name }) {
        "got no variant $name, expected one of: ${all.joinToString { it.name }}"
    }

    /** Return the best file of at most [maxSizeBytes]; the smallest where none is. */
    @JvmStatic
    fun pick(maxSizeBytes: Long): Variant =
        byQuality.find { it.sizeBytes <= maxSizeBytes } ?: all.sortedBy { it.sizeBytes }.first()
[% for v in variants %]

    private fun [[ v.function ]](): Variant = Variant(
        name = [[ v.name ]],
        file = [[ v.file ]],
        sizeBytes = [[ v.size_bytes ]]L,
        sha256 = "[[ v.sha256 ]]",
        inputs = listOf(
[% for spec in v.inputs %]
            Spec(
                input = [[ tensorSpec(spec.tensor_spec) ]],
                colour = [[ spec.colour ]],
                height = [[ spec.height ]],
                width = [[ spec.width ]],
                fit = Fit.[[ spec.fit ]],
                interpolation = Interpolation.[[ spec.interpolation ]],
                scale = [[ spec.scale ]],
                mean = doubleArrayOf([[ spec.mean ]]),
                std = doubleArrayOf([[ spec.std ]]),
                layout = Layout.[[ spec.layout ]],
                takes = DType.[[ spec.takes ]]
            )[% if not loop.last %],[% endif %]

[% endfor %]
        ),
        outputs = listOf(
[% for output in v.outputs %]
            [[ tensorSpec(output) ]][% if not loop.last %],[% endif %]

[% endfor %]
        )
    )
[% endfor %]
}
