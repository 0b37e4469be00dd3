"""Recipe: how a model is quantized."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edgekit.core.noun import Noun
from edgekit.errors import UsageError

Method = Literal["none", "dynamic", "static", "weight-only", "palette"]
NumberType = Literal["float32", "float16", "int8", "uint4"]

# The recipe's name of a file that edgekit did not make.
UNKNOWN = "unknown"


class Recipe(Noun):
    """What is quantized, and how.

    `static` quantizes weights and activations with ranges from a representative dataset of
    `calibration_n` samples; `dynamic` quantizes weights, and activations while running;
    `weight-only` quantizes weights, and computes with what they stand for; `palette` stores each
    weight as an index (uint4) into a table of 16 values. With `batch_max` over 1 the file takes any
    batch of 1 to `batch_max` samples. `exact_cpu` says that the file is for CPUs that add int8
    products exactly; it is set only where a format's files differ by that, and is the target's.

    What a file has to keep to be one: a signal to quantization noise ratio of `min_sqnr_db` in
    each output, and differences of at most `max_difference` of its largest value, where given.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    description: str = ""
    method: Method = "none"
    weight: NumberType = "float32"
    activation: NumberType = "float32"
    io: Literal["float32", "int8"] = "float32"
    granularity: Literal["per-channel"] | None = None
    calibration_n: int = Field(default=0, ge=0)
    calibration_seed: int = 0
    batch_max: int = Field(default=1, ge=1)
    exact_cpu: bool = False
    min_sqnr_db: float = Field(default=15.0, ge=0, le=200)
    max_difference: float | None = Field(default=None, gt=0)

    @property
    def label(self) -> str:
        """Return a name for tables, for example `int8`, or `int8 (exact CPU)`."""
        return f"{self.name} (exact CPU)" if self.exact_cpu else self.name

    @property
    def scheme(self) -> str:
        """Return what is quantized to what, whatever the recipe is called: fp32, int8-io8 ...

        Exporters go by this, so that a recipe of another name needs none of them to know it.
        """
        if self.name == UNKNOWN:
            return UNKNOWN
        how = {"dynamic": "dynamic-", "weight-only": "weight-", "palette": "palette"}
        numbers = self.weight.replace("float", "fp").replace("uint", "")
        sides = "-io8" if self.io == "int8" else ""
        return f"{how.get(self.method, '')}{numbers}{sides}"

    @property
    def is_calibrated(self) -> bool:
        """Whether a representative dataset is needed."""
        return self.method == "static"


def with_settings(
    recipe: Recipe, *, calibration_n: int = 0, calibration_seed: int = 0, batch_max: int = 1
) -> Recipe:
    """Return the recipe for so many calibration samples. Raises `UsageError` for less than one.

    The calibration settings are kept only by recipes that use them, so that they cannot split the
    cache of those that do not.
    """
    if batch_max < 1:
        raise UsageError(f"got a largest batch of {batch_max}, expected at least 1")
    update = {"batch_max": batch_max}
    if recipe.is_calibrated:
        if calibration_n < 1:
            raise UsageError(
                f"got {calibration_n} calibration samples, expected at least 1 for '{recipe.name}'",
                "give --calibration 100 or more; 100 to 500 real samples are usual",
            )
        update |= {"calibration_n": calibration_n, "calibration_seed": calibration_seed}
    return recipe.model_copy(update=update)
