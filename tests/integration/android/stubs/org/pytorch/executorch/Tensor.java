package org.pytorch.executorch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import testdevice.Bridge;

/** The factories and accessors that packages call; each accessor takes its own type only. */
public class Tensor {
    private final String type;
    private final long[] shape;
    private final ByteBuffer data;

    private Tensor(String type, long[] shape, ByteBuffer data) {
        this.type = type;
        this.shape = shape;
        this.data = data;
    }

    public static Tensor fromBlob(float[] values, long[] shape) {
        ByteBuffer data = room(4 * values.length);
        data.asFloatBuffer().put(values);
        return new Tensor("float32", shape, data);
    }

    public static Tensor fromBlob(int[] values, long[] shape) {
        ByteBuffer data = room(4 * values.length);
        data.asIntBuffer().put(values);
        return new Tensor("int32", shape, data);
    }

    public static Tensor fromBlob(long[] values, long[] shape) {
        ByteBuffer data = room(8 * values.length);
        data.asLongBuffer().put(values);
        return new Tensor("int64", shape, data);
    }

    public static Tensor fromBlob(byte[] values, long[] shape) {
        return new Tensor("int8", shape, ByteBuffer.wrap(values));
    }

    public static Tensor fromBlobUnsigned(byte[] values, long[] shape) {
        return new Tensor("uint8", shape, ByteBuffer.wrap(values));
    }

    public long[] shape() {
        return shape.clone();
    }

    public float[] getDataAsFloatArray() {
        float[] values = new float[of("float32").capacity() / 4];
        data.asFloatBuffer().get(values);
        return values;
    }

    public int[] getDataAsIntArray() {
        int[] values = new int[of("int32").capacity() / 4];
        data.asIntBuffer().get(values);
        return values;
    }

    public long[] getDataAsLongArray() {
        long[] values = new long[of("int64").capacity() / 8];
        data.asLongBuffer().get(values);
        return values;
    }

    public byte[] getDataAsByteArray() {
        return of("int8").array().clone();
    }

    public byte[] getDataAsUnsignedByteArray() {
        return of("uint8").array().clone();
    }

    private ByteBuffer of(String wanted) {
        if (!type.equals(wanted)) {
            throw new IllegalStateException("Tensor of type " + type + " is not " + wanted);
        }
        return data;
    }

    private static ByteBuffer room(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static Tensor of(Bridge.Message message) {
        String[] sizes = message.shape.split(",");
        long[] shape = new long[sizes.length];
        for (int k = 0; k < sizes.length; k++) {
            shape[k] = Long.parseLong(sizes[k]);
        }
        ByteBuffer data = ByteBuffer.wrap(message.bytes).order(ByteOrder.LITTLE_ENDIAN);
        return new Tensor(message.type, shape, data);
    }

    Bridge.Message message() {
        StringBuilder sizes = new StringBuilder();
        for (long size : shape) {
            sizes.append(sizes.length() == 0 ? "" : ",").append(size);
        }
        return new Bridge.Message(type, sizes.toString(), data.array());
    }
}
