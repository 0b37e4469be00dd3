"""Training a zoo model or a user's factory, and saving it with its card beside it."""

import dataclasses
import shutil
from pathlib import Path
from typing import NamedTuple

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.suggest import did_you_mean
from edgekit.errors import DataError, InternalError, UsageError
from edgekit.pipeline import jobs
from edgekit.pipeline.config import TrainSection
from edgekit.pipeline.messages import Labelled, Train
from edgekit.pipeline.samples import Samples
from edgekit.pipeline.workspace import Workspace
from edgekit.sources.cards import card_path
from edgekit.sources.model import Model
from edgekit.system import process, store

# Training takes as long as it takes; only a job that was forgotten is ended.
TRAINING_SECONDS = 7 * 24 * 3600


class TrainedModel(NamedTuple):
    """Where a trained model was saved."""

    file: Path
    card: ModelCard
    logs: Path


def suffix_of(framework: str) -> str:
    """Return the suffix of the files that training in `framework` saves."""
    return formats.trainer(framework).SUFFIX


def with_settings(model: Model, section: TrainSection) -> Model:
    """Return the model with its card's training settings replaced where `section` has some."""
    given = section.model_dump(exclude_none=True)
    training = model.card.training.model_copy(update=given)
    card = model.card.model_copy(update={"training": training})
    return dataclasses.replace(model, card=card)


def train(model: Model, output: Path, work: Workspace) -> TrainedModel:
    """Train `model` on the job's data; save it at `output`, card and TensorBoard logs beside it.

    The card gets the data set's class names. Raises `UsageError` for what cannot be trained.
    """
    _check(model.source, output)
    model = _for_classes(model, work.data.dataset.class_names)
    card, made = model.card, work.folder / f"train-{model.card.name}-{model.source.framework}"
    made.mkdir(parents=True, exist_ok=True)
    with work.step(f"train {card.name} ({model.source.framework})") as update:
        question = Train(
            model=model.loading(trust=work.settings.trust, seed=work.settings.seed),
            data=work.data.dataset.name,
            data_sha256=work.data.dataset.fingerprint,
            train=_labelled(work.data.part("train", card, model.layout)),
            selection=_labelled(work.data.part("calibration", card, model.layout)),
            folder=made,
        )
        limits = work.settings.limits(TRAINING_SECONDS)
        done = process.call(jobs.train, question, InternalError, limits=limits, progress=update)
    return _save(done.file, made / "logs", done.card, output)


def _for_classes(model: Model, names: tuple[str, ...]) -> Model:
    """Return the model as it is built and described for the data's classes."""
    card = model.card.model_copy(update={"labels": names, "classes": len(names)})
    arguments = {**model.source.arguments, "classes": len(names)}
    return Model(model.source.model_copy(update={"arguments": arguments}), card)


def _labelled(samples: Samples) -> Labelled:
    if samples.labels is None:
        raise DataError("got data without labels, expected a class for each sample to train on")
    return Labelled(inputs=samples.inputs[0], labels=samples.labels)


def _check(source: ModelSource, output: Path) -> None:
    trainable = formats.trainers()
    if source.factory is None or source.framework not in trainable:
        raise UsageError(
            f"got {source.ref}, expected a zoo model or file.py:factory to train",
            did_you_mean(source.framework, trainable),
        )
    wanted = suffix_of(source.framework)
    if output.suffix != wanted:
        raise UsageError(f"got -o {output}, expected a path ending in {wanted}")


def _save(file: Path, logs: Path, card: ModelCard, output: Path) -> TrainedModel:
    """Write the card first: a model without one could be fed unpreprocessed samples."""
    store.write_text(card_path(output), card.to_json())
    store.copy(file, output)
    kept = output.with_name(f"{output.name}.logs")
    with store.writing(kept):
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(logs, kept)
    return TrainedModel(output, card, kept)
