package android.content;

import android.content.res.AssetManager;
import java.io.File;

/** A test device: assets are a folder, and so is the app's own storage. */
public class Context {
    private final File assets;
    private final File files;

    public Context(File assets, File files) {
        this.assets = assets;
        this.files = files;
    }

    public AssetManager getAssets() {
        return new AssetManager(assets);
    }

    public File getNoBackupFilesDir() {
        return files;
    }
}
