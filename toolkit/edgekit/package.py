"""Choosing what to package for whom, and packaging it."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from edgekit import bundle, plugins, signature, store
from edgekit.content import gather
from edgekit.core.artifact import Artifact
from edgekit.core.package import MANIFEST, Content, Package
from edgekit.core.run import Run
from edgekit.core.suggest import did_you_mean
from edgekit.core.target import Target
from edgekit.core.verdict import Status, Verdict
from edgekit.errors import UsageError
from edgekit.manifest import manifest
from edgekit.modelcard import README, readme
from edgekit.sbom import SBOM, sbom
from edgekit.signature import SIGNATURE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


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
    known = plugins.names("packagers")
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


def package(  # noqa: PLR0913 - what, for whom, and what is allowed
    run: Run,
    run_folder: Path,
    output: Path,
    wish: Wish,
    *,
    artifact: str | None = None,
    model: str | None = None,
    allow_failed: bool = False,
    variants: bool = False,
    key: "Ed25519PrivateKey | None" = None,
) -> Package:
    """Make one package of the best file for the wish's target, or of the one named `artifact`.

    Where the run has several models, `model` is the card's name of the one to package.
    With `variants` every other file of the same model and format that did not fail goes in too.
    With `key` the manifest is signed.
    Raises `UsageError` where there is nothing to choose, the file failed (unless `allow_failed`),
    the kind cannot carry it, or it is no longer what the run recorded.
    """
    packager = plugins.load("packagers", wish.kind)
    first, why = (
        _named(run, artifact, wish)
        if artifact
        else _best(_of_one_model(run, model), wish, packager, allow_failed)
    )
    _check_carried(first, wish.kind, packager)
    failed = _check_verdict(run, first, wish.target, allow_failed=allow_failed)
    chosen = [first, *(_others(run, first, wish, packager) if variants else ())]
    content = gather(
        run, run_folder, chosen, wish.target, kind=wish.kind, why=why, failed_allowed=failed
    )
    _check_taken(content, packager)
    return write(content, packager, output, key)


def write(
    content: Content,
    packager: ModuleType,
    output: Path,
    key: "Ed25519PrivateKey | None" = None,
) -> Package:
    """Write the package of `content`: the packager's files, and the proof beside them."""
    home, files = packager.home(content), dict(packager.files(content))
    needs = packager.dependencies(content)
    archive = f"{packager.name(content)}{packager.SUFFIX}"
    files[f"{home}{README}"] = readme(content, needs, packager.usage(content), archive).encode()
    files[f"{home}{SBOM}"] = sbom(content, files, needs)
    described = manifest(content, files, needs)
    files[f"{home}{MANIFEST}"] = described.to_json().encode()
    if key is not None:
        signed = signature.sign(files[f"{home}{MANIFEST}"], key)
        files[f"{home}{SIGNATURE}"] = signed.to_json().encode()
    if hasattr(packager, "finish"):
        files |= packager.finish(files)
    data = bundle.pack(files, packager.SUFFIX)
    path = output / archive
    replaced = path.is_file() and path.read_bytes() != data
    store.write_bytes(path, data)
    return Package(
        kind=content.kind,
        target=content.target.id if content.target else None,
        path=str(path),
        sha256=store.sha256_bytes(data),
        size_bytes=len(data),
        replaced=replaced,
        manifest=described,
    )


def _carries(packager: ModuleType, artifact: Artifact) -> str | None:
    """Return why a kind of package cannot hold a file, or None where it can."""
    if packager.FORMATS and artifact.format not in packager.FORMATS:
        return f"it runs {', '.join(packager.FORMATS)}, not {artifact.format}"
    reason: str | None = packager.refusal(artifact)
    return reason


def _check_carried(artifact: Artifact, kind: str, packager: ModuleType) -> None:
    if reason := _carries(packager, artifact):
        raise UsageError(
            f"got {artifact.label} for a package of kind {kind}: {reason}",
            "package another file of the run, or --for zip",
        )


def _check_taken(content: Content, packager: ModuleType) -> None:
    """Refuse a model that the package's code could not feed."""
    images = any(each.colour for each in content.first.preprocesses)
    way = "image" if content.takes_image else "tensors"
    if not packager.TAKES:
        return
    if images and not content.takes_image:
        raise UsageError(
            f"got a model of {len(content.first.preprocesses)} inputs or of images that are not 8 "
            f"bits a channel, expected one 8-bit image for a package of kind {content.kind}",
            "give the data as uint8 images, or package it --for zip",
        )
    if way not in packager.TAKES:
        raise UsageError(
            f"got a model that takes {way}, expected {' or '.join(packager.TAKES)} for a package "
            f"of kind {content.kind}",
            "package it --for zip",
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


def _best(run: Run, wish: Wish, packager: ModuleType, allow_failed: bool) -> tuple[Artifact, str]:
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


def _others(run: Run, first: Artifact, wish: Wish, packager: ModuleType) -> list[Artifact]:
    """Return the other files of the same model and format that did not fail, smallest first."""
    found = []
    for artifact in sorted(run.artifacts, key=lambda each: each.size_bytes):
        alike = (artifact.format, artifact.card) == (first.format, first.card)
        verdict = run.verdict(wish.target.id, artifact.sha256) if wish.target else None
        failed = verdict is not None and verdict.status is Status.FAIL
        measured = run.measurement(artifact.sha256)
        ran = measured is not None and measured.golden is not None
        if artifact != first and alike and ran and not failed and not _carries(packager, artifact):
            found.append(artifact)
    return found
