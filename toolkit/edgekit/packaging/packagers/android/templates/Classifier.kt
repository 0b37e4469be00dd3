package [[ package ]]

import android.content.Context
import android.graphics.Bitmap
import java.io.Closeable

/** One class and its score; [index] is its place in the model's output. */
data class Category(val label: String, val index: Int, val score: Float)

/**
 * Says what is in a picture.
 *
 *     Classifier.create(context).use { it.classify(bitmap) }
 *
 * Making one loads the model; keep it, and use it from one thread at a time. Scores are the model's
 * own output.
 */
class Classifier private constructor(
    private val session: Session,
    val variant: Variant,
    private val labels: List<String>
) : Closeable {
    /** Return the [topK] classes with the largest scores, at least 1, the largest first. */
    @JvmOverloads
    fun classify(image: Bitmap, topK: Int = 5): List<Category> =
        ranked(run(preprocess(image)), variant, labels, topK)

    /** Return the same for an image file's bytes, turned upright by its EXIF orientation. */
    @JvmOverloads
    fun classify(file: ByteArray, topK: Int = 5): List<Category> =
        ranked(run(preprocess(file)), variant, labels, topK)

    /** Return the model's input for [image], which is upright. */
    fun preprocess(image: Bitmap): List<Tensor> =
        listOf(Preprocess.image(Images.pixels(image), 1, variant.inputs[0]))

    /** Return the model's input for an image file's bytes. */
    fun preprocess(file: ByteArray): List<Tensor> {
        val pixels = Images.decode(file)
        return listOf(Preprocess.image(pixels, Images.orientation(file), variant.inputs[0]))
    }

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
        fun create(context: Context, variant: String = Variants.DEFAULT): Classifier {
            val chosen = Variants.named(variant)
            val labels = labels([% if has_labels %]context[% endif %])
            return Classifier(Session(context, chosen), chosen, labels)
        }

[% if has_labels %]
        internal fun labels(context: Context): List<String> = Assets.lines(context, "labels.txt")
[% else %]
        /** None: the model's card names no classes, so they are called by their index. */
        internal fun labels(): List<String> = emptyList()
[% endif %]

        /** Return the [topK] best classes; of equals the first, and no numbers last. */
        internal fun ranked(
            outputs: List<Tensor>,
            variant: Variant,
            labels: List<String>,
            topK: Int
        ): List<Category> {
            require(topK >= 1) { "got topK $topK, expected at least 1" }
            val scores = Quantize.real(outputs, variant)[0]
            // Not -score: 0 and -0 are equals. Float's own order has NaN at its end.
            val order = scores.indices.sortedWith(compareBy({ 0f - scores[it] }, { it }))
            return order.take(topK).map { index ->
                Category(labels.getOrElse(index) { "$it" }, index, scores[index])
            }
        }
    }
}
