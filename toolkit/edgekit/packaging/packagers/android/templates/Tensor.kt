package [[ package ]]

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The type of a tensor's elements; [size] is in bytes. */
enum class DType(val size: Int) {
    FLOAT32(4),
    INT8(1),
    UINT8(1),
    INT32(4),
    INT64(8)
}

/**
 * An array that a model takes or gives: row-major, the batch dimension first.
 *
 * [data] is a direct buffer in the device's byte order. Its position stays at 0: elements are read
 * and written by index.
 */
class Tensor private constructor(val dtype: DType, val shape: IntArray, val data: ByteBuffer) {
    /** The number of elements. */
    val count: Int = countOf(shape)

    /** Return an element as a real number; an INT64 beyond 2^53 is rounded. */
    operator fun get(index: Int): Double = when (dtype) {
        DType.FLOAT32 -> data.getFloat(4 * index).toDouble()
        else -> whole(index).toDouble()
    }

    /** Return an element of an integer tensor. */
    fun whole(index: Int): Long = when (dtype) {
        DType.INT8 -> data.get(index).toLong()
        DType.UINT8 -> data.get(index).toLong() and 0xff
        DType.INT32 -> data.getInt(4 * index).toLong()
        DType.INT64 -> data.getLong(8 * index)
        DType.FLOAT32 -> throw IllegalArgumentException("got float32, expected whole numbers")
    }

    /** Set an element of a FLOAT32 tensor. */
    fun putFloat(index: Int, value: Float) {
        data.putFloat(4 * index, value)
    }

    /** Set an element of an integer tensor; the caller has made sure that it fits. */
    fun putWhole(index: Int, value: Long) {
        when (dtype) {
            DType.INT8, DType.UINT8 -> data.put(index, value.toByte())
            DType.INT32 -> data.putInt(4 * index, value.toInt())
            DType.INT64 -> data.putLong(8 * index, value)
            DType.FLOAT32 -> throw IllegalArgumentException("got float32, expected an integer type")
        }
    }

    /** Return the elements as float32, without any scale. */
    fun toFloats(): FloatArray = FloatArray(count) { index ->
        if (dtype == DType.FLOAT32) data.getFloat(4 * index) else whole(index).toFloat()
    }

    /** Return the bytes of the elements. */
    fun toBytes(): ByteArray = ByteArray(count * dtype.size) { data.get(it) }

    /** Return a second view of the same bytes, for a runtime that moves a buffer's position. */
    fun view(): ByteBuffer = data.duplicate().order(ByteOrder.nativeOrder())

    companion object {
        /** Return a tensor of zeros. */
        @JvmStatic
        fun zeros(dtype: DType, shape: IntArray): Tensor {
            val bytes = ByteBuffer.allocateDirect(countOf(shape) * dtype.size)
            return Tensor(dtype, shape.clone(), bytes.order(ByteOrder.nativeOrder()))
        }

        /** Return a FLOAT32 tensor of [values]. */
        @JvmStatic
        fun of(shape: IntArray, values: FloatArray): Tensor {
            val made = sized(DType.FLOAT32, shape, values.size)
            for (index in values.indices) made.putFloat(index, values[index])
            return made
        }

        /** Return an INT32 tensor of [values]. */
        @JvmStatic
        fun of(shape: IntArray, values: IntArray): Tensor {
            val made = sized(DType.INT32, shape, values.size)
            for (index in values.indices) made.putWhole(index, values[index].toLong())
            return made
        }

        /** Return an INT64 tensor of [values]. */
        @JvmStatic
        fun of(shape: IntArray, values: LongArray): Tensor {
            val made = sized(DType.INT64, shape, values.size)
            for (index in values.indices) made.putWhole(index, values[index])
            return made
        }

        /** Return the tensor whose elements lie in [bytes] from [offset] on, little-endian. */
        @JvmStatic
        fun read(dtype: DType, shape: IntArray, bytes: ByteArray, offset: Int): Tensor {
            val made = zeros(dtype, shape)
            val source = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
            for (index in 0 until made.count) {
                val place = offset + index * dtype.size
                when (dtype) {
                    DType.FLOAT32 -> made.putFloat(index, source.getFloat(place))
                    DType.INT8, DType.UINT8 -> made.data.put(index, source.get(place))
                    DType.INT32 -> made.putWhole(index, source.getInt(place).toLong())
                    DType.INT64 -> made.putWhole(index, source.getLong(place))
                }
            }
            return made
        }

        private fun sized(dtype: DType, shape: IntArray, count: Int): Tensor {
            require(countOf(shape) == count) {
                "got $count values, expected ${countOf(shape)} for shape ${inWords(shape)}"
            }
            return zeros(dtype, shape)
        }

        internal fun countOf(shape: IntArray): Int = shape.fold(1) { count, size -> count * size }

        internal fun inWords(shape: IntArray): String = shape.joinToString("x")
    }
}
