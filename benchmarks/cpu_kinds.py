"""Holds int8 ONNX files on this CPU against the same on an x86 CPU without VNNI, by emulation.

    python benchmarks/cpu_kinds.py     # about ten minutes on two cores; needs qemu-x86_64

Prints the tables of docs/cpu-kinds.md: for each net and each way to quantize it, how far the
outputs are from the float file's (root mean square, in per cent of that of the outputs) on samples
that calibration has not seen, on both kinds of CPU, and the median latency on this one.
"""

import functools
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.cpu import features, is_exact
from edgekit.core.tensor import Array
from edgekit.devices import local
from edgekit.formats.onnx import quantize
from edgekit.pipeline import recipes
from edgekit.pipeline.convert import Conversions
from edgekit.pipeline.train import train
from edgekit.pipeline.workspace import Settings, workspace
from edgekit.sources import cards, resolve
from edgekit.sources.model import Model

# Its CPU has AVX2, and neither VNNI nor AVX-512.
EMULATOR = ("qemu-x86_64-static", "-cpu", "Haswell")
ZOO = (("resnet8", "torch"), ("mobilenet", "torch"), ("vit", "torch"), ("gru", "keras"))
EPOCHS, CALIBRATION, TEST = 6, 100, 100

# Activations and weights (U: uint8, S: int8), bits of the weights; None is what edgekit writes.
STATIC = {
    "S8S8, 8 bit": ("QInt8", "QInt8", False),
    "U8S8, 8 bit": ("QUInt8", "QInt8", False),
    "U8S8, 7 bit": ("QUInt8", "QInt8", True),
    "U8U8, 8 bit": ("QUInt8", "QUInt8", False),
    "edgekit": None,
}
DYNAMIC = {
    "S8, 8 bit": ("", "QInt8", False),
    "S8, 7 bit": ("", "QInt8", True),
    "U8, 8 bit": ("", "QUInt8", False),
    "edgekit": None,
}
METHODS = {"int8": STATIC, "dynamic-int8": DYNAMIC}


class Net(NamedTuple):
    """A float32 ONNX file and its samples: those for calibration, then those to be tried on."""

    name: str
    file: Path
    samples: Array


class Answer(NamedTuple):
    """What a file gave on one kind of CPU."""

    outputs: Array
    median_ms: float
    cpu_features: tuple[str, ...]


def nets(folder: Path) -> Iterator[Net]:
    """Make the nets: the zoo's, trained on digits, and an LSTM with the weights of a seed."""
    with workspace(Settings(), data="digits") as work:
        for name, framework in ZOO:
            source = resolve.resolve(name, framework=framework)
            card = cards.card_of(source)
            assert card
            training = card.training.model_copy(update={"epochs": EPOCHS})
            card = card.model_copy(update={"training": training})
            trained = folder / f"{name}{'.pt2' if framework == 'torch' else '.keras'}"
            train(Model(source, card), trained, work)
            floats = Model(resolve.resolve(str(trained)), card)
            made = Conversions.of(work).convert(floats, "onnx", FP32)
            parts = [
                np.load(work.data.part(part, card, made.artifact.layout, n).inputs[0])[:n]
                for part, n in (("calibration", CALIBRATION), ("test", TEST))
            ]
            file = folder / f"{name}.onnx"
            shutil.copy(made.path, file)
            yield Net(name, file, np.concatenate(parts))
    yield _lstm(folder / "lstm.onnx")


FP32 = recipes.parse("fp32")


def _lstm(file: Path) -> Net:
    import torch
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(5, 64, batch_first=True), nn.Linear(64, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(x)[0][:, -1])

    torch.manual_seed(0)
    torch.onnx.export(Recurrent().eval(), (torch.zeros(1, 12, 5),), file, external_data=False)
    noise = np.random.default_rng(0).normal(size=(CALIBRATION + TEST, 12, 5))
    return Net("lstm", file, noise.cumsum(1).astype(np.float32))


def quantized(net: Net, recipe: str, how: tuple[str, str, bool] | None, path: Path) -> None:
    """Write `path`: the net by one way to quantize."""
    from onnxruntime import quantization as q

    samples = (net.samples[:CALIBRATION],)
    chosen = recipes.parse(recipe, calibration_n=CALIBRATION)
    if how is None:
        proto = quantize.quantized(net.file, chosen, samples, full_range=False)
        path.write_bytes(proto.SerializeToString())
        return
    activation, weight, is_reduced = how
    common = {
        "per_channel": True, "weight_type": q.QuantType[weight], "reduce_range": is_reduced,
    }  # fmt: skip
    if not activation:
        q.quantize_dynamic(net.file, path, **common)
        return
    reader = quantize._calibration(q, [_input_of(net.file)], samples)  # noqa: SLF001
    q.quantize_static(
        net.file, path, reader, quant_format=q.QuantFormat.QDQ,
        activation_type=q.QuantType[activation], calibrate_method=q.CalibrationMethod.MinMax,
        **common,
    )  # fmt: skip


def _input_of(file: Path) -> str:
    import onnx

    return str(onnx.load(file).graph.input[0].name)


def answer(file: Path, samples: Array, folder: Path, *before: str) -> Answer:
    """Run the runner on a file, after `before` on the command line."""
    np.save(folder / "in.npy", samples)
    request = {
        "runtime": "onnxruntime", "model": str(file), "inputs": [str(folder / "in.npy")],
        "outputs": [str(folder / "out.npy")], "runs": 0 if before else 300, "warmup": 20,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    (folder / "runner.pyz").write_bytes(local.runner_bytes())
    names = [str(folder / name) for name in ("runner.pyz", "request.json", "response.json")]
    subprocess.run([*before, sys.executable, "-P", *names], check=True, capture_output=True)
    response: dict[str, Any] = json.loads((folder / "response.json").read_text())
    if "error" in response:
        raise SystemExit(f"{file.name}: {response['error']}")
    median = response["latency"]["p50_ms"] if "latency" in response else float("nan")
    return Answer(np.load(folder / "out.npy"), median, features(response["cpu_flags"]))


def error_percent(got: Array, wanted: Array) -> float:
    """Return the root mean square of the error, in per cent of that of the outputs."""
    return float(100 * np.sqrt(((got - wanted) ** 2).mean() / (wanted**2).mean()))


def rows(net: Net, recipe: str, folder: Path) -> Iterator[str]:
    """Return a table's row for the net's errors, and one for its latencies."""
    run = functools.partial(answer, samples=net.samples[CALIBRATION:], folder=folder)
    floats = run(net.file)
    if not is_exact(floats.cpu_features):
        raise SystemExit(f"got a CPU without VNNI, expected one with it: {floats.cpu_features}")
    errors, latencies = [], []
    for how in METHODS[recipe].values():
        path = folder / "quantized.onnx"
        quantized(net, recipe, how, path)
        here = run(path)
        there = answer(path, net.samples[CALIBRATION:], folder, *EMULATOR)
        pair = (error_percent(each.outputs, floats.outputs) for each in (here, there))
        errors.append(" / ".join(f"{value:.2f}" for value in pair))
        latencies.append(f"{here.median_ms / floats.median_ms:.2f}")
    yield f"| {net.name} | error, % | {' | '.join(errors)} |"
    yield f"| {net.name} | time | {' | '.join(latencies)} |"


def main() -> None:
    """Print both tables."""
    logging.disable(logging.WARNING)
    if shutil.which(EMULATOR[0]) is None:
        raise SystemExit(f"got no {EMULATOR[0]}; on Debian it is in qemu-user-static")
    with tempfile.TemporaryDirectory() as name:
        made = list(nets(Path(name)))
        for recipe, ways in METHODS.items():
            print(f"\n| net | {recipe} | {' | '.join(ways)} |")
            print(f"| --- | --- |{' --- |' * len(ways)}")
            for net in made:
                print("\n".join(rows(net, recipe, Path(name))), flush=True)


if __name__ == "__main__":
    main()
