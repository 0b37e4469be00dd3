"""Metrics, a file each; a card names one of these, or a Python file of the user's.

`pipeline` comes in by the doors below. A metric computes from arrays alone: it never reads a file,
and never knows which model or device the outputs come from.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, get_args

from edgekit.core.card import ModelCard, Task
from edgekit.core.scoring import Scoring
from edgekit.core.tensor import Array, Arrays
from edgekit.errors import UsageError
from edgekit.system.plugins import Door


class Metric(Protocol):
    """One metric.

    `NAME` is what cards call it, `TASK` the task whose outputs it judges, `UNIT` fraction, value or
    dB. The figure is the mean of the contributions, unless the module has
    `aggregate(contributions, weights)`, which returns the figure `(b,)` where samples count
    `weights` `(b, n)` times; `support(contributions)` is how many samples carry it, where not all.
    """

    NAME: str
    TASK: str
    UNIT: str
    HIGHER_IS_BETTER: bool

    def contributions(self, outputs: Arrays, targets: Array | None, inputs: Arrays) -> Array:
        """Return numbers for each sample, `(n,)` or `(n, ...)`.

        `outputs` and `inputs` are tuples of arrays, samples first. Raises `DataError` for targets
        that do not fit.
        """
        ...


_METRICS = Door[Metric]("metric", __name__)

load, names = _METRICS.load, _METRICS.names

WANTED = ("NAME", "TASK", "UNIT", "HIGHER_IS_BETTER", "contributions")
MAY_HAVE = ("aggregate", "support")
UNITS = ("fraction", "value", "dB")


def is_file(name: str) -> bool:
    """Return whether `name` is a Python file's path rather than one of edgekit's metrics."""
    return name.endswith(".py")


def open_metric(name: str, *, trust: bool) -> Scoring:
    """Return the metric `name`, or the one in the Python file `name`, which is run.

    Raises `UsageError` for an unknown name, for a file without `trust` (a card that came with a
    model could name any code), and for a file that is no metric.
    """
    if not is_file(name):
        return _scoring(load(name), name)
    if not trust:
        raise UsageError(
            f"got a metric that is code to run: {name}",
            "give --trust if you know what it does, or name one of edgekit's metrics",
        )
    return _scoring(_run(Path(name)), name)


def metric_of(card: ModelCard, *, trust: bool) -> Scoring:
    """Return the metric that `card` is judged by. Raises `UsageError` also for another task's."""
    found = open_metric(card.metric_name, trust=trust)
    if found.task != card.task:
        raise UsageError(
            f"got metric {found.name} for {found.task}, expected one for the task of {card.name}, "
            f"{card.task}",
            f'set task = "{found.task}", or another metric',
        )
    return found


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"got no file {path}", "check the metric in the card")
    spec = importlib.util.spec_from_file_location(f"edgekit_metric_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"got {type(error).__name__} from {path}: {error}") from error
    return module


def _scoring(module: Metric | ModuleType, name: str) -> Scoring:
    absent = [wanted for wanted in WANTED if not hasattr(module, wanted)]
    if absent:
        raise UsageError(
            f"got no {', '.join(absent)} in metric {name}, expected {', '.join(WANTED)}",
            "see edgekit/metrics/mae.py, which is a whole metric",
        )
    # Of a module that anyone may have written.
    found: dict[str, Any] = {each: getattr(module, each) for each in WANTED}
    for field, known in (("TASK", get_args(Task)), ("UNIT", UNITS)):
        if found[field] not in known:
            raise UsageError(
                f"got {field} {found[field]!r} in metric {name}, expected {', '.join(known)}"
            )
    more = {each: getattr(module, each) for each in MAY_HAVE if hasattr(module, each)}
    return Scoring(**{key.lower(): value for key, value in (found | more).items()})
