"""Classes matched by name: the data's against the model's, before any figure is taken."""

import logging

import numpy as np

from edgekit.core.card import ModelCard
from edgekit.core.dataset import IGNORED, Dataset
from edgekit.core.tensor import Array
from edgekit.errors import DataError, UsageError
from edgekit.pipeline.samples import Samples


def check_data(card: ModelCard | None, data: Dataset, seed: int) -> None:
    """Refuse data that would give a wrong figure: other classes, or samples seen in training.

    `seed` is the one that splits the data.
    """
    labels = card.labels if card else ()
    if labels and data.names_are_given and not set(data.class_names) <= set(labels):
        raise DataError(
            f"got classes {', '.join(data.class_names[:5])} in {data.name}, expected some of the "
            f"model's, {', '.join(labels[:5])}",
            "correct the card's labels, in the order of the model's outputs, or the data's names",
        )
    if data.names_are_given and not labels:
        _check_unnamed(card, data)
    trained = card.trained if card else None
    if trained is None or trained.data_sha256 != data.fingerprint:
        return
    if trained.seed != seed and data.test_indices is None:
        raise UsageError(
            f"got seed {seed}, but the model was trained on this data split by seed "
            f"{trained.seed}: the test part would hold samples it was trained on",
            f"give --seed {trained.seed}",
        )


def _check_unnamed(card: ModelCard | None, data: Dataset) -> None:
    """Say how classes are numbered that only the data names; refuse where it turns the figure."""
    numbered = ", ".join(f"{i} {name}" for i, name in enumerate(data.class_names[:5]))
    if card and card.task == "anomaly":
        raise DataError(
            f"got named classes in {data.name} ({numbered}) and a card that does not say which is "
            "normal",
            "give the card their names, normal first: labels = [...]",
        )
    logging.getLogger("edgekit").warning(
        "the data names its classes and the card does not: they are taken as the model's outputs "
        "in this order: %s",
        numbered + (" ..." if len(data.class_names) > 5 else ""),
    )


def labels_of(samples: Samples, card: ModelCard | None, data: Dataset) -> Array | None:
    """Return the samples' labels as the model numbers its classes, or None without labels.

    Data that names its classes is matched by name: a folder lists them by the alphabet, a model in
    whatever order it was trained.
    """
    _, labels = samples.arrays()
    if labels is None or not card or not card.labels:
        return labels
    if not data.names_are_given or not np.issubdtype(labels.dtype, np.integer):
        return labels
    # Pixels of no class keep the number that says so.
    numbers = np.arange(max(IGNORED + 1, int(labels.max(initial=0)) + 1))
    numbers[: len(data.class_names)] = [card.labels.index(n) for n in data.class_names]
    return np.asarray(numbers[labels])
