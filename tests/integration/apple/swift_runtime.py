"""What translated Swift runs on: its numbers, arrays and errors, in Python.

`Int` is int, `Double` float, `Float` numpy.float32, so that every operation rounds as in Swift.
Sized integers are classes of their own, so that mixing them is seen where operators are checked.
"""

import copy
import math
import struct

import numpy as np


class SwiftError(Exception):
    """What Swift code throws and catches."""

    def __str__(self) -> str:
        return getattr(self, "description", None) or super().__str__()


class Trap(Exception):  # noqa: N818 - Swift's own word
    """What ends a Swift program: an index out of range, a number that does not fit."""


class TypeClash(Exception):  # noqa: N818 - what a compiler would have said
    """An operation whose operands no Swift compiler takes."""


def sized(name: str, bits: int, *, signed: bool) -> type:
    low = -(2 ** (bits - 1)) if signed else 0
    return type(name, (int,), {"low": low, "high": low + 2**bits - 1, "bits": bits})


SIZED = {
    f"{sign}Int{bits}": sized(f"{sign}Int{bits}", bits, signed=not sign)
    for sign in ("", "U") for bits in (8, 16, 32, 64)
}  # fmt: skip


def make_sized(kind: str, value, *, strict: bool):
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        raise Trap(f"{kind}({value})")
    whole, made = int(value), SIZED[kind]
    if not made.low <= whole <= made.high:
        raise Trap(f"{kind}({value})")
    return made(whole) if strict else whole


def truncated(kind: str, value, *, strict: bool):
    whole = int(value) & (2 ** SIZED[kind].bits - 1)
    if whole > SIZED[kind].high:
        whole -= 2 ** SIZED[kind].bits
    return SIZED[kind](whole) if strict else whole


def from_bits(value) -> np.float32:
    return np.float32(struct.unpack("<f", struct.pack("<I", value))[0])


def bit_pattern(value) -> int:
    return struct.unpack("<I", struct.pack("<f", value))[0]


def to_int(value) -> int:
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        raise Trap(f"Int({value})")
    return int(value)


def divide(a, b):
    if isinstance(a, int):
        if b == 0:
            raise Trap("division by zero")
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    if isinstance(a, float) and not isinstance(a, np.floating):
        return float(np.float64(a) / np.float64(b))
    return a / b


def remainder(a: int, b: int) -> int:
    return a - divide(a, b) * b


def rounded(value, how: str):
    if not math.isfinite(value):
        return value
    way = {"down": math.floor, "up": math.ceil, "toNearestOrEven": round}[how]
    return type(value)(way(value))


def count_up(first: int, end: int) -> range:
    if first > end:
        raise Trap(f"range {first}..<{end}")
    return range(first, end)


def copied(value):
    """Return a value of its own: Swift's arrays and structs are no references."""
    if isinstance(value, list):
        return list(value)
    return copy.copy(value) if hasattr(value, "__dict__") else value


def words(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(words, value))}]"
    return str(value)


def at(values: list, index: int):
    """Return the index, checked: Python counts negative ones from the end, Swift traps."""
    if type(index) is not int or not 0 <= index < len(values):
        raise Trap(f"index {index!r} of {len(values)}")
    return index


PLAIN = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": divide, "%": remainder, "&": lambda a, b: a & b, "|": lambda a, b: a | b,
    ">>": lambda a, b: a >> b, "<<": lambda a, b: a << b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}


def operate(operator: str, a, b, literal_a: bool, literal_b: bool):
    """Apply an operator as a compiler would allow it: both operands of one type."""
    if type(a) is not type(b):
        if literal_a and isinstance(a, int | float) and not isinstance(b, str | list):
            a = _as(type(b), a)
        elif literal_b and isinstance(b, int | float) and not isinstance(a, str | list):
            b = _as(type(a), b)
        else:
            raise TypeClash(f"{type(a).__name__} {operator} {type(b).__name__}")
    result = PLAIN[operator](a, b)
    if operator in COMPARISONS:
        return bool(result)
    if isinstance(a, int) and type(a) is not int:
        if operator == "<<":
            return truncated(type(a).__name__, result, strict=True)
        return make_sized(type(a).__name__, result, strict=True)
    return result


def _as(kind: type, literal):
    if kind is bool or (issubclass(kind, int) and isinstance(literal, float)):
        raise TypeClash(f"{literal!r} as {kind.__name__}")
    return kind(literal)


BASIC = {"Int": int, "Double": float, "Float": np.float32, "String": str, "Bool": bool, **SIZED}


def checked(value, kind: str, known: dict):
    """Return the value where it is of a Swift type; raise `TypeClash` where it is not."""
    if kind.endswith("?"):
        return value if value is None else checked(value, kind[:-1], known)
    if kind.startswith("["):
        if not isinstance(value, list):
            raise TypeClash(f"{value!r} as {kind}")
        # All at once where they are right: arrays of bytes are long.
        if set(map(type, value)) != {BASIC.get(kind[1:-1])}:
            for each in value:
                checked(each, kind[1:-1], known)
        return value
    wanted = BASIC.get(kind) or known.get(kind)
    if isinstance(wanted, frozenset):
        is_right = value in wanted
    else:
        is_right = wanted is None or type(value) is wanted
    if not is_right:
        raise TypeClash(f"{value!r} as {kind}")
    return value
