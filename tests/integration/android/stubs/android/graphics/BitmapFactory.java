package android.graphics;

import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import javax.imageio.ImageIO;

/** Decodes by the JVM's own decoder, of the types that Pillow writes: grey, RGB and RGBA. */
public class BitmapFactory {
    public static class Options {
        public boolean inPremultiplied = true;
        public boolean inScaled = true;
        public Bitmap.Config inPreferredConfig = Bitmap.Config.ARGB_8888;
    }

    public static Bitmap decodeByteArray(byte[] data, int offset, int length, Options options) {
        if (options.inPremultiplied) {
            throw new UnsupportedOperationException("this test device does not premultiply");
        }
        try {
            BufferedImage image = ImageIO.read(new ByteArrayInputStream(data, offset, length));
            if (image == null) {
                return null;
            }
            int[] colours = colours(image.getRaster());
            return new Bitmap(image.getWidth(), image.getHeight(), colours, options.inPreferredConfig);
        } catch (IOException error) {
            return null;
        }
    }

    private static int[] colours(Raster raster) {
        int[] made = new int[raster.getWidth() * raster.getHeight()];
        int bands = raster.getNumBands();
        int[] pixel = new int[bands];
        for (int place = 0; place < made.length; place++) {
            raster.getPixel(place % raster.getWidth(), place / raster.getWidth(), pixel);
            int alpha = bands == 4 ? pixel[3] : 255;
            int green = bands == 1 ? pixel[0] : pixel[1];
            int blue = bands == 1 ? pixel[0] : pixel[2];
            made[place] = alpha << 24 | pixel[0] << 16 | green << 8 | blue;
        }
        return made;
    }
}
