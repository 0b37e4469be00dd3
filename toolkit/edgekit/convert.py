"""From a model source to checked artifacts, through the cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from edgekit import plugins, store
from edgekit.core.artifact import Artifact, ModelSource, Parity
from edgekit.core.card import Framework, ModelCard
from edgekit.core.exported import Exported
from edgekit.core.recipe import Recipe, parse_recipe
from edgekit.core.tensor import Array, TensorSpec, dequantize, quantize
from edgekit.devices import local
from edgekit.errors import DataError, ExportError, RuntimeFailedError, UsageError
from edgekit.workspace import Workspace

# Largest difference allowed from the float model, relative to its largest output. A float file
# computes the same sums in another order; half precision has 11 bits. Quantized files are only
# held to being finite here: what quantization costs is judged on real samples.
TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}

PARITY_SECONDS = 600


@dataclass(frozen=True)
class Model:
    """A source with its card, ready to be converted."""

    source: ModelSource
    card: ModelCard

    @property
    def framework(self) -> Framework:
        """Return the framework whose layout the model's inputs have."""
        return "torch" if self.source.framework == "torch" else "keras"

    def payload(self, work: Workspace) -> dict[str, Any]:
        """Return what a job needs to load the model."""
        return {
            "source": self.source.model_dump(mode="json"),
            "card": self.card.model_dump(mode="json"),
            "trust": work.settings.trust,
            "seed": work.settings.seed,
        }


@dataclass(frozen=True)
class Converted:
    """An artifact, where its file lies, and whether the cache had it."""

    artifact: Artifact
    path: Path
    from_cache: bool


def formats_for(hub: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the wanted formats can be made from `hub`."""
    exporters = {name: plugins.load("exporters", name) for name in wanted}
    return tuple(name for name, exporter in exporters.items() if hub in exporter.HUBS)


def hub_of(source: ModelSource) -> str:
    """Return the hub that a source yields."""
    return str(plugins.load("sources", source.kind).HUB)


def check_possible(source: ModelSource, name: str, recipe: Recipe) -> None:
    """Raise `ExportError` by name where a format or recipe cannot be made from this source."""
    exporter = plugins.load("exporters", name)
    if hub_of(source) not in exporter.HUBS:
        raise ExportError(
            f"got a {source.framework} model for format {name}, "
            f"which is made from {' or '.join(exporter.HUBS)} models: {source.ref}",
            "convert the model of the other framework, or choose another target",
        )
    why = exporter.refusal(recipe)
    if why:
        raise ExportError(f"got recipe {recipe.name} for {name}: {why}", "choose another recipe")
    if recipe.name == "fp32" and source.kind == name:
        raise ExportError(f"got {source.ref}, which is {name} fp32 already", "choose int8 or fp16")


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
            **base.payload(work),
            "format": name,
            "recipe": recipe.model_dump(),
            "calibration": _calibration(model, recipe, work),
            "folder": str(made),
        }
        answer = work.call("export", payload, ExportError, update)
        exported, file = Exported.model_validate(answer["exported"]), Path(answer["file"])
        parity = check_parity(file, name, exported, recipe)
        artifact = _artifact(model, name, recipe, key, exported, file, parity)

    def fill(target: Path) -> None:
        store.copy_file(file, target / file.name)
        store.write_text(target / "artifact.json", artifact.to_json())

    if work.settings.use_cache:
        return store.keep(key, fill)
    fresh = work.folder / "fresh" / key
    fill(fresh)
    return fresh


def cache_key(model: Model, name: str, recipe: Recipe, work: Workspace) -> str:
    """Return the content address of an artifact: a hash of everything that decides its bytes."""
    source, exporter = plugins.load("sources", model.source.kind), plugins.load("exporters", name)
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
            "tools": plugins.versions((*source.PACKAGES, *exporter.PACKAGES)),
            "code": plugins.code_sha256(),
        }
    )


def _base(model: Model, name: str, recipe: Recipe, work: Workspace) -> Model:
    """Return what the exporter starts from: the model, or the file that this one derives from."""
    needed = plugins.load("exporters", name).derives_from(recipe)
    if needed is None or model.source.kind == name:
        return model
    file = convert(model, name, parse_recipe(needed), work).path
    source = ModelSource(
        kind=name, framework=model.framework, ref=model.source.ref, path=str(file),
        sha256=store.sha256_file(file),
    )  # fmt: skip
    return Model(source, model.card)


def _calibration(model: Model, recipe: Recipe, work: Workspace) -> str | None:
    if not recipe.is_calibrated:
        return None
    preprocess = model.card.preprocess_for(model.framework)
    samples = work.samples("calibration", preprocess, recipe.calibration_n)
    if samples.n < recipe.calibration_n:
        raise DataError(
            f"got {samples.n} usable calibration samples, expected {recipe.calibration_n}",
            f"repair the bad ones, or give --calibration {samples.n}",
        )
    return str(samples.inputs)


def check_parity(file: Path, name: str, exported: Exported, recipe: Recipe) -> Parity:
    """Run the file once in a child process and hold it against the float model's outputs."""
    inputs = np.load(file.parent / "parity_inputs.npy")
    reference = np.load(file.parent / "parity_outputs.npy")
    spec = exported.inputs[0]
    with store.writing(file.parent):
        np.save(file.parent / "fed.npy", quantize(inputs, spec))
    request = {
        "runtime": plugins.load("exporters", name).RUNTIME,
        "model": str(file),
        "inputs": [str(file.parent / "fed.npy")],
        "outputs": [str(file.parent / "parity_got.npy")],
    }
    try:
        local.measure(request, file.parent, PARITY_SECONDS)
    except RuntimeFailedError as error:
        raise ExportError(f"converted, but {error.message}", error.hint) from error
    got = dequantize(np.load(file.parent / "parity_got.npy"), exported.outputs[0])
    return _parity(got, reference, recipe, "calibration" if recipe.is_calibrated else "noise")


def _parity(got: Array, reference: Array, recipe: Recipe, inputs_from: str) -> Parity:
    if got.shape != reference.shape:
        raise ExportError(f"got outputs {got.shape} from the file, expected {reference.shape}")
    if not np.isfinite(got).all():
        raise ExportError(
            "got NaN or infinite values out of the converted file",
            "the float model itself may give them; if not, try fp32",
        )
    difference = float(np.abs(got - reference).max())
    largest = float(np.abs(reference).max())
    allowed = TOLERANCE.get(recipe.name)
    if allowed is not None and difference > allowed * max(largest, 1e-6):
        raise ExportError(
            f"got a difference of {difference:.3g} from the float model on {len(got)} samples, "
            f"expected at most {allowed * largest:.3g} for {recipe.name}",
            "the converter changed what the model computes; report the model's layers",
        )
    return Parity(
        samples=len(got),
        max_abs_difference=difference,
        reference_max_abs=largest,
        inputs_from=inputs_from,
    )


def _artifact(  # noqa: PLR0913, PLR0917
    model: Model,
    name: str,
    recipe: Recipe,
    key: str,
    exported: Exported,
    file: Path,
    parity: Parity,
) -> Artifact:
    source, exporter = plugins.load("sources", model.source.kind), plugins.load("exporters", name)
    return Artifact(
        path=file.name,
        format=name,
        size_bytes=file.stat().st_size,
        sha256=store.sha256_file(file),
        recipe=recipe,
        source=model.source,
        key=key,
        tools=plugins.versions((*source.PACKAGES, *exporter.PACKAGES)),
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
        if store.sha256_file(folder / artifact.path) == artifact.sha256:
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


def specs_of(facts: dict[str, Any], key: str) -> tuple[TensorSpec, ...]:
    """Return the borders that an inspector found, numbered where the file gives no names."""
    return tuple(
        TensorSpec.model_validate({"name": f"{key}_{i}", **spec})
        for i, spec in enumerate(facts[key])
    )
