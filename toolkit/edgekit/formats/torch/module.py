"""An `nn.Module` as a FloatModel: its I/O found by running it, its outputs made flat."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.tensor import Arrays, TensorSpec
from edgekit.errors import EdgekitError, ModelLoadError
from edgekit.formats.torch import prepare, watch

HUB = "torch"
LAYOUT: Literal["NCHW"] = "NCHW"

# How a loop over samples is seen: two behave unlike one.
PROBE_BATCH = 2

Inputs = tuple[tuple[tuple[int, ...], str], ...]


def declared(card: ModelCard) -> Inputs:
    """Return (sample shape, dtype) of each input as the card declares them; () where it does not.

    Raises `ModelLoadError` where it gives a dtype for some inputs only.
    """
    shapes = tuple(card.sample_shapes("torch"))
    dtypes = card.input_dtypes or ("float32",) * len(shapes)
    if len(dtypes) != len(shapes):
        raise ModelLoadError(
            f"got {len(dtypes)} input_dtypes for {len(shapes)} inputs in the card of {card.name}",
            "give one for each input",
        )
    return tuple(zip(shapes, dtypes, strict=True))


def from_module(
    source: ModelSource, module: Any, inputs: Inputs, notes: tuple[str, ...] = ()
) -> FloatModel:
    """Return `module`, in evaluation mode and float32, with I/O seen by running it.

    `inputs` are (sample shape without batch, dtype) pairs. A module that only takes one sample has
    a batch of 1. Raises `ModelLoadError` where it fails, or returns anything but tensors.
    """
    if not inputs:
        raise ModelLoadError(
            f"got no input shape for {source.ref}: a PyTorch module does not know its own",
            "give --input 28,28,1 (height, width, channels) or a card with --card",
        )
    module.eval()
    notes += prepare.plain(module)
    names = _input_names(module, len(inputs))
    batch, seen = _probe(source, module, inputs)
    native, changed = _without_side_effects(module, names, seen)
    flat = named(seen.output, source.ref)
    native = native if _is_flat(seen.output) else _flattened(native, names, source.ref)
    specs = tuple(
        TensorSpec(name=name, shape=(batch, *shape), dtype=dtype)
        for name, (shape, dtype) in zip(names, inputs, strict=True)
    )
    check_float32(specs, source.ref)
    outputs = tuple(
        TensorSpec(name=name.lstrip("."), shape=(batch, *v.shape[1:]), dtype=_dtype(v.dtype))
        for name, v in flat
    )
    model = _float_model(source, native, specs, outputs, None, (*notes, *changed))
    return replace(model, limits=_limits(names, seen))


def _without_side_effects(
    module: Any, names: tuple[str, ...], seen: watch.Seen
) -> tuple[Any, tuple[str, ...]]:
    """Return the module, on copies of its inputs where it writes to them, and what was changed."""
    if not seen.inputs_changed:
        return module, ()
    written = ", ".join(f"'{names[i]}'" for i in seen.inputs_changed)
    note = f"forward writes to its input {written}; it was given copies"
    return prepare.copying(module, names), (note,)


def _limits(names: tuple[str, ...], seen: watch.Seen) -> dict[str, tuple[float, float]]:
    """Return, for inputs whose values choose rows of a table, the first row and the last."""
    return {names[i]: (0.0, float(rows - 1)) for i, rows in sorted(seen.rows.items())}


def from_program(source: ModelSource, program: Any) -> FloatModel:
    """Return an exported program (`torch.export`) with the inputs and outputs that it records."""
    nodes = {node.name: node for node in program.graph.nodes}
    signature = program.graph_signature
    for name in (*signature.user_inputs, *signature.user_outputs):
        if not hasattr(nodes[name].meta.get("val") if name in nodes else None, "shape"):
            raise ModelLoadError(
                f"got an input or output that is no tensor in {source.ref}: {name}",
                "export a module that takes and returns tensors only",
            )
    for node in program.graph.nodes:
        if _trains(node):
            raise ModelLoadError(
                f"got {node.target}, node {node.name} of {source.ref}, as it is in training",
                "call model.eval() before torch.export.export, and save it again",
            )
    arguments, keywords = program.call_spec.in_spec.children()
    if keywords.num_leaves or any(not child.is_leaf() for child in arguments.children()):
        raise ModelLoadError(
            f"got inputs by keyword or in groups in {source.ref}, expected plain tensors",
            "export a module that takes its tensors one by one, by position",
        )
    inputs = tuple(_spec(nodes[name]) for name in signature.user_inputs)
    outputs = tuple(_spec(nodes[name]) for name in signature.user_outputs)
    module = program.module()
    notes = prepare.plain(module)
    names = tuple(spec.name for spec in inputs)
    seen = _watched_program(program, module, inputs, source)
    native, changed = _without_side_effects(module, names, seen)
    if not _is_plain(program.call_spec.out_spec):
        native = _flattened(native, names, source.ref)
    largest = _largest_batch(program)
    model = _float_model(source, native, inputs, outputs, largest, (*notes, *changed))
    return replace(model, limits=_limits(names, seen))


def check_float32(inputs: tuple[TensorSpec, ...], ref: str) -> None:
    """Raise `ModelLoadError` for an input of real values that is not float32."""
    for spec in inputs:
        if spec.dtype in {"float64", "float16", "bfloat16"}:
            raise ModelLoadError(
                f"got a {spec.dtype} input, {spec.name} of {ref}, expected float32",
                "save the model in float32: model.float(); recipes make smaller files of it",
            )


def _watched_program(
    program: Any, module: Any, inputs: tuple[TensorSpec, ...], source: ModelSource
) -> Any:
    """Return what an exported program does on zeros. Raises `ModelLoadError` where it fails."""
    check_float32(inputs, source.ref)
    for spec in inputs:
        if any(size < 0 for size in spec.shape[1:]):
            raise ModelLoadError(
                f"got an input of no fixed shape in {source.ref}: {spec.name}, {spec.in_words()}",
                "fix all sizes in torch.export.export; only the batch may be left open",
            )
    lowest = [int(limits.lower) for limits in program.range_constraints.values()]
    probe = max([PROBE_BATCH, *lowest])
    batch = [spec.shape[0] if spec.shape and spec.shape[0] > 0 else probe for spec in inputs]
    sizes = zip(inputs, batch, strict=True)
    try:
        shapes = tuple(((n, *spec.shape[1:]), spec.dtype) for spec, n in sizes)
        return _watched(module, shapes, source)
    except EdgekitError:
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got an error from {source.ref} for inputs of its own shapes: {reason(error)}",
            "export it in float32, in evaluation mode: model.float().eval()",
        ) from error


def _trains(node: Any) -> bool:
    """Return whether a node draws random numbers, or takes its batch's own statistics."""
    place = {"aten.dropout.default": 2, "aten.batch_norm.default": 5}.get(str(node.target))
    arguments = node.args
    return place is not None and len(arguments) > place and bool(arguments[place])


def check_same(model: FloatModel, original: Any) -> None:
    """Raise `ModelLoadError` where `model` computes other values than the module it was made from.

    Held against each other on seeded noise, two samples or the model's fixed batch.
    """
    import torch

    batch = [spec.shape[0] if spec.shape[0] > 0 else PROBE_BATCH for spec in model.inputs]
    rng = np.random.default_rng(0)
    noise = [rng.uniform(0, 2, (n, *spec.shape[1:])).astype(spec.dtype)
             for n, spec in zip(batch, model.inputs, strict=True)]  # fmt: skip
    with torch.no_grad():
        wanted = named(original(*map(torch.from_numpy, noise)), model.source.ref)
    for got, (name, value) in zip(model.predict(tuple(noise)), wanted, strict=True):
        if not np.allclose(got, value.numpy(), rtol=1e-3, atol=1e-5, equal_nan=True):
            raise ModelLoadError(
                f"got other values than the original computes for {name} of {model.source.ref}",
                "it may draw random numbers or have hooks; export it with torch.export instead",
            )


def _probe(source: ModelSource, module: Any, inputs: Inputs) -> tuple[int, watch.Seen]:
    """Return the batch (-1 for any), and what two equal calls with it gave and did."""
    error: Exception | None = None
    for size, batch in ((PROBE_BATCH, -1), (1, 1)):
        try:
            sized = tuple(((size, *shape), dtype) for shape, dtype in inputs)
            seen = _watched(module, sized, source)
        except ModelLoadError:
            raise
        except Exception as failed:  # noqa: BLE001 - the user's own code can raise anything
            error = error or failed
            continue
        flat = named(seen.output, source.ref)
        if all(value.ndim and value.shape[0] == size for _, value in flat):
            return batch, seen
    shapes = ", ".join(str(shape) for shape, _ in inputs)
    if error is None:
        raise ModelLoadError(
            f"got outputs of {source.ref} that do not keep samples apart, expected one row for "
            f"each of the samples: {', '.join(str(tuple(v.shape)) for _, v in flat)}",
            "return tensors whose first dimension is the batch",
        )
    raise ModelLoadError(
        f"got an error from {source.ref} for an input of shape {shapes}: {reason(error)}",
        "if the shape is wrong, correct --input (height, width, channels) or the card's "
        "input_shapes and input_dtypes; if it is right, correct forward",
    ) from error


def _watched(module: Any, inputs: Inputs, source: ModelSource) -> watch.Seen:
    """Call the module twice with the same values, batch included, and return what the second did.

    Whole numbers are zeros, which every table has. Raises `ModelLoadError` where it does more than
    compute: trains, draws, or keeps state.
    """
    first, again = (watch.call(module, _examples(inputs)) for _ in range(2))
    prepare.check(first, again, source.ref)
    return again


def _examples(inputs: Inputs) -> tuple[Any, ...]:
    import torch

    rng = torch.Generator().manual_seed(0)
    return tuple(
        torch.rand(shape, generator=rng).to(getattr(torch, kind))
        if kind.startswith(("float", "bfloat"))
        else torch.zeros(shape, dtype=getattr(torch, kind))
        for shape, kind in inputs
    )


def named(output: Any, ref: str) -> list[tuple[str, Any]]:
    """Return the tensors of a module's output in order, with names.

    A tensor is `output`, those of a plain tuple or list `output_0`, ...; a name that begins with
    `.` was given by a dict, a dataclass or a named tuple. None is left out. Raises
    `ModelLoadError` for anything else.
    """
    if hasattr(output, "untyped_storage"):
        return [("output", output)]
    found = list(_leaves(output, "", ref))
    if not found:
        raise ModelLoadError(
            f"got no tensor out of {ref}", "return at least one tensor from forward"
        )
    if type(output) in {tuple, list} and all(name.count(".") == 1 for name, _ in found):
        return [(f"output_{i}", value) for i, (_, value) in enumerate(found)]
    return found


def _is_flat(output: Any) -> bool:
    """Tell whether an output is a tensor, or a plain tuple or list of tensors."""
    parts = output if type(output) in {tuple, list} else (output,)
    return all(hasattr(value, "untyped_storage") for value in parts)


def _leaves(value: Any, name: str, ref: str) -> Iterator[tuple[str, Any]]:
    if hasattr(value, "untyped_storage"):
        yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}", ref)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            yield from _leaves(getattr(value, each.name), f"{name}.{each.name}", ref)
    elif value is None:
        return
    elif isinstance(value, tuple | list) and value:
        fields = getattr(value, "_fields", range(len(value)))
        for key, each in zip(fields, value, strict=True):
            yield from _leaves(each, f"{name}.{key}", ref)
    else:
        raise ModelLoadError(
            f"got {type(value).__name__} out of {ref}{f' as {name[1:]}' if name else ''}, "
            "expected tensors, or a tuple, list, dict or dataclass of tensors",
            "return tensors only from forward; a factory can return a module that calls this one "
            "and takes the tensors out",
        )


def _flattened(module: Any, names: tuple[str, ...], ref: str) -> Any:
    """Return a module that returns the tensors of `module`'s output as one tuple."""
    import torch

    class Flat(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *inputs: Any) -> Any:
            return tuple(value for _, value in named(self.inner(*inputs), ref))

    flat = prepare.called_by(Flat, names)()
    # An exported program is fixed as it is, and refuses to be told so.
    flat.training = False
    return flat


def _input_names(module: Any, count: int) -> tuple[str, ...]:
    if count == 1:
        return ("input",)
    takes = [p.name for p in inspect.signature(module.forward).parameters.values()
             if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]  # fmt: skip
    return tuple(takes[i] if i < len(takes) else f"input_{i}" for i in range(count))


def _float_model(
    source: ModelSource,
    module: Any,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    largest_batch: int | None,
    notes: tuple[str, ...],
) -> FloatModel:
    import torch

    def predict(batch: Arrays) -> Arrays:
        n, fixed = len(batch[0]), inputs[0].shape[0]
        size = fixed if fixed > 0 else min(n, largest_batch or n)
        parts = []
        with torch.no_grad():
            for start in range(0, n, size):
                rows = [part[start : start + size] for part in batch]
                # Data comes as float32 where a card does not say otherwise.
                fed = [
                    torch.from_numpy(v.astype(s.dtype)) for v, s in zip(rows, inputs, strict=True)
                ]
                parts.append([v.numpy() for _, v in named(module(*fed), source.ref)])
        return tuple(np.concatenate(rows) for rows in zip(*parts, strict=True))

    return FloatModel(
        source=source,
        hub=HUB,
        native=module,
        inputs=inputs,
        outputs=outputs,
        predict=predict,
        layout=LAYOUT,
        notes=notes,
    )


def _largest_batch(program: Any) -> int | None:
    """Return the largest size that the program's open dimensions allow, or None for any."""
    uppers = [limits.upper for limits in program.range_constraints.values()]
    # An open dimension's bound is sympy's infinity, or torch's own.
    finite = [int(upper) for upper in uppers if str(upper) not in {"oo", "int_oo"}]
    return min(finite, default=None)


def _is_plain(spec: Any) -> bool:
    return spec.is_leaf() or (
        spec.type in {tuple, list} and all(child.is_leaf() for child in spec.children())
    )


def _spec(node: Any) -> TensorSpec:
    value = node.meta["val"]
    shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
    return TensorSpec(name=node.name, shape=shape, dtype=_dtype(value.dtype))


def _dtype(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
