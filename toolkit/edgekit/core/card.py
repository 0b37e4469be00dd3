"""ModelCard: what must be known of a model beyond its weights."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from edgekit.core.noun import Noun
from edgekit.core.preprocess import Preprocess

# Part of file names: no separators, no control characters, nothing hidden.
NAME = r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$"

Framework = Literal["keras", "torch"]


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

    `input_shape` is one sample in NHWC order without the batch dimension, whatever the framework.
    """

    name: Annotated[str, StringConstraints(pattern=NAME)]
    task: Literal["classification"] = "classification"
    description: str = ""
    intended_use: str = ""
    licence: str = ""
    input_shape: tuple[int, ...] = ()
    preprocess: Preprocess = Preprocess()
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
        return self

    @property
    def is_bare(self) -> bool:
        """Whether nothing is declared of how a sample is preprocessed."""
        return self.preprocess == Preprocess()

    def sample_shape(self, framework: Framework) -> tuple[int, ...]:
        """Return one sample's shape as `framework` lays images out."""
        if framework == "torch" and len(self.input_shape) == 3:
            height, width, channels = self.input_shape
            return (channels, height, width)
        return self.input_shape

    def preprocess_for(self, framework: Framework) -> Preprocess:
        """Return the card's Preprocess with the layout that `framework` expects."""
        layout = "NCHW" if framework == "torch" else "NHWC"
        return self.preprocess.model_copy(update={"layout": layout})
