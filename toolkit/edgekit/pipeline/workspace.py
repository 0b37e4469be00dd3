"""What the steps of one job share: settings, a scratch folder, prepared samples, progress."""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgekit.core.card import ModelCard
from edgekit.core.dataset import Dataset
from edgekit.core.measurement import Measurement
from edgekit.core.tensor import Layout
from edgekit.data import open_dataset
from edgekit.errors import DataError, EdgekitError
from edgekit.pipeline.samples import Samples
from edgekit.system import process, store

Update = Callable[[process.Progress], None]
Step = Callable[[str], AbstractContextManager[Update]]


@contextlib.contextmanager
def silent(label: str) -> Iterator[Update]:
    """Report nothing: the step for callers without a terminal."""
    del label
    yield lambda _: None


class Settings(NamedTuple):
    """What the user chose for the whole job."""

    seed: int = 0
    trust: bool = False
    use_cache: bool = True
    skip_bad: bool = False
    threads: int = 1
    latency_runs: int = 200
    memory_bytes: int = process.MEMORY_BYTES


@dataclass
class Workspace:
    """The shared state of one job; `folder` is gone when it ends."""

    folder: Path
    settings: Settings
    step: Step = silent
    data: Dataset | None = None
    made: dict[str, Path] = field(default_factory=dict)
    baselines: dict[str, tuple[Measurement, tuple[Path, ...]]] = field(default_factory=dict)
    _prepared: dict[str, Samples] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def lock(self, key: str) -> threading.Lock:
        """Return the lock of one piece of work, so that two threads do not do it twice."""
        return self._locks[key]

    def samples(self, part: str, card: ModelCard, layout: Layout, n: int = 0) -> Samples:
        """Return one part of the data as `card` prepares it, once, and kept for the job.

        `layout` is that of the images of whoever will read them.

        Raises `DataError` where the job has no data.
        """
        if self.data is None:
            raise DataError(f"got no data, expected some for the {part} part", "give --data")
        steps = card.preprocesses_for(layout, self.data.input_names)
        preprocesses = [step.model_dump(mode="json") for step in steps]
        key = store.key_of([part, preprocesses, n])
        with self.lock(key):
            if key not in self._prepared:
                self._prepared[key] = self._prepare(part, preprocesses, n, key)
        return self._prepared[key]

    def _prepare(self, part: str, preprocesses: list[dict[str, Any]], n: int, key: str) -> Samples:
        assert self.data
        payload = {
            "data": self.data.name,
            "part": part,
            "n": n,
            "seed": self.settings.seed,
            "skip_bad": self.settings.skip_bad,
            "preprocesses": preprocesses,
            "folder": str(self.folder / "samples" / key[:16]),
        }
        found = self.call("prepare", payload, DataError)
        for line in found["skipped"]:
            logging.getLogger("edgekit").warning(line)
        labels = Path(found["labels"]) if found["labels"] else None
        return Samples(tuple(Path(path) for path in found["inputs"]), labels, found["n"])

    def call(
        self,
        job: str,
        payload: dict[str, Any],
        failure: Callable[[str, str], EdgekitError],
        update: Update | None = None,
        seconds: float = 6 * 3600,
    ) -> dict[str, Any]:
        """Run one of `edgekit.jobs` in a child process."""
        return process.call(
            f"edgekit.pipeline.jobs:{job}",
            payload,
            failure,
            limits=process.Limits(seconds, self.settings.memory_bytes),
            progress=update,
        )


@contextlib.contextmanager
def workspace(
    settings: Settings, step: Step = silent, data: str | None = None
) -> Iterator[Workspace]:
    """Open the data set, if any, and give a workspace for one job."""
    dataset = open_dataset(data) if data else None
    with store.scratch() as folder:
        yield Workspace(folder, settings, step, dataset)
