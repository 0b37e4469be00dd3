package PACKAGE

import android.app.Instrumentation
import android.content.Context
import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import kotlin.system.exitProcess

/**
 * A test device's shell: `selftest ASSETS FILES` and `instrumented ASSETS FILES` test the package,
 * `corpus FOLDER` and `plain` preprocess, and `call ASSETS FILES …` calls the API as an app does.
 */
fun main(args: Array<String>) {
    if (args[0] == "corpus") return corpus(File(args[1]))
    if (args[0] == "plain") return plain()
    val context = Context(File(args[1]), File(args[2]))
    when (args[0]) {
        "selftest" -> {
            val report = SelfTest.run(context)
            println(report)
            exitProcess(if (report.passed) 0 else 1)
        }
        "instrumented" -> {
            InstrumentationRegistry.set(Instrumentation(context))
            SelfTestOnDevice().everyStageGivesWhatWasValidated()
        }
        "call" -> call(context, args.drop(3))
        else -> throw IllegalArgumentException("got ${args[0]}")
    }
    exitProcess(0)
}
