"""The torch graph being built: values known or computed, and the nodes of the ONNX graph."""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from edgekit.core.tensor import Array


class Unsupported(Exception):  # noqa: N818
    """A use of an op that has no counterpart; the message completes `OP at node NAME: `."""


class Product(NamedTuple):
    """A value seen as `factor * base**power * (1 + erf(base / sqrt 2))**cdf`."""

    base: "Value"
    factor: float
    power: int
    cdf: int


class Value:
    """A tensor of the graph: `data` where known while building, else the `node` computing it.

    `product` and `linear` remember how it came about, for the fusions of a later op.
    """

    def __init__(self, like: Any, data: Any = None, node: Any = None) -> None:
        self.like = like
        self.data = data
        self.node = node
        self.product: Product | None = None
        self.erf_of: Value | None = None
        self.linear: tuple[Value, Value] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes, all fixed."""
        return tuple(self.like.shape)

    @property
    def ndim(self) -> int:
        """Return the number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """Return the torch dtype."""
        return self.like.dtype

    @property
    def is_float(self) -> bool:
        """Whether the elements are real numbers."""
        return bool(self.like.is_floating_point())

    @property
    def is_constant(self) -> bool:
        """Whether the elements are known while building."""
        return self.data is not None

    @property
    def scalar(self) -> float | None:
        """Return the element of a constant that has one, else None."""
        if self.data is None or self.data.numel() != 1:
            return None
        return float(self.data.item())

    def numpy(self) -> Array:
        """Return the elements. Raises `Unsupported` where they are computed by the model."""
        if self.data is None:
            raise Unsupported("an operand that must be constant is computed by the model")
        return np.asarray(self.data.numpy())


class Graph:
    """Collects torch calls. A call whose operands are all constant is made at once."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        self._fx = torch.fx.Graph()
        self._root = torch.nn.Module()
        self._names: set[str] = set()

    def input(self, name: str, shape: Sequence[int], elem_type: int) -> Value:
        """Add an input of the module."""
        like = self.torch.empty(tuple(shape), dtype=self.dtype(elem_type), device="meta")
        return Value(like, node=self._fx.placeholder(self._free_name(name)))

    def dtype(self, elem_type: int) -> Any:
        """Return the torch dtype of an ONNX element type."""
        import onnx

        name = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(elem_type)).name
        found = getattr(self.torch, name, None)
        if not isinstance(found, self.torch.dtype):
            raise Unsupported(f"elements of type {name}")
        return found

    def constant_of(self, tensor: Any) -> Value:
        """Return the value of a `TensorProto`."""
        import onnx

        return self.constant(onnx.numpy_helper.to_array(tensor))

    def constant(self, array: Any) -> Value:
        """Return a value known now: an array, a number, or a torch tensor."""
        data = array
        if not isinstance(array, self.torch.Tensor):
            data = self.torch.from_numpy(np.array(array))
        return Value(data.to("meta"), data=data.contiguous())

    def call(self, target: str, *args: Any, **kwargs: Any) -> Value:
        """Call a function of torch that returns one tensor.

        `target` is a name in `torch`, `nn.` standing for `torch.nn.functional`. Operands may be
        values, numbers, and lists of them.
        """
        result = self._call(self._resolve(target), args, kwargs)
        assert isinstance(result, Value)
        return result

    def calls(self, target: str, *args: Any, **kwargs: Any) -> list[Value]:
        """Call a function of torch that returns several tensors."""
        result = self._call(self._resolve(target), args, kwargs)
        assert isinstance(result, list)
        return result

    def item(self, value: Value, index: tuple[Any, ...]) -> Value:
        """Return `value[index]`, for slices and whole numbers."""
        result = self._call(operator.getitem, (value, index), {})
        assert isinstance(result, Value)
        return result

    def finish(self, outputs: list[Value]) -> Any:
        """Return the module with these outputs."""
        nodes = tuple(self._node(value) for value in outputs)
        self._fx.output(nodes[0] if len(nodes) == 1 else nodes)
        self._fx.eliminate_dead_code()
        self._fx.lint()
        return self.torch.fx.GraphModule(self._root, self._fx, "OnnxModel").eval()

    def _resolve(self, target: str) -> Callable[..., Any]:
        found = self.torch
        if target.startswith("nn."):
            found, target = found.nn.functional, target.removeprefix("nn.")
        for part in target.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]

    def _call(
        self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Value | list[Value]:
        operands: list[Value] = []
        _over((args, kwargs), operands.append)
        if all(value.is_constant for value in operands):
            args, kwargs = _over((args, kwargs), lambda value: value.data)
            with self.torch.no_grad():
                result = function(*args, **kwargs)
            if isinstance(result, tuple | list):
                return [self.constant(part) for part in result]
            return self.constant(result)
        like_args, like_kwargs = _over((args, kwargs), lambda value: value.like)
        like = function(*like_args, **like_kwargs)
        node_args, node_kwargs = _over((args, kwargs), self._node)
        node = self._fx.call_function(function, node_args, node_kwargs)
        if isinstance(like, tuple | list):
            items = [self._fx.call_function(operator.getitem, (node, i)) for i in range(len(like))]
            return [Value(part, node=item) for part, item in zip(like, items, strict=True)]
        return Value(like, node=node)

    def _node(self, value: Value) -> Any:
        """Return the fx node of a value; a constant becomes a parameter of the module.

        A bias that exporters share between layers is given to each: quantizers pass over a layer
        one of whose operands belongs to another already.
        """
        if value.node is not None:
            return value.node
        name, is_shared = self._free_name("constant"), value.ndim > 1
        data = value.data if is_shared else value.data.clone()
        if value.is_float:
            parameter = self.torch.nn.Parameter(data, requires_grad=False)
            self._root.register_parameter(name, parameter)
        else:
            self._root.register_buffer(name, data)
        node = self._fx.get_attr(name)
        value.node = node if is_shared else None
        return node

    def _free_name(self, wanted: str) -> str:
        stem = re.sub(r"\W", "_", wanted, flags=re.ASCII).strip("_") or "tensor"
        stem = stem if stem[0].isalpha() else f"tensor_{stem}"
        name, count = stem, 0
        while name in self._names or hasattr(self._root, name):
            name, count = f"{stem}_{count}", count + 1
        self._names.add(name)
        return name


def _over(operands: Any, function: Callable[[Value], Any]) -> Any:
    """Return `operands` with `function` applied to every value in it."""
    if isinstance(operands, Value):
        return function(operands)
    if isinstance(operands, tuple | list):
        return type(operands)(_over(part, function) for part in operands)
    if isinstance(operands, dict):
        return {key: _over(part, function) for key, part in operands.items()}
    return operands


class Node:
    """One ONNX node: its attributes, and its operands as values."""

    def __init__(self, proto: Any, opset: int, values: dict[str, Value]) -> None:
        import onnx

        self.op = str(proto.op_type)
        self.opset = opset
        self.inputs = [values[name] if name else None for name in proto.input]
        self.outputs = list(proto.output)
        self._attributes = {
            item.name: onnx.helper.get_attribute_value(item) for item in proto.attribute
        }

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute; text as `str`."""
        value = self._attributes.get(name, default)
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, list):
            return [part.decode() if isinstance(part, bytes) else part for part in value]
        return value

    def tensor(self, index: int) -> Value:
        """Return an operand that must be there."""
        value = self.optional(index)
        if value is None:
            raise Unsupported(f"operand {index} is missing")
        return value

    def optional(self, index: int) -> Value | None:
        """Return an operand, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def ints(self, index: int) -> list[int] | None:
        """Return a constant operand as whole numbers, or None where it is left out."""
        value = self.optional(index)
        return None if value is None else [int(item) for item in value.numpy().ravel()]

    def number(self, index: int, default: float) -> float:
        """Return a constant operand of one element."""
        value = self.optional(index)
        if value is None or value.numpy().size == 0:
            return default
        return float(value.numpy().item())

    def axes(self, since: int, index: int = 1) -> list[int] | None:
        """Return `axes`: an attribute before opset `since`, an operand from then on."""
        if self.opset < since:
            axes = self.attr("axes")
            return None if axes is None else list(axes)
        return self.ints(index)

    def refuse(self, attribute: str, *allowed: Any) -> None:
        """Raise `Unsupported` where an attribute is set to anything but what is allowed."""
        value = self.attr(attribute)
        if value is not None and value not in allowed:
            raise Unsupported(f"got {attribute} {value!r}, expected {allowed[0]!r}")
