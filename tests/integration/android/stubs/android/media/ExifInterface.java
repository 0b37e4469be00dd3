package android.media;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Reads the orientation out of the first TIFF header in a file. */
public class ExifInterface {
    public static final String TAG_ORIENTATION = "Orientation";
    private static final int ORIENTATION = 0x0112;

    private final ByteBuffer data;

    public ExifInterface(InputStream stream) throws IOException {
        data = ByteBuffer.wrap(stream.readAllBytes());
    }

    public int getAttributeInt(String tag, int defaultValue) {
        for (int place = 0; place + 8 < data.limit(); place++) {
            data.order(ByteOrder.BIG_ENDIAN);
            int head = data.getInt(place);
            if (head == 0x49492a00 || head == 0x4d4d002a) {
                data.order(head == 0x4d4d002a ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
                return inDirectory(place + data.getInt(place + 4), defaultValue);
            }
        }
        return defaultValue;
    }

    private int inDirectory(int start, int defaultValue) {
        int count = data.getShort(start);
        for (int entry = start + 2; entry < start + 2 + 12 * count; entry += 12) {
            if (data.getShort(entry) == ORIENTATION) {
                return data.getShort(entry + 8);
            }
        }
        return defaultValue;
    }
}
