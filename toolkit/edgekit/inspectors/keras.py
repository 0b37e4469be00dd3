"""`.keras` files, read as the archives they are: no framework, and nothing in them runs."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from edgekit.errors import ModelLoadError

SUFFIXES = (".keras",)


def inspect(path: Path) -> dict[str, Any]:
    """Return the layers and the Keras version that saved them."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            metadata = json.loads(archive.read("metadata.json"))
        layers = config["config"].get("layers", [])
        counts = Counter(str(layer["class_name"]) for layer in layers)
        shape = config.get("build_config", {}).get("input_shape")
    except Exception as error:  # a hostile archive can make the readers raise anything
        raise ModelLoadError(
            f"got a file that is no whole .keras archive: {path}: {error}", "it may be truncated"
        ) from error
    return {
        "format": "keras",
        "saved_by": f"keras {metadata.get('keras_version', 'unknown')}",
        "model": str(config.get("class_name", "unknown")),
        "input_shape": shape,
        "layers": dict(sorted(counts.items())),
    }
