"""edgekit.toml: a whole run from one file, checked before anything starts."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from edgekit import reports
from edgekit.core import problems
from edgekit.core.noun import Noun
from edgekit.core.suggest import did_you_mean
from edgekit.core.target import Budgets
from edgekit.errors import UsageError
from edgekit.packaging import packagers
from edgekit.pipeline import recipes, targets


class TrainSection(Noun):
    """Training settings that replace the card's."""

    epochs: int | None = Field(default=None, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    patience: int | None = Field(default=None, ge=1)


Shape = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class ModelSection(Noun):
    """One model: as on the command line, and trained first where `train` is given.

    `input` is one sample's shape, `inputs` those of a model of several; `signature` chooses one of
    a SavedModel's. With `download` an `hf:` or
    `timm:` model comes from the network where it is not in the cache.
    """

    source: str
    framework: Literal["keras", "torch"] | None = None
    weights: str | None = None
    signature: str | None = None
    card: str | None = None
    input: Shape | None = None
    inputs: tuple[Shape, ...] = ()
    download: bool = False
    train: TrainSection | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.input and self.inputs:
            msg = "got input and inputs, expected one of them"
            raise ValueError(msg)
        return self

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Return the shapes of one sample, one for each input; () where the card has them."""
        return self.inputs or ((self.input,) if self.input else ())


class DataSection(Noun):
    """The data set, and how many of its calibration samples are used."""

    source: str
    calibration: int = Field(default=100, ge=1)
    skip_bad: bool = False


class PackageSection(Noun):
    """One package to make at the end. `kind` is what `edgekit package --for` takes.

    `model` is the card's name of the one to package, where there are several.
    """

    kind: str
    target: str
    model: str | None = None


class RunConfig(Noun):
    """The whole file. Paths in it are relative to the file's folder.

    With `allow_loss` files that lose more than their recipe promises are kept, and judged.
    """

    name: str = "run"
    output: str = "runs"
    seed: int = Field(default=0, ge=0, lt=2**32)
    threads: int = Field(default=1, ge=1)
    latency_runs: int = Field(default=200, ge=1)
    allow_loss: bool = False
    targets: tuple[str, ...] = Field(min_length=1)
    recipes: tuple[str, ...] = Field(default=("fp32", "int8"), min_length=1)
    data: DataSection
    models: tuple[ModelSection, ...] = Field(min_length=1)
    budgets: Budgets = Budgets()
    reports: tuple[str, ...] = ("json", "markdown")
    packages: tuple[PackageSection, ...] = ()


def read(path: Path) -> RunConfig:
    """Read and check the file. Raises `UsageError` with all that is wrong in it, at once."""
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UsageError(f"got no file {path}", "name it: edgekit run FILE") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"got an unreadable file {path}: {error}", "it must be TOML") from error
    try:
        config = RunConfig.model_validate(data)
        wrong = _wrong_names(config)
    except ValidationError as error:
        wrong = problems.wrong_fields(error, RunConfig)
    if wrong:
        raise UsageError(problems.in_words(wrong, str(path)), "correct them")
    return config


def _wrong_names(config: RunConfig) -> list[str]:
    """Return a line for every name in the file that nothing answers to."""
    asked = {
        "targets": (config.targets, targets.known()),
        "recipes": (config.recipes, recipes.known()),
        "reports": (config.reports, reports.names()),
        "packages.kind": (tuple(p.kind for p in config.packages), packagers.names()),
        "packages.target": (tuple(p.target for p in config.packages), config.targets),
    }
    return [
        f"{field}: unknown name '{name}'; {did_you_mean(name, known)}"
        for field, (names, known) in asked.items()
        for name in names
        if name not in known and not (field == "targets" and name.endswith(".toml"))
    ]
