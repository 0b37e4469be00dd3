"""What a factory's model is made of, found out before a job begins with it."""

from edgekit.pipeline.workspace import Settings, Step
from edgekit.sources import factories
from edgekit.sources.model import Model


def settled(model: Model, settings: Settings, step: Step) -> Model:
    """Return the model with its source's hash, which a factory has once what it reads is known.

    Raises `ModelLoadError` where it has to be loaded for that, and cannot be.
    """
    if model.source.sha256:
        return model
    with step(f"see what {model.source.ref} is made of"):
        return factories.settled(
            model, trust=settings.trust, seed=settings.seed, limits=settings.limits()
        )
