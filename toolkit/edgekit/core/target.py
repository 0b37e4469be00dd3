"""Target: a device profile, with what it runs, what it may cost, and a source for each number."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from edgekit.core.cpu import FEATURES, is_exact
from edgekit.core.measurement import Kernels
from edgekit.core.noun import Noun
from edgekit.core.recipe import Recipe

Text = Annotated[str, StringConstraints(min_length=1)]


def _is_known(name: str, info: ValidationInfo) -> str:
    """Hold a format against those that whoever reads the profile knows; by itself, any will do."""
    known = (info.context or {}).get("formats")
    if known is not None and name not in known:
        msg = f"expected one of {', '.join(known)}"
        raise ValueError(msg)
    return name


def _is_feature(name: str) -> str:
    if name not in FEATURES:
        msg = f"expected one of {', '.join(FEATURES)}"
        raise ValueError(msg)
    return name


Feature = Annotated[
    str, AfterValidator(_is_feature), Field(json_schema_extra={"enum": [*FEATURES]})
]
Format = Annotated[str, StringConstraints(min_length=1), AfterValidator(_is_known)]


class Limit(Noun):
    """A bound on a figure, and where the bound comes from."""

    max: float | None = None
    min: float | None = None
    source: Text

    @model_validator(mode="after")
    def _check(self) -> "Limit":
        if (self.max is None) == (self.min is None):
            msg = "give exactly one of max and min"
            raise ValueError(msg)
        return self


class Budgets(Noun):
    """What an artifact may cost on this device. A missing budget is not checked.

    Size is the model file's. Memory and latency are met only by a measurement on the device.
    Accuracy drop is in percentage points against the float model, of accuracy or of another metric
    that is a fraction; error increase is in per cent of the float model's error, where a model is
    judged by one. Agreement is the fraction of samples given the float model's class.
    """

    size_bytes: Limit | None = None
    peak_memory_bytes: Limit | None = None
    latency_p95_ms: Limit | None = None
    accuracy_drop_points: Limit | None = None
    error_increase_percent: Limit | None = None
    agreement: Limit | None = None


class Fact(Noun):
    """A figure about the device that is no budget, with its source."""

    value: str | int | float
    source: Text


class OpPolicy(Noun):
    """Operators a device's runtime knows. With `allowed` unset, all that the format has."""

    allowed: tuple[str, ...] | None = None
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> "OpPolicy":
        if self.allowed is not None and not self.source:
            msg = "a list of allowed operators needs its source"
            raise ValueError(msg)
        return self


class Target(Noun):
    """A device profile, one TOML file each.

    `cpu_features` are those that every CPU of the device has, as `edgekit doctor` names them.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    device: Text
    cpu: str = ""
    cpu_features: tuple[Feature, ...] = ()
    os: str = ""
    formats: tuple[Format, ...] = Field(min_length=1)
    recipes: tuple[str, ...] = ()
    recipes_source: str = ""
    kernels: Kernels = "optimized"
    ops: OpPolicy = OpPolicy()
    budgets: Budgets = Budgets()
    facts: dict[str, Fact] = Field(default_factory=dict)
    packager: str = "zip"
    notes: str = ""

    def takes(self, recipe: Recipe) -> bool:
        """Whether the profile takes files of a recipe: of any, where it lists none."""
        return not self.recipes or bool({recipe.name, recipe.scheme} & set(self.recipes))

    @property
    def is_exact(self) -> bool:
        """Whether its CPUs are known to add int8 products exactly; else any may be meant."""
        return is_exact(self.cpu_features)
