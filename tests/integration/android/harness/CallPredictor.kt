package PACKAGE

import android.content.Context

/** `call ASSETS FILES VARIANT NUMBER…`: print what the model gives for one row of numbers. */
fun call(context: Context, args: List<String>) {
    val values = args.drop(1).map { it.toFloat() }.toFloatArray()
    Predictor.create(context, args[0]).use { predictor ->
        val answer = predictor.predict(listOf(Tensor.of(intArrayOf(values.size), values)))
        println(answer.joinToString(" ") { it.joinToString(",") })
    }
}
