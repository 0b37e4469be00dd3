package [[ package ]]

import android.util.Log
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

/** The package's self-test on a phone or emulator. */
@RunWith(AndroidJUnit4::class)
class SelfTestOnDevice {
    @Test
    fun everyStageGivesWhatWasValidated() {
        val report = SelfTest.run(InstrumentationRegistry.getInstrumentation().targetContext)
        Log.i("[[ package ]]", "$report")
        assertTrue("$report", report.passed)
    }
}
