"""ExecuTorch with the XNNPACK delegate: PT2E quantization, then lowering."""

import copy
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import FloatModel, Share
from edgekit.core.exported import Exported
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array, TensorSpec
from edgekit.errors import ExportError

SUFFIX = ".pte"
RUNTIME = "executorch"
HUBS = ("torch",)
PACKAGES = ("torch", "torchao", "executorch")

HALF_NOTE = (
    "XNNPACK's fp16 convolutions read their weights as float32 from the file: "
    "a net of convolutions stays almost as large as fp32"
)


def refusal(recipe: Recipe) -> str | None:
    """Return why this recipe cannot be honoured, or None."""
    del recipe  # all of them can
    return None


def derives_from(recipe: Recipe) -> str | None:
    """Return None: each file is made from the PyTorch model."""
    del recipe
    return None


def export(model: FloatModel, recipe: Recipe, samples: Array | None, path: Path) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1.

    `samples` `(n, ...)` float32 are the representative dataset. Raises `ExportError`.
    """
    import torch

    warnings.filterwarnings("ignore")
    shape = (1, *model.inputs[0].shape[1:])
    example = torch.zeros(shape)
    inputs, outputs = (_border("input", shape), _border("output", (1, *model.outputs[0].shape[1:])))
    try:
        module = model.native
        if recipe.weight == "float16":
            module = _half(torch, module)
        elif recipe.method != "none":
            module = _quantize(torch, module, example, recipe, samples)
        if recipe.io == "int8":
            assert samples is not None
            inputs = _with_range(inputs, samples)
            outputs = _with_range(outputs, model.predict(samples))
            module, example = _int8_io(torch, module, inputs, outputs), example.to(torch.int8)
        histogram, share = _lower(torch, module, example, path)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            f"got {type(error).__name__} from ExecuTorch for {recipe.name}: {str(error)[:600]}",
            "the message names the op; replace it, or export the model with torch.export first",
        ) from error
    return Exported(
        inputs=(inputs,),
        outputs=(outputs,),
        op_histogram=histogram,
        delegated=share,
        notes=(HALF_NOTE,) if recipe.weight == "float16" else (),
    )


def _lower(torch: Any, module: Any, example: Any, path: Path) -> tuple[dict[str, int], Share]:
    """Lower to XNNPACK, write the file, and return its operators and the delegate's share."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import (
        XnnpackPartitioner,
    )
    from executorch.devtools.backend_debug import get_delegation_info
    from executorch.exir import to_edge_transform_and_lower

    program = torch.export.export(module, (example,))
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    info = get_delegation_info(edge.exported_program().graph_module)
    path.write_bytes(edge.to_executorch().buffer)
    histogram = {
        name: counts.delegated + counts.non_delegated
        for name, counts in sorted(info.delegation_by_operator.items())
    }
    total = info.num_delegated_nodes + info.num_non_delegated_nodes
    return histogram, Share(delegated=info.num_delegated_nodes, total=total)


def _half(torch: Any, module: Any) -> Any:
    """Return the module computing in half precision between float32 borders."""

    class Half(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            # A copy: halving in place would change the float model itself.
            self.inner = copy.deepcopy(module).half()

        def forward(self, x: Any) -> Any:
            return self.inner(x.half()).float()

    return Half()


def _quantize(
    torch: Any,
    module: Any,
    example: Any,
    recipe: Recipe,
    samples: Array | None,
) -> Any:
    """Quantize by PT2E, per channel; static ranges come from `samples`."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    config = get_symmetric_quantization_config(
        is_per_channel=True, is_dynamic=recipe.method == "dynamic"
    )
    graph = torch.export.export(module, (example,)).module()
    prepared = prepare_pt2e(graph, XNNPACKQuantizer().set_global(config))
    if recipe.is_calibrated:
        if samples is None or not len(samples):
            raise ExportError("got no representative dataset, expected at least 1 sample")
        with torch.no_grad():
            for sample in samples:
                prepared(torch.from_numpy(np.array(sample[None])))
    else:
        prepared(example)
    converted = convert_pt2e(prepared)
    if not any("quantize_per" in str(node.target) for node in converted.graph.nodes):
        raise ExportError(
            f"got no quantized operator out of PT2E for {recipe.name}",
            "the model has none that XNNPACK can quantize; ship fp32",
        )
    return converted


def _int8_io(torch: Any, module: Any, inputs: TensorSpec, outputs: TensorSpec) -> Any:
    """Return the module with int8 borders of the given scale and zero point."""
    operators = torch.ops.quantized_decomposed
    q8 = (-128, 127, torch.int8)

    class Int8Borders(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Any) -> Any:
            real = operators.dequantize_per_tensor(x, inputs.scale, inputs.zero_point, *q8)
            result = self.inner(real)
            return operators.quantize_per_tensor(result, outputs.scale, outputs.zero_point, *q8)

    return Int8Borders()


def _border(name: str, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype="float32")


def _with_range(spec: TensorSpec, values: Array) -> TensorSpec:
    """Return `spec` as int8 covering the range of `values` and zero, asymmetric."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = (high - low) / 255 or 1.0
    # Kept as float32, as the file stores it, so that the host quantizes with the same number.
    scale = float(np.float32(scale))
    zero_point = max(-128, min(127, math.floor(-128 - low / scale + 0.5)))
    update = {"dtype": "int8", "scale": scale, "zero_point": zero_point}
    return spec.model_copy(update=update)
