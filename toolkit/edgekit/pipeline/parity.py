"""Parity: a fresh file held against the float model that it was made from, before it counts."""

import numpy as np

from edgekit import devices
from edgekit.core import layout as layouts
from edgekit.core.artifact import Parity
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, Arrays, dequantize, quantize
from edgekit.devices import Request
from edgekit.errors import ExportError, RuntimeFailedError
from edgekit.pipeline.messages import ExportedFile
from edgekit.system import process, store

# Largest difference allowed from the float model, relative to its largest output. A float file
# computes the same sums in another order; half precision has 11 bits. Quantized files are only
# held to being finite here: what quantization costs is judged on real samples.
TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}

PARITY_SECONDS = 600


def check_parity(
    made: ExportedFile, runtime: str | None, recipe: Recipe, card: ModelCard
) -> Parity | None:
    """Run the file once on this machine and hold it against the float model's outputs.

    Returns None for a format that has no runtime here. Raises `ExportError` for a file that does
    not run, or computes something else.
    """
    if runtime is None:
        return None
    exported, folder = made.exported, made.file.parent
    fed = tuple(folder / f"fed-{i}.npy" for i in range(len(exported.inputs)))
    with store.writing(folder):
        for i, spec in enumerate(exported.inputs):
            np.save(fed[i], quantize(np.load(folder / f"parity_input-{i}.npy"), spec))
    got = tuple(folder / f"parity_got-{i}.npy" for i in range(len(exported.outputs)))
    request = Request(runtime=runtime, model=made.file, inputs=fed, outputs=got)
    try:
        devices.open("local").run(request, folder, process.Limits(PARITY_SECONDS))
    except RuntimeFailedError as error:
        raise ExportError(f"converted, but {error.message}", error.hint) from error
    outputs = [dequantize(np.load(p), s) for p, s in zip(got, exported.outputs, strict=True)]
    floats = tuple(np.load(folder / f"parity_output-{i}.npy") for i in range(len(outputs)))
    reference = layouts.outputs_laid_out(floats, made.model_layout, exported.layout, card)
    inputs_from = "calibration" if recipe.is_calibrated else "noise"
    return _parity(outputs, reference, recipe, inputs_from)


def _parity(got: list[Array], reference: Arrays, recipe: Recipe, inputs_from: str) -> Parity:
    """Compare output by output; the largest difference, and the largest value, count."""
    allowed, worst, largest = TOLERANCE.get(recipe.scheme), 0.0, 0.0
    for mine, wanted in zip(got, reference, strict=True):
        if mine.shape != wanted.shape:
            raise ExportError(f"got outputs {mine.shape} from the file, expected {wanted.shape}")
        if not np.isfinite(mine).all():
            raise ExportError(
                "got NaN or infinite values out of the converted file",
                "the float model itself may give them; if not, try fp32",
            )
        difference, scale = float(np.abs(mine - wanted).max()), float(np.abs(wanted).max())
        if allowed is not None and difference > allowed * max(scale, 1e-6):
            raise ExportError(
                f"got a difference of {difference:.3g} from the float model on {len(mine)} "
                f"samples, expected at most {allowed * scale:.3g} for {recipe.name}",
                "the converter changed what the model computes; report the model's layers",
            )
        worst, largest = max(worst, difference), max(largest, scale)
    return Parity(
        samples=len(got[0]),
        max_abs_difference=worst,
        reference_max_abs=largest,
        agreement=_agreement(got[0], reference[0]),
        inputs_from=inputs_from,
    )


def _agreement(got: Array, reference: Array) -> float | None:
    """Return the share of samples with the same largest output, or None for other outputs."""
    if got.ndim != 2 or got.shape[1] < 2:
        return None
    return float((got.argmax(1) == reference.argmax(1)).mean())
