"""Recipe: how a model is quantized. Its name parses into it, and back."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edgekit.core.noun import Noun
from edgekit.core.suggest import did_you_mean
from edgekit.errors import UsageError

Method = Literal["none", "dynamic", "static"]
NumberType = Literal["float32", "float16", "int8"]


class Recipe(Noun):
    """What is quantized, and how.

    `static` quantizes weights and activations with ranges from a representative dataset of
    `calibration_n` samples; `dynamic` quantizes weights, and activations while running.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    method: Method = "none"
    weight: NumberType = "float32"
    activation: NumberType = "float32"
    io: Literal["float32", "int8"] = "float32"
    granularity: Literal["per-channel"] | None = None
    calibration_n: int = Field(default=0, ge=0)
    calibration_seed: int = 0

    @property
    def is_calibrated(self) -> bool:
        """Whether a representative dataset is needed."""
        return self.method == "static"


# The recipe's name of a file that edgekit did not make.
UNKNOWN = "unknown"

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="fp32"),
        Recipe(name="fp16", weight="float16", activation="float16"),
        Recipe(name="dynamic-int8", method="dynamic", weight="int8", granularity="per-channel"),
        Recipe(
            name="int8",
            method="static",
            weight="int8",
            activation="int8",
            granularity="per-channel",
        ),
        Recipe(
            name="int8-io8",
            method="static",
            weight="int8",
            activation="int8",
            io="int8",
            granularity="per-channel",
        ),
    )
}

DESCRIPTIONS = {
    "fp32": "no quantization",
    "fp16": "half-precision weights; where the runtime can, half-precision arithmetic",
    "dynamic-int8": "int8 weights, activations quantized while running; no data needed",
    "int8": "static int8 per channel, calibrated; float input and output",
    "int8-io8": "as int8, with int8 input and output",
}


def parse_recipe(name: str, *, calibration_n: int = 0, calibration_seed: int = 0) -> Recipe:
    """Return the recipe called `name`. Raises `UsageError` with a suggestion for any other name.

    The calibration settings are kept only by recipes that use them, so that they cannot split the
    cache of those that do not.
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        raise UsageError(f"got recipe '{name}', expected a known one", did_you_mean(name, RECIPES))
    if not recipe.is_calibrated:
        return recipe
    if calibration_n < 1:
        raise UsageError(
            f"got {calibration_n} calibration samples, expected at least 1 for '{name}'",
            "give --calibration 100 or more; 100 to 500 real samples are usual",
        )
    update = {"calibration_n": calibration_n, "calibration_seed": calibration_seed}
    return recipe.model_copy(update=update)
