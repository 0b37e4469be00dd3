"""The facts about this package's model files, as `spec.json` holds them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ASSETS = HERE / "assets"


class Steps(NamedTuple):
    """How a sample becomes an input: see `preprocess.py`."""

    colour: str | None
    height: int | None
    width: int | None
    fit: str
    interpolation: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    layout: str
    dtype: str


class Tensor(NamedTuple):
    """An input or output of a model file. `shape` counts the batch; -1 stands for an open size.

    `steps` are None for an output.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    steps: Any = None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of one sample, without the batch dimension."""
        return self.shape[1:]


class Variant(NamedTuple):
    """One model file. `is_compared`: it ran where it was made, so that its outputs are known.

    `is_alike`: one answer, whatever the input, would pass for all of its golden samples.
    """

    name: str
    file: str
    size_bytes: int
    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    is_compared: bool
    is_alike: bool
    golden: tuple[dict, ...]

    def ordered(self, values: Mapping[str, Any]) -> list[Any]:
        """Return values by input name in the file's order. Raises `ValueError` for other names."""
        names = [tensor.name for tensor in self.inputs]
        if sorted(map(str, values)) != sorted(names):
            raise ValueError(f"got values for {sorted(map(str, values))}, expected {sorted(names)}")
        return [values[name] for name in names]

    @property
    def path(self) -> Path:
        """Return where the file lies."""
        return ASSETS / self.file


class Spec(NamedTuple):
    """All of them. The first variant is the default; `by_quality` names the best first.

    `labels_sha256` is that of labels.txt, a label a line, as it was validated; None without labels.
    """

    name: str
    version: str
    task: str
    takes_image: bool
    labels_sha256: str | None
    variants: tuple[Variant, ...]
    by_quality: tuple[str, ...]

    def variant(self, name: str | None = None) -> Variant:
        """Return the variant of that name, or the default. Raises `ValueError` for no such name."""
        for variant in self.variants:
            if name in {None, variant.name}:
                return variant
        known = ", ".join(variant.name for variant in self.variants)
        raise ValueError(f"got variant {name!r}, expected one of: {known}")

    def pick(self, max_size_bytes: int) -> Variant:
        """Return the best variant of at most that size, or the smallest where none is."""
        for name in self.by_quality:
            if self.variant(name).size_bytes <= max_size_bytes:
                return self.variant(name)
        return min(self.variants, key=lambda variant: variant.size_bytes)


@functools.cache
def spec() -> Spec:
    """Return what `spec.json` says."""
    facts = json.loads((HERE / "spec.json").read_text(encoding="utf-8"))
    variants = tuple(map(_variant, facts.pop("variants")))
    return Spec(variants=variants, by_quality=tuple(facts.pop("by_quality")), **facts)


@functools.cache
def labels() -> tuple[str, ...]:
    """Return the classes' names, one for each output; `()` where they have none."""
    path = ASSETS / "labels.txt"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return tuple(line for line in text.split("\n") if line)


def _variant(facts: dict) -> Variant:
    inputs, outputs = (tuple(map(_tensor, facts.pop(key))) for key in ("inputs", "outputs"))
    return Variant(inputs=inputs, outputs=outputs, golden=tuple(facts.pop("golden")), **facts)


def _tensor(facts: dict) -> Tensor:
    steps = facts.pop("steps", None)
    shape = tuple(facts.pop("shape"))
    if steps is None:
        return Tensor(shape=shape, **facts)
    mean, std = (tuple(steps.pop(key)) for key in ("mean", "std"))
    return Tensor(shape=shape, steps=Steps(mean=mean, std=std, **steps), **facts)
