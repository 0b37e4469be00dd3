"""Reading pickles without running them: what they would look up, and which tensors they name."""

import math
import pickle
import pickletools
from typing import Any, BinaryIO, Self

# The functions that PyTorch's pickles call to make a tensor, with where its shape stands.
TENSORS = {"_rebuild_tensor": 2, "_rebuild_tensor_v2": 2, "_rebuild_qtensor": 2}


def globals_of(stream: BinaryIO) -> set[str]:
    """Return `module name` of each global that one pickle would look up; stops at its end."""
    found: set[str] = set()
    strings: list[str] = []
    for opcode, argument, _ in pickletools.genops(stream):
        if isinstance(argument, str) and "UNICODE" in opcode.name:
            strings.append(argument)
        if opcode.name in {"GLOBAL", "INST"}:
            found.add(str(argument))
        elif opcode.name == "STACK_GLOBAL":
            found.add(" ".join(strings[-2:]))
    return found


class Inert(pickle.Unpickler):
    """Rebuilds lists, tuples, dicts, texts and numbers; whatever would be called does nothing.

    `shapes` are those of the tensors that it came by.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.shapes: list[tuple[int, ...]] = []

    def find_class(self, module: str, name: str, /) -> Any:
        """Return a class that does nothing, whichever was asked for; tensors are noted."""
        place = TENSORS.get(name) if module == "torch._utils" else None
        if place is None:
            return _Nothing

        def tensor(*arguments: Any) -> _Nothing:
            self.shapes.append(tuple(map(int, arguments[place])))
            return _Nothing()

        return tensor

    def persistent_load(self, pid: Any, /) -> None:
        """Leave tensors' bytes where they are."""


def elements(shapes: list[tuple[int, ...]]) -> int:
    """Return how many numbers tensors of these shapes hold."""
    return sum(math.prod(shape) for shape in shapes)


class _Nothing:
    """Takes whatever a pickle does to an object."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def _ignore(self, *_: Any, **__: Any) -> None:
        pass

    __setitem__ = __setstate__ = append = extend = add = __call__ = _ignore
