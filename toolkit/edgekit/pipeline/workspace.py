"""What one job is made of: the user's settings, a scratch folder, the data's parts, progress."""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edgekit.core.card import ModelCard
from edgekit.core.dataset import Dataset
from edgekit.core.tensor import Layout
from edgekit.data import open_dataset
from edgekit.errors import DataError
from edgekit.pipeline import jobs
from edgekit.pipeline.messages import Inputs, Part, Prepare
from edgekit.pipeline.samples import Samples
from edgekit.system import process, store

Update = Callable[[process.Progress], None]
Step = Callable[[str], AbstractContextManager[Update]]

# Long enough for anything but a job that hangs.
JOB_SECONDS = 6 * 3600


@contextlib.contextmanager
def silent(label: str) -> Iterator[Update]:
    """Report nothing: the step for callers without a terminal."""
    del label
    yield lambda _: None


class Settings(NamedTuple):
    """What the user chose for the whole job. `devices` are where files are run, the first first.

    With `allow_loss` a file that keeps less of the model than its recipe promises is kept.
    """

    seed: int = 0
    trust: bool = False
    use_cache: bool = True
    skip_bad: bool = False
    threads: int = 1
    latency_runs: int = 200
    memory_bytes: int = process.MEMORY_BYTES
    devices: tuple[str, ...] = ("local",)
    allow_loss: bool = False

    def limits(self, seconds: float = JOB_SECONDS) -> process.Limits:
        """Return what a child process of the job may use."""
        return process.Limits(seconds, self.memory_bytes)


@dataclass
class Parts:
    """The parts of a job's data set, each prepared once as a card says, and kept for the job."""

    dataset: Dataset
    settings: Settings
    folder: Path
    _prepared: dict[str, Samples] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def part(self, name: Part, card: ModelCard, layout: Layout, n: int = 0) -> Samples:
        """Return the samples of one part, `n` of them or all, for a reader of such a layout."""
        steps = card.preprocesses_for(layout, self.dataset.input_names)
        key = store.key_of([name, [step.model_dump(mode="json") for step in steps], n])
        with self._locks[key]:
            if key not in self._prepared:
                question = Prepare(
                    data=self.dataset.name,
                    part=name,
                    n=n,
                    seed=self.settings.seed,
                    skip_bad=self.settings.skip_bad,
                    preprocesses=steps,
                    folder=self.folder / key[:16],
                )
                self._prepared[key] = self._prepare(question)
        return self._prepared[key]

    def inputs(self, samples: Samples) -> Inputs:
        """Return what a job needs to read prepared inputs: their files, and the data's names."""
        return Inputs(files=samples.inputs, names=self.dataset.input_names)

    def _prepare(self, question: Prepare) -> Samples:
        found = process.call(jobs.prepare, question, DataError, limits=self.settings.limits())
        for line in found.skipped:
            logging.getLogger("edgekit").warning(line)
        return Samples(found.inputs, found.labels, found.n)


class Workspace(NamedTuple):
    """One job's own: its scratch folder is gone when it ends. `parts` is None without data."""

    folder: Path
    settings: Settings
    step: Step
    parts: Parts | None

    @property
    def data(self) -> Parts:
        """Return the parts of the data. Raises `DataError` where the job has none."""
        if self.parts is None:
            raise DataError("got no data, expected some", "give --data")
        return self.parts


@contextlib.contextmanager
def workspace(
    settings: Settings, step: Step = silent, data: str | None = None
) -> Iterator[Workspace]:
    """Open the data set, if any, and give a workspace for one job."""
    dataset = open_dataset(data) if data else None
    with store.scratch() as folder:
        parts = Parts(dataset, settings, folder / "samples") if dataset else None
        yield Workspace(folder, settings, step, parts)
