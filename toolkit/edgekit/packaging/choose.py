"""Choosing what to package for whom."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edgekit.core.artifact import Artifact
from edgekit.core.run import Run
from edgekit.core.suggest import did_you_mean
from edgekit.core.target import Target
from edgekit.core.verdict import Status, Verdict
from edgekit.errors import UsageError
from edgekit.packaging import packagers

# What people call the platforms.
ALIASES = {
    "ios": "apple", "macos": "apple", "swift": "apple", "kotlin": "android", "aar": "android",
    "npm": "web", "js": "web", "browser": "web", "wheel": "python", "pip": "python",
    "arduino": "microcontroller", "mcu": "microcontroller", "tflm": "microcontroller",
}  # fmt: skip


class Wish(NamedTuple):
    """One package to make: a kind, and the target whose best file goes in, if any."""

    kind: str
    target: Target | None

    @property
    def in_words(self) -> str:
        """Return for example `android for pixel-8`."""
        return f"{self.kind} for {self.target.id if self.target else 'no target'}"


def wishes(run: Run, kinds: tuple[str, ...], targets: tuple[str, ...]) -> tuple[Wish, ...]:
    """Return the packages that are asked for.

    Without `kinds` each target gets the kind that its profile names, and without `targets` either
    kind goes to the targets whose profiles name it; without both, every target of the run.
    """
    for kind in kinds:
        _check_kind(kind)
    named = [_target(run, name) for name in targets]
    if not kinds:
        found = [Wish(target.packager, target) for target in named or run.targets]
    elif named:
        found = [Wish(kind, target) for kind in kinds for target in named]
    else:
        found = [wish for kind in kinds for wish in _for_kind(run, kind)]
    return tuple(wish for i, wish in enumerate(found) if wish not in found[:i])


def _check_kind(kind: str) -> None:
    known = packagers.names()
    if kind not in known:
        asked = ALIASES.get(kind.lower())
        hint = f"did you mean '{asked}'?" if asked else did_you_mean(kind, known)
        raise UsageError(f"got --for '{kind}', expected a kind of package", f"{hint}; it repeats")


def _for_kind(run: Run, kind: str) -> list[Wish]:
    mine = [target for target in run.targets if target.packager == kind]
    if not mine and len(run.targets) == 1:
        mine = list(run.targets)
    return [Wish(kind, target) for target in mine] or [Wish(kind, None)]


def _target(run: Run, name: str) -> Target:
    known = {target.id: target for target in run.targets}
    if name not in known:
        raise UsageError(
            f"got target '{name}', expected one that run {run.id} was judged for",
            did_you_mean(name, known),
        )
    return known[name]


class Chosen(NamedTuple):
    """The file that goes into a package, why that one, and whether it failed and was allowed."""

    artifact: Artifact
    why: str
    failed: bool


def choose(
    run: Run,
    wish: Wish,
    packager: packagers.Packager,
    *,
    artifact: str | None,
    model: str | None,
    allow_failed: bool,
) -> Chosen:
    """Return the best file for the wish's target, or the one named `artifact`.

    Raises `UsageError` where there is nothing to choose, the kind cannot carry it, or it failed,
    unless `allow_failed`.
    """
    first, why = (
        _named(run, artifact, wish)
        if artifact
        else _best(_of_one_model(run, model), wish, packager, allow_failed)
    )
    _check_carried(first, wish.kind, packager)
    failed = _check_verdict(run, first, wish.target, allow_failed=allow_failed)
    return Chosen(first, why, failed)


def _carries(packager: packagers.Packager, artifact: Artifact) -> str | None:
    """Return why a kind of package cannot hold a file, or None where it can."""
    if packager.FORMATS and artifact.format not in packager.FORMATS:
        return f"it runs {', '.join(packager.FORMATS)}, not {artifact.format}"
    reason: str | None = packager.refusal(artifact)
    return reason


def _check_carried(artifact: Artifact, kind: str, packager: packagers.Packager) -> None:
    if reason := _carries(packager, artifact):
        raise UsageError(
            f"got {artifact.label} for a package of kind {kind}: {reason}",
            "package another file of the run, or --for zip",
        )


def _check_verdict(
    run: Run, artifact: Artifact, target: Target | None, *, allow_failed: bool
) -> bool:
    """Return whether a failed file was allowed. Raises `UsageError` for one that was not."""
    if target is None:
        return False
    verdict = run.verdict(target.id, artifact.sha256)
    if verdict is None:
        raise UsageError(
            f"got {artifact.label}, which was not judged for {target.id}: its profile takes "
            f"{', '.join(target.formats)} by {', '.join(target.recipes) or 'any recipe'}",
            "choose another --target, or another file",
        )
    if verdict.status is not Status.FAIL:
        return False
    if not allow_failed:
        raise UsageError(
            f"got {artifact.label}, which failed for {verdict.target}: "
            f"{', '.join(verdict.names(Status.FAIL))}",
            "package another file, or give --allow-failed: the manifest will say so",
        )
    return True


def _named(run: Run, name: str, wish: Wish) -> tuple[Artifact, str]:
    known = {Path(artifact.path).name: artifact for artifact in run.artifacts}
    if name not in known:
        raise UsageError(f"got no artifact '{name}' in run {run.id}", did_you_mean(name, known))
    verdict = run.verdict(wish.target.id, known[name].sha256) if wish.target else None
    still_open = verdict.open_checks if verdict else ()
    why = f"; still open: {', '.join(still_open)}" if still_open else ""
    return known[name], f"chosen by --artifact{why}"


def _of_one_model(run: Run, model: str | None) -> Run:
    """Return the run with the verdicts on one model only: files of two are no rivals.

    Raises `UsageError` where it has several and none, or no known one, was named.
    """
    names = {a.sha256: a.card.name if a.card else Path(a.path).stem for a in run.artifacts}
    known = sorted(set(names.values()))
    if model is None and len(known) > 1:
        raise UsageError(
            f"got a run of {len(known)} models, expected one to package",
            f"give --model, one of: {', '.join(known)}",
        )
    if model is not None and model not in known:
        raise UsageError(f"got no model '{model}' in run {run.id}", did_you_mean(model, known))
    wanted = model or known[0]
    mine = tuple(v for v in run.verdicts if names[v.artifact_sha256] == wanted)
    return run.model_copy(update={"verdicts": mine})


def _best(
    run: Run, wish: Wish, packager: packagers.Packager, allow_failed: bool
) -> tuple[Artifact, str]:
    if wish.target is None:
        raise UsageError(
            f"got neither a target nor an artifact for a package of kind {wish.kind}",
            f"give --target, one of: {', '.join(t.id for t in run.targets)}",
        )
    choice = run.choose(wish.target, lambda artifact: _carries(packager, artifact))
    if choice.artifact_sha256 is not None:
        return run.artifact(choice.artifact_sha256), choice.why
    failed = _least_failed(run, wish.target, lambda artifact: not _carries(packager, artifact))
    if failed is None:
        raise UsageError(
            f"got no file for {wish.target.id} that a package of kind {wish.kind} can carry: "
            f"{choice.why}",
            "choose another --target or --for; zip carries every file",
        )
    if not allow_failed:
        raise UsageError(
            f"got no file to package for {wish.target.id}: {choice.why}",
            "edgekit report RUN shows which checks failed; --allow-failed takes one all the same",
        )
    return failed, "no file passed; the one with the fewest failed checks, by --allow-failed"


def _least_failed(run: Run, target: Target, carried: Callable[[Artifact], bool]) -> Artifact | None:
    def rank(verdict: Verdict) -> tuple[int, int]:
        artifact = run.artifact(verdict.artifact_sha256)
        return len(verdict.names(Status.FAIL)), artifact.size_bytes

    mine = [v for v in run.verdicts if v.target == target.id]
    mine = [v for v in mine if carried(run.artifact(v.artifact_sha256))]
    return run.artifact(min(mine, key=rank).artifact_sha256) if mine else None


def others(run: Run, first: Artifact, wish: Wish, packager: packagers.Packager) -> list[Artifact]:
    """Return the other files of the same model and format that did not fail, smallest first."""
    found = []
    for artifact in sorted(run.artifacts, key=lambda each: each.size_bytes):
        alike = (artifact.format, artifact.card) == (first.format, first.card)
        verdict = run.verdict(wish.target.id, artifact.sha256) if wish.target else None
        failed = verdict is not None and verdict.status is Status.FAIL
        ran = run.with_golden(artifact.sha256) is not None
        if artifact != first and alike and ran and not failed and not _carries(packager, artifact):
            found.append(artifact)
    return found
