package [[ package ]]

import android.content.Context
[% if takes_image %]
import android.graphics.Bitmap
[% endif %]
import java.io.Closeable

/**
 * Gives the model's answer for [% if takes_image %]a picture[% else %]a sample[% endif %].
 *
 *     Predictor.create(context).use { it.predict([% if takes_image %]bitmap[% else %]tensors[% endif %]) }
 *
 * Making one loads the model; keep it, and use it from one thread at a time.
 */
class Predictor private constructor(
    private val session: Session,
    val variant: Variant
) : Closeable {
[% if takes_image %]
    /** Return one array for each output, real values; [Variant.outputs] has the shapes. */
    fun predict(image: Bitmap): List<FloatArray> =
        Quantize.real(run(preprocess(image)), variant)

    /** Return the same for an image file's bytes, turned upright by its EXIF orientation. */
    fun predict(file: ByteArray): List<FloatArray> =
        Quantize.real(run(preprocess(file)), variant)

    /** Return the model's input for [image], which is upright. */
    fun preprocess(image: Bitmap): List<Tensor> =
        listOf(Preprocess.image(Images.pixels(image), 1, variant.inputs[0]))

    /** Return the model's input for an image file's bytes. */
    fun preprocess(file: ByteArray): List<Tensor> {
        val pixels = Images.decode(file)
        return listOf(Preprocess.image(pixels, Images.orientation(file), variant.inputs[0]))
    }
[% else %]
    /**
     * Return one array for each output, real values; [Variant.outputs] has the shapes.
     *
     * [samples] has one tensor for each input, of the type that its [Spec.takes] says.
     */
    fun predict(samples: List<Tensor>): List<FloatArray> =
        Quantize.real(run(preprocess(samples)), variant)

    /** Return the model's inputs for [samples]. */
    fun preprocess(samples: List<Tensor>): List<Tensor> {
        require(samples.size == variant.inputs.size) {
            "got ${samples.size} samples, expected ${variant.inputs.size}: one for each input"
        }
        return samples.mapIndexed { index, sample -> Preprocess.tensor(sample, variant.inputs[index]) }
    }
[% endif %]

    /** Return the model's outputs, as they come, for preprocessed [inputs]. */
    fun run(inputs: List<Tensor>): List<Tensor> = session.run(inputs)

    /** Free the model. */
    override fun close() {
        session.close()
    }

    companion object {
        /** Load the model; [variant] names one of [Variants]. Not for the main thread. */
        @JvmStatic
        @JvmOverloads
        fun create(context: Context, variant: String = Variants.DEFAULT): Predictor {
            val chosen = Variants.named(variant)
            return Predictor(Session(context, chosen), chosen)
        }
    }
}
