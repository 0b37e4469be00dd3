"""Kinds of model files, a folder each: all that edgekit knows of one lies in its folder.

`sources` and `pipeline` come in by the doors below; nobody else names a format's module. What is a
format is told by the files in a folder: `loader.py` reads models, `exporter.py` makes the format of
the folder's name and `exporter_x.py` the format `folder_x`, `inspector.py` says what a file holds,
`trainer.py` trains. A format never judges a file for a target.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from edgekit.system.plugins import Door

if TYPE_CHECKING:
    from edgekit.core.artifact import Exported, FloatModel, ModelSource
    from edgekit.core.card import ModelCard, Training
    from edgekit.core.facts import Facts
    from edgekit.core.recipe import Recipe
    from edgekit.core.tensor import Array, Arrays, Layout


class Loader(Protocol):
    """Reads models of one kind.

    `SUFFIXES` are those of its files; `HUB` is what a model becomes: keras, tensorflow, torch, onnx
    or tflite; `LAYOUT` is how images lie in it where its card does not say; `PACKAGES` are the
    distributions it needs, by name.
    """

    SUFFIXES: tuple[str, ...]
    HUB: str
    LAYOUT: "Layout"
    PACKAGES: tuple[str, ...]

    def load(
        self, source: "ModelSource", card: "ModelCard", *, trust: bool, seed: int = 0
    ) -> "FloatModel":
        """Return the model, alive in this process; `seed` draws weights that are not given.

        Nothing in a file runs without `trust`. Raises `ModelLoadError`.
        """
        ...


@runtime_checkable
class Foldered(Protocol):
    """A loader whose models are folders that no suffix marks."""

    def folder_of(self, path: Path) -> Path | None:
        """Return the model that lies in a folder, or that a file belongs to; None without one."""
        ...


@runtime_checkable
class Accompanied(Protocol):
    """A loader whose models may keep weights in files beside their own."""

    def companions(self, path: Path) -> tuple[Path, ...]:
        """Return the files that the model in `path` names and that are there, in order."""
        ...


class Exporter(Protocol):
    """Makes files of one format.

    `SUFFIX` is theirs, `RUNTIME` what runs them here, or None; `HUBS` what it starts from, the
    nearest first: where "torch" is one of them, ONNX files come as PyTorch modules, and models of
    TensorFlow as their ONNX file; `RECIPES` are the names of the recipes it knows. `TEXTS` are the
    texts of a card (`core.card.TEXTS`) that it writes into its files.
    """

    SUFFIX: str
    RUNTIME: str | None
    HUBS: tuple[str, ...]
    PACKAGES: tuple[str, ...]
    RECIPES: tuple[str, ...]
    TEXTS: tuple[str, ...]

    def refusal(self, recipe: "Recipe") -> str | None:
        """Return why this recipe cannot be honoured, or None."""
        ...

    def export(
        self,
        model: "FloatModel",
        recipe: "Recipe",
        samples: "Arrays | None",
        path: Path,
        card: "ModelCard",
    ) -> "Exported":
        """Write `path` for a batch of 1, or of 1 to `recipe.batch_max`.

        `samples`, one `(n, ...)` array per input, are the representative dataset. Raises
        `ExportError` by name for what cannot be made.
        """
        ...


@runtime_checkable
class Deriving(Protocol):
    """An exporter some of whose files are made from the fp32 file of a format, its own or another.

    `derives_from(hub, recipe)` returns that format, or None for those made from the model itself.
    """

    def derives_from(self, hub: str, recipe: "Recipe") -> str | None:
        """Return the format whose fp32 file a conversion starts from."""
        ...


@runtime_checkable
class DifferingByCpu(Protocol):
    """An exporter some of whose files depend on the kind of CPU that they are for."""

    def differs_by_cpu(self, recipe: "Recipe") -> bool:
        """Return whether files for CPUs that add int8 products exactly are others."""
        ...


@runtime_checkable
class Helped(Protocol):
    """An exporter that needs more than its `PACKAGES` where it starts from some hubs."""

    def packages_from(self, hub: str) -> tuple[str, ...]:
        """Return the distributions that starting from `hub` needs besides, by name."""
        ...


@runtime_checkable
class Choosing(Protocol):
    """A loader that loads some files otherwise where `OPTIONAL` distributions are installed."""

    OPTIONAL: tuple[str, ...]


class Inspector(Protocol):
    """Says what a file holds, without running anything in it. `SUFFIXES` are those of its files."""

    SUFFIXES: tuple[str, ...]

    def inspect(self, path: Path) -> "Facts":
        """Return what the file says. Raises `ModelLoadError` for a broken one."""
        ...


@runtime_checkable
class Signed(Protocol):
    """An inspector of files that may hold several signatures."""

    def inspect_signature(self, path: Path, signature: str | None) -> "Facts":
        """Return what the file says, and of the signature its inputs, outputs and operators."""
        ...


@runtime_checkable
class Describing(Protocol):
    """An inspector that also describes a model of its hub, alive in this process."""

    def describe(self, model: "FloatModel") -> "Facts":
        """Return inputs and outputs, layers and how many parameters there are."""
        ...


class Fitted(NamedTuple):
    """A trained model's file, and its best epoch by the accuracy, a fraction, on `selection`."""

    file: Path
    epochs_run: int
    best_epoch: int
    selection_accuracy: float


class Trainer(Protocol):
    """Trains models of one framework. `SUFFIX` is that of the files it saves."""

    SUFFIX: str

    def fit(
        self,
        model: "FloatModel",
        train: "tuple[Array, Array]",
        selection: "tuple[Array, Array]",
        settings: "Training",
        seed: int,
        folder: Path,
    ) -> Fitted:
        """Train `model` in place and save the best epoch in `folder`, TensorBoard logs in `logs`.

        `train` and `selection` are inputs `(n, ...)` and labels `(n,)`; the best epoch is the one
        with the highest accuracy on `selection`.
        """
        ...


_LOADERS = Door[Loader]("kind of model", __name__, role="loader")
_EXPORTERS = Door[Exporter]("format", __name__, role="exporter")
_INSPECTORS = Door[Inspector]("kind of file", __name__, role="inspector")
_TRAINERS = Door[Trainer]("framework", __name__, role="trainer")

loader, loaders = _LOADERS.load, _LOADERS.names
exporter, exporters = _EXPORTERS.load, _EXPORTERS.names
inspector, inspectors = _INSPECTORS.load, _INSPECTORS.names
trainer, trainers = _TRAINERS.load, _TRAINERS.names


def packages_of(kind: str, name: str) -> tuple[str, ...]:
    """Return the distributions that make a file of format `name` of a model of `kind`."""
    source, maker = loader(kind), exporter(name)
    more = maker.packages_from(source.HUB) if isinstance(maker, Helped) else ()
    return tuple(dict.fromkeys((*source.PACKAGES, *maker.PACKAGES, *more)))


def optional_of(kind: str) -> tuple[str, ...]:
    """Return the distributions that a model of `kind` may be loaded by, and that may be absent."""
    source = loader(kind)
    return source.OPTIONAL if isinstance(source, Choosing) else ()


def loader_of(suffix: str) -> str | None:
    """Return the kind of model that files of a suffix are, or None where nothing reads them."""
    return next((name for name in loaders() if suffix in loader(name).SUFFIXES), None)


def loaded_suffixes() -> tuple[str, ...]:
    """Return the suffixes of all files that models are loaded from, sorted."""
    return tuple(sorted(suffix for name in loaders() for suffix in loader(name).SUFFIXES))


class ModelFolder(NamedTuple):
    """A model that is a folder: the kind of its loader, and where it lies."""

    kind: str
    path: Path


def model_folder(path: Path) -> ModelFolder | None:
    """Return the model that lies in a folder, or that a file belongs to; None without one."""
    for name in loaders():
        module = loader(name)
        found = module.folder_of(path) if isinstance(module, Foldered) else None
        if found is not None:
            return ModelFolder(name, found)
    return None
