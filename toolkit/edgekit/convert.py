"""From a model source to checked artifacts, through the cache."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import ValidationError

from edgekit import plugins, process, store
from edgekit.core import borders
from edgekit.core.artifact import Artifact, ModelSource, Parity
from edgekit.core.card import ModelCard
from edgekit.core.exported import Exported
from edgekit.core.recipe import Recipe, parse_recipe
from edgekit.core.tensor import Array, Arrays, Layout, TensorSpec, dequantize, quantize
from edgekit.devices import local
from edgekit.errors import (
    DataError,
    EdgekitError,
    ExportError,
    ModelLoadError,
    RuntimeFailedError,
    UsageError,
)
from edgekit.samples import Samples
from edgekit.workspace import Update, Workspace

# Largest difference allowed from the float model, relative to its largest output. A float file
# computes the same sums in another order; half precision has 11 bits. Quantized files are only
# held to being finite here: what quantization costs is judged on real samples.
TOLERANCE = {"fp32": 1e-3, "fp16": 5e-2}

PARITY_SECONDS = 600


@dataclass(frozen=True)
class Model:
    """A source with its card, ready to be converted.

    `input_names` are those of the model that this one was made from, where it was.
    """

    source: ModelSource
    card: ModelCard
    input_names: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """Return how the model wants its images: as its card says, else as its framework does."""
        own: Layout = plugins.load("sources", self.source.kind).LAYOUT
        return self.card.layout or own

    def payload(self, work: Workspace) -> dict[str, Any]:
        """Return what a job needs to load the model."""
        return {
            "source": self.source.model_dump(mode="json"),
            "card": self.card.model_dump(mode="json"),
            "input_names": self.input_names,
            "trust": work.settings.trust,
            "seed": work.settings.seed,
        }


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


def base_of(hub: str, name: str, recipe: Recipe) -> str | None:
    """Return the format whose fp32 file a conversion starts from, or None: from the model itself.

    What cannot be made from `hub` at all is made from the ONNX file of the model.
    """
    exporter = plugins.load("exporters", name)
    own: str | None = None
    if hasattr(exporter, "derives_from"):
        own = exporter.derives_from(hub, recipe)
    return own or (None if _takes(exporter, hub) else "onnx")


def _takes(exporter: ModuleType, hub: str) -> bool:
    """Return whether an exporter starts from `hub`: ONNX graphs can be rebuilt as PyTorch ones."""
    return hub in exporter.HUBS or (hub == "onnx" and "torch" in exporter.HUBS)


def formats_for(hub: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the wanted formats can be made from `hub`."""
    over_onnx = hub in plugins.load("exporters", "onnx").HUBS
    exporters = {name: plugins.load("exporters", name) for name in wanted}
    return tuple(
        name
        for name, exporter in exporters.items()
        if _takes(exporter, hub) or (over_onnx and "torch" in exporter.HUBS)
    )


def hub_of(source: ModelSource) -> str:
    """Return the hub that a source yields."""
    return str(plugins.load("sources", source.kind).HUB)


def check_possible(source: ModelSource, name: str, recipe: Recipe) -> None:
    """Raise `ExportError` by name where a format or recipe cannot be made from this source."""
    exporter = plugins.load("exporters", name)
    if not formats_for(hub_of(source), (name,)):
        raise ExportError(
            f"got a {source.kind} model for format {name}, "
            f"which is made from {' or '.join(exporter.HUBS)} models: {source.ref}",
            "start from the model that this file was made of, or choose another target",
        )
    why = exporter.refusal(recipe)
    if why:
        hint = "leave --batch-max out" if recipe.batch_max > 1 else "choose another recipe"
        raise ExportError(f"got recipe {recipe.name} for {name}: {why}", hint)
    if recipe.name == "fp32" and source.kind == name == "tflite":
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
            "calibration": _calibration(base, recipe, work),
            "folder": str(made),
        }
        answer = _call_export(payload, work, update)
        exported, file = Exported.model_validate(answer["exported"]), Path(answer["file"])
        runtime = plugins.load("exporters", name).RUNTIME
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


def check_parity(
    file: Path, runtime: str, exported: Exported, recipe: Recipe, card: ModelCard, before: Layout
) -> Parity:
    """Run the file once in a child process and hold it against the float model's outputs.

    `before` is the layout of the float model's images.
    """
    folder = file.parent
    fed = [folder / f"fed-{i}.npy" for i in range(len(exported.inputs))]
    with store.writing(folder):
        for i, spec in enumerate(exported.inputs):
            np.save(fed[i], quantize(np.load(folder / f"parity_input-{i}.npy"), spec))
    got = [folder / f"parity_got-{i}.npy" for i in range(len(exported.outputs))]
    request = {
        "runtime": runtime,
        "model": str(file),
        "inputs": [str(path) for path in fed],
        "outputs": [str(path) for path in got],
    }
    try:
        local.measure(request, folder, PARITY_SECONDS)
    except RuntimeFailedError as error:
        raise ExportError(f"converted, but {error.message}", error.hint) from error
    outputs = [dequantize(np.load(p), s) for p, s in zip(got, exported.outputs, strict=True)]
    floats = tuple(np.load(folder / f"parity_output-{i}.npy") for i in range(len(outputs)))
    reference = borders.outputs_laid_out(floats, before, exported.layout, card)
    inputs_from = "calibration" if recipe.is_calibrated else "noise"
    return _parity(outputs, reference, recipe, inputs_from)


def _parity(got: list[Array], reference: Arrays, recipe: Recipe, inputs_from: str) -> Parity:
    """Compare output by output; the largest difference, and the largest value, count."""
    allowed, worst, largest = TOLERANCE.get(recipe.name), 0.0, 0.0
    for mine, wanted in zip(got, reference, strict=True):
        if mine.shape != wanted.shape:
            raise ExportError(f"got outputs {mine.shape} from the file, expected {wanted.shape}")
        if not np.isfinite(mine).all():
            raise ExportError(
                "got NaN or infinite values out of the converted file",
                "the float model itself may give them; if not, try fp32",
            )
        difference, scale = float(np.abs(mine - wanted).max()), float(np.abs(wanted).max())
        if allowed is not None and difference > allowed * max(scale, 1e-6):
            raise ExportError(
                f"got a difference of {difference:.3g} from the float model on {len(mine)} "
                f"samples, expected at most {allowed * scale:.3g} for {recipe.name}",
                "the converter changed what the model computes; report the model's layers",
            )
        worst, largest = max(worst, difference), max(largest, scale)
    return Parity(
        samples=len(got[0]),
        max_abs_difference=worst,
        reference_max_abs=largest,
        agreement=_agreement(got[0], reference[0]),
        inputs_from=inputs_from,
    )


def _agreement(got: Array, reference: Array) -> float | None:
    """Return the share of samples with the same largest output, or None for other outputs."""
    if got.ndim != 2 or got.shape[1] < 2:
        return None
    return float((got.argmax(1) == reference.argmax(1)).mean())


def _artifact(  # noqa: PLR0913, PLR0917
    model: Model,
    name: str,
    recipe: Recipe,
    key: str,
    exported: Exported,
    file: Path,
    parity: Parity | None,
) -> Artifact:
    source, exporter = plugins.load("sources", model.source.kind), plugins.load("exporters", name)
    return Artifact(
        path=file.name,
        format=name,
        size_bytes=store.size_of(file),
        sha256=store.sha256_tree(file),
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


def specs_of(facts: dict[str, Any], key: str) -> tuple[TensorSpec, ...]:
    """Return the borders that an inspector found, numbered where the file gives no names."""
    return tuple(
        TensorSpec.model_validate({"name": f"{key}_{i}", **spec})
        for i, spec in enumerate(facts[key])
    )
