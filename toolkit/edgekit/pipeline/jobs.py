"""What runs in child processes: each function takes a question, and owns its process.

The parent calls these through `process.call`; arrays travel as `.npy` files.
"""

import dataclasses
import logging
import warnings
from pathlib import Path

import numpy as np

from edgekit import formats
from edgekit.core import dataset as datasets
from edgekit.core import layout as layouts
from edgekit.core import scoring
from edgekit.core.artifact import FloatModel
from edgekit.core.card import ModelCard, Trained
from edgekit.core.tensor import Array, Arrays, quantize
from edgekit.data import open_dataset
from edgekit.errors import DataError, ExportError, ModelLoadError
from edgekit.metrics import metric_of
from edgekit.pipeline import samples
from edgekit.pipeline.messages import (
    Export,
    ExportedFile,
    Inputs,
    Labelled,
    Predict,
    Predicted,
    Prepare,
    Prepared,
    Score,
    Scored,
    Train,
    TrainedFile,
)
from edgekit.pipeline.noise import noise
from edgekit.sources.model import Loading
from edgekit.system import packages, process

# How many samples an exported file is held against its float model on, before it counts.
PARITY_SAMPLES = 8
PREDICT_BATCH = 256


def prepare(ask: Prepare) -> Prepared:
    """Write one part of a data set, preprocessed, into a folder."""
    data = open_dataset(ask.data)
    indices = getattr(datasets.split(data, ask.seed), ask.part)
    if ask.n:
        indices = datasets.choose(indices, ask.n, ask.seed)
    if not len(indices):
        raise DataError(f"got no {ask.part} samples in {data.name}", "give more data")
    log = _Skipped()
    logging.getLogger("edgekit").addHandler(log)
    done = samples.prepare(data, indices, ask.preprocesses, ask.folder, skip_bad=ask.skip_bad)
    return Prepared(inputs=done.inputs, labels=done.labels, n=done.n, skipped=tuple(log.records))


class _Skipped(logging.Handler):
    """Collects what was left out, for the user to see: a child's own output is nobody's."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.records.append(record.getMessage())


def train(ask: Train) -> TrainedFile:
    """Train a model built by a factory; return its file and the card that belongs beside it."""
    source, card = ask.model.source, ask.model.card
    packages.versions(("tensorboard",))
    model = _load(ask.model)
    train, selection = _labelled(ask.train), _labelled(ask.selection)
    _check_fit(model, (train[0],))
    trainer = formats.trainer(source.framework)
    fitted = trainer.fit(model, train, selection, card.training, ask.model.seed, ask.folder)
    trained = Trained(
        data=ask.data,
        data_sha256=ask.data_sha256,
        seed=ask.model.seed,
        epochs_run=fitted.epochs_run,
        best_epoch=fitted.best_epoch,
        selection_accuracy=fitted.selection_accuracy,
        samples=len(train[1]),
        versions=packages.versions(formats.loader(source.kind).PACKAGES),
    )
    return TrainedFile(file=fitted.file, card=card.model_copy(update={"trained": trained}))


def predict(ask: Predict) -> Predicted:
    """Write the float model's outputs, one `(n, ...)` float32 file each, for prepared inputs."""
    model = _load(ask.model)
    files = _predict(model, _fitting(model, ask.inputs), ask.folder, "float_output")
    versions = packages.versions(formats.loader(model.source.kind).PACKAGES)
    return Predicted(outputs=files, versions=versions)


def export(ask: Export) -> ExportedFile:
    """Export a model by one recipe; also write the samples and float outputs to hold it against."""
    warnings.filterwarnings("ignore")
    exporter, model, card = formats.exporter(ask.format), _load(ask.model), ask.model.card
    process.report(process.Progress(loaded=True))
    representative = _fitting(model, ask.calibration) if ask.calibration else None
    _check_shapes(model)
    _check_classes(model, card)
    inputs, inputs_from = _parity_inputs(ask, model)
    # One sample at a time on both sides: what a model makes of a batch is another question.
    _predict(model, inputs, ask.folder, "parity_output", batch=1)
    path = ask.folder / f"model{exporter.SUFFIX}"
    done = exporter.export(_as_hub(model, exporter.HUBS), ask.recipe, representative, path, card)
    names = tuple(spec.name for spec in model.inputs)
    fed = layouts.inputs_laid_out(inputs, names, model.layout, done.layout, card)
    for i, values in enumerate(fed):
        np.save(ask.folder / f"parity_input-{i}.npy", values)
    more = {"notes": (*model.notes, *done.notes), "input_names": names}
    exported = done.model_copy(update=more)
    return ExportedFile(
        file=path,
        exported=exported,
        model_layout=model.layout,
        inputs_from=inputs_from,
        output_names=tuple(layouts.plain_name(spec.name) for spec in model.outputs),
    )


def score(ask: Score) -> Scored:
    """Judge outputs by a metric of the user's own, which is code."""
    metric = metric_of(ask.card, trust=ask.trust)
    outputs, reference, inputs = map(_arrays, (ask.outputs, ask.reference, ask.inputs))
    labels = np.load(ask.labels, mmap_mode="r") if ask.labels else None
    found = scoring.evaluate(metric, outputs, reference or None, labels, inputs, ask.card.labels)
    return Scored(metrics=tuple(found))


def _load(ask: Loading) -> FloatModel:
    source, card = ask.source, ask.card
    loader = formats.loader(source.kind)
    packages.versions(loader.PACKAGES)
    model = loader.load(source, card, trust=ask.trust, seed=ask.seed)
    # A converted file may have other names for its inputs than the model that it was made from.
    names = dict(zip((s.name for s in model.inputs), ask.input_names or _names(model), strict=True))
    inputs = tuple(spec.model_copy(update={"name": names[spec.name]}) for spec in model.inputs)
    limits = {names[name]: limit for name, limit in model.limits.items()}
    layout = card.layout or model.layout
    return dataclasses.replace(model, inputs=inputs, layout=layout, limits=limits)


def _names(model: FloatModel) -> list[str]:
    return [layouts.plain_name(spec.name) for spec in model.inputs]


def _as_hub(model: FloatModel, hubs: tuple[str, ...]) -> FloatModel:
    """Return the model as one of `hubs`: an ONNX graph is rebuilt as a PyTorch module."""
    if model.hub in hubs:
        return model
    if model.hub == "onnx" and "torch" in hubs:
        from edgekit.formats.onnx import to_torch

        packages.versions(("torch",))
        return dataclasses.replace(model, hub="torch", native=to_torch.to_module(model.native))
    raise ExportError(f"got a {model.hub} model, expected {' or '.join(hubs)}")


def _labelled(part: Labelled) -> tuple[Array, Array]:
    return np.load(part.inputs, mmap_mode="r"), np.load(part.labels)


def _arrays(paths: tuple[Path, ...]) -> Arrays:
    return tuple(np.load(path, mmap_mode="r") for path in paths)


def _predict(
    model: FloatModel, inputs: Arrays, folder: Path, name: str, batch: int = PREDICT_BATCH
) -> tuple[Path, ...]:
    """Run the model on all samples, `batch` at a time; write `name-<i>.npy` for each output."""
    parts = [
        model.predict(tuple(np.array(v[start : start + batch]) for v in inputs))
        for start in range(0, len(inputs[0]), batch)
    ]
    files = []
    for i, outputs in enumerate(zip(*parts, strict=True)):
        files.append(folder / f"{name}-{i}.npy")
        np.save(files[-1], np.concatenate(outputs).astype(np.float32))
    return tuple(files)


def _parity_inputs(ask: Export, model: FloatModel) -> tuple[Arrays, str]:
    """Return what the file and its model are fed, and where it is from."""
    real = ask.calibration or ask.samples
    if real is None:
        specs, card = model.inputs, ask.model.card
        return noise(PARITY_SAMPLES, specs, model.limits, card, model.layout), "noise"
    few = tuple(np.array(values[:PARITY_SAMPLES]) for values in _fitting(model, real))
    return few, "calibration" if ask.calibration else "data"


def _fitting(model: FloatModel, prepared: Inputs) -> Arrays:
    """Return the prepared inputs in the model's order and types.

    Raises `DataError` where they do not fit, or are no whole numbers where the model takes such.
    """
    arrays = _arrays(prepared.files)
    order = layouts.order_of(prepared.names, model.inputs)
    inputs = tuple(arrays[place] for place in order)
    _check_fit(model, inputs)
    for spec, values in zip(model.inputs, inputs, strict=True):
        _check_range(values, spec.name, model)
    return tuple(
        values if values.dtype == spec.dtype else quantize(values, spec)
        for values, spec in zip(inputs, model.inputs, strict=True)
    )


def _check_range(values: Array, name: str, model: FloatModel) -> None:
    """Refuse numbers that the model's tables have no rows for: it would fail, or read beyond."""
    low, high = model.limits.get(name, (-np.inf, np.inf))
    # Below zero some count from the end, as Python does.
    if len(values) and (values.min() < -high - 1 or values.max() > high):
        raise DataError(
            f"got values from {values.min():g} to {values.max():g} for input {name} of "
            f"{model.source.ref}, expected {low:g} to {high:g}: its tables have no more rows",
            "make the ids with the vocabulary that the model was trained with",
        )


def _check_fit(model: FloatModel, inputs: Arrays) -> None:
    for spec, values in zip(model.inputs, inputs, strict=True):
        layouts.check_fit(values, spec, f"input {spec.name} of model {model.source.ref}")


def _check_shapes(model: FloatModel) -> None:
    for spec in model.inputs:
        if model.hub in {"torch", "tensorflow"} and spec.shape and spec.shape[0] > 1:
            raise ExportError(
                f"got a fixed batch of {spec.shape[0]} for {spec.name} of {model.source.ref}, "
                "expected 1, or an open one",
                "save the model with a batch of 1",
            )
        if any(size < 0 for size in spec.shape[1:]):
            raise ExportError(
                f"got an input of no fixed shape: {spec.name}, {spec.in_words()}",
                "fix them: --input with one sample's sizes, for each input",
            )
        if 0 in spec.shape or not spec.shape:
            raise ModelLoadError(
                f"got an input of shape {spec.shape}, expected sizes above 0: {spec.name} of "
                f"{model.source.ref}",
                "save the model with an input of real size",
            )


def _check_classes(model: FloatModel, card: ModelCard) -> None:
    outputs = model.outputs[0].shape[-1] if model.outputs[0].shape else 1
    card.check_outputs(outputs, model.source.ref)
