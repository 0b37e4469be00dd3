package [[ package ]]

import android.content.Context
import java.io.Closeable
import java.io.File
import java.io.FileOutputStream
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor as TorchTensor

/** One model file, loaded by ExecuTorch on the CPU. For one thread at a time. */
internal class Session(context: Context, private val variant: Variant) : Closeable {
    private val module = Module.load(unpacked(context, variant).path)

    /** Run the model once: tensors in and out in the order and type of the file. */
    fun run(inputs: List<Tensor>): List<Tensor> {
        variant.checkInputs(inputs)
        val values = Array(inputs.size) { EValue.from(given(inputs[it])) }
        val outputs = module.forward(*values).filter { it.isTensor }
        check(outputs.size == variant.outputs.size) {
            "got ${outputs.size} outputs of ${variant.file}, expected ${variant.outputs.size}"
        }
        return outputs.mapIndexed { index, value -> taken(value.toTensor(), variant.outputs[index]) }
    }

    /** Free the module; the session cannot be used after this. */
    override fun close() {
        module.destroy()
    }

    private fun given(tensor: Tensor): TorchTensor {
        val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
        return when (tensor.dtype) {
            DType.FLOAT32 -> TorchTensor.fromBlob(tensor.toFloats(), shape)
            DType.INT8 -> TorchTensor.fromBlob(tensor.toBytes(), shape)
            DType.UINT8 -> TorchTensor.fromBlobUnsigned(tensor.toBytes(), shape)
            DType.INT32 ->
                TorchTensor.fromBlob(IntArray(tensor.count) { tensor.whole(it).toInt() }, shape)
            DType.INT64 -> TorchTensor.fromBlob(LongArray(tensor.count) { tensor.whole(it) }, shape)
        }
    }

    private fun taken(tensor: TorchTensor, tensorSpec: TensorSpec): Tensor {
        val found = tensor.shape()
        val shape = IntArray(found.size) { found[it].toInt() }
        return when (tensorSpec.dtype) {
            DType.FLOAT32 -> Tensor.of(shape, tensor.dataAsFloatArray)
            DType.INT8 -> Tensor.read(DType.INT8, shape, tensor.dataAsByteArray, 0)
            DType.UINT8 -> Tensor.read(DType.UINT8, shape, tensor.dataAsUnsignedByteArray, 0)
            DType.INT32 -> Tensor.of(shape, tensor.dataAsIntArray)
            DType.INT64 -> Tensor.of(shape, tensor.dataAsLongArray)
        }
    }

    private companion object {
        /**
         * Return the model as a file of its own, for ExecuTorch loads by path: copied out of the APK
         * once, under a name that changes with its bytes.
         */
        fun unpacked(context: Context, variant: Variant): File {
            val folder = File(context.noBackupFilesDir, Assets.path("models"))
            val file = File(folder, "${variant.sha256}.pte")
            if (file.length() == variant.sizeBytes) return file
            folder.mkdirs()
            val part = File.createTempFile("part", ".pte", folder)
            val sha256 = FileOutputStream(part).use { stream ->
                Assets.sha256(context, variant.file) { block, count -> stream.write(block, 0, count) }
            }
            if (sha256 != variant.sha256) part.delete()
            check(sha256 == variant.sha256) { variant.otherBytes(sha256) }
            check(part.renameTo(file)) { "got no permission to write $file" }
            return file
        }
    }
}
