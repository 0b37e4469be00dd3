"""Whether a model whose quantization was undone still answers as the file that it was made of.

Every file is held against the float32 model later on: what is wrong in that one shows in no
comparison but this.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.parity import sqnr_db
from edgekit.core.tensor import Array, TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.onnx import limits
from edgekit.formats.onnx.dequantize import Undone
from edgekit.formats.onnx.file import inputs_of, session

# Rounding to 8 bits leaves more.
LEAST_DB = 10.0
SAMPLES = 4
# From where to where the noise of each trial goes, and by how much what a quantizer tells of it is
# narrowed. The middle one counts: a file cuts off what it was not calibrated on, and a softmax of
# large numbers is 0 and 1 whatever went wrong before it.
SPANS = (((-1.0, 1.0), 1.0), ((0.0, 1.0), 0.5), ((0.0, 255.0), 0.25))


def check(undone: Undone, static: Any, path: Path) -> None:
    """Run the file and the float32 model of batch 1 on seeded noise that its inputs can take.

    Raises `ModelLoadError`, naming the output, where their answers are apart by more than rounding.
    """
    before, after = session(undone.file, path), session(static, path)
    ranks = {item.name: len(item.shape) for item in before.get_inputs()}
    names = _compared(before, after, undone)
    ratios: dict[str, list[float]] = {name: [] for name in names}
    for fed in _trials(undone.file, static):
        plain = [{k: v.reshape(v.shape[v.ndim - ranks[k] :]) for k, v in x.items()} for x in fed]
        got, wanted = _run(after, names, fed, path), _run(before, names, plain, path)
        for name, mine, theirs in zip(names, got, wanted, strict=True):
            scale, zero = undone.scales.get(name, (np.ones(()), np.zeros(())))
            ratio = sqnr_db(mine, (theirs.astype(np.float32) - zero.item()) * scale.item())
            ratios[name] += [] if ratio is None else [ratio]
    for name, found in ratios.items():
        ratio = float(np.median(found)) if found else None
        if ratio is not None and ratio < LEAST_DB:
            raise ModelLoadError(
                f"got a quantized model whose quantization cannot be undone: at output '{name}' "
                f"the float32 model made of it answers otherwise, {ratio:.1f} dB from noise, "
                f"expected at least {LEAST_DB:g}: {path}",
                "start from the float model",
            )


def _compared(before: Any, after: Any, undone: Undone) -> list[str]:
    """Return the outputs of real numbers that both have, with one scale at most."""
    known = {item.name for item in before.get_outputs()}
    known -= {name for name, (scale, zero) in undone.scales.items() if scale.size + zero.size > 2}
    real = [item.name for item in after.get_outputs() if item.type == "tensor(float)"]
    return [name for name in real if name in known]


def _trials(file: Any, static: Any) -> Iterator[list[dict[str, Array]]]:
    """Yield for each trial some samples, each by input."""
    specs, whole, told = inputs_of(static), limits.of(static), _told(file)
    for span, share in SPANS:
        rng = np.random.default_rng(0)
        ends = {name: (low * share, high * share) for name, (low, high) in told.items()}
        yield [
            {spec.name: _values(rng, spec, ends.get(spec.name, span), whole) for spec in specs}
            for _ in range(SAMPLES)
        ]


def _values(
    rng: np.random.Generator,
    spec: TensorSpec,
    span: tuple[float, float],
    whole: dict[str, tuple[float, float]],
) -> Array:
    if spec.dtype.startswith("float"):
        return rng.uniform(*span, spec.shape).astype(spec.dtype)
    low, high = whole.get(spec.name, (-128, 127) if spec.dtype == "int8" else (0, 1))
    low = high if "mask" in spec.name.lower() else low  # all of it masked, a row has no mean
    return rng.integers(int(low), int(high), spec.shape, endpoint=True).astype(spec.dtype)


def _told(file: Any) -> dict[str, tuple[float, float]]:
    """Return the range of each input that a quantizer reads, where it has one scale."""
    import onnx

    known = {t.name: t for t in file.graph.initializer}
    found: dict[str, tuple[float, float]] = {}
    for node in file.graph.node:
        if node.op_type != "QuantizeLinear" or not {*node.input[1:]} <= known.keys():
            continue
        scale, *zeros = (onnx.numpy_helper.to_array(known[name]) for name in node.input[1:])
        zero = zeros[0] if zeros else np.zeros((), np.uint8)
        if scale.size == 1 and zero.dtype.kind in "iu":
            ends, unit = np.iinfo(zero.dtype), float(scale.item())
            low, high = (float(end - int(zero.item())) * unit for end in (ends.min, ends.max))
            found[node.input[0]] = low, high
    return found


def _run(model: Any, names: list[str], fed: list[dict[str, Array]], path: Path) -> Iterator[Array]:
    """Yield for each output its answers to all samples, flat."""
    try:
        rows = [model.run(names, each) for each in fed] if names else []
    except Exception as error:  # the runtime's own share no class
        raise ModelLoadError(
            f"got a model that ONNX Runtime cannot run on noise: {path}: "
            f"{' '.join(str(error).split())}",
            "check it where it was exported, with a batch of 1",
        ) from error
    for column in zip(*rows, strict=True):
        yield np.concatenate([np.ravel(part) for part in column])
