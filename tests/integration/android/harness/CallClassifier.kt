package PACKAGE

import android.content.Context
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import java.io.File

/**
 * `call ASSETS FILES VARIANT IMAGE OUT`: print what is in a picture, as a bitmap of another
 * configuration and as a file, and write the model's input for the file to OUT.
 */
fun call(context: Context, args: List<String>) {
    val (variant, image, out) = args
    val file = File(image).readBytes()
    val options = BitmapFactory.Options()
    options.inPremultiplied = false
    options.inPreferredConfig = Bitmap.Config.HARDWARE
    val bitmap = BitmapFactory.decodeByteArray(file, 0, file.size, options)
    Classifier.create(context, variant).use { classifier ->
        for (found in classifier.classify(bitmap, 3)) println("bitmap\t${found.index}\t${found.score}\t${found.label}")
        for (found in classifier.classify(file)) println("file\t${found.index}\t${found.score}\t${found.label}")
        File(out).writeBytes(classifier.preprocess(file)[0].toBytes())
    }
    val scores = Tensor.of(intArrayOf(1, 6), floatArrayOf(Float.NaN, -0f, 0f, 2f, Float.NaN, 2f))
    val ranked = Classifier.ranked(listOf(scores), Variants.named("fp32"), emptyList(), 9)
    println("ranked\t${ranked.joinToString { it.label }}")
    try {
        Classifier.ranked(listOf(scores), Variants.named("fp32"), emptyList(), 0)
    } catch (error: IllegalArgumentException) {
        println("refused\t${error.message}")
    }
    println("pick\t${Variants.pick(0).name}\t${Variants.pick(Long.MAX_VALUE).name}")
}
