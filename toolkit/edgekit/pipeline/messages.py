"""What crosses between a job's parent and its child process: a question and an answer each."""

from pathlib import Path
from typing import Literal

from edgekit.core.artifact import Exported
from edgekit.core.card import ModelCard
from edgekit.core.measurement import Metric
from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import Layout
from edgekit.sources.model import Loading

Part = Literal["train", "calibration", "test"]


class Prepare(Noun):
    """Write one part of a data set into `folder`, each input through its own Preprocess.

    `n` takes that many samples of it, seeded; 0 takes all.
    """

    data: str
    part: Part
    n: int
    seed: int
    skip_bad: bool
    preprocesses: tuple[Preprocess, ...]
    folder: Path


class Prepared(Noun):
    """Where the samples lie: `.npy` files `(n, ...)`, and what was left out, a line each."""

    inputs: tuple[Path, ...]
    labels: Path | None
    n: int
    skipped: tuple[str, ...]


class Inputs(Noun):
    """Prepared inputs, `.npy` files `(n, ...)`, and the data's names for them."""

    files: tuple[Path, ...]
    names: tuple[str, ...]


class Labelled(Noun):
    """Prepared inputs `(n, ...)` and their labels `(n,)`, as `.npy` files."""

    inputs: Path
    labels: Path


class Train(Noun):
    """Train a model built by a factory; its file and logs go to `folder`."""

    model: Loading
    data: str
    data_sha256: str
    train: Labelled
    selection: Labelled
    folder: Path


class TrainedFile(Noun):
    """A trained model's file, and the card that belongs beside it."""

    file: Path
    card: ModelCard


class Predict(Noun):
    """Write the float model's outputs for `inputs` to `folder`."""

    model: Loading
    inputs: Inputs
    folder: Path


class Predicted(Noun):
    """One `(n, ...)` float32 file for each output, and the versions that computed them."""

    outputs: tuple[Path, ...]
    versions: dict[str, str]


class Export(Noun):
    """Export a model to `format` by `recipe`; `calibration` is the representative dataset.

    `samples` are real ones that the file is held against the model on, where there are any.
    """

    model: Loading
    format: str
    recipe: Recipe
    calibration: Inputs | None
    samples: Inputs | None
    folder: Path


class ExportedFile(Noun):
    """The file, what is known of it, and how images lie in the model it was made from.

    `inputs_from` says what both were fed: data, calibration or noise; `output_names` are the
    model's own.
    """

    file: Path
    exported: Exported
    model_layout: Layout
    inputs_from: str
    output_names: tuple[str, ...]


class Score(Noun):
    """Judge outputs by the metric of the user's own that `card` names, which is code.

    All are `.npy` files, samples first; `reference` are the float model's outputs, if any.
    """

    card: ModelCard
    trust: bool
    outputs: tuple[Path, ...]
    reference: tuple[Path, ...]
    inputs: tuple[Path, ...]
    labels: Path | None


class Scored(Noun):
    """What the metric gave."""

    metrics: tuple[Metric, ...]
