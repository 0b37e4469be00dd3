package [[ package ]]

import android.content.Context
import java.io.Closeable
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/** One model file, loaded by LiteRT's interpreter on the CPU. For one thread at a time. */
internal class Session(context: Context, private val variant: Variant) : Closeable {
    private val interpreter = Interpreter(
        map(context, variant.file), Interpreter.Options().setNumThreads(THREADS)
    )

    /** Run the model once: tensors in and out in the order and type of the file. */
    fun run(inputs: List<Tensor>): List<Tensor> {
        variant.checkInputs(inputs)
        val outputs = variant.outputs.map { Tensor.zeros(it.dtype, it.shape) }
        val buffers = HashMap<Int, Any>()
        for (index in outputs.indices) buffers[index] = outputs[index].view()
        val given = Array<Any>(inputs.size) { inputs[it].view() }
        interpreter.runForMultipleInputsOutputs(given, buffers)
        return outputs
    }

    /** Free the interpreter; the session cannot be used after this. */
    override fun close() {
        interpreter.close()
    }

    private companion object {
        /** Big cores of most phones; more threads rarely make a small model faster. */
        const val THREADS = 2

        /** Map the model out of the APK: it takes no memory twice. */
        fun map(context: Context, name: String): MappedByteBuffer {
            try {
                context.assets.openFd(Assets.path(name)).use { place ->
                    FileInputStream(place.fileDescriptor).use { stream ->
                        return stream.channel.map(
                            FileChannel.MapMode.READ_ONLY, place.startOffset, place.declaredLength
                        )
                    }
                }
            } catch (error: FileNotFoundException) {
                throw IllegalStateException(
                    "got no uncompressed asset ${Assets.path(name)}: the app's build.gradle.kts " +
                        "needs android { androidResources { noCompress += \"tflite\" } }",
                    error
                )
            }
        }
    }
}
