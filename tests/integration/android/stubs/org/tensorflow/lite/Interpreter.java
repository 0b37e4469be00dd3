package org.tensorflow.lite;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import testdevice.Bridge;

/** LiteRT's interpreter, by the real one in a Python process. */
public final class Interpreter implements AutoCloseable {
    public static class Options {
        public Options setNumThreads(int numThreads) {
            return this;
        }
    }

    private final Bridge bridge;

    public Interpreter(ByteBuffer model, Options options) {
        if (!model.isDirect()) {
            throw new IllegalArgumentException("the model's buffer is neither mapped nor direct");
        }
        try {
            File file = File.createTempFile("model", ".tflite");
            file.deleteOnExit();
            try (FileOutputStream stream = new FileOutputStream(file)) {
                stream.getChannel().write(model.duplicate());
            }
            bridge = new Bridge("litert", file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
        List<Bridge.Message> given = new ArrayList<>();
        for (Object each : inputs) {
            byte[] bytes = new byte[checked(each).remaining()];
            checked(each).get(bytes);
            given.add(new Bridge.Message("-", "-", bytes));
        }
        List<Bridge.Message> made = bridge.run(given);
        for (Map.Entry<Integer, Object> each : outputs.entrySet()) {
            ByteBuffer place = checked(each.getValue());
            byte[] bytes = made.get(each.getKey()).bytes;
            if (place.remaining() != bytes.length) {
                throw new IllegalArgumentException(
                    "got a buffer of " + place.remaining() + " bytes for an output of " + bytes.length);
            }
            place.put(bytes);
        }
    }

    private static ByteBuffer checked(Object value) {
        ByteBuffer buffer = (ByteBuffer) value;
        if (buffer.order() != ByteOrder.nativeOrder() || !buffer.isDirect()) {
            throw new IllegalArgumentException("a buffer is not direct, in the device's byte order");
        }
        return buffer;
    }

    @Override
    public void close() {
        bridge.close();
    }
}
