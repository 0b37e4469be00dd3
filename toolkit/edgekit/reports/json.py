"""The whole Run as JSON, with which file to ship to each target."""

import json

from edgekit.core.run import Run

SUFFIX = ".json"


def render(run: Run) -> str:
    """Return the run's record with one more key, `choices`."""
    data = run.model_dump(mode="json")
    data["choices"] = [choice.model_dump(mode="json") for choice in run.choices()]
    return json.dumps(data, indent=2) + "\n"
