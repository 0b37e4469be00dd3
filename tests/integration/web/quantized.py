"""A package whose file gives int8: none of the runs has one that a browser's runtime takes."""

import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgekit.core.run import Run
from edgekit.core.tensor import TensorSpec, quantize
from edgekit.packaging import content, golden
from edgekit.packaging.packagers import web

SCALE, ZERO_POINT = 1 / 256, -128


def write(run_folder, target):
    """Write the package of a run's float ONNX file, its scores quantized, as npm unpacks it."""
    made = Run.from_json((run_folder / "run.json").read_text())
    artifact = next(a for a in made.artifacts if a.format == "onnx" and a.recipe.name == "fp32")
    found = content.gather(
        made, run_folder, [artifact], None, kind="web", why="", failed_allowed=False
    )
    spec = TensorSpec(
        name="quantized", shape=artifact.outputs[0].shape, dtype="int8",
        scale=SCALE, zero_point=ZERO_POINT,
    )  # fmt: skip
    model = _quantized(found.assets[found.first.file], spec)
    changed = artifact.model_copy(
        update={
            "outputs": (spec,), "sha256": hashlib.sha256(model).hexdigest(),
            "size_bytes": len(model),
        }
    )  # fmt: skip
    kept = content._evidence(made, run_folder, artifact, None).kept
    kept["outputs"] = quantize(kept["outputs"], spec)
    assets = golden.Assets()
    samples = golden.samples_of(kept, changed, found.first.preprocesses, assets)
    variant = found.first.model_copy(update={"artifact": changed, "golden": samples})
    files = {**found.assets, **assets.files(), variant.file: model}
    made = web.files(found.model_copy(update={"variants": (variant,), "assets": files}))
    for path, data in made.items():
        place = target / path.removeprefix(web.HOME)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def _quantized(data, spec):
    """Return the model with one more operator at its end."""
    model = onnx.load_from_string(data)
    (output,) = model.graph.output
    for name, value in (("scale", np.float32(SCALE)), ("zero_point", np.int8(ZERO_POINT))):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    inputs = [output.name, "scale", "zero_point"]
    model.graph.node.append(helper.make_node("QuantizeLinear", inputs, [spec.name]))
    made = helper.make_tensor_value_info(spec.name, TensorProto.INT8, spec.shape)
    made.type.tensor_type.shape.CopyFrom(output.type.tensor_type.shape)
    output.CopyFrom(made)
    onnx.checker.check_model(model)
    return model.SerializeToString()
