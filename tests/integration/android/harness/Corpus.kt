package PACKAGE

import java.io.File

/** Preprocess every case of `cases.tsv` in [folder]: its columns are those of `corpus.py`. */
fun corpus(folder: File) {
    File(folder, "cases.tsv").forEachLine { line ->
        val fields = line.split("\t")
        val (name, width, height, channels, orientation) = fields
        val bytes = File(folder, "$name.raw").readBytes()
        val pixels = Pixels(width.toInt(), height.toInt(), channels.toInt(), bytes)
        val made = Preprocess.image(pixels, orientation.toInt(), spec(fields))
        File(folder, "$name.out").writeBytes(made.toBytes())
    }
}

private fun spec(fields: List<String>): Spec {
    val colour = Colour.valueOf(fields[5])
    val height = fields[6].toInt()
    val width = fields[7].toInt()
    val layout = Layout.valueOf(fields[13])
    val shape =
        if (layout == Layout.NCHW) intArrayOf(1, colour.channels, height, width)
        else intArrayOf(1, height, width, colour.channels)
    val scaled = fields[15] != "-"
    val quantization = if (scaled) Quantization(fields[15].toDouble(), fields[16].toInt()) else null
    return Spec(
        input = TensorSpec("image", shape, DType.valueOf(fields[14].toUpperCase()), quantization),
        colour = colour,
        height = height,
        width = width,
        fit = Fit.valueOf(fields[8].toUpperCase()),
        interpolation = Interpolation.valueOf(fields[9].toUpperCase()),
        scale = fields[10].toDouble(),
        mean = numbers(fields[11]),
        std = numbers(fields[12]),
        layout = layout,
        takes = DType.FLOAT32
    )
}

/** Print what becomes of whole numbers, and how what does not fit the spec is refused. */
fun plain() {
    val shape = intArrayOf(1, 3)
    val ids = longArrayOf(-1, 0, 1L shl 31)
    println(words(Preprocess.tensor(Tensor.of(shape, ids), whole(DType.INT64, DType.INT64))))
    println(words(Preprocess.tensor(Tensor.of(shape, ids), whole(DType.INT64, DType.FLOAT32))))
    refused { Preprocess.tensor(Tensor.of(shape, ids), whole(DType.INT64, DType.INT32)) }
    refused { Preprocess.tensor(Tensor.of(shape, intArrayOf(1, 2, 3)), whole(DType.INT64, DType.INT64)) }
    refused { Preprocess.tensor(Tensor.of(shape, floatArrayOf(1f, 2.5f, 3f)), whole(DType.FLOAT32, DType.INT32)) }
    val nan = Tensor.of(shape, floatArrayOf(1f, Float.NaN, 3f))
    refused { Preprocess.tensor(nan, whole(DType.FLOAT32, DType.INT32)) }
    refused { Preprocess.tensor(nan, whole(DType.FLOAT32, DType.INT8, Quantization(0.5, 3))) }
    val wide = Tensor.of(shape, floatArrayOf(-1e9f, 1f, 1e9f))
    for (dtype in listOf(DType.INT8, DType.UINT8, DType.INT32)) {
        println(words(Preprocess.tensor(wide, whole(DType.FLOAT32, dtype, Quantization(0.25, 3)))))
    }
    refused { Preprocess.image(Pixels(2, 2, 1, ByteArray(4)), 1, whole(DType.FLOAT32, DType.FLOAT32)) }
    refused { Tensor.of(shape, floatArrayOf(1f)) }
    refused { Variants.named("none") }
}

private fun words(tensor: Tensor): String = (0 until tensor.count).joinToString(" ") { "${tensor[it]}" }

private fun refused(action: () -> Unit) {
    try {
        action()
        println("taken")
    } catch (error: IllegalArgumentException) {
        println(error.message)
    }
}

private fun whole(takes: DType, dtype: DType, scaled: Quantization? = null): Spec = Spec(
    input = TensorSpec("ids", intArrayOf(1, 3), dtype, scaled),
    colour = null,
    height = null,
    width = null,
    fit = Fit.EXACT,
    interpolation = Interpolation.ANTIALIAS,
    scale = 1.0,
    mean = doubleArrayOf(0.0),
    std = doubleArrayOf(1.0),
    layout = Layout.NHWC,
    takes = takes
)

private fun numbers(text: String): DoubleArray = text.split(",").map { it.toDouble() }.toDoubleArray()
