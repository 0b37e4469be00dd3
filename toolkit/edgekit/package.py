"""Choosing an artifact of a Run, checking it against its record, and packaging it."""

from pathlib import Path

from edgekit import plugins, store
from edgekit.core.artifact import Artifact
from edgekit.core.package import Package
from edgekit.core.run import Run
from edgekit.core.suggest import did_you_mean
from edgekit.core.target import Target
from edgekit.errors import UsageError


def package(
    run: Run,
    run_folder: Path,
    output: Path,
    *,
    kind: str | None,
    target: str | None,
    artifact: str | None,
) -> tuple[Package, str]:
    """Make one package and say in words why it holds this file.

    Without `kind` it is the one that the target asks for; without `artifact`, a file name of the
    run, the best file for `target` is taken. Raises `UsageError` where there is nothing to choose,
    or the file is no longer what the run recorded.
    """
    chosen_for = _target(run, target)
    packager = plugins.load("packagers", kind or (chosen_for.packager if chosen_for else "zip"))
    found, why = _named(run, artifact) if artifact else _best(run, chosen_for)
    store.check_unchanged(run_folder / found.path, found.sha256)
    made: Package = packager.package(run, found, chosen_for, run_folder, output)
    return made, why


def _target(run: Run, name: str | None) -> Target | None:
    """Return the target called `name`; without a name the run's only one, or None."""
    if name is None:
        return run.targets[0] if len(run.targets) == 1 else None
    known = {target.id: target for target in run.targets}
    if name not in known:
        raise UsageError(
            f"got target '{name}', expected one that run {run.id} was judged for",
            did_you_mean(name, known),
        )
    return known[name]


def _named(run: Run, name: str) -> tuple[Artifact, str]:
    known = {Path(artifact.path).name: artifact for artifact in run.artifacts}
    if name not in known:
        raise UsageError(f"got no artifact '{name}' in run {run.id}", did_you_mean(name, known))
    return known[name], "you named it"


def _best(run: Run, target: Target | None) -> tuple[Artifact, str]:
    if target is None:
        raise UsageError(
            "got neither a target nor an artifact to package",
            f"give --target, one of: {', '.join(t.id for t in run.targets)}",
        )
    choice = next(c for c in run.choices() if c.target == target.id)
    if choice.artifact_sha256 is None:
        raise UsageError(
            f"got no file to package for {target.id}: {choice.why}",
            "edgekit report RUN shows which checks failed; --artifact NAME takes one all the same",
        )
    return run.artifact(choice.artifact_sha256), choice.why
