"""Validating artifacts that were made before, or elsewhere."""

import logging
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from edgekit import formats
from edgekit.core import layout as layouts
from edgekit.core import problems
from edgekit.core.artifact import Artifact, ModelSource
from edgekit.core.recipe import UNKNOWN, Recipe
from edgekit.core.run import ModelRecord, Run
from edgekit.core.target import Target
from edgekit.core.tensor import Layout
from edgekit.errors import DataError, ModelLoadError, UsageError
from edgekit.formats.inspection import inspect
from edgekit.pipeline import runs, steps
from edgekit.pipeline.labels import check_data
from edgekit.pipeline.measure import Bench
from edgekit.pipeline.runs import find_run, read_run
from edgekit.pipeline.settle import settled
from edgekit.pipeline.workspace import Settings, Step, workspace
from edgekit.sources import cards, resolve
from edgekit.sources.model import Model
from edgekit.system import store


class Subject(NamedTuple):
    """A file to validate, and the float model it came from where the record says so."""

    artifact: Artifact
    file: Path
    model: Model | None


def subjects(ref: str, card: Path | None, runs: Path) -> list[Subject]:
    """Return what `ref` names: one converted file, or all files of a run."""
    path = Path(ref)
    if _is_model(path):
        return [_from_file(path, card)]
    if path.suffix and not path.exists():
        raise ModelLoadError(f"got no file {ref}", "check the path")
    folder = find_run(ref, runs)
    run = read_run(folder)
    if not run.artifacts:
        raise UsageError(f"got a run without files: {folder}", "see why: edgekit report RUN")
    for artifact in run.artifacts:
        store.check_unchanged(folder / artifact.path, artifact.sha256)
    models = {m.source.sha256: Model(m.source, m.card) for m in run.models}
    return [
        Subject(artifact, folder / artifact.path, models.get(artifact.source.sha256))
        for artifact in run.artifacts
    ]


def _runnable() -> dict[str, str]:
    """Return the formats that can be run here, by suffix: the first of each suffix."""
    found: dict[str, str] = {}
    for name in formats.exporters():
        exporter = formats.exporter(name)
        if exporter.RUNTIME:
            found.setdefault(exporter.SUFFIX, name)
    return found


def _is_model(path: Path) -> bool:
    """Return whether `path` is a converted file: some are folders, and so are runs."""
    exporters = {formats.exporter(n).SUFFIX for n in formats.exporters()}
    return path.suffix.lower() in exporters or (path.is_file() and path.suffix != ".json")


def _from_file(path: Path, card: Path | None) -> Subject:
    found = inspect(path)
    facts, exporters, suffix = found.facts, _runnable(), path.suffix.lower()
    if suffix not in exporters:
        raise UsageError(
            f"got {path}, expected a converted file to validate",
            f"known: {' '.join(sorted(exporters))}; edgekit convert makes one",
        )
    record = path.with_name(f"{path.name}.artifact.json")
    if record.is_file():
        artifact = _from_record(record, found.sha256)
        update = {"card": cards.read_card(card)} if card else {}
        return Subject(artifact.model_copy(update=update), path, None)
    layout: Layout = "NHWC" if suffix == ".tflite" else "NCHW"
    framework = "keras" if layout == "NHWC" else "torch"
    source = ModelSource(
        kind=UNKNOWN, framework=framework, ref=str(path), path=str(path), sha256=found.sha256
    )
    if not facts.inputs:
        raise UsageError(
            f"got {path} without its record {record.name}: a file of this format does not say what "
            "its inputs are",
            "validate it beside the record that edgekit convert wrote",
        )
    layout = layouts.layout_of(facts.inputs[0].shape) or layout
    own = cards.read_card(card) if card else None
    artifact = Artifact(
        path=path.name,
        format=exporters[suffix],
        size_bytes=store.size_of(path),
        sha256=found.sha256,
        recipe=Recipe(name=UNKNOWN, io="int8" if facts.inputs[0].dtype == "int8" else "float32"),
        source=source,
        inputs=facts.inputs,
        outputs=facts.outputs,
        op_histogram=facts.operators or {},
        layout=(own.layout if own else None) or layout,
        card=own,
    )
    return Subject(artifact, path, None)


def _from_record(record: Path, sha256: str) -> Artifact:
    try:
        artifact = Artifact.from_json(record.read_bytes())
    except ValidationError as error:
        raise UsageError(
            problems.in_words(problems.wrong_fields(error, Artifact), f"the record {record}"),
            "convert the model again, or remove the record",
        ) from error
    if artifact.sha256 != sha256:
        raise UsageError(
            f"got a file that is not the one its record describes: {record}",
            "convert the model again, or remove the record to validate the file as it is",
        )
    return artifact


def validate(  # noqa: PLR0913 - what, against what, for whom, how, and where it is kept
    found: list[Subject],
    model: Model | None,
    targets: tuple[Target, ...],
    settings: Settings,
    *,
    data: str | None,
    output: Path,
    step: Step,
    command: str,
) -> tuple[Run, Path]:
    """Measure the files here, judge them, and record a Run.

    `model` is the float baseline; without it, files of a run use the model they were made from.
    """
    first = found[0].artifact.card
    data = data or (first.trained.data if first and first.trained else None)
    if data is None:
        raise DataError("got no data to validate on", "give --data")
    with workspace(settings, step, data) as work:
        if model is not None:
            for subject in found:
                _check_given(subject.artifact, model)
            model = settled(model, settings, step)
        bench, folder = Bench.of(work), runs.new_run_folder(output)
        try:
            findings = steps.Findings()
            for subject in found:
                _measure(subject, model or subject.model, targets, bench, findings, folder)
            name = first.name if first else found[0].file.stem
            run = steps.record(folder, findings, targets, bench, name=name, command=command)
        finally:
            runs.discard(folder)
    return run, folder


def _check_given(artifact: Artifact, model: Model) -> None:
    """Refuse a baseline that proves nothing."""
    recorded, given = artifact.source, model.source
    own = artifact.card
    if own and (own.preprocess, own.inputs) != (model.card.preprocess, model.card.inputs):
        raise UsageError(
            f"got another preprocess in the card of {given.ref} than in that of {artifact.path}",
            "the same samples must reach both; give the right card with --card",
        )
    if not given.is_trained and recorded.is_trained:
        raise UsageError(
            f"got an untrained baseline, {given.ref}: nothing can be worse than a guess",
            "give --weights, or the trained model's file",
        )


def _warn_of_another(recorded: ModelSource, given: ModelSource) -> None:
    """Warn of a baseline that the file was not made from."""
    if recorded.kind != UNKNOWN and recorded.sha256 != given.sha256:
        logging.getLogger("edgekit").warning(
            "the file was made from %s, and is compared with another model, %s",
            recorded.ref,
            given.ref,
        )


def _check_recorded(source: ModelSource, settings: Settings, step: Step) -> None:
    """Refuse the float model of a record where it has changed, or would run unknown code.

    A record could name any Python file, with its right hash: only the zoo's own runs unasked.
    """
    if source.factory is None:
        store.check_unchanged(Path(source.path), source.sha256)
        return
    weights = Path(source.weights) if source.weights else None
    if resolve.is_zoo_name(source.ref):
        zoo = resolve.resolve(source.ref, framework=source.framework, weights=weights)
        model = Model(zoo, cards.card_of(zoo) or cards.bare_card(zoo))
        now = settled(model, settings, step).source
        if (now.path, now.sha256) == (source.path, source.sha256):
            return
    if not settings.trust:
        raise UsageError(
            f"got a record that names code to run: {source.path}",
            "name the float model yourself with --baseline, or give --trust",
        )


def _measure(
    subject: Subject,
    model: Model | None,
    targets: tuple[Target, ...],
    bench: Bench,
    found: steps.Findings,
    folder: Path,
) -> None:
    artifact = subject.artifact
    if formats.exporter(artifact.format).RUNTIME is None:
        raise UsageError(
            f"got {subject.file}, which runs on its device only: {artifact.format} has no runtime "
            "here",
            "edgekit inspect FILE shows what is in it; run it on the device",
        )
    if model is not None and model is subject.model:
        _check_recorded(model.source, bench.settings, bench.step)
    elif model is not None:
        _warn_of_another(artifact.source, model.source)
    if model is not None and artifact.card is None:
        # A file with no card of its own is fed as its float model is.
        artifact = artifact.model_copy(update={"card": model.card})
    check_data(artifact.card, bench.parts.dataset, bench.settings.seed)
    reference = None
    if model is not None:
        floats, reference = bench.baseline(model)
        record = ModelRecord(source=model.source, card=model.card, baseline=floats)
        if record not in found.models:
            found.models.append(record)
    kept = artifact.model_copy(update={"path": f"artifacts/{Path(artifact.path).name}"})
    found.artifacts.append(kept)
    found.files[kept.sha256] = subject.file
    steps.measure_one(kept, reference, targets, bench, found, folder)
