"""Content: what goes into a package, gathered from a Run and checked against its record."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit.core.artifact import Artifact
from edgekit.core.card import ModelCard
from edgekit.core.measurement import Measurement
from edgekit.core.preprocess import Preprocess
from edgekit.core.run import Run
from edgekit.core.target import Target
from edgekit.core.tensor import Array
from edgekit.errors import UsageError
from edgekit.packaging import golden
from edgekit.packaging.naming import Names, names_of
from edgekit.packaging.nouns import LABELS, Content, Variant
from edgekit.system import store


def gather(  # noqa: PLR0913 - which files, for whom, and why
    run: Run,
    run_folder: Path,
    artifacts: Iterable[Artifact],
    target: Target | None,
    *,
    kind: str,
    why: str,
    failed_allowed: bool,
) -> Content:
    """Return the content of a package with `artifacts`, the first of them the default.

    Raises `UsageError` where a file is not what the run recorded, was not run, or has other
    classes than its card.
    """
    chosen = tuple(artifacts)
    card = _card(chosen[0])
    names, assets = names_of(card.name), golden.Assets()
    models: dict[str, bytes] = {}
    variants: list[Variant] = []
    for artifact in chosen:
        evidence = _evidence(run, run_folder, artifact, target)
        files = _model_files(artifact, run_folder, names)
        models |= files
        variants.append(_variant(run, artifact, target, evidence, tuple(files), assets))
    _check_labels(card, chosen[0])
    if card.labels:
        models[LABELS] = _label_lines(card.labels)
    return Content(
        kind=kind,
        names=names,
        version=card.version,
        card=card,
        labels=card.labels,
        target=target,
        why=why,
        failed_allowed=failed_allowed,
        created=run.created,
        edgekit_version=run.edgekit_version,
        variants=tuple(variants),
        takes_image=golden.takes_image(evidence.kept, variants[0].preprocesses),
        assets={**models, **assets.files()},
    )


def _card(artifact: Artifact) -> ModelCard:
    return artifact.card or ModelCard(name=Path(artifact.path).stem)


class _Evidence(NamedTuple):
    """What a run keeps of a file: its measurement, if it ran, and samples on their way."""

    measured: Measurement | None
    input_names: tuple[str, ...]
    kept: dict[str, Array]


def _evidence(run: Run, run_folder: Path, artifact: Artifact, target: Target | None) -> _Evidence:
    """Return what proves a file, with the target's kernels.

    A file of a format that runs only on the device borrows the samples of another of its model:
    they prove decoding and preprocessing, and no output is expected.
    """
    kernels = target.kernels if target else "optimized"
    if proof := run.with_golden(artifact.sha256, kernels):
        return _Evidence(proof, proof.input_names, _kept(proof, run_folder, artifact))
    measured = run.measurement(artifact.sha256, kernels)
    if measured is not None and measured.error:
        raise UsageError(
            f"got {artifact.label}, which did not run: {measured.error.message}",
            "package another file of the run",
        )
    lender = _lender(run, artifact)
    if lender is None:
        raise UsageError(
            f"got no golden vectors of {artifact.label}, expected some: no file of its model ran",
            "add a target whose format runs here, for example tflite, and run again",
        )
    kept = _kept(lender, run_folder, artifact)
    samples = {name: values for name, values in kept.items() if name.startswith("sample_")}
    return _Evidence(None, lender.input_names, samples)


def _lender(run: Run, artifact: Artifact) -> Measurement | None:
    """Return a measurement of another file of the same card, where there is one input to mix up."""
    if len(artifact.inputs) != 1:
        return None
    alike = {a.sha256 for a in run.artifacts if a.card == artifact.card and a.card is not None}
    return next((m for m in run.measurements if m.golden and m.artifact_sha256 in alike), None)


def _kept(measured: Measurement, run_folder: Path, artifact: Artifact) -> dict[str, Array]:
    path = run_folder / "golden" / Path(measured.golden or "").name
    store.check_unchanged(path, measured.golden_sha256)
    with np.load(path, allow_pickle=False) as arrays:
        kept = dict(arrays)
    if "sample_0" not in kept:
        raise UsageError(
            f"got golden vectors of {artifact.label} without the samples they began with",
            "the run is of an older edgekit: make it again with edgekit run",
        )
    return kept


def _variant(
    run: Run,
    artifact: Artifact,
    target: Target | None,
    evidence: _Evidence,
    files: tuple[str, ...],
    assets: golden.Assets,
) -> Variant:
    preprocesses = _preprocesses(artifact, evidence.input_names)
    return Variant(
        name=artifact.recipe.name,
        file=files[0].split("/")[0],
        files=files,
        artifact=artifact,
        preprocesses=preprocesses,
        measured=evidence.measured,
        verdict=run.verdict(target.id, artifact.sha256) if target else None,
        golden=golden.samples_of(evidence.kept, artifact, preprocesses, assets),
    )


def _preprocesses(artifact: Artifact, input_names: tuple[str, ...]) -> tuple[Preprocess, ...]:
    """Return the Preprocess of each of the file's inputs, from the data's names for them."""
    card = _card(artifact)
    known = [card.inputs.get(name, card.preprocess) for name in input_names]
    return tuple(each.model_copy(update={"layout": artifact.layout}) for each in known)


def _model_files(artifact: Artifact, run_folder: Path, names: Names) -> dict[str, bytes]:
    """Return the model's bytes by the names that they get in the package."""
    path = run_folder / artifact.path
    store.check_unchanged(path, artifact.sha256)
    inside = f"{names.snake}-{artifact.recipe.name}{path.suffix}"
    if path.is_file():
        return {inside: path.read_bytes()}
    parts = sorted(file for file in path.rglob("*") if file.is_file())
    return {f"{inside}/{part.relative_to(path).as_posix()}": part.read_bytes() for part in parts}


def _check_labels(card: ModelCard, artifact: Artifact) -> None:
    """Refuse a class list that is not one name for each output of a classifier."""
    outputs = artifact.outputs[0].shape[-1] if artifact.outputs[0].shape else 1
    if card.task == "classification" and card.labels and len(card.labels) != outputs:
        raise UsageError(
            f"got {len(card.labels)} labels for {outputs} outputs of {artifact.label}, expected "
            "one for each",
            "correct the card's labels and run again",
        )


def _label_lines(labels: tuple[str, ...]) -> bytes:
    broken = [label for label in labels if "\0" in label or label.splitlines() != [label]]
    if broken:
        raise UsageError(
            f"got the label {broken[0]!r}, expected one line that is not empty",
            "correct the card's labels: a package holds one a line",
        )
    return "".join(f"{label}\n" for label in labels).encode()
