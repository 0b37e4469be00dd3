"""Reading `.keras` and `.h5` files before Keras does.

What would run code is refused; what Keras 2 wrote and Keras 3 no longer knows is migrated, and each
change is named.
"""

import contextlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.errors import ModelLoadError
from edgekit.system import archive, packages

H5_SUFFIXES = (".h5", ".hdf5")

# A config is text about layers; one larger than this is not a model's.
MAX_CONFIG_BYTES = 64 * 2**20
MAX_MODEL_BYTES = 8 * 2**30

# JSON of a layer, with whatever its class takes.
Config = dict[str, Any]

# Arguments that Keras 2 wrote and Keras 3 refuses, with the values that change nothing. A value of
# None stands for any: the argument chose among equal implementations.
HARMLESS: dict[str, tuple[Any, ...] | None] = {
    "groups": (1,),
    "time_major": (False,),
    "implementation": None,
    "ragged": (False, None),
    "renorm": (False,),
    "renorm_clipping": (None, {}),
    "renorm_momentum": None,
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "fused": None,
    "input_length": None,
    "rng_type": None,
    "experimental_run_tf_function": None,
}
# What only training needs of an argument, by the end of its name.
TRAINING = ("_initializer", "_regularizer", "_constraint")


def check(path: Path, *, trust: bool) -> None:
    """Refuse a file that is broken, or that would run code when loaded without `trust`.

    Raises `ModelLoadError`.
    """
    config = read_config(path)
    lambdas = [name for kind, name, _ in objects(config) if kind in {"Lambda", "__lambda__"}]
    if lambdas and not trust:
        raise ModelLoadError(
            f"got a Lambda layer in {path}: {', '.join(lambdas)}; loading it would run its code",
            "rewrite it as a layer class, or give --trust if you know where the file is from",
        )
    if path.suffix.lower() not in H5_SUFFIXES:
        with _whole(".keras archive", path):
            check_weights(path)


def check_weights(path: Path) -> None:
    """Refuse a `.h5` file, or a zip with such, that has data outside of itself.

    Raises `ModelLoadError`, and for a broken file whatever the readers do.
    """
    import h5py

    if path.suffix.lower() in H5_SUFFIXES:
        with h5py.File(path, "r") as file:
            _refuse_external(file, path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as opened:
            for name in opened.namelist():
                if name.lower().endswith(H5_SUFFIXES):
                    _check_member(opened, name, path)


def _check_member(opened: zipfile.ZipFile, name: str, path: Path) -> None:
    import h5py

    # Going back and forth in a member of a zip reads it from its start each time.
    with opened.open(name) as member, tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(member, copy)
        copy.seek(0)
        with h5py.File(copy, "r") as file:
            _refuse_external(file, path)


def lacks_class(error: BaseException) -> bool:
    """Return whether Keras, 2 or 3, says that it knows no class of the name in a file."""
    return any(words in str(error) for words in ("Could not locate", "Unknown layer"))


def is_keras2(path: Path) -> bool:
    """Return whether Keras 2 wrote a file, by what it says itself."""
    return version(path).startswith(("2.", "unknown"))


def version(path: Path) -> str:
    """Return the version of Keras that wrote a file, or `unknown`, as old ones are."""
    if path.suffix.lower() not in H5_SUFFIXES:
        with zipfile.ZipFile(path) as opened, opened.open("metadata.json") as member:
            return str(json.loads(member.read(MAX_CONFIG_BYTES)).get("keras_version"))
    import h5py

    with h5py.File(path, "r") as file:
        return str(file.attrs.get("keras_version", "unknown"))


def read_config(path: Path) -> Any:
    """Return the model's config, JSON as plain data. Raises `ModelLoadError`."""
    kind = ".h5 file" if path.suffix.lower() in H5_SUFFIXES else ".keras archive"
    if kind == ".h5 file":
        packages.versions(("h5py",))
    with _whole(kind, path):
        config = _h5_config(path) if kind == ".h5 file" else _zip_config(path)
        config["class_name"]  # so that what is no config stops here
        return config


@contextlib.contextmanager
def _whole(kind: str, path: Path) -> Iterator[None]:
    """Raise `ModelLoadError` for whatever a hostile file can make the readers raise."""
    try:
        yield
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got a file that is no whole {kind} of a model: {path}: {error}",
            "it may be truncated; copy it again, or save the model again",
        ) from error


def _zip_config(path: Path) -> Any:
    archive.check(path, max_total_bytes=MAX_MODEL_BYTES)
    with zipfile.ZipFile(path) as opened, opened.open("config.json") as member:
        # What is longer than allowed is cut off, and then is no JSON.
        config = json.loads(member.read(MAX_CONFIG_BYTES))
        json.loads(opened.read("metadata.json"))
        return config


def _h5_config(path: Path) -> Any:
    import h5py

    with h5py.File(path, "r") as file:
        _refuse_external(file, path)
        text = file.attrs.get("model_config")
        if text is None:
            raise ModelLoadError(
                f"got weights alone in {path}, expected a model",
                f"name the code that builds it: edgekit convert file.py:factory --weights {path}",
            )
        return json.loads(text)


def _refuse_external(file: Any, path: Path) -> None:
    for name in _external(file):
        raise ModelLoadError(
            f"got data outside of the file in {path}: {name}", "save the model as one file"
        )


def _external(group: Any) -> Iterator[str]:
    """Yield what in an HDF5 file points to another file."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield f"{group.name}/{name} -> {link.filename}"
        elif isinstance(link, h5py.HardLink):
            item = group[name]
            if isinstance(item, h5py.Group):
                yield from _external(item)
            elif isinstance(item, h5py.Dataset) and item.is_virtual:
                sources = sorted({source.file_name for source in item.virtual_sources()})
                yield f"{item.name} -> {', '.join(sources)}"
            elif isinstance(item, h5py.Dataset) and item.external:
                yield f"{item.name} -> {item.external[0][0]}"


def objects(node: Any) -> Iterator[tuple[str, str, Config]]:
    """Yield class, name and config of every object in a Keras config."""
    if isinstance(node, dict):
        kind, inner = node.get("class_name"), node.get("config")
        if isinstance(kind, str):
            config = inner if isinstance(inner, dict) else {}
            yield kind, str(config.get("name", kind)), config
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def migrated(path: Path, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Return a copy of a Keras 2 `.h5` file that Keras 3 loads, and each change in words.

    A file with nothing to change is returned itself. Raises `ModelLoadError` for an argument whose
    value Keras 3 has nothing for.
    """
    import h5py

    config = read_config(path)
    before = json.dumps(config)
    changes = tuple(_migrate(config, path))
    with h5py.File(path, "r") as file:
        optimizer = _old_optimizer(file.attrs.get("training_config"))
    if json.dumps(config) == before and not optimizer:
        return path, ()
    copy = folder / path.name
    shutil.copyfile(path, copy)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs.pop("training_config", None)
    return copy, (*changes, *optimizer)


def _migrate(config: Any, path: Path) -> Iterator[str]:
    """Remove from `config`, in place, what Keras 3 refuses; yield what was removed."""
    import keras

    yield from _renamed(config)
    for kind, name, inner in objects(config):
        layer = getattr(keras.layers, kind, None)
        if layer is None:
            continue
        axis = inner.get("axis")
        if kind == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
            inner["axis"] = axis[0]
        for key in _unknown_arguments(layer, inner):
            allowed = HARMLESS.get(key)
            value = inner[key]
            if allowed is not None and value not in allowed:
                raise ModelLoadError(
                    f"got {key}={value!r} in layer {name} ({kind}) of {path}, expected "
                    f"{' or '.join(map(repr, allowed))}: Keras 3 has no such argument",
                    "convert it with the Keras 2 that wrote it, to a SavedModel",
                )
            del inner[key]
            if key in HARMLESS:
                yield f"{name} ({kind}): dropped {key}={value!r}, which changes nothing"


def _unknown_arguments(layer: Any, config: Config) -> list[str]:
    """Return the arguments that change nothing, and neither the layer nor its parents take."""
    import inspect

    taken = {
        name
        for parent in layer.__mro__
        if "__init__" in vars(parent)
        for name in inspect.signature(parent.__init__).parameters
    }
    return [
        key for key in config if (key in HARMLESS or key.endswith(TRAINING)) and key not in taken
    ]


def _renamed(config: Any) -> Iterator[str]:
    """Write `_` for `/` in the names of layers, which Keras 3 forbids; yield what was renamed."""
    names = {name for _, name, inner in objects(config) if "/" in name and "name" in inner}
    new = {name: name.replace("/", "_") for name in names}
    taken = {name for _, name, _ in objects(config)}
    if not new or set(new.values()) & taken or len(set(new.values())) < len(new):
        return
    _replace(config, new)
    first = min(new)
    yield f"renamed {len(new)} layers with / in their names: {first} is {new[first]}"


def _replace(node: Any, new: dict[str, str]) -> None:
    """Replace texts that are names of layers, in place: those of layers, and of links to them."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(pairs):
        if isinstance(value, str):
            node[key] = new.get(value, value)
        elif isinstance(value, dict | list):
            _replace(value, new)


def _old_optimizer(text: str | bytes | None) -> tuple[str, ...]:
    """Say which optimizer arguments are left behind; a converted model needs no optimizer."""
    training = json.loads(text) if text else {}
    optimizer = training.get("optimizer_config") or {}
    old = sorted({"decay", "lr"} & set(optimizer.get("config", {})))
    if not old:
        return ()
    name = optimizer.get("class_name", "optimizer")
    return (f"left the optimizer out: {name} has {', '.join(old)} of Keras 2",)
