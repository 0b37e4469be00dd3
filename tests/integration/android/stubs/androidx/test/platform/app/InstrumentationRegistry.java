package androidx.test.platform.app;

import android.app.Instrumentation;

public final class InstrumentationRegistry {
    private static Instrumentation instrumentation;

    public static Instrumentation getInstrumentation() {
        return instrumentation;
    }

    public static void set(Instrumentation given) {
        instrumentation = given;
    }
}
