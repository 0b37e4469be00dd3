package org.pytorch.executorch;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import testdevice.Bridge;

/** ExecuTorch's module, by the real one in a Python process. */
public class Module {
    private final Bridge bridge;

    private Module(File file) {
        bridge = new Bridge("executorch", file);
    }

    public static Module load(String modelPath) {
        return new Module(new File(modelPath));
    }

    public EValue[] forward(EValue... inputs) {
        List<Bridge.Message> given = new ArrayList<>();
        for (EValue each : inputs) {
            given.add(each.toTensor().message());
        }
        List<Bridge.Message> made = bridge.run(given);
        EValue[] outputs = new EValue[made.size()];
        for (int k = 0; k < outputs.length; k++) {
            outputs[k] = EValue.from(Tensor.of(made.get(k)));
        }
        return outputs;
    }

    public void destroy() {
        bridge.close();
    }
}
