"""Which conversions a job makes, from what each starts, and which cannot be made."""

from collections.abc import Iterable
from dataclasses import dataclass

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.recipe import Recipe
from edgekit.core.target import Target
from edgekit.errors import ExportError
from edgekit.sources.model import Model, hub_of


def base_of(hub: str, name: str, recipe: Recipe) -> str | None:
    """Return the format whose fp32 file a conversion starts from, or None: from the model itself.

    What cannot be made from `hub` at all is made from the ONNX file of the model.
    """
    exporter = formats.exporter(name)
    own = exporter.derives_from(hub, recipe) if isinstance(exporter, formats.Deriving) else None
    return own or (None if _takes(exporter, hub) else "onnx")


def _takes(exporter: formats.Exporter, hub: str) -> bool:
    """Return whether an exporter starts from `hub`: ONNX graphs can be rebuilt as PyTorch ones."""
    return hub in exporter.HUBS or (hub == "onnx" and "torch" in exporter.HUBS)


def formats_for(hub: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the wanted formats can be made from `hub`."""
    over_onnx = hub in formats.exporter("onnx").HUBS
    exporters = {name: formats.exporter(name) for name in wanted}
    return tuple(
        name
        for name, exporter in exporters.items()
        if _takes(exporter, hub) or (over_onnx and "torch" in exporter.HUBS)
    )


def check_possible(source: ModelSource, name: str, recipe: Recipe) -> None:
    """Raise `ExportError` by name where a format or recipe cannot be made from this source."""
    exporter = formats.exporter(name)
    if not formats_for(hub_of(source), (name,)):
        raise ExportError(
            f"got a {source.kind} model for format {name}, "
            f"which is made from {' or '.join(exporter.HUBS)} models: {source.ref}",
            "start from the model that this file was made of, or choose another target",
        )
    why = exporter.refusal(recipe)
    if why:
        hint = "leave --batch-max out" if recipe.batch_max > 1 else "choose another recipe"
        raise ExportError(f"got recipe {recipe.name} for {name}: {why}", hint)
    if recipe.scheme == "fp32" and source.kind == name == "tflite":
        raise ExportError(
            f"got {source.ref}, a {name} file already, for recipe fp32: nothing would be made",
            "choose fp16, dynamic-int8 or int8, which are made of float files",
        )


@dataclass(frozen=True)
class Attempt:
    """One conversion to make."""

    model: Model
    format: str
    recipe: Recipe


def check_some_possible(attempts: list[Attempt]) -> None:
    """Raise the first `ExportError` where none of the attempts can be made."""
    refused = [error for attempt in attempts if (error := _refused(attempt))]
    if refused and len(refused) == len(attempts):
        raise refused[0]


def _refused(attempt: Attempt) -> ExportError | None:
    try:
        check_possible(attempt.model.source, attempt.format, attempt.recipe)
    except ExportError as error:
        return error
    return None


def plan(
    models: Iterable[Model], recipes: Iterable[Recipe], targets: Iterable[Target]
) -> list[Attempt]:
    """Return every conversion that some target could use and the models can give.

    Models of one name are one net in several frameworks: each format is made from the one that has
    the shortest way to it.
    """
    chosen, asked = tuple(models), tuple(targets)
    wanted = tuple(dict.fromkeys(name for target in asked for name in target.formats))
    return [
        Attempt(model, name, recipe)
        for model in chosen
        for name in formats_for(hub_of(model.source), wanted)
        if all(steps_to(name, model) <= steps_to(name, other) for other in _named(model, chosen))
        for each in recipes
        for recipe in _for_cpus(each, name, asked)
    ]


def _for_cpus(recipe: Recipe, name: str, targets: tuple[Target, ...]) -> tuple[Recipe, ...]:
    """Return the recipe as the CPUs of a format's targets want it: once for each kind of them."""
    exporter = formats.exporter(name)
    if not isinstance(exporter, formats.DifferingByCpu) or not exporter.differs_by_cpu(recipe):
        return (recipe,)
    kinds = dict.fromkeys(target.is_exact for target in targets if name in target.formats)
    return tuple(recipe.model_copy(update={"exact_cpu": kind}) for kind in kinds)


def steps_to(name: str, model: Model) -> int:
    """Return how far a format is from a model: the place of its hub among those it is made from."""
    hubs, hub = formats.exporter(name).HUBS, hub_of(model.source)
    return hubs.index(hub) if hub in hubs else len(hubs)


def _named(model: Model, models: Iterable[Model]) -> list[Model]:
    return [other for other in models if other.card.name == model.card.name]
