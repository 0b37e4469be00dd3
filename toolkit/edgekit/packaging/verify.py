"""Verify: whether a package is what was made, by whom, and whether it computes what it should.

A package may be anybody's. Nothing of it is written or run before all of it was checked.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from pydantic import ValidationError

from edgekit import formats
from edgekit.core.noun import Noun
from edgekit.core.verdict import Status
from edgekit.errors import ModelLoadError
from edgekit.packaging import bundle, packagers, selftest, signature
from edgekit.packaging.nouns import (
    LABELS,
    MANIFEST,
    VECTORS,
    GoldenTensor,
    Manifest,
    VariantRecord,
    real_of,
)
from edgekit.packaging.sbom import SBOM
from edgekit.packaging.signature import SIGNATURE
from edgekit.system import store

AGAIN = "take the package from where it was made"
SCHEMA_VERSION = Manifest.model_fields["schema_version"].default
LISTED = 5

Answer = Literal["ok", "FAILED", "open"]


class Check(Noun):
    """One question put to a package. `open` says that something is not known."""

    name: str
    status: Answer
    says: str


class Verified(Noun):
    """What `verify` found. `sha256` is the archive's; None for a folder."""

    package: str
    sha256: str | None
    kind: str
    name: str
    target: str | None
    checks: tuple[Check, ...]

    @property
    def findings(self) -> tuple[Check, ...]:
        """Return the checks that failed."""
        return tuple(check for check in self.checks if check.status == "FAILED")

    def record(self) -> dict[str, object]:
        """Return all of it as plain data."""
        findings = [check.model_dump(mode="json") for check in self.findings]
        return {**self.model_dump(mode="json"), "ok": not findings, "findings": findings}

    def in_words(self) -> str:
        """Return the last line of the report."""
        n = len(self.findings)
        return f"FAILED: {n} finding{'s' if n > 1 else ''}" if n else "passed"


class _Opened(NamedTuple):
    """A package as read. `home` is where its manifest lies: `""`, or a folder and a slash."""

    path: Path
    files: dict[str, bytes]
    home: str
    manifest: Manifest
    packager: packagers.Packager

    def read(self, name: str) -> bytes | None:
        """Return the asset called `name`, wherever the packager put it, or None."""
        found = {
            data
            for path, data in self.files.items()
            if path in self.manifest.files and f"/{path}".endswith(f"/{name}")
        }
        return found.pop() if len(found) == 1 else None

    def model(self, file: str) -> dict[str, bytes]:
        """Return the model file's bytes by `""`, or those of a model that is a folder by name."""
        single = self.read(file)
        if single is not None:
            return {"": single}
        found = {}
        for path, data in self.files.items():
            _, is_inside, rest = f"/{path}".partition(f"/{file}/")
            if is_inside:
                found[rest] = data
        return found


def verify(path: Path, *, key: Path | None = None, run: bool = False) -> Verified:
    """Check the package at `path`: an archive, or the folder that it was unpacked to.

    With `key`, a public key, the package must be signed by it. With `run` the golden vectors are
    computed again, unless the package is not whole. Raises `ModelLoadError` for what cannot be
    read as a package, `UsageError` for the key, and `MissingExtraError` for a missing runtime.
    """
    expected = signature.read_public_key(key) if key else None
    opened = _open(path)
    checks = [*_archive(opened), *_files(opened), *_manifest(opened), *_signature(opened, expected)]
    is_whole = all(check.status != "FAILED" for check in checks)
    checks += _verdict(opened.manifest)
    if run and is_whole:
        checks += _run(opened)
    elif run:
        checks.append(_check("run", "open", "nothing was run: the package is not whole"))
    return Verified(
        package=str(path),
        sha256=store.sha256_file(path) if path.is_file() else None,
        kind=opened.manifest.kind,
        name=opened.manifest.name,
        target=opened.manifest.target,
        checks=tuple(checks),
    )


def _check(name: str, status: Answer, says: str) -> Check:
    # A terminal must not obey what stands in somebody's package.
    shown = "".join(c if c.isprintable() else "\ufffd" for c in says)
    return Check(name=name, status=status, says=shown)


def _answers(name: str, problems: Iterable[str], says: str) -> Iterator[Check]:
    """Yield one failed check for each problem, or one that says what is right."""
    found = list(problems)
    for problem in found:
        yield _check(name, "FAILED", problem)
    if not found:
        yield _check(name, "ok", says)


def _open(path: Path) -> _Opened:
    if not path.exists():
        raise ModelLoadError(f"got no package {path}", "check the path")
    files = bundle.unpack(path)
    home = _home(files, path)
    manifest = _read_manifest(files[f"{home}{MANIFEST}"], path)
    if manifest.kind not in packagers.names():
        raise ModelLoadError(
            f"got a package of kind {manifest.kind!r} in {path}, expected one of "
            f"{', '.join(packagers.names())}",
            "update edgekit",
        )
    if path.is_dir():
        files, home = _placed(files, home, manifest)
    return _Opened(path, files, home, manifest, packagers.load(manifest.kind))


def _home(files: dict[str, bytes], path: Path) -> str:
    """Return the folder of the one manifest that lies nearest to the root."""
    found = [name for name in files if PurePosixPath(name).name == MANIFEST]
    nearest = min((name.count("/") for name in found), default=0)
    found = [name for name in found if name.count("/") == nearest]
    if len(found) != 1:
        raise ModelLoadError(
            f"got {len(found) or 'no'} {MANIFEST} in {path}, expected one",
            "is it a package of edgekit? " + AGAIN,
        )
    return found[0].removesuffix(MANIFEST)


def _read_manifest(data: bytes, path: Path) -> Manifest:
    try:
        manifest = Manifest.from_json(data)
    except (ValidationError, ValueError, RecursionError) as error:
        raise ModelLoadError(
            f"got a {MANIFEST} in {path} that cannot be read: {str(error).splitlines()[0]}",
            f"it may be of another version of edgekit (schema {SCHEMA_VERSION} is known); {AGAIN}",
        ) from error
    if manifest.schema_version != SCHEMA_VERSION or not manifest.variants:
        raise ModelLoadError(
            f"got a {MANIFEST} of schema {manifest.schema_version} with {len(manifest.variants)} "
            f"model files in {path}, expected schema {SCHEMA_VERSION} with some",
            "take the edgekit that made it, or a newer one",
        )
    return manifest


def _placed(files: dict[str, bytes], home: str, manifest: Manifest) -> tuple[dict[str, bytes], str]:
    """Return a folder's files by their paths in the archive, wherever in it the folder is.

    Unpacking a `.tgz` may leave its top folder out, or the user may name a folder above it.
    """
    known = [name for name in manifest.files if PurePosixPath(name).name == SBOM]
    true = min((name.removesuffix(SBOM) for name in known), key=len, default=home)
    if true.endswith(home):
        above = true.removesuffix(home) if home else true
        return {f"{above}{name}": data for name, data in files.items()}, true
    if home.endswith(true) and all(name.startswith(home.removesuffix(true)) for name in files):
        below = len(home.removesuffix(true))
        return {name[below:]: data for name, data in files.items()}, true
    return files, home


def _archive(opened: _Opened) -> Iterator[Check]:
    """Hold the archive against what its files give: nothing may hide between them."""
    path = opened.path
    if path.is_dir():
        return
    suffix = opened.packager.SUFFIX
    data = bundle.pack(opened.files, suffix)
    same = store.sha256_bytes(data) == store.sha256_file(path)
    problem = f"{path.name} is not packed as edgekit packs its files: it was packed again"
    says = f"sha256 {store.sha256_bytes(data)}"
    yield from _answers("archive", () if same else [problem], says)


def _files(opened: _Opened) -> Iterator[Check]:
    problems = list(_file_problems(opened))
    yield from _answers("files", problems, f"{len(opened.manifest.files)} files have their sha256")


def _file_problems(opened: _Opened) -> Iterator[str]:
    listed, there = opened.manifest.files, opened.files
    own = {f"{opened.home}{MANIFEST}", f"{opened.home}{SIGNATURE}"}
    changed = [n for n in listed if n in there and store.sha256_bytes(there[n]) != listed[n]]
    removed = [name for name in listed if name not in there]
    made = _finished(opened, {n: d for n, d in there.items() if n in listed or n in own})
    known = {*listed, *own, *(made or ())}
    if made is None:
        yield f"what a package of kind {opened.manifest.kind} needs is not in it"
        known |= set(there)
    elif not changed and not removed:  # else what is made from them differs too
        changed = [name for name, data in made.items() if there.get(name, data) != data]
        removed = [name for name in made if name not in there]
    added = [name for name in there if name not in known]
    for what, names in (("changed", changed), ("removed", removed), ("added", added)):
        if names:
            yield f"{what}: {_listed(names)}"
    if own & set(listed):
        yield f"{MANIFEST} lists itself or its signature"


def _finished(opened: _Opened, others: dict[str, bytes]) -> dict[str, bytes] | None:
    """Return the files that the packager makes from all the others; None where it cannot."""
    if not isinstance(opened.packager, packagers.Finishing):
        return {}
    try:
        made: dict[str, bytes] = opened.packager.finish(others)
    except (LookupError, ValueError, TypeError, AttributeError, StopIteration):
        return None
    return {name: data for name, data in made.items() if name not in opened.manifest.files}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(sorted(names)[:LISTED]) + more


def _manifest(opened: _Opened) -> Iterator[Check]:
    manifest = opened.manifest
    problems = list(_manifest_problems(opened))
    place = f" for {manifest.target}" if manifest.target else ""
    says = f"{manifest.name} {manifest.version}, {manifest.kind}{place}"
    yield from _answers("manifest", problems, says)


def _manifest_problems(opened: _Opened) -> Iterator[str]:
    """Say where the manifest contradicts itself, or the files."""
    manifest = opened.manifest
    first = manifest.variants[0].verdict
    if manifest.status is not (first.status if first else Status.NOT_MEASURED):
        yield f"status is {manifest.status}, the verdict says otherwise"
    if manifest.labels != manifest.card.labels or manifest.licence != manifest.card.licence:
        yield "labels or licence are not the card's"
    lines = "".join(f"{label}\n" for label in manifest.labels).encode()
    if manifest.labels and opened.read(LABELS) != lines:
        yield f"{LABELS} is not the list of labels"
    vectors = opened.read(VECTORS)
    if vectors is None:
        yield f"no {VECTORS}"
    elif _golden_bytes(manifest) > len(vectors):
        yield "the golden vectors overlap"
    for variant in manifest.variants:
        yield from (f"{variant.file}: {text}" for text in _variant_problems(opened, variant))
        if vectors is not None:
            golden = _golden_problems(opened, variant, vectors)
            yield from (f"{variant.file}: {text}" for text in golden)


def _golden_bytes(manifest: Manifest) -> int:
    """Return what all golden arrays hold together: none shares bytes with another."""
    samples = [sample for variant in manifest.variants for sample in variant.golden]
    tensors = [t for s in samples for t in (*s.samples, *s.inputs, *s.outputs)]
    return sum(max(0, tensor.size_bytes) for tensor in tensors)


def _variant_problems(opened: _Opened, variant: VariantRecord) -> Iterator[str]:
    parts = opened.model(variant.file)
    if not parts:
        yield "no such file"
    elif _sha256(parts) != variant.sha256:
        yield "it is not the file that was validated: another sha256"
    if sum(map(len, parts.values())) != variant.size_bytes:
        yield f"{sum(map(len, parts.values()))} bytes, the record says {variant.size_bytes}"
    verdict = variant.verdict
    if verdict and (verdict.artifact_sha256, verdict.target) != (
        variant.sha256,
        opened.manifest.target,
    ):
        yield "its verdict is of another file or target"
    if len(variant.preprocesses) != len(variant.inputs) or not variant.outputs:
        yield "inputs, outputs and preprocessing do not match"
    classes = opened.manifest.labels if opened.manifest.card.task == "classification" else ()
    if classes and variant.outputs and variant.outputs[0].spec.shape[-1:] != (len(classes),):
        yield f"{len(classes)} labels for outputs of shape {variant.outputs[0].spec.shape}"


def _sha256(parts: dict[str, bytes]) -> str:
    """Return the digest of a model's parts, as the run has it: see `store.sha256_tree`."""
    if set(parts) == {""}:
        return store.sha256_bytes(parts[""])
    lines = [f"{n}\0{store.sha256_bytes(parts[n])}\n" for n in sorted(parts, key=PurePosixPath)]
    return store.sha256_bytes("".join(lines).encode())


def _golden_problems(opened: _Opened, variant: VariantRecord, vectors: bytes) -> Iterator[str]:
    counts = len(variant.inputs), len(variant.inputs), len(variant.outputs)
    if not variant.golden:
        yield "no golden vectors"
    yield from _golden_output_problems(variant)
    for number, sample in enumerate(variant.golden):
        if sample.image is not None and opened.read(sample.image) is None:
            yield f"golden sample {number}: no {sample.image}"
        found = len(sample.samples), len(sample.inputs), len(sample.outputs) or counts[2]
        if found != counts:
            yield f"golden sample {number}: not one array for each input and output"
        if len(sample.values) not in {0, len(sample.outputs)}:
            yield f"golden sample {number}: not one array of values for each output"
        for tensor in (*sample.samples, *sample.inputs, *sample.outputs, *sample.values):
            if not _is_inside(tensor, vectors):
                yield f"golden sample {number}: an array that is not in {VECTORS}"


def _golden_output_problems(variant: VariantRecord) -> Iterator[str]:
    """Say where outputs are missing: only a file that was not run has none but the probe."""
    real = real_of(variant.golden)
    without = [number for number, sample in enumerate(real) if not sample.outputs]
    if without and (len(without) < len(real) or variant.runtime != "not run"):
        yield f"golden sample {without[0]}: no outputs, though the file was run"


def _is_inside(tensor: GoldenTensor, vectors: bytes) -> bool:
    try:
        dtype = np.dtype(tensor.dtype)
    except TypeError:
        return False
    count = 1
    for size in tensor.shape:
        count *= size
    return (
        dtype.kind in "biuf"
        and all(size >= 0 for size in tensor.shape)
        and count * dtype.itemsize == tensor.size_bytes
        and 0 <= tensor.offset <= len(vectors) - tensor.size_bytes
    )


def _signature(opened: _Opened, expected: bytes | None) -> Iterator[Check]:
    data = opened.files.get(f"{opened.home}{SIGNATURE}")
    if data is None and expected is not None:
        yield _check("signature", "FAILED", "not signed, and --key asks for a signature")
        return
    if data is None:
        says = "not signed: the hashes show that it is whole, not who made it"
        yield _check("signature", "open", says)
        return
    try:
        found = signature.read(data)
    except ValueError as error:
        yield _check("signature", "FAILED", f"{SIGNATURE} cannot be read: {error}")
        return
    mark = signature.fingerprint(found.key_bytes())
    if not signature.is_valid(found, opened.files[f"{opened.home}{MANIFEST}"]):
        yield _check("signature", "FAILED", f"not of this {MANIFEST}; key {mark}")
    elif expected is None:
        says = f"whole since it was signed by key {mark}; whose that is, only --key can check"
        yield _check("signature", "ok", says)
    elif found.key_bytes() != expected:
        asked = signature.fingerprint(expected)
        yield _check("signature", "FAILED", f"by another key: {mark}, expected {asked}")
    else:
        yield _check("signature", "ok", f"by the given key {mark}")


def _verdict(manifest: Manifest) -> Iterator[Check]:
    problems = [
        f"{variant.file} failed for {variant.verdict.target}: "
        f"{', '.join(variant.verdict.names(Status.FAIL))}"
        for variant in manifest.variants
        if variant.verdict and variant.verdict.status is Status.FAIL
    ]
    if manifest.failed_allowed or (manifest.status is Status.FAIL and not problems):
        problems.append("it was made of a file that failed, by --allow-failed")
    if problems or manifest.status is Status.PASS:
        yield from _answers("verdict", problems, "every check passed")
        return
    verdict = manifest.variants[0].verdict
    names = verdict.open_checks if verdict else ()
    says = f"nothing failed; still open: {', '.join(names) or 'all, it was judged for no target'}"
    yield _check("verdict", "open", says)


def _run(opened: _Opened) -> Iterator[Check]:
    """Compute the golden vectors of every model file again."""
    vectors = opened.read(VECTORS) or b""
    for number, variant in enumerate(opened.manifest.variants):
        with store.scratch() as folder:
            outcomes = list(_rehearsed(opened, variant, number, vectors, folder))
            for outcome in sorted(outcomes, key=lambda each: selftest.STAGES.index(each.stage)):
                status: Answer = "open" if outcome.ok is None else "ok" if outcome.ok else "FAILED"
                yield _check(outcome.stage, status, f"{variant.file}: {outcome.says}")


def _rehearsed(
    opened: _Opened, variant: VariantRecord, number: int, vectors: bytes, folder: Path
) -> Iterator[selftest.Outcome]:
    store.write_bytes(folder / "vectors.bin", vectors)
    images: dict[str, Path] = {}
    for sample in variant.golden:
        if sample.image is not None:
            images[sample.image] = folder / f"{len(images)}.png"
            store.write_bytes(images[sample.image], opened.read(sample.image) or b"")
    yield from selftest.pure_stages(variant, folder / "vectors.bin", images)
    if variant.format not in formats.exporters():
        says = f"files of format {variant.format!r} are not known here"
        yield selftest.Outcome("inference", ok=False, says=says)
        return
    model = folder / f"model-{number}{formats.exporter(variant.format).SUFFIX}"
    for name, data in opened.model(variant.file).items():
        store.write_bytes(model / name if name else model, data)
    yield selftest.inference(variant, opened.manifest.kind, model, vectors, folder)
