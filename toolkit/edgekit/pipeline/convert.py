"""From a model source to checked artifacts, through the cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit import formats
from edgekit.core.artifact import Artifact, Exported, ModelSource, Parity
from edgekit.core.recipe import Recipe, parse_recipe
from edgekit.errors import (
    DataError,
    EdgekitError,
    ExportError,
    ModelLoadError,
    UsageError,
)
from edgekit.pipeline.parity import check_parity
from edgekit.pipeline.plan import base_of, check_possible
from edgekit.pipeline.samples import Samples
from edgekit.pipeline.workspace import Update, Workspace
from edgekit.sources.model import Model, hub_of
from edgekit.system import packages, plugins, process, store


@dataclass(frozen=True)
class Converted:
    """An artifact, where its file lies, and whether the cache had it."""

    artifact: Artifact
    path: Path
    from_cache: bool


def file_name(made: Converted) -> str:
    """Return what an artifact is called: its model, its recipe, and its backend where it has one.

    Formats of one suffix, such as `executorch` and `executorch_vulkan`, must not share a name.
    """
    artifact = made.artifact
    name = artifact.card.name if artifact.card else "model"
    _, _, backend = artifact.format.partition("_")
    parts = [name, artifact.recipe.name, *([backend.replace("_", "-")] if backend else [])]
    return "-".join(parts) + made.path.suffix


def convert(model: Model, name: str, recipe: Recipe, work: Workspace) -> Converted:
    """Return the artifact of `model` in format `name`, exported now or found in the cache.

    Raises `ExportError` where it cannot be made, crashes, or computes something else.
    """
    check_possible(model.source, name, recipe)
    if recipe.is_calibrated and work.data is None:
        raise UsageError(
            f"got no representative dataset, expected one for recipe {recipe.name}",
            "give --data, or choose dynamic-int8, which needs none",
        )
    key = cache_key(model, name, recipe, work)
    with work.lock(key):
        made = work.made.get(key)
        if made is None and work.settings.use_cache:
            made = _whole(store.cached(key))
        if made is not None:
            return _read(made, model, from_cache=key not in work.made)
        work.made[key] = _export(model, name, recipe, key, work)
        return _read(work.made[key], model, from_cache=False)


def _export(model: Model, name: str, recipe: Recipe, key: str, work: Workspace) -> Path:
    """Export in a child process, check the file, and return its folder in the cache."""
    base = _base(model, name, recipe, work)
    label = f"{model.card.name} {name} {recipe.name}"
    with work.step(f"convert {label}") as update:
        made = work.folder / "export" / key[:16]
        made.mkdir(parents=True, exist_ok=True)
        payload = {
            **base.payload(trust=work.settings.trust, seed=work.settings.seed),
            "format": name,
            "recipe": recipe.model_dump(),
            "calibration": _calibration(base, recipe, work),
            "folder": str(made),
        }
        answer = _call_export(payload, work, update)
        exported, file = Exported.model_validate(answer["exported"]), Path(answer["file"])
        runtime = formats.exporter(name).RUNTIME
        parity = None
        if runtime:
            parity = check_parity(
                file, runtime, exported, recipe, model.card, answer["model_layout"]
            )
        artifact = _artifact(model, name, recipe, key, exported, file, parity)

    def fill(target: Path) -> None:
        store.copy(file, target / file.name)
        store.write_text(target / "artifact.json", artifact.to_json())

    if work.settings.use_cache:
        return store.keep(key, fill)
    fresh = work.folder / "fresh" / key
    fill(fresh)
    return fresh


def _call_export(payload: dict[str, Any], work: Workspace, update: Update) -> dict[str, Any]:
    """Run the export job. A crash before the model is loaded is the file's fault."""
    loaded = False

    def watch(progress: process.Progress) -> None:
        nonlocal loaded
        loaded = loaded or progress.loaded
        update(progress)

    def died(message: str, hint: str) -> EdgekitError:
        return ExportError(message, hint) if loaded else ModelLoadError(message, hint)

    return work.call("export", payload, died, watch)


def cache_key(model: Model, name: str, recipe: Recipe, work: Workspace) -> str:
    """Return the content address of an artifact: a hash of everything that decides its bytes."""
    source, exporter = formats.loader(model.source.kind), formats.exporter(name)
    data = work.data.fingerprint if work.data is not None and recipe.is_calibrated else None
    return store.key_of(
        {
            "source": [model.source.kind, model.source.sha256],
            # Weights that are not given are drawn by the seed.
            "seed": None if model.source.is_trained else work.settings.seed,
            "card": model.card.model_dump(mode="json"),
            "recipe": recipe.model_dump(mode="json"),
            "format": name,
            "data": [data, work.settings.skip_bad, work.settings.seed] if data else None,
            "tools": packages.versions((*source.PACKAGES, *exporter.PACKAGES)),
            "code": plugins.code_sha256(),
        }
    )


def _base(model: Model, name: str, recipe: Recipe, work: Workspace) -> Model:
    """Return what the exporter starts from: the model, or the file that this one derives from."""
    form = base_of(hub_of(model.source), name, recipe)
    if form is None:
        return model
    made = convert(model, form, parse_recipe("fp32"), work)
    source = ModelSource(
        kind=form, framework=model.source.framework, ref=model.source.ref, path=str(made.path),
        sha256=store.sha256_file(made.path), is_trained=model.source.is_trained,
    )  # fmt: skip
    card = model.card.model_copy(update={"layout": made.artifact.layout})
    return Model(source, card, made.artifact.input_names)


def _calibration(model: Model, recipe: Recipe, work: Workspace) -> dict[str, Any] | None:
    if not recipe.is_calibrated:
        return None
    samples = work.samples("calibration", model.card, model.layout, recipe.calibration_n)
    if samples.n < recipe.calibration_n:
        raise DataError(
            f"got {samples.n} usable calibration samples, expected {recipe.calibration_n}",
            f"repair the bad ones, or give --calibration {samples.n}",
        )
    return prepared(samples, work)


def prepared(samples: Samples, work: Workspace) -> dict[str, Any]:
    """Return what a job needs to read prepared inputs: their files, and the data's names."""
    assert work.data
    return {"files": [str(path) for path in samples.inputs], "names": work.data.input_names}


def _artifact(  # noqa: PLR0913, PLR0917
    model: Model,
    name: str,
    recipe: Recipe,
    key: str,
    exported: Exported,
    file: Path,
    parity: Parity | None,
) -> Artifact:
    source, exporter = formats.loader(model.source.kind), formats.exporter(name)
    return Artifact(
        path=file.name,
        format=name,
        size_bytes=store.size_of(file),
        sha256=store.sha256_tree(file),
        recipe=recipe,
        source=model.source,
        key=key,
        tools=packages.versions((*source.PACKAGES, *exporter.PACKAGES)),
        parity=parity,
        card=model.card,
        **dict(exported),
    )


def _whole(folder: Path | None) -> Path | None:
    """Return an entry of the cache that is still what was put there; a damaged one is no entry."""
    if folder is None:
        return None
    try:
        artifact = Artifact.from_json((folder / "artifact.json").read_bytes())
        if store.sha256_tree(folder / artifact.path) == artifact.sha256:
            return folder
    except (OSError, ValidationError):
        pass
    store.forget(folder)
    return None


def _read(folder: Path, model: Model, *, from_cache: bool) -> Converted:
    """Read an entry of the cache. Its source is named as the user named it this time."""
    kept = Artifact.from_json((folder / "artifact.json").read_text())
    artifact = kept.model_copy(update={"source": model.source})
    return Converted(artifact, folder / kept.path, from_cache)
