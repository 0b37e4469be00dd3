"""The model as an app calls it: `Classifier` for pictures of classes, `Predictor` for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import decode, preprocess
from .runtime import Session
from .spec import Variant, labels, spec


class Prediction(NamedTuple):
    """One class: its name, its place in the output, and the model's own score for it."""

    label: str
    index: int
    score: float


class Model:
    """A loaded model file: what `Classifier` and `Predictor` share. One thread at a time."""

    def __init__(self, variant: str | None = None, threads: int = 1) -> None:
        """Load a variant by its name, or the default.

        Raises `ValueError` for a name that is none, `ModuleNotFoundError` without the runtime.
        """
        self.variant: Variant = spec().variant(variant)
        self._session = Session(self.variant.path, threads)

    def preprocess(self, *sample: Any, orientation: int = 1) -> list[Any]:
        """Return the file's inputs for one sample: a picture, or one array for each input.

        Instead of the arrays in the order of `variant.inputs`, a dict gives them by input name.
        A picture is a path, a Pillow image, or uint8 pixels `(h, w)` or `(h, w, c)`, c = 1, 3
        (RGB) or 4 (RGBA). `orientation`, an EXIF tag from 1 to 8, is for pixels that are not
        upright; files and Pillow images bring their own. Raises `ValueError` for what does not fit.
        """
        return inputs_of(self.variant, *sample, orientation=orientation)

    def run(self, tensors: list[Any]) -> list[Any]:
        """Return the file's outputs for its inputs, both as the file has them: maybe quantized."""
        return self._session.run(tensors)

    def _outputs(self, *sample: Any, orientation: int = 1) -> list[Any]:
        found = self.run(self.preprocess(*sample, orientation=orientation))
        return values_of(self.variant, found)


class Classifier(Model):
    """A model that says which class a picture shows."""

    def classify(self, image: Any, top: int = 5, orientation: int = 1) -> list[Prediction]:
        """Return the `top` classes of a picture, best first, equal scores by index.

        See `preprocess` for what a picture may be. Scores that are NaN come last.
        """
        if top < 1:
            raise ValueError(f"got top={top}, expected 1 or more")
        return ranked(self._outputs(image, orientation=orientation), top)


class Predictor(Model):
    """A model that gives values."""

    def predict(self, *sample: Any, orientation: int = 1) -> list[Any]:
        """Return the outputs for one sample, float32, each with its batch dimension of 1.

        A sample is one array for each input, or one dict of them by input name: see `preprocess`.
        """
        return self._outputs(*sample, orientation=orientation)


def inputs_of(variant: Variant, *sample: Any, orientation: int = 1) -> list[Any]:
    """Return a file's inputs for one sample; nothing is loaded. See `Model.preprocess`."""
    if len(sample) == 1 and isinstance(sample[0], Mapping):
        sample = tuple(variant.ordered(sample[0]))
    if len(sample) != len(variant.inputs):
        raise ValueError(f"got {len(sample)} values, expected {len(variant.inputs)}")
    if not spec().takes_image:
        pairs = zip(sample, variant.inputs)
        return [preprocess.tensor_input(values, tensor) for values, tensor in pairs]
    pixels = decode.pixels_of(sample[0])
    return [preprocess.image_input(pixels, variant.inputs[0], orientation)]


def values_of(variant: Variant, outputs: list[Any]) -> list[Any]:
    """Return a file's outputs as real values, float32."""
    return [
        preprocess.dequantized(values, tensor) for values, tensor in zip(outputs, variant.outputs)
    ]


def ranked(values: list[Any], top: int) -> list[Prediction]:
    """Return the `top` classes of a classifier's real values, best first, equal ones by index."""
    scores = values[0].reshape(-1)
    # numpy sorts NaN to the end.
    best = np.argsort(-scores, kind="stable")[:top]
    names = labels()
    return [Prediction(names[i] if names else str(i), int(i), float(scores[i])) for i in best]
