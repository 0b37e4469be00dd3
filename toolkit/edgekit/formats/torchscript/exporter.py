"""TorchScript for PyTorch Mobile's lite interpreter: apps that have not moved to ExecuTorch yet."""

import copy
import io
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import Exported, FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays, TensorSpec
from edgekit.errors import EdgekitError, ExportError

SUFFIX = ".ptl"
RUNTIME = "torchscript"
HUBS = ("torch",)
PACKAGES = ("torch",)

RECIPES = ("fp32", "dynamic-int8", "int8")
TEXTS = ()
# The engine that phones have; a quantized file is validated with the same one.
ENGINE = "qnnpack"
DEPRECATED = (
    "PyTorch deprecates TorchScript and its lite interpreter, and names ExecuTorch as the "
    "successor: for a new app, convert with --target executorch"
)


# What PyTorch's writer of archives adds by itself.
WRITTEN_ANEW = {"version", "byteorder", ".data/serialization_id"}


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    if recipe.scheme in RECIPES:
        return None
    if recipe.scheme == "fp16":
        return "half precision is not made for this deprecated format; executorch has it"
    return f"TorchScript files are made by {', '.join(RECIPES)}"


def export(
    model: FloatModel, recipe: Recipe, samples: Arrays | None, path: Path, card: ModelCard
) -> Exported:
    """Write `path` from a PyTorch module, traced with a batch of 1.

    `samples`, one `(n, ...)` array per input, are the representative dataset. Raises `ExportError`.
    """
    import torch

    del card
    warnings.filterwarnings("ignore")
    inputs, outputs = _batch_of_1(model.inputs), _batch_of_1(model.outputs)
    example = tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in inputs)
    try:
        module = model.native
        if recipe.method != "none":
            _use_engine(torch)
            module = _quantized(torch, module, example, recipe, samples)
        with torch.no_grad():
            traced = torch.jit.trace(module, example, check_trace=True)
        if recipe.method == "none":
            # Folds batch normalisation. An exported program's module never says that it is in
            # evaluation mode, which its trace is by now.
            traced = torch.jit.freeze(traced.eval())
        histogram = _operators(traced)
        _check(histogram, recipe)
        # Not to the path itself: the archive inside would be named after it.
        data = traced._save_to_buffer_for_lite_interpreter()  # noqa: SLF001
        path.write_bytes(_without_traces(torch, data))
    except EdgekitError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from TorchScript for {recipe.name}: {reason(error)}",
            "the message names the op or the module; try fp32, or --target executorch",
        ) from error
    return Exported(
        inputs=inputs,
        outputs=outputs,
        op_histogram=histogram,
        notes=(DEPRECATED,),
        layout=model.layout,
    )


def _without_traces(torch: Any, data: bytes) -> bytes:
    """Return the archive without the members that say in which source lines it was traced.

    They hold paths of the machine it was made on, and no interpreter needs them.
    """
    before, after = torch._C.PyTorchFileReader(io.BytesIO(data)), io.BytesIO()  # noqa: SLF001
    archive = torch._C.PyTorchFileWriter(after)  # noqa: SLF001
    archive.set_min_version(int(before.get_record("version")))
    for name in before.get_all_records():
        if name not in WRITTEN_ANEW and not name.endswith(".debug_pkl"):
            record = before.get_record(name)
            archive.write_record(name, record, len(record))
    archive.write_end_of_file()
    return after.getvalue()


def _batch_of_1(specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    return tuple(spec.model_copy(update={"shape": (1, *spec.shape[1:])}) for spec in specs)


def _use_engine(torch: Any) -> None:
    engines = torch.backends.quantized.supported_engines
    if ENGINE not in engines:
        raise ExportError(
            f"got a torch package with the engines {', '.join(engines)}, expected {ENGINE}",
            "install PyTorch's own wheel, or choose fp32",
        )
    torch.backends.quantized.engine = ENGINE


def _quantized(
    torch: Any, module: Any, example: Any, recipe: Recipe, samples: Arrays | None
) -> Any:
    from torch.ao import quantization

    if recipe.method == "dynamic":
        # Per channel for linear layers; recurrent ones know only the default, per tensor.
        per_channel = quantization.per_channel_dynamic_qconfig
        layers = {torch.nn.Linear: per_channel} | dict.fromkeys(
            (torch.nn.LSTM, torch.nn.GRU), quantization.default_dynamic_qconfig
        )
        return quantization.quantize_dynamic(module, layers, dtype=torch.qint8)
    return _static(torch, quantization, module, example, samples)


def _static(torch: Any, quantization: Any, module: Any, example: Any, samples: Any) -> Any:
    """Quantize in FX graph mode, weights per channel, with smallest and largest values."""
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    if samples is None or not len(samples[0]):
        raise ExportError("got no representative dataset, expected at least 1 sample")
    config = quantization.QConfig(
        activation=quantization.MinMaxObserver.with_args(dtype=torch.quint8),
        weight=quantization.PerChannelMinMaxObserver.with_args(
            dtype=torch.qint8, qscheme=torch.per_channel_symmetric
        ),
    )
    mapping = quantization.get_default_qconfig_mapping(ENGINE).set_global(config)
    # A copy: batch normalisation is folded in place.
    prepared = prepare_fx(copy.deepcopy(module), mapping, example)
    with torch.no_grad():
        for row in range(len(samples[0])):
            prepared(*(torch.from_numpy(np.array(part[row : row + 1])) for part in samples))
    return _unscrambled(torch, convert_fx(prepared))


def _unscrambled(torch: Any, graph: Any) -> Any:
    """Put plainly laid out tensors before each clamp.

    QNNPACK's clamp (ReLU6, hardtanh) copies a channels-last tensor byte by byte into a result that
    is not channels-last: all values are there, in the wrong places. Its convolutions give such
    tensors. Seen in torch 2.13 on x86; a phone's build was not tried, and is right either way.
    """
    functional = torch.nn.functional
    kinds = {torch.nn.ReLU6, torch.nn.Hardtanh, functional.relu6, functional.hardtanh, torch.clamp}
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        target = type(modules[node.target]) if node.op == "call_module" else node.target
        if target in kinds or target in {"clamp", "clamp_"}:
            with graph.graph.inserting_before(node):
                plain = graph.graph.call_method("contiguous", (node.args[0],))
            node.replace_input_with(node.args[0], plain)
    graph.recompile()
    return graph


def _operators(traced: Any) -> dict[str, int]:
    """Return how often each operator is called; what only moves references does not count."""
    kinds = (node.kind() for node in traced.inlined_graph.nodes())
    return dict(sorted(Counter(kind for kind in kinds if not kind.startswith("prim::")).items()))


def _check(histogram: dict[str, int], recipe: Recipe) -> None:
    if recipe.weight == "int8" and not any("quantized" in name for name in histogram):
        raise ExportError(
            f"got no quantized operator out of torch.ao for {recipe.name}",
            "give the code that builds the model (file.py:factory), not an exported program, "
            "or --target executorch; if the model has no layer to quantize, ship fp32",
        )
