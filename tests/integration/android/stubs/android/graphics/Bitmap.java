package android.graphics;

/** Colours as Android's getPixels gives them: alpha, red, green, blue, not premultiplied. */
public final class Bitmap {
    public enum Config { ALPHA_8, RGB_565, ARGB_4444, ARGB_8888, RGBA_F16, HARDWARE }

    private final int width;
    private final int height;
    private final int[] colours;
    private final Config config;
    private boolean recycled;

    Bitmap(int width, int height, int[] colours, Config config) {
        this.width = width;
        this.height = height;
        this.colours = colours;
        this.config = config;
    }

    public int getWidth() {
        return width;
    }

    public int getHeight() {
        return height;
    }

    public Config getConfig() {
        return config;
    }

    public Bitmap copy(Config other, boolean isMutable) {
        return new Bitmap(width, height, colours.clone(), other);
    }

    public void recycle() {
        recycled = true;
    }

    public void getPixels(int[] out, int offset, int stride, int x, int y, int columns, int rows) {
        if (recycled || config == Config.HARDWARE) {
            throw new IllegalStateException("this bitmap's pixels cannot be read");
        }
        for (int row = 0; row < rows; row++) {
            System.arraycopy(colours, (y + row) * width + x, out, offset + row * stride, columns);
        }
    }
}
