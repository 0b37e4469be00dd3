"""Weights as PyTorch writes them, read without running anything that lies beside them."""

import contextlib
import io
import json
import logging
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from edgekit.core.reason import reason
from edgekit.errors import ModelLoadError
from edgekit.formats.torchscript import file as script_file
from edgekit.system import archive, packages

# What may stand on a command line after --weights, or as MODEL with code that builds the model.
SUFFIXES = (".pt", ".pth", ".ckpt", ".pkl", ".safetensors", ".mar")

MAX_MANIFEST_BYTES = 2**20
MANIFEST = "MAR-INF/MANIFEST.json"

# Where training loops keep the weights, the likeliest first; whatever fits is taken.
USUAL = ("state_dict", "model_state_dict", "model", "net", "network", "module", "ema", "model_ema")
MAX_DEPTH = 3

# The part of torch's answer that names what it would not load.
REFUSED = re.compile(r"unsupported (?:global|class|operand)[^\n]*", re.IGNORECASE)

log = logging.getLogger(__name__)

# Tensors by name, and in checkpoints whatever else training kept.
State = dict[str, Any]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a weights or model file, or the one inside a TorchServe archive; also say its name.

    A `.mar`'s handler and model code are not even read. Raises `ModelLoadError` for a broken one.
    """
    if path.suffix.lower() == ".mar":
        name, data = _serialized(path)
        yield io.BytesIO(data), f"{path}: {name}"
        return
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ModelLoadError(f"got an unreadable file {path}: {error}") from error
    with stream:
        yield stream, str(path)


def _serialized(path: Path) -> tuple[str, bytes]:
    archive.check(path)
    try:
        with zipfile.ZipFile(path) as mar:
            with mar.open(MANIFEST) as member:
                # What is longer than allowed is cut off, and then is no JSON.
                manifest = json.loads(member.read(MAX_MANIFEST_BYTES))
            name = manifest["model"].get("serializedFile")
            if not isinstance(name, str):
                raise ModelLoadError(
                    f"got a .mar file without a serializedFile: {path}",
                    "make it with torch-model-archiver --serialized-file weights.pt",
                )
            return name, mar.read(name)
    except (KeyError, TypeError, AttributeError, *archive.BROKEN) as error:
        raise ModelLoadError(
            f"got a file that is no whole TorchServe archive: {path}: {error}",
            "make it again with torch-model-archiver (zip, not tgz)",
        ) from error


def read(path: Path) -> Any:
    """Return what a checkpoint holds: tensors in dicts and lists, on the CPU, and plain data.

    Raises `ModelLoadError`, naming the class, where reading it would run code.
    """
    with opened(path) as (stream, label):
        if label.lower().endswith(".safetensors"):
            return _read_safetensors(stream, label)
        if script_file.is_script(stream):
            raise ModelLoadError(
                f"got a TorchScript model, expected weights: {label}",
                f"it is a whole model; give it alone: edgekit convert {path}",
            )
        if archive.is_zip(stream):
            archive.check_stream(stream, label)
        return _read_pickle(stream, label)


def _read_safetensors(stream: BinaryIO, label: str) -> State:
    try:
        import safetensors.torch
    except ModuleNotFoundError as error:
        raise packages.missing("safetensors") from error
    try:
        found: State = safetensors.torch.load(stream.read())
    except Exception as error:
        raise ModelLoadError(
            f"got a file that is no whole .safetensors: {label}: {error}",
            "it may be truncated; copy it again",
        ) from error
    return found


def _read_pickle(stream: BinaryIO, label: str) -> Any:
    import torch

    try:
        with torch.serialization.safe_globals(_plain_data()):
            return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:
        refused = REFUSED.search(str(error))
        if refused is None:
            raise ModelLoadError(
                f"got weights that cannot be read from {label}: {reason(error)}",
                "it may be truncated; copy it again, or save it again with torch.save",
            ) from error
        raise ModelLoadError(
            f"got {label}, which holds more than weights: loading it would run code from the file "
            f"({refused[0].split(' was not ')[0][:300]})",
            _saving("learn.model" if "fastai" in refused[0] else "model"),
        ) from error


def _saving(model: str) -> str:
    """Return how to save what a pickle of code holds, and how to give it; `model` is its name."""
    return (
        f"where it was trained: torch.save({model}.state_dict(), 'weights.pth'); then give the "
        "code that builds the net: edgekit convert file.py:factory --weights weights.pth (or save "
        "all of it as torch.export.save(program, 'model.pt2'))"
    )


def _plain_data() -> list[Any]:
    """Return the classes beyond torch's own that are nothing but data: NumPy's, and a namespace."""
    import argparse

    import numpy as np

    kinds = [getattr(np.dtypes, name) for name in np.dtypes.__all__ if name != "ObjectDType"]
    numbers = [kind for kind in kinds if issubclass(kind, np.dtype)]
    # What NumPy itself names when it pickles a number, and an array; its module was once `core`.
    scalar, rebuild = np.float64().__reduce__()[0], np.zeros(0).__reduce__()[0]
    return [
        argparse.Namespace,
        np.dtype,
        np.ndarray,
        *numbers,
        *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
        *((rebuild, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    ]


def load_into(module: Any, path: Path, ref: str) -> tuple[str, ...]:
    """Load the weights of a checkpoint into `module`; return what had to be decided, in words.

    The state dict may lie inside a training checkpoint, and its names may share a prefix
    (`model.`). Raises `ModelLoadError` where no state dict in it has exactly the module's names.
    """
    expected = _names(module.state_dict())
    found = _states(read(path))
    fits = [
        (where, state, prefix)
        for where, state in found
        for prefix in _prefixes(expected, state)
        if _names(_under(state, prefix)) == expected
    ]
    if not fits:
        raise _misfit(expected, found, path, ref)
    where, state, prefix = fits[0]
    same = [each for place, _, each in fits if place == where]
    if len(same) > 1:
        raise ModelLoadError(
            f"got {len(same)} sets of weights in {path} that fit {ref}: under "
            + ", ".join(repr(each) for each in same),
            "save the one that is meant: torch.save(model.state_dict(), path)",
        )
    try:
        module.load_state_dict(_under(state, prefix))
    except Exception as error:
        raise ModelLoadError(
            f"got weights that do not fit {ref}: {path}: {reason(error)}",
            "give the weights of this very architecture",
        ) from error
    notes = tuple(_notes(path, fits))
    for note in notes:
        log.warning(note)
    return notes


def _notes(path: Path, fits: list[tuple[str, State, str]]) -> Iterator[str]:
    where, state, prefix = fits[0]
    others = [place for place, _, _ in fits[1:]]
    if others:
        yield f"took the weights under '{where}' of {path.name}, not those under {others}"
    if prefix:
        yield f"dropped the prefix '{prefix}' from the names in {path.name}"
        left = [name for name in state if not name.startswith(prefix)]
        if left:
            yield f"left out {len(left)} tensors of {path.name} outside '{prefix}': {_few(left)}"


def _states(value: Any, where: str = "", depth: int = 0) -> list[tuple[str, State]]:
    """Return every state dict in a checkpoint with its place, the likeliest first."""
    if not isinstance(value, Mapping) or depth > MAX_DEPTH:
        return []
    tensors = sum(hasattr(each, "untyped_storage") for each in value.values())
    texts = all(isinstance(key, str) for key in value)
    if tensors and texts and tensors == sum(not k.endswith("_extra_state") for k in value):
        return [(where, dict(value))]
    keys = sorted(value, key=lambda key: USUAL.index(key) if key in USUAL else len(USUAL))
    return [
        state
        for key in keys
        if isinstance(key, str)
        for state in _states(value[key], f"{where}.{key}".lstrip("."), depth + 1)
    ]


def _names(state: Mapping[str, Any]) -> set[str]:
    # Counters of BatchNorm: older files lack them, and PyTorch fills them in.
    return {name for name in state if not name.endswith("num_batches_tracked")}


def _under(state: State, prefix: str) -> State:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _prefixes(expected: set[str], state: Mapping[str, Any]) -> list[str]:
    """Return the prefixes under which expected names lie in `state`, the most frequent first."""
    found: Counter[str] = Counter()
    for name in state:
        starts = [0, *(match.end() for match in re.finditer(r"\.", name))]
        found.update(name[:start] for start in starts if name[start:] in expected)
    return sorted(found, key=lambda prefix: (-found[prefix], prefix))


def _misfit(
    expected: set[str], found: list[tuple[str, State]], path: Path, ref: str
) -> ModelLoadError:
    if not found:
        return ModelLoadError(
            f"got no state dict in {path}",
            "save one where it was trained: torch.save(model.state_dict(), path)",
        )
    _, state = max(found, key=lambda each: len(_names(each[1]) & expected))
    prefix = next(iter(_prefixes(expected, state)), "")
    names = _names(_under(state, prefix))
    inner = next(iter(_prefixes(names, dict.fromkeys(expected))), "")
    hint = "give the weights of this very architecture"
    if prefix:
        hint = f"did you mean the part under '{prefix}'? It fits best, but not whole"
    elif inner:
        hint = f"did you mean the module's '{inner.rstrip('.')}'? Return that from the factory"
    return ModelLoadError(
        f"got weights that do not fit {ref}: {path}: missing {_few(expected - names)}; "
        f"unexpected {_few(names - expected)}",
        hint,
    )


def _few(names: Any) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
    return (", ".join(listed[:4]) or "nothing") + more
