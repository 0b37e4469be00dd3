"""From a model source to checked artifacts, through the cache."""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from edgekit import formats
from edgekit.core.artifact import Artifact, ModelSource, Parity
from edgekit.core.dataset import Dataset, split
from edgekit.core.recipe import Recipe
from edgekit.errors import (
    DataError,
    EdgekitError,
    ExportError,
    ModelLoadError,
    UsageError,
)
from edgekit.pipeline import jobs, recipes
from edgekit.pipeline.messages import Export, ExportedFile, Inputs
from edgekit.pipeline.parity import check_parity, check_promise
from edgekit.pipeline.plan import Attempt, base_of, check_possible
from edgekit.pipeline.samples import Samples
from edgekit.pipeline.settle import settled
from edgekit.pipeline.workspace import Parts, Settings, Step, Update, Workspace
from edgekit.sources.model import Model, hub_of
from edgekit.system import packages, plugins, process, store

log = logging.getLogger("edgekit")

# Conversions are mostly one core each, and hold a framework in memory each.
PARALLEL_EXPORTS = 2

# The code that makes a file, or decides whether it counts. What runs, judges, reports and packages
# it afterwards makes no other file of it.
MAKERS = (
    "core",
    "data",
    "formats",
    "pipeline/convert.py",
    "pipeline/jobs.py",
    "pipeline/messages.py",
    "pipeline/noise.py",
    "pipeline/parity.py",
    "pipeline/plan.py",
    "pipeline/samples.py",
    "pipeline/workspace.py",
    "sources/model.py",
    "system/archive.py",
    "system/process.py",
)


@dataclass(frozen=True)
class Converted:
    """An artifact, where its file lies, and whether the cache had it."""

    artifact: Artifact
    path: Path
    from_cache: bool


def file_name(made: Converted) -> str:
    """Return what an artifact is called: its model, its recipe, and its backend where it has one.

    Formats of one suffix, such as `executorch` and `executorch_vulkan`, must not share a name, nor
    must files of one recipe for two kinds of CPU.
    """
    artifact = made.artifact
    name = artifact.card.name if artifact.card else "model"
    _, _, backend = artifact.format.partition("_")
    parts = [name, artifact.recipe.name, *([backend.replace("_", "-")] if backend else [])]
    parts += ["exact-cpu"] if artifact.recipe.exact_cpu else []
    return "-".join(parts) + made.path.suffix


@dataclass
class Conversions:
    """The conversions of one job: each file is made once, though two threads ask for it."""

    settings: Settings
    folder: Path
    step: Step
    parts: Parts | None
    _made: dict[str, Path] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    @classmethod
    def of(cls, work: Workspace) -> "Conversions":
        """Return the conversions of a job."""
        return cls(work.settings, work.folder, work.step, work.parts)

    def convert(self, model: Model, name: str, recipe: Recipe) -> Converted:
        """Return the artifact of `model` in format `name`, made now or found in the cache.

        Raises `ExportError` where it cannot be made, crashes, or computes something else.
        """
        check_possible(model.source, name, recipe)
        self._check_data(recipe)
        model = settled(model, self.settings, self.step)
        data = self.parts.dataset if self.parts else None
        key = cache_key(model, name, recipe, data, self.settings)
        with self._locks[key]:
            made = self._made.get(key)
            if made is None and self.settings.use_cache:
                made = _whole(store.cached(key))
            is_new = made is None
            if made is None:
                made = self._export(model, name, recipe, key)
            done = _read(made, model, from_cache=not is_new and key not in self._made)
            # A file in the cache may have been kept for somebody who allowed its loss.
            check_promise(done.artifact.parity, recipe, allow_loss=self.settings.allow_loss)
            self._made[key] = made
            return done

    def calibration(self, model: Model, recipe: Recipe) -> Samples | None:
        """Return the representative dataset as `model` takes it, or None: the recipe takes none.

        Raises `UsageError` where there is no data, and `DataError` where there are fewer samples
        than the recipe wants.
        """
        self._check_data(recipe)
        if not recipe.is_calibrated or self.parts is None:
            return None
        wanted = recipe.calibration_n
        samples = self.parts.part("calibration", model.card, model.layout, wanted)
        if samples.n < wanted:
            raise DataError(
                f"got {samples.n} usable calibration samples, expected {wanted}",
                f"repair the bad ones, or give --calibration {samples.n}",
            )
        return samples

    def _check_data(self, recipe: Recipe) -> None:
        if recipe.is_calibrated and self.parts is None:
            raise UsageError(
                f"got no representative dataset, expected one for recipe {recipe.name}",
                "give --data, or choose dynamic-int8, which needs none",
            )

    def _export(self, model: Model, name: str, recipe: Recipe, key: str) -> Path:
        """Export in a child process, check the file, and return its folder in the cache."""
        base = self._base(model, name, recipe)
        with self.step(f"convert {model.card.name} {name} {recipe.name}") as update:
            made = self.folder / "export" / key[:16]
            made.mkdir(parents=True, exist_ok=True)
            samples = self.calibration(base, recipe)
            question = Export(
                model=base.loading(trust=self.settings.trust, seed=self.settings.seed),
                format=name,
                recipe=recipe,
                calibration=self.parts.inputs(samples) if self.parts and samples else None,
                samples=self._real(base) if samples is None else None,
                folder=made,
            )
            answer = _noted(_exported(question, self.settings.limits(), update), base.notes)
            parity = check_parity(answer, formats.exporter(name).RUNTIME, recipe, model.card)
            check_promise(parity, recipe, allow_loss=self.settings.allow_loss)
            artifact = _artifact(model, name, recipe, key, answer, parity)
        return self._keep(answer.file, artifact, key)

    def _real(self, model: Model) -> Inputs | None:
        """Return a few samples of the data, where there are any, to hold the file against."""
        if self.parts is None:
            return None
        there = len(split(self.parts.dataset, self.settings.seed).calibration)
        n = min(there, jobs.PARITY_SAMPLES)
        few = self.parts.part("calibration", model.card, model.layout, n) if n else None
        return self.parts.inputs(few) if few else None

    def _base(self, model: Model, name: str, recipe: Recipe) -> Model:
        """Return what the exporter starts from: the model, or the file that this derives from."""
        form = base_of(hub_of(model.source), name, recipe)
        if form is None:
            return model
        made = self.convert(model, form, recipes.load("fp32"))
        source = ModelSource(
            kind=form,
            framework=model.source.framework,
            ref=model.source.ref,
            path=str(made.path),
            sha256=store.sha256_file(made.path),
            is_trained=model.source.is_trained,
        )
        card = model.card.model_copy(update={"layout": made.artifact.layout})
        return Model(source, card, made.artifact.input_names, notes=made.artifact.notes)

    def _keep(self, file: Path, artifact: Artifact, key: str) -> Path:
        """Return the folder that a file and its record lie in from now on."""

        def fill(target: Path) -> None:
            store.copy(file, target / file.name)
            store.write_text(target / "artifact.json", artifact.to_json())

        if self.settings.use_cache:
            return store.keep(key, fill)
        fresh = self.folder / "fresh" / key
        fill(fresh)
        return fresh


def convert_all(
    attempts: list[Attempt], conversions: Conversions
) -> list[Converted | EdgekitError]:
    """Convert two at a time, and return what came of each. One that fails stops no other."""
    # Prepared before the threads start: the samples are shared. What is wrong with them is the
    # answer of the attempts that want them.
    for attempt in attempts:
        with contextlib.suppress(DataError):
            conversions.calibration(attempt.model, attempt.recipe)

    def attempt_one(attempt: Attempt) -> Converted | EdgekitError:
        try:
            return conversions.convert(attempt.model, attempt.format, attempt.recipe)
        except EdgekitError as error:
            return error

    # The longest first, so that no core is left waiting for one of them at the end.
    order = sorted(
        attempts, key=lambda a: base_of(hub_of(a.model.source), a.format, a.recipe) is not None
    )
    results = _in_parallel(attempt_one, order)
    by_attempt = dict(zip(map(id, order), results, strict=True))
    return [by_attempt[id(attempt)] for attempt in attempts]


def _in_parallel(
    function: Callable[[Attempt], Converted | EdgekitError], items: list[Attempt]
) -> list[Converted | EdgekitError]:
    with ThreadPoolExecutor(PARALLEL_EXPORTS) as pool:
        try:
            return list(pool.map(function, items))
        except BaseException:
            # Ctrl-C: the threads wait for children, so the children end first.
            pool.shutdown(wait=False, cancel_futures=True)
            process.kill_all()
            raise


def _exported(question: Export, limits: process.Limits, update: Update) -> ExportedFile:
    """Run the export job. A crash before the model is loaded is the file's fault."""
    loaded = False

    def watch(progress: process.Progress) -> None:
        nonlocal loaded
        loaded = loaded or progress.loaded
        if progress.note:
            log.warning(progress.note)
        update(progress)

    def died(message: str, hint: str) -> EdgekitError:
        return ExportError(message, hint) if loaded else ModelLoadError(message, hint)

    return process.call(jobs.export, question, died, limits=limits, progress=watch)


def _noted(answer: ExportedFile, before: tuple[str, ...]) -> ExportedFile:
    """Return the answer with the notes of the file that it was made from in front of its own."""
    notes = tuple(dict.fromkeys((*before, *answer.exported.notes)))
    exported = answer.exported.model_copy(update={"notes": notes})
    return answer.model_copy(update={"exported": exported})


def cache_key(
    model: Model, name: str, recipe: Recipe, data: Dataset | None, settings: Settings
) -> str:
    """Return the content address of an artifact: a hash of everything that decides its bytes."""
    used = data.fingerprint if data else None
    return store.key_of(
        {
            "source": [model.source.kind, model.source.sha256, model.source.signature],
            # Weights that are not given are drawn by the seed.
            "seed": None if model.source.is_trained else settings.seed,
            "card": model.card.deciding(formats.exporter(name).TEXTS),
            "recipe": recipe.model_dump(mode="json"),
            "format": name,
            "data": [used, settings.skip_bad, settings.seed] if used else None,
            "tools": packages.versions(_packages(model.source.kind, name, recipe)),
            "optional": [packages.installed(n) for n in formats.optional_of(model.source.kind)],
            "code": plugins.code_sha256(MAKERS),
        }
    )


def _packages(kind: str, name: str, recipe: Recipe) -> tuple[str, ...]:
    """Return the distributions that make a file, and the file that it is made from, where it is."""
    form = base_of(formats.loader(kind).HUB, name, recipe)
    if form is None:
        return formats.packages_of(kind, name)
    first = _packages(kind, form, recipes.load("fp32"))
    return tuple(dict.fromkeys((*first, *formats.packages_of(form, name))))


def _artifact(
    model: Model,
    name: str,
    recipe: Recipe,
    key: str,
    made: ExportedFile,
    parity: Parity | None,
) -> Artifact:
    return Artifact(
        path=made.file.name,
        format=name,
        size_bytes=store.size_of(made.file),
        sha256=store.sha256_tree(made.file),
        recipe=recipe,
        source=model.source,
        key=key,
        tools=packages.versions(_packages(model.source.kind, name, recipe)),
        parity=parity,
        card=model.card,
        **dict(made.exported),
    )


def _whole(folder: Path | None) -> Path | None:
    """Return an entry of the cache that is still what was put there; a damaged one is no entry."""
    if folder is None:
        return None
    try:
        artifact = Artifact.from_json((folder / "artifact.json").read_bytes())
        if store.sha256_tree(folder / artifact.path) == artifact.sha256:
            return folder
    except (OSError, ValidationError):
        pass
    store.forget(folder)
    return None


def _read(folder: Path, model: Model, *, from_cache: bool) -> Converted:
    """Read an entry of the cache. Its source and card are those that the user gave this time."""
    kept = Artifact.from_json((folder / "artifact.json").read_text())
    artifact = kept.model_copy(update={"source": model.source, "card": model.card})
    return Converted(artifact, folder / kept.path, from_cache)
