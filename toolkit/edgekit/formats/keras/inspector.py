"""`.keras` and `.h5` files, read as what they are: no framework, and nothing in them runs."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from edgekit.formats.keras import file as keras_file

SUFFIXES = (".keras", *keras_file.H5_SUFFIXES)


def inspect(path: Path) -> dict[str, Any]:
    """Return the layers and the Keras version that saved them."""
    config = keras_file.read_config(path)
    layers = config["config"].get("layers", []) if isinstance(config.get("config"), dict) else []
    counts = Counter(str(layer.get("class_name")) for layer in layers)
    return {
        "format": "keras",
        "saved_by": f"keras {_version(path)}",
        "model": str(config.get("class_name", "unknown")),
        "input_shape": (config.get("build_config") or {}).get("input_shape"),
        "layers": dict(sorted(counts.items())),
    }


def _version(path: Path) -> str:
    if path.suffix.lower() not in keras_file.H5_SUFFIXES:
        with zipfile.ZipFile(path) as archive, archive.open("metadata.json") as member:
            return str(json.loads(member.read(keras_file.MAX_CONFIG_BYTES)).get("keras_version"))
    import h5py

    with h5py.File(path, "r") as file:
        return str(file.attrs.get("keras_version", "unknown"))
