"""The memory that a microcontroller gives a file: measured, for nobody can work it out.

The file is run by TensorFlow Lite Micro on this computer, and its outputs are held to the golden
ones on the way.
"""

import numpy as np

from edgekit.errors import RuntimeFailedError, UsageError
from edgekit.formats.tflite import micro
from edgekit.packaging.nouns import VECTORS, Arena, Content, GoldenTensor, Variant, real_of


def measured(content: Content) -> Content:
    """Return the content with the arena of each variant.

    Raises `RuntimeFailedError` where TensorFlow Lite Micro refuses a file, or computes something
    else than was validated; `MissingExtraError` where it is not installed; `UsageError` for a file
    that was not run, of which nothing is known to hold that against.
    """
    vectors = content.assets[VECTORS]
    variants = tuple(
        variant.model_copy(update={"arena": _arena(variant, content.assets[variant.file], vectors)})
        for variant in content.variants
    )
    return content.model_copy(update={"variants": variants})


def _arena(variant: Variant, model: bytes, vectors: bytes) -> Arena:
    samples = real_of(variant.golden)
    if not any(sample.outputs for sample in samples):
        raise UsageError(
            f"got no outputs of {variant.artifact.label}, expected some to hold a device against",
            "package a file that was run",
        )
    inputs = tuple(tuple(one.data(vectors) for one in sample.inputs) for sample in samples)
    ran = micro.run(model, inputs, len(variant.artifact.outputs))
    for number, (sample, got) in enumerate(zip(samples, ran.outputs, strict=True)):
        for expected, data in zip(sample.outputs, got, strict=True):
            _check_output(variant, number, expected, vectors, data)
    return Arena(
        version=ran.version,
        total=ran.total,
        head=ran.head,
        tail=ran.tail,
        size_bytes=ran.arena_bytes,
    )


def _check_output(
    variant: Variant, number: int, expected: GoldenTensor, vectors: bytes, data: bytes
) -> None:
    want = expected.array(vectors).astype(np.float64).ravel()
    got = np.frombuffer(data, expected.dtype).astype(np.float64)
    difference = float(np.abs(got - want).max(initial=0)) if got.shape == want.shape else np.nan
    if not difference <= expected.tolerance:
        raise RuntimeFailedError(
            f"got outputs of {variant.artifact.label} from TensorFlow Lite Micro that differ by "
            f"{difference:.3g} from the validated ones for sample {number}, expected at most "
            f"{expected.tolerance:.3g}",
            "package another file of the run",
        )
