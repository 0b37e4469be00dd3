package testdevice;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A runtime's real interpreter, in a Python process: tensors go there and back through pipes. The
 * command is in the system property `testdevice.bridge`, its words separated by new lines.
 */
public final class Bridge implements AutoCloseable {
    /** A tensor on its way; `type` and `shape` are "-" where the model says them. */
    public static final class Message {
        public final String type;
        public final String shape;
        public final byte[] bytes;

        public Message(String type, String shape, byte[] bytes) {
            this.type = type;
            this.shape = shape;
            this.bytes = bytes;
        }
    }

    private final Process process;
    private final OutputStream output;
    private final DataInputStream input;

    public Bridge(String runtime, File model) {
        List<String> command = new ArrayList<>();
        for (String word : System.getProperty("testdevice.bridge").split("\n")) {
            command.add(word);
        }
        command.add(runtime);
        command.add(model.getPath());
        try {
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        output = new BufferedOutputStream(process.getOutputStream());
        input = new DataInputStream(process.getInputStream());
    }

    public List<Message> run(List<Message> given) {
        try {
            line(Integer.toString(given.size()));
            for (Message each : given) {
                line(each.type + " " + each.shape + " " + each.bytes.length);
                output.write(each.bytes);
            }
            output.flush();
            List<Message> made = new ArrayList<>();
            int count = Integer.parseInt(line());
            for (int k = 0; k < count; k++) {
                String[] words = line().split(" ");
                byte[] bytes = new byte[Integer.parseInt(words[2])];
                input.readFully(bytes);
                made.add(new Message(words[0], words[1], bytes));
            }
            return made;
        } catch (IOException error) {
            throw new IllegalStateException("the runtime failed: its own words are above", error);
        }
    }

    private void line(String text) throws IOException {
        output.write((text + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    private String line() throws IOException {
        StringBuilder made = new StringBuilder();
        for (int letter = input.readUnsignedByte(); letter != '\n'; letter = input.readUnsignedByte()) {
            made.append((char) letter);
        }
        return made.toString();
    }

    @Override
    public void close() {
        process.destroy();
    }
}
