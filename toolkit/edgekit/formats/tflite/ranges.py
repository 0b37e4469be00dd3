"""The range of each tensor of a float `.tflite` file: recorded, and widened where it is no range.

A tensor that stays zero on every calibration sample, such as the squeeze of a block that seldom
opens, has a range that is noise: its scale would clip whatever comes later, and the bias behind it
would not fit int32.
"""

from typing import Any

import numpy as np

from edgekit.core.tensor import Array, Arrays
from edgekit.errors import ExportError
from edgekit.formats.tflite import file as tflite_file
from edgekit.formats.tflite import patch

# The smallest and largest value of each tensor, as ai-edge-quantizer has them.
Ranges = dict[str, dict[str, Any]]

# A scale under this is refused by XNNPACK, or is about to be.
LEAST_SCALE = 1e-6
# A range this much narrower than the usual one of its file was not measured, but missed.
MISSED = 1e-6
WIDTH = 0.5
STEPS = 255


def recorded(model: bytes, work: Any, samples: Arrays | None) -> Ranges:
    """Return each tensor's smallest and largest value over all samples.

    The quantizer's default is a moving average, which clips outliers; min/max over the whole
    representative dataset is what TensorFlow's own converter does. Raises `ExportError`.
    """
    from ai_edge_quantizer import calibrator, recipe_manager

    if samples is None or not len(samples[0]):
        raise ExportError("got no representative dataset, expected at least 1 sample")
    key, names = tflite_file.signature(model)
    recipes = recipe_manager.RecipeManager()
    recipes.load_quantization_recipe(work.get_quantization_recipe())
    types = tflite_file.described(model).inputs
    rows = [
        {
            name: np.ascontiguousarray(value[None].astype(spec.dtype))
            for name, value, spec in zip(names, row, types, strict=True)
        }
        for row in zip(*samples, strict=True)
    ]

    def calibrated(*, delegate: bool) -> Ranges:
        # One thread: several would merge the ranges in an order that changes from run to run.
        calibrating = calibrator.Calibrator(model, num_threads=1, qsv_update_func=_min_max)
        if not delegate:
            calibrating._tfl_interpreter = without_delegate(model)  # noqa: SLF001
        calibrating.calibrate({key: rows}, recipes)
        ranges: Ranges = calibrating.get_model_qsvs()
        return ranges

    try:
        return calibrated(delegate=True)
    except ValueError as error:
        # XNNPACK computes no tensor that nothing reads: part of a split in a recurrent layer.
        if "Tensor data is null" not in str(error):
            raise
        return calibrated(delegate=False)


def without_delegate(model: bytes) -> Any:
    """Return an interpreter of a file that computes every tensor, and keeps them all."""
    from ai_edge_litert import interpreter

    made = interpreter.Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    made.allocate_tensors()
    return made


def _min_max(old: dict[str, Array], new: dict[str, Array]) -> dict[str, Array]:
    if not old:
        return new
    return {"min": np.minimum(old["min"], new["min"]), "max": np.maximum(old["max"], new["max"])}


def widened(ranges: Ranges, data: bytes) -> tuple[Ranges, tuple[str, ...]]:
    """Return the ranges, those of float tensors that are none widened, and a note that names them.

    One that is a millionth of the file's usual range was missed by the samples: it becomes 0.5
    wide, or the usual width where that is less. Any other becomes as wide as the least scale asks.
    """
    tensors = [each for graph in patch.unpacked(data).subgraphs for each in graph.tensors]
    floats = {patch.text(t.name) for t in tensors if patch.tensor_type(t.type) == "float32"}
    spans = {name: span(each) for name, each in ranges.items() if name in floats}
    usual = float(np.median([each for each in spans.values() if each > 0] or [WIDTH]))
    done, changed = dict(ranges), []
    for name, width in spans.items():
        wanted = min(WIDTH, usual) if width < MISSED * usual else 0.0
        wanted = max(wanted, LEAST_SCALE * STEPS * 1.01)
        if width < wanted:
            done[name] = _wide(ranges[name], wanted)
            changed.append(name)
    if not changed:
        return ranges, ()
    names = ", ".join(changed[:4]) + (f" and {len(changed) - 4} more" if len(changed) > 4 else "")
    return done, (f"widened the range of what the calibration samples hardly move: {names}",)


def span(found: dict[str, Any]) -> float:
    """Return how wide a range is with zero in it, as a scale must have it."""
    low, high = float(np.min(found["min"])), float(np.max(found["max"]))
    return max(high, 0.0) - min(low, 0.0)


def _wide(found: dict[str, Any], width: float) -> dict[str, Any]:
    """Return the range with its far end moved out."""
    low, high = np.minimum(found["min"], 0), np.maximum(found["max"], 0)
    if -np.min(low) > np.max(high):
        return {**found, "min": np.full_like(low, np.max(high) - width), "max": high}
    return {**found, "min": low, "max": np.full_like(high, np.min(low) + width)}
