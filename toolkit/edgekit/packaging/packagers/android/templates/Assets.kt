package [[ package ]]

import android.content.Context
import java.io.InputStream
import java.security.MessageDigest

/** The files of this package inside the app: the model, its labels, and the golden vectors. */
internal object Assets {
    private const val FOLDER = "[[ folder ]]"
    private const val BLOCK = 1 shl 16

    /** Return where an asset is, for Android's AssetManager. */
    fun path(name: String): String = "$FOLDER/$name"

    /** Open an asset. */
    fun open(context: Context, name: String): InputStream = context.assets.open(path(name))

    /** Return an asset's bytes. */
    fun read(context: Context, name: String): ByteArray =
        open(context, name).use { it.readBytes() }

    /** Return the lines of an asset, UTF-8. */
    fun lines(context: Context, name: String): List<String> {
        val text = String(read(context, name), Charsets.UTF_8)
        // A class may hold characters that other readers take for the end of a line.
        return text.removeSuffix("\n").split("\n")
    }

    /** Return the sha256 of an asset in hexadecimal, handing every block to [each] on the way. */
    fun sha256(context: Context, name: String, each: (ByteArray, Int) -> Unit = { _, _ -> }): String {
        val digest = MessageDigest.getInstance("SHA-256")
        open(context, name).use { stream ->
            val block = ByteArray(BLOCK)
            var count = stream.read(block)
            while (count >= 0) {
                digest.update(block, 0, count)
                each(block, count)
                count = stream.read(block)
            }
        }
        return digest.digest().joinToString("") { byte ->
            (byte.toInt() and 0xff).toString(16).padStart(2, '0')
        }
    }
}
