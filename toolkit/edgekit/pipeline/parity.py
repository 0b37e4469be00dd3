"""The proof after each conversion: the file is run, and held against its float model."""

import numpy as np

from edgekit import devices
from edgekit.core import layout as layouts
from edgekit.core import parity
from edgekit.core.artifact import Parity
from edgekit.core.card import ModelCard
from edgekit.core.parity import Compared
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, Arrays, dequantize, quantize
from edgekit.devices import Request
from edgekit.errors import ExportError, RuntimeFailedError
from edgekit.pipeline.messages import ExportedFile
from edgekit.system import process, store

PARITY_SECONDS = 600
# A file computes what its quantized graph does but for the order of sums and of roundings: what it
# keeps of the model less than the graph was lost by the kernels. Nobody misses what is above 40 dB.
KERNELS_DB = 6.0
ENOUGH_DB = 40.0

NO_FILE_HINT = "the runtime does not take what its converter made: try another recipe or format"
NOISE_HINT = "seeded noise was fed for want of samples: give --data to hold it against real ones"
LOSS_HINT = (
    "give more or other representative samples, choose fp16 or dynamic-int8, or --allow-loss to "
    "keep the file and have every row say so"
)


def check_parity(
    made: ExportedFile, runtime: str | None, recipe: Recipe, card: ModelCard
) -> Parity | None:
    """Run the file once on this machine and hold it against the float model's outputs.

    Returns None for a format that has no runtime here; `Parity.shortfall` says where the file
    falls short of its recipe. Raises `ExportError`, with the output named, for a file that does not
    run, or is no model: other shapes, NaN, one answer for everything, other values from fp32.
    """
    if runtime is None:
        return None
    outputs = _run(made, runtime)
    exported, folder = made.exported, made.file.parent
    floats = tuple(np.load(folder / f"parity_output-{i}.npy") for i in range(len(outputs)))
    reference = layouts.outputs_laid_out(floats, made.model_layout, exported.layout, card)
    compared = [
        parity.compare(mine, wanted, spec, recipe, exported.layout)
        for mine, wanted, spec in zip(outputs, reference, exported.outputs, strict=True)
    ]
    _check_broken(compared, made.output_names, recipe, made.inputs_from)
    _check_kernels(outputs, reference, made)
    ratios = [each.sqnr_db for each in compared if each.sqnr_db is not None]
    return Parity(
        samples=len(outputs[0]),
        max_abs_difference=max(each.difference for each in compared),
        reference_max_abs=max(each.scale for each in compared),
        sqnr_db=min(ratios, default=None),
        agreement=_agreement(outputs[0], reference[0]),
        inputs_from=made.inputs_from,
        shortfall=_first(compared, made.output_names, "short"),
    )


def check_promise(found: Parity | None, recipe: Recipe, *, allow_loss: bool) -> None:
    """Raise `ExportError` for a file worse than its recipe promises, unless the user allows it."""
    if found is None or not found.shortfall or allow_loss:
        return
    noise = f"; {NOISE_HINT}" if found.inputs_from == "noise" else ""
    raise ExportError(
        f"got a file by {recipe.name} that does not keep the model's answers: {found.shortfall}",
        LOSS_HINT + noise,
    )


def _run(made: ExportedFile, runtime: str) -> list[Array]:
    """Return the file's outputs, as real values, for the samples that the float model was fed."""
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
        raise ExportError(f"converted, but {error.message}", NO_FILE_HINT, error.trace) from error
    return [dequantize(np.load(p), s) for p, s in zip(got, exported.outputs, strict=True)]


def _check_broken(
    compared: list[Compared], names: tuple[str, ...], recipe: Recipe, inputs_from: str
) -> None:
    wrong = _first(compared, names, "broken")
    if wrong:
        hint = "the converter changed what the model computes: try another recipe or format"
        if parity.NAN_ITSELF in wrong:
            hint = "look at what the model makes of these samples, or give others"
        raise ExportError(
            f"got a file by {recipe.name} that is not the model: {wrong}",
            NOISE_HINT if inputs_from == "noise" else hint,
        )


def _check_kernels(outputs: list[Array], reference: Arrays, made: ExportedFile) -> None:
    """Hold the file against its quantized graph as its exporter ran it, where it did."""
    for i, (mine, wanted) in enumerate(zip(outputs, reference, strict=True)):
        file = made.file.parent / f"converted_output-{i}.npy"
        if not file.is_file():
            continue
        graph = np.load(file)
        n = min(len(graph), len(wanted))
        kept, meant = (parity.sqnr_db(values[:n], wanted[:n]) for values in (mine, graph))
        if kept is not None and meant is not None and kept < min(meant, ENOUGH_DB) - KERNELS_DB:
            raise ExportError(
                f"got a file that does not compute what its quantized graph does: output "
                f"{made.output_names[i]} keeps {kept:.1f} dB, where the graph keeps {meant:.1f} dB",
                "an operator is wrong in the runtime's kernels: choose another format, or fp32",
            )


def _first(compared: list[Compared], names: tuple[str, ...], what: str) -> str:
    """Return in words what is wrong with the first output that has such a fault, with its name."""
    for each, name in zip(compared, names, strict=True):
        if words := getattr(each, what):
            return f"output {name} {words}"
    return ""


def _agreement(got: Array, reference: Array) -> float | None:
    """Return the share of samples with the same largest output, or None for other outputs."""
    if got.ndim != 2 or got.shape[1] < 2:
        return None
    return float((got.argmax(1) == reference.argmax(1)).mean())
