"""`.mlpackage` folders, through coremltools' reader of the specification; no model is loaded."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any

from edgekit.core.facts import Facts
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.system import packages

SUFFIXES = (".mlpackage",)
# ArrayFeatureType.ArrayDataType in Core ML's FeatureTypes.proto.
DTYPES = {65552: "float16", 65568: "float32", 65600: "float64", 131104: "int32"}


def inspect(path: Path) -> Facts:
    """Return I/O, operators, the specification's version, and the size of the weights."""
    packages.versions(("coremltools",))
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    import coremltools

    try:
        spec = coremltools.models.MLModel(str(path), skip_model_load=True).get_spec()
        functions = spec.mlProgram.functions.values()
        blocks = [block for f in functions for block in f.block_specializations.values()]
        counts = Counter(op.type for block in blocks for op in block.operations)
        del counts["const"]
        return Facts(
            format="coreml",
            inputs=tuple(_border(item) for item in spec.description.input),
            outputs=tuple(_border(item) for item in spec.description.output),
            operators=dict(sorted(counts.items())),
            more={
                "specification_version": spec.specificationVersion,
                "weights_bytes": sum(f.stat().st_size for f in path.glob("Data/*/weights/*")),
            },
        )
    except Exception as error:  # a broken package can make the reader raise anything
        raise ModelLoadError(
            f"got a broken .mlpackage: {path}: {type(error).__name__}: {error}",
            "it is a folder: copy it whole, or convert it again",
        ) from error


def _border(item: Any) -> TensorSpec:
    array = item.type.multiArrayType
    dtype = DTYPES.get(array.dataType)
    if dtype is None:
        raise ValueError(f"{item.name} is no tensor of a known type")
    return TensorSpec(name=item.name, shape=tuple(array.shape), dtype=dtype)
