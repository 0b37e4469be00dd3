package [[ package ]]

import android.content.Context
import java.util.Locale

/** Where a sample is on its way through the package. */
enum class Stage(val text: String) {
    DECODE("decode"),
    PREPROCESS("preprocess"),
    INFERENCE("inference"),
    RESULT("result")
}

/** What is wrong with one sample, counted from 0 as in manifest.json; -1 stands for the file. */
class Finding(
    val variant: String,
    val stage: Stage,
    val sample: Int,
    val difference: Double,
    val tolerance: Double,
    val what: String
) {
    override fun toString(): String = "${stage.text}: $what"
}

/** What the self-test found; [notes] say what it could not tell. */
class Report(val findings: List<Finding>, val notes: List<String>) {
    /** Whether every stage gave what was validated. */
    val passed: Boolean get() = findings.isEmpty()

    override fun toString(): String {
        val lines = ArrayList<String>()
        for ((variant, found) in findings.groupBy { it.variant }) {
            lines.add("variant $variant")
            found.sortedBy { it.stage }.mapTo(lines) { "$it" }
        }
        lines.addAll(notes)
        val failed = Stage.values().filter { stage -> findings.any { it.stage == stage } }
        lines.add(if (passed) "passed" else "FAILED in ${failed.joinToString { it.text }}")
        return lines.joinToString("\n")
    }
}

/**
 * Compares what this device computes with what was validated, stage by stage.
 *
 * Each stage starts from the golden result of the one before it, so that the stage at fault is the
 * stage that is named; the last one, the result, runs no model. It goes through the same functions as an app's calls.
 */
object SelfTest {
    /** Test every variant. Loads each model once; not for the main thread. */
    @JvmStatic
    fun run(context: Context): Report {
        val vectors = Assets.read(context, "golden/vectors.bin")
        val runs = Variants.all.map { SelfTestRun(context, it, vectors) }
[% if is_classifier and has_labels %]
        runs[0].labelsFile()
[% endif %]
        runs.forEach { it.run() }
        return Report(runs.flatMap { it.findings }, runs.flatMap { it.notes })
    }
}

/** The test of one variant. */
private class SelfTestRun(
    private val context: Context,
    private val variant: Variant,
    private val vectors: ByteArray
) {
    val findings = ArrayList<Finding>()
    val notes = ArrayList<String>()
[% if is_classifier %]
    private val labels by lazy { Classifier.labels([% if has_labels %]context[% endif %]) }
[% endif %]

    fun run() {
        val samples = Golden.of(variant.name)
[% if takes_image %]
        samples.forEachIndexed { index, sample ->
            guarded(Stage.DECODE, index) { decode(index, sample) }
        }
[% endif %]
        samples.forEachIndexed { index, sample ->
            guarded(Stage.PREPROCESS, index) { preprocess(index, sample) }
        }
        guarded(Stage.INFERENCE, FILE) { inference(samples) }
        samples.forEachIndexed { index, sample ->
            if (sample.outputs.isNotEmpty()) {
                guarded(Stage.RESULT, index) { result(index, sample) }
            }
        }
        if (Golden.areAlike(variant.name)) {
            notes.add("note: the golden outputs are all alike, another model could pass too")
        }
    }
[% if is_classifier and has_labels %]

    /** Compare the file of labels, which all variants share. */
    fun labelsFile() {
        guarded(Stage.RESULT, FILE) {
            if (Assets.sha256(context, "labels.txt") != Golden.LABELS) {
                val what = "labels.txt is not the one that was validated"
                find(Stage.RESULT, FILE, Double.NaN, 0.0, what)
            }
        }
    }
[% endif %]

[% if takes_image %]
    private fun decode(index: Int, sample: GoldenSample) {
        val file = Assets.read(context, requireNotNull(sample.image))
        val pixels = Images.decode(file).upright(Images.orientation(file))
        val golden = sample.samples[0]
        val expected = golden.read(vectors)
        val sides = intArrayOf(pixels.height, pixels.width)
        if (!sides.contentEquals(golden.shape.copyOf(2))) {
            wrongShape(Stage.DECODE, index, sides, golden)
            return
        }
        // Android decodes grey pictures to three equal channels.
        val isGrey = golden.shape.size == 2
        val largest = largest(pixels.bytes.size) { place ->
            val found = (pixels.bytes[place].toInt() and 0xff).toDouble()
            found - expected[if (isGrey) place / pixels.channels else place]
        }
        judge(Stage.DECODE, index, largest, golden)
    }

    private fun preprocess(index: Int, sample: GoldenSample) {
        val golden = sample.samples[0]
        val channels = golden.shape.getOrElse(2) { 1 }
        val bytes = golden.read(vectors).toBytes()
        val pixels = Pixels(golden.shape[1], golden.shape[0], channels, bytes)
        compare(
            Stage.PREPROCESS,
            index,
            listOf(Preprocess.image(pixels, sample.orientation, variant.inputs[0])),
            sample.inputs
        )
    }
[% else %]
    private fun preprocess(index: Int, sample: GoldenSample) {
        val made = sample.samples.mapIndexed { place, golden ->
            Preprocess.tensor(golden.read(vectors), variant.inputs[place])
        }
        compare(Stage.PREPROCESS, index, made, sample.inputs)
    }
[% endif %]

    private fun inference(samples: List<GoldenSample>) {
        val sha256 = Assets.sha256(context, variant.file)
        if (sha256 != variant.sha256) {
            find(Stage.INFERENCE, FILE, Double.NaN, 0.0, variant.otherBytes(sha256))
            return
        }
        Session(context, variant).use { session ->
            samples.forEachIndexed { index, sample ->
                if (!sample.isProbe) {
                    guarded(Stage.INFERENCE, index) { infer(session, index, sample) }
                }
            }
        }
        if (samples.any { !it.isProbe && it.outputs.isEmpty() }) {
            notes.add("inference: not compared, this file was not run where it was made")
        }
    }

    private fun infer(session: Session, index: Int, sample: GoldenSample) {
        val outputs = session.run(sample.inputs.map { it.read(vectors) })
        if (sample.outputs.isNotEmpty()) {
            compare(Stage.INFERENCE, index, outputs, sample.outputs)
            return
        }
        for ((output, tensorSpec) in outputs.zip(variant.outputs)) {
            check(output.shape.contentEquals(tensorSpec.shape)) {
                "an output of shape ${Tensor.inWords(output.shape)}, " +
                    "expected ${Tensor.inWords(tensorSpec.shape)}"
            }
            check((0 until output.count).all { !output[it].isNaN() && !output[it].isInfinite() }) {
                "an output that is not finite"
            }
        }
    }

    private fun result(index: Int, sample: GoldenSample) {
        val outputs = sample.outputs.map { it.read(vectors) }
        if (sample.values.isNotEmpty()) {
            val values = Quantize.real(outputs, variant).zip(outputs) { real, output ->
                Tensor.of(output.shape, real)
            }
            compare(Stage.RESULT, index, values, sample.values)
        }
[% if is_classifier %]
        val top = sample.top ?: return
        val first = Classifier.ranked(outputs, variant, labels, 1)[0]
        val what = when {
            first.index != top -> "sample $index is class ${first.index}, expected $top"
            first.label != sample.label ->
                "sample $index is called ${first.label}, expected ${sample.label}"
            else -> return
        }
        find(Stage.RESULT, index, Double.NaN, 0.0, what)
[% endif %]
    }

    private fun compare(stage: Stage, index: Int, made: List<Tensor>, golden: List<GoldenTensor>) {
        check(made.size == golden.size) { "${made.size} tensors, expected ${golden.size}" }
        for ((tensor, expected) in made.zip(golden)) {
            if (tensor.dtype != expected.dtype || !tensor.shape.contentEquals(expected.shape)) {
                wrongShape(stage, index, tensor.shape, expected)
            } else {
                val right = expected.read(vectors)
                judge(stage, index, largest(tensor.count) { tensor[it] - right[it] }, expected)
            }
        }
    }

    /** Return the largest of all differences; NaN where there is any. */
    private fun largest(count: Int, difference: (Int) -> Double): Double {
        var found = 0.0
        for (place in 0 until count) found = Math.max(found, Math.abs(difference(place)))
        return found
    }

    private fun judge(stage: Stage, index: Int, difference: Double, golden: GoldenTensor) {
        // Not "greater than": a NaN is not within any tolerance.
        if (difference <= golden.tolerance) return
        val what = "sample $index differs by ${short(difference)}, allowed ${short(golden.tolerance)}"
        find(stage, index, difference, golden.tolerance, what)
    }

    private fun wrongShape(stage: Stage, index: Int, shape: IntArray, golden: GoldenTensor) {
        val what = "sample $index has shape ${Tensor.inWords(shape)}, " +
            "expected ${golden.dtype} ${Tensor.inWords(golden.shape)}"
        find(stage, index, Double.NaN, golden.tolerance, what)
    }

    private fun find(stage: Stage, sample: Int, difference: Double, tolerance: Double, what: String) {
        findings.add(Finding(variant.name, stage, sample, difference, tolerance, what))
    }

    /** Take whatever goes wrong in a stage as its finding: a missing file, a model that fails. */
    private fun guarded(stage: Stage, index: Int, action: () -> Unit) {
        try {
            action()
        } catch (error: Exception) {
            broken(stage, index, error)
        } catch (error: LinkageError) {
            // The runtime has no native library for this device's processor.
            broken(stage, index, error)
        }
    }

    private fun broken(stage: Stage, index: Int, error: Throwable) {
        val file = if (stage == Stage.RESULT) "labels.txt" else variant.file
        val who = if (index == FILE) file else "sample $index"
        find(stage, index, Double.NaN, 0.0, "$who: $error")
    }

    private fun short(value: Double): String = String.format(Locale.ROOT, "%.3g", value)

    private companion object {
        const val FILE = -1
    }
}
