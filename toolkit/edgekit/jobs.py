"""What runs in child processes: each function takes and returns plain data, and owns its process.

The parent calls these by name through `process.call`; arrays travel as `.npy` files.
"""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import plugins, samples, store
from edgekit.core import dataset as datasets
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard, Trained
from edgekit.core.preprocess import Preprocess
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Array
from edgekit.errors import DataError, ExportError, ModelLoadError

# How many samples an exported file is held against its float model on, before it counts.
PARITY_SAMPLES = 8
PREDICT_BATCH = 256


def prepare(payload: dict[str, Any]) -> dict[str, Any]:
    """Write one part of a data set, preprocessed, into a folder.

    `part` is `train`, `calibration` or `test`; `n` takes that many of it, seeded.
    """
    data = samples.open_dataset(payload["data"])
    indices = getattr(datasets.split(data, payload["seed"]), payload["part"])
    if payload.get("n"):
        indices = datasets.choose(indices, payload["n"], payload["seed"])
    if not len(indices):
        raise DataError(f"got no {payload['part']} samples in {data.name}", "give more data")
    log = _Skipped()
    logging.getLogger("edgekit").addHandler(log)
    done = samples.prepare(
        data,
        indices,
        Preprocess.model_validate(payload["preprocess"]),
        Path(payload["folder"]),
        skip_bad=payload["skip_bad"],
    )
    return {
        "inputs": str(done.inputs),
        "labels": str(done.labels),
        "n": done.n,
        "skipped": log.records,
    }


class _Skipped(logging.Handler):
    """Collects what was left out, for the user to see: a child's own output is nobody's."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.records.append(record.getMessage())


def train(payload: dict[str, Any]) -> dict[str, Any]:
    """Train a model built by a factory; return its file and the card that belongs beside it."""
    source, card = _source(payload), ModelCard.model_validate(payload["card"])
    plugins.versions(("tensorboard",))
    model = _load(payload)
    folder, trainer = Path(payload["folder"]), plugins.load("training", source.framework)
    parts = [_samples(payload[part]) for part in ("train", "calibration")]
    _check_fit(model, parts[0][0])
    found = trainer.fit(model, *parts, card.training, payload["seed"], folder)
    trained = Trained(
        data=payload["data"],
        data_sha256=payload["data_sha256"],
        seed=payload["seed"],
        epochs_run=found["epochs_run"],
        best_epoch=found["best_epoch"],
        selection_accuracy=found["selection_accuracy"],
        samples=len(parts[0][1]),
        versions=plugins.versions(plugins.load("sources", source.kind).PACKAGES),
    )
    done = card.model_copy(update={"trained": trained})
    return {"file": found["file"], "card": done.model_dump(mode="json")}


def predict(payload: dict[str, Any]) -> dict[str, Any]:
    """Write the float model's outputs `(n, ...)` for prepared inputs, as float32."""
    model = _load(payload)
    inputs = np.load(payload["inputs"], mmap_mode="r")
    _check_fit(model, inputs)
    _predict(model, inputs, Path(payload["outputs"]))
    return {"versions": plugins.versions(plugins.load("sources", model.source.kind).PACKAGES)}


def export(payload: dict[str, Any]) -> dict[str, Any]:
    """Export a model by one recipe; also write the samples and float outputs to hold it against."""
    warnings.filterwarnings("ignore")
    model, recipe = _load(payload), Recipe.model_validate(payload["recipe"])
    exporter = plugins.load("exporters", payload["format"])
    if model.hub not in exporter.HUBS:
        raise ExportError(f"got a {model.hub} model, {payload['format']} takes {exporter.HUBS}")
    calibration, folder = payload.get("calibration"), Path(payload["folder"])
    representative = np.load(calibration, mmap_mode="r") if calibration else None
    if representative is not None:
        _check_fit(model, representative)
    shape = model.inputs[0].shape[1:]
    if any(size < 0 for size in shape):
        raise ExportError(
            f"got an input of no fixed shape: {model.inputs[0].in_words()}",
            "fix height and width when building the model; only the batch may be left open",
        )
    _check_classes(model, ModelCard.model_validate(payload["card"]))
    path = folder / f"model{exporter.SUFFIX}"
    done = exporter.export(model, recipe, representative, path)
    inputs = _parity_inputs(representative, shape)
    np.save(folder / "parity_inputs.npy", inputs)
    _predict(model, inputs, folder / "parity_outputs.npy")
    return {"file": str(path), "exported": done.model_dump(mode="json")}


def inspect(payload: dict[str, Any]) -> dict[str, Any]:
    """Return what a model file says about itself."""
    path = Path(payload["path"])
    inspector = plugins.load("inspectors", payload["kind"])
    facts: dict[str, Any] = inspector.inspect(path)
    size = path.stat().st_size
    return {"path": str(path), "size_bytes": size, "sha256": store.sha256_file(path), **facts}


def _source(payload: dict[str, Any]) -> ModelSource:
    return ModelSource.model_validate(payload["source"])


def _load(payload: dict[str, Any]) -> FloatModel:
    source = _source(payload)
    module = plugins.load("sources", source.kind)
    plugins.versions(module.PACKAGES)
    card = ModelCard.model_validate(payload["card"])
    model: FloatModel = module.load(source, card, trust=payload["trust"], seed=payload["seed"])
    return model


def _samples(part: dict[str, Any]) -> tuple[Array, Array]:
    return np.load(part["inputs"], mmap_mode="r"), np.load(part["labels"])


def _predict(model: FloatModel, inputs: Array, path: Path) -> None:
    parts = [
        model.predict(np.array(inputs[start : start + PREDICT_BATCH]))
        for start in range(0, len(inputs), PREDICT_BATCH)
    ]
    np.save(path, np.concatenate(parts).astype(np.float32))


def _parity_inputs(representative: Array | None, shape: tuple[int, ...]) -> Array:
    """Return real samples where there are some, else seeded noise in the usual range."""
    if representative is not None:
        return np.array(representative[:PARITY_SAMPLES])
    noise = np.random.default_rng(0).uniform(-1, 1, (PARITY_SAMPLES, *shape))
    return noise.astype(np.float32)


def _check_fit(model: FloatModel, inputs: Array) -> None:
    wanted, got = model.inputs[0].shape[1:], inputs.shape[1:]
    if len(wanted) != len(got) or any(w not in {-1, g} for w, g in zip(wanted, got, strict=True)):
        raise DataError(
            f"got samples of shape {_x(got)}, expected {_x(wanted)} by model {model.source.ref}",
            "give a card whose preprocess makes them fit (--card), or other data",
        )


def _check_classes(model: FloatModel, card: ModelCard) -> None:
    outputs = model.outputs[0].shape[-1]
    if card.labels and outputs != len(card.labels):
        raise ModelLoadError(
            f"got {len(card.labels)} labels in the card of {model.source.ref}, expected {outputs}, "
            "one for each output",
            "correct the card's labels",
        )


def _x(shape: tuple[int, ...]) -> str:
    return "x".join("?" if size < 0 else str(size) for size in shape)
