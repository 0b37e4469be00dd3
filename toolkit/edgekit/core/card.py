"""ModelCard: what must be known of a model beyond its weights."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess
from edgekit.core.suggest import did_you_mean
from edgekit.core.tensor import Layout
from edgekit.errors import DataError, ModelLoadError

# Part of file names: no separators, no control characters, nothing hidden.
NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$"

# Three numbers: npm, Maven, Swift and Python read them alike.
VERSION = r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$"

Framework = Literal["keras", "torch"]

Task = Literal["classification", "regression", "reconstruction", "anomaly", "segmentation"]

# What a model is judged by where its card names no metric.
METRIC_OF: dict[Task, str] = {
    "classification": "accuracy",
    "regression": "mae",
    "reconstruction": "reconstruction",
    "anomaly": "auc",
    "segmentation": "miou",
}

# Tasks whose labels are classes, so that a card can name and count them. An anomaly model gives no
# class, but its data may name two: the normal samples' first.
WITH_CLASSES = {"classification", "segmentation", "anomaly"}

# The fields that no file depends on: how its model is made and judged, and what is known of it.
ASIDE = frozenset({"metric", "data_licence", "classes", "data", "training", "trained"})

# Those that only a format that writes them into its files depends on.
TEXTS = frozenset({"name", "version", "description", "intended_use", "licence"})


class Training(Noun):
    """Settings of a training run; `learning_rate` is the peak of a cosine decay."""

    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    patience: int = Field(default=8, ge=1)


class Trained(Noun):
    """How a model's weights came about."""

    data: str
    data_sha256: str
    seed: int
    epochs_run: int
    best_epoch: int
    selection_accuracy: float
    samples: int
    versions: dict[str, str]


class ModelCard(Noun):
    """Task, input, preprocessing and labels of a model, and how it is, or was, trained.

    `input_shape` is one sample in NHWC order without the batch dimension, whatever the framework;
    a model of several inputs has `input_shapes`, in the order of its inputs, and may have
    `input_dtypes`. `inputs` holds the Preprocess of single inputs by the data's names for them;
    the others go through `preprocess`. `layout` is how the model itself takes images, where its
    framework's way is another. `metric` names a metric, or a Python file with one.
    """

    name: Annotated[str, StringConstraints(pattern=NAME)]
    task: Task = "classification"
    metric: str | None = None
    version: Annotated[str, StringConstraints(pattern=VERSION)] = "1.0.0"
    description: str = ""
    intended_use: str = ""
    licence: str = ""
    data_licence: str = ""
    input_shape: tuple[int, ...] = ()
    input_shapes: tuple[tuple[int, ...], ...] = ()
    input_dtypes: tuple[str, ...] = ()
    layout: Layout | None = None
    preprocess: Preprocess = Preprocess()
    inputs: dict[str, Preprocess] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()
    classes: int | None = Field(default=None, ge=2)
    data: str | None = None
    training: Training = Training()
    trained: Trained | None = None

    @model_validator(mode="after")
    def _check(self) -> "ModelCard":
        if self.labels and self.classes and len(self.labels) != self.classes:
            msg = f"got {len(self.labels)} labels for {self.classes} classes"
            raise ValueError(msg)
        if self.task not in WITH_CLASSES and (self.labels or self.classes):
            msg = f"got labels or classes for {self.task}, which has none"
            raise ValueError(msg)
        if self.task == "anomaly" and len(self.labels) not in {0, 2}:
            msg = f"got {len(self.labels)} labels, expected the normal samples' and the anomalies'"
            raise ValueError(msg)
        if self.input_shape and self.input_shapes:
            msg = "got input_shape and input_shapes, expected one of them"
            raise ValueError(msg)
        shapes = len(self.input_shapes) or 1
        if self.input_dtypes and len(self.input_dtypes) != shapes:
            msg = f"got {len(self.input_dtypes)} input_dtypes for {shapes} inputs"
            raise ValueError(msg)
        return self

    @property
    def metric_name(self) -> str:
        """Return the metric that the model is judged by: the card's own, or the task's."""
        return self.metric or METRIC_OF[self.task]

    def deciding(self, texts: tuple[str, ...]) -> dict[str, object]:
        """Return the fields that decide a converted file, or whether it may be made, as plain data.

        `texts` are those of `TEXTS` that its format writes into its files.
        """
        return self.model_dump(mode="json", exclude=set(ASIDE | TEXTS - set(texts)))

    @property
    def is_bare(self) -> bool:
        """Whether nothing is declared of how a sample is preprocessed."""
        return self.preprocess == Preprocess() and not self.inputs

    def layout_for(self, framework: Framework) -> Layout:
        """Return how the model lays images out: as its framework does, unless the card says."""
        return self.layout or ("NCHW" if framework == "torch" else "NHWC")

    def sample_shape(self, framework: Framework) -> tuple[int, ...]:
        """Return one sample's shape as the model takes it, for a model of one input."""
        return self._laid_out(self.input_shape, framework)

    def sample_shapes(self, framework: Framework) -> tuple[tuple[int, ...], ...]:
        """Return one sample's shapes as the model takes them, one per input; () where unknown."""
        shapes = self.input_shapes or ((self.input_shape,) if self.input_shape else ())
        return tuple(self._laid_out(shape, framework) for shape in shapes)

    def _laid_out(self, shape: tuple[int, ...], framework: Framework) -> tuple[int, ...]:
        if len(shape) == 3 and self.layout_for(framework) == "NCHW":
            height, width, channels = shape
            return (channels, height, width)
        return shape

    def check_outputs(self, outputs: int, ref: str) -> None:
        """Raise `ModelLoadError` where a classifier's labels are not one for each output."""
        if self.labels and self.task == "classification" and outputs != len(self.labels):
            raise ModelLoadError(
                f"got {len(self.labels)} labels in the card of {ref}, expected {outputs}, "
                "one for each output",
                "correct the card's labels",
            )

    def preprocess_for(self, layout: Layout) -> Preprocess:
        """Return the card's Preprocess for a reader that wants images in `layout`."""
        return self.preprocess.model_copy(update={"layout": layout})

    def preprocesses_for(self, layout: Layout, names: tuple[str, ...]) -> tuple[Preprocess, ...]:
        """Return the Preprocess of each of the data's inputs `names`, in order.

        Raises `DataError` where the card declares one for an input that the data does not have.
        """
        for unknown in sorted(set(self.inputs) - set(names)):
            raise DataError(
                f"got a preprocess for input '{unknown}' in the card of {self.name}, expected one "
                "of the data's inputs",
                did_you_mean(unknown, names),
            )
        found = [self.inputs.get(name, self.preprocess) for name in names]
        return tuple(each.model_copy(update={"layout": layout}) for each in found)
