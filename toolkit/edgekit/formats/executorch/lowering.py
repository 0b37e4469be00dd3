"""A PyTorch module to an ExecuTorch file: what its exporters share.

Export, PT2E quantization, half precision, int8 I/O, lowering. What differs between the
delegates (quantizer, partitioner, precision) stands in a `Backend`, one for each exporter.
"""

import copy
import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import Exported, FloatModel, Share
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Arrays, TensorSpec
from edgekit.errors import EdgekitError, ExportError
from edgekit.formats.aten import prepare
from edgekit.formats.executorch import edge_passes, explain, int8_io, kernels, metadata
from edgekit.system import process

# As many as the pipeline holds a file against its float model on.
KEPT_OUTPUTS = 8

# Arguments of ExecuTorch's own configurations.
Options = dict[str, Any]


def _as_it_is(graph_module: Any) -> Any:
    return graph_module


def _nothing(graph: Any, recipe: Recipe) -> tuple[str, ...]:
    del graph, recipe
    return ()


@dataclass(frozen=True)
class Backend:
    """One way of lowering. Its functions are called once frameworks may be imported.

    `partitioners` and `quantizer` make ExecuTorch's own for a recipe. `rewrite` changes the ATen
    graph before it is quantized, `remarks` says what stays float in it; `edge_passes` make passes
    for the lowered one. A backend with `halves_itself` computes in half precision from a float32
    module; where nothing can be run without the delegate, `must_delegate` refuses a model of which
    it takes no operator.
    """

    name: str
    partitioners: Callable[[Recipe], list[Any]]
    quantizer: Callable[[Recipe], Any] | None = None
    rewrite: Callable[[Any], Any] = _as_it_is
    remarks: Callable[[Any, Recipe], tuple[str, ...]] = _nothing
    edge_passes: Callable[[], list[Any]] = list
    edge_config: Options = field(default_factory=dict)
    executorch_config: Options = field(default_factory=dict)
    halves_itself: bool = False
    must_delegate: bool = False


def refusal(recipe: Recipe, known: tuple[str, ...], why: dict[str, str], name: str) -> str | None:
    """Return why `recipe` is none of the `known` ones, by name where the reason is in `why`."""
    if recipe.scheme in known:
        return None
    return why.get(recipe.scheme, f"{name} has no such quantization; it has {', '.join(known)}")


def export(
    model: FloatModel,
    recipe: Recipe,
    samples: Arrays | None,
    path: Path,
    card: ModelCard,
    backend: Backend,
) -> Exported:
    """Write `path` from a PyTorch module, for a batch of 1, or of 1 to `recipe.batch_max`.

    `samples`, one `(n, ...)` array per input, are the representative dataset. The facts of `card`
    go into the file. Raises `ExportError`, which names the operator and the layer at fault where
    ExecuTorch's own message allows it.
    """
    warnings.filterwarnings("ignore")
    work = _Work(model, recipe, samples, card, backend)
    try:
        histogram, share = work.write(path)
    except EdgekitError:
        raise
    except Exception as error:
        raise explain.explain(error, work.program, backend.name, recipe.name) from error
    return Exported(
        inputs=work.inputs,
        outputs=work.outputs,
        op_histogram=histogram,
        delegated=share,
        layout=model.layout,
        notes=work.notes,
    )


class _Work:
    """One export in progress: the module as it changes, its I/O, and its first program."""

    def __init__(
        self,
        model: FloatModel,
        recipe: Recipe,
        samples: Arrays | None,
        card: ModelCard,
        backend: Backend,
    ) -> None:
        self.recipe, self.samples, self.backend = recipe, samples, backend
        self.card, self.layout = card, model.layout
        self.inputs = tuple(_batched(spec, recipe) for spec in model.inputs)
        self.outputs = tuple(_batched(spec, recipe) for spec in model.outputs)
        self.predict, self.module = model.predict, model.native
        self.program: Any = None
        self.notes: tuple[str, ...] = ()

    def write(self, path: Path) -> tuple[dict[str, int], Share]:
        """Write the file; return its operators and the delegate's share."""
        halves = self.recipe.weight == "float16" and not self.backend.halves_itself
        self.module = half(self.module) if halves else self.module
        self.module = _positional(self.module)
        self.program = self._export()
        self.module = self.backend.rewrite(prepare.graph(self.program))
        said = self.backend.remarks(self.module.graph, self.recipe)
        slow = kernels.unrolled(self.module.graph)
        for line in slow:
            process.report(process.Progress(loaded=True, note=line))
        self.notes = (*slow, *said)
        if self.recipe.method != "none":
            self.module = self._quantize()
            self._keep_outputs(path.parent)
        if self.recipe.io == "int8":
            samples = self._representative()
            self.inputs, self.outputs = int8_io.make_int8(
                self.module, (self.inputs, samples), (self.outputs, self.predict(samples))
            )
        return self._lower(self._export(), path)

    def _export(self) -> Any:

        examples, sizes = tuple(self._example(spec) for spec in self.inputs), self._sizes()
        try:
            return prepare.program(self.module, examples, sizes)
        except EdgekitError:
            raise
        except Exception as error:
            if sizes is None:
                raise
            raise ExportError(
                f"got a model that cannot be exported for batches of 1 to {self.recipe.batch_max}: "
                f"{reason(error)}",
                "make it take any batch (in a .pt2: dynamic_shapes), or leave the largest at 1",
            ) from error

    def _sizes(self) -> tuple[Any, ...] | None:
        """Return what torch.export is told of the open dimensions; None where all are fixed."""
        import torch

        if self.recipe.batch_max == 1:
            return None
        batch = torch.export.Dim("batch", min=1, max=self.recipe.batch_max)
        sizes: tuple[Any, ...] = tuple({0: batch} for _ in self.inputs)
        # A module of ours takes *inputs, one argument; a graph names each.
        return sizes if isinstance(self.module, torch.fx.GraphModule) else (sizes,)

    def _example(self, spec: TensorSpec) -> Any:
        """Return zeros at the largest batch: the runtime takes none larger than the example's."""
        import torch

        shape = (self.recipe.batch_max, *spec.shape[1:]) if spec.shape else ()
        return torch.zeros(shape, dtype=getattr(torch, spec.dtype))

    def _representative(self) -> Arrays:
        if not self.samples or not len(self.samples[0]):
            raise ExportError("got no representative dataset, expected at least 1 sample")
        return self.samples

    def _quantize(self) -> Any:
        """Quantize by PT2E, per channel; static ranges come from the samples."""
        import torch
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

        # Registers the out variants of what stays outside a delegate around it.
        import executorch.kernels.quantized  # noqa: F401  # isort: skip

        assert self.backend.quantizer is not None
        prepared = prepare_pt2e(self.module, self.backend.quantizer(self.recipe))
        with torch.no_grad():
            for inputs in self._calibration():
                prepared(*inputs)
        converted = convert_pt2e(prepared)
        if not any("quantize" in str(node.target) for node in converted.graph.nodes):
            raise ExportError(
                f"got no quantized operator out of PT2E for {self.recipe.name}",
                f"the model has none that {self.backend.name} can quantize; ship fp32",
            )
        return converted

    def _keep_outputs(self, folder: Path) -> None:
        """Write what the quantized graph gives, run by PyTorch: `converted_output-<i>.npy`.

        Real values, float32, of the first calibration samples: what the file gives for them may
        differ by a few roundings. A larger difference is made by lowering or by the runtime.
        """
        import torch

        if not self.recipe.is_calibrated:
            return
        rows = list(itertools.islice(self._calibration(), KEPT_OUTPUTS))
        with torch.no_grad():
            outputs = [self.module(*row) for row in rows]
        for i, parts in enumerate(zip(*outputs, strict=True)):
            values = torch.cat(parts).to(torch.float32).numpy()
            np.save(folder / f"converted_output-{i}.npy", values)

    def _calibration(self) -> Any:
        import torch

        if not self.recipe.is_calibrated:
            yield tuple(self._example(spec) for spec in self.inputs)
            return
        samples = self._representative()
        for i in range(len(samples[0])):
            # Data comes as float32 where a card does not say otherwise, for whole numbers too.
            yield tuple(
                torch.from_numpy(values[i : i + 1].astype(spec.dtype))
                for values, spec in zip(samples, self.inputs, strict=True)
            )

    def _lower(self, program: Any, path: Path) -> tuple[dict[str, int], Share]:
        from executorch.devtools.backend_debug import get_delegation_info
        from executorch.exir import (
            EdgeCompileConfig,
            ExecutorchBackendConfig,
            to_edge_transform_and_lower,
        )

        backend = self.backend
        edge = to_edge_transform_and_lower(
            program,
            transform_passes=[edge_passes.one_dequantize_for_each()],
            partitioner=backend.partitioners(self.recipe),
            constant_methods=metadata.constant_methods(
                self.card, self.inputs, self.outputs, self.layout
            ),
            compile_config=EdgeCompileConfig(**backend.edge_config),
        )
        info = get_delegation_info(edge.exported_program().graph_module)
        if backend.must_delegate and not info.num_delegated_subgraphs:
            raise ExportError(
                f"got a model of which {backend.name} takes none of "
                f"{info.num_non_delegated_nodes} operators",
                "choose the format executorch or executorch_portable for it",
            )
        passes = backend.edge_passes()
        edge = edge.transform(passes) if passes else edge
        config = ExecutorchBackendConfig(**backend.executorch_config)
        done = edge.to_executorch(config)
        kernels.check(done.exported_program().graph_module, backend.name)
        path.write_bytes(done.buffer)
        histogram = {
            name: counts.delegated + counts.non_delegated
            for name, counts in sorted(info.delegation_by_operator.items())
        }
        share = Share(
            delegated=info.num_delegated_nodes,
            total=info.num_delegated_nodes + info.num_non_delegated_nodes,
            subgraphs=info.num_delegated_subgraphs,
        )
        return histogram, share


def _positional(module: Any) -> Any:
    """Return the module taking any number of tensors and giving a tuple of tensors.

    It also keeps a bare `nn.Sequential` from being the root: its children are named by numbers.
    """
    import torch

    class Positional(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Any) -> Any:
            result = self.inner(*inputs)
            return tuple(result) if isinstance(result, list | tuple) else (result,)

    return Positional()


def half(module: Any) -> Any:
    """Return a copy of the module that computes in half precision between float32 I/O."""
    import torch

    class Half(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            # A copy: halving in place would change the float model itself.
            self.inner = copy.deepcopy(module).half()

        def forward(self, *inputs: Any) -> Any:
            result = self.inner(*(x.half() if x.is_floating_point() else x for x in inputs))
            results = result if isinstance(result, list | tuple) else (result,)
            return tuple(y.float() if y.dtype == torch.float16 else y for y in results)

    return Half()


def _batched(spec: TensorSpec, recipe: Recipe) -> TensorSpec:
    """Return `spec` with the batch of the file: 1, or -1 where it takes several sizes."""
    batch = (1 if recipe.batch_max == 1 else -1,) if spec.shape else ()
    return spec.model_copy(update={"shape": (*batch, *spec.shape[1:])})
