"""Packaging a file of a run, with its proof."""

from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.run import Run
from edgekit.errors import UsageError
from edgekit.packaging import arena, bundle, packagers, signature
from edgekit.packaging.choose import Wish, choose, others
from edgekit.packaging.content import gather
from edgekit.packaging.manifest import manifest
from edgekit.packaging.nouns import MANIFEST, Content, Package
from edgekit.packaging.readme import README, readme
from edgekit.packaging.sbom import SBOM, sbom
from edgekit.packaging.signature import SIGNATURE
from edgekit.system import store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


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
    the kind cannot carry it, or it is no longer what the run recorded; for kinds that allocate also
    what `arena.measured` raises.
    """
    packager = packagers.load(wish.kind)
    first = choose(run, wish, packager, artifact=artifact, model=model, allow_failed=allow_failed)
    more = others(run, first.artifact, wish, packager) if variants else []
    content = gather(
        run,
        run_folder,
        [first.artifact, *more],
        wish.target,
        kind=wish.kind,
        why=first.why,
        failed_allowed=first.failed,
    )
    _check_taken(content, packager)
    if isinstance(packager, packagers.Allocating):
        content = arena.measured(content)
    return write(content, packager, output, key)


def write(
    content: Content,
    packager: packagers.Packager,
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
    if isinstance(packager, packagers.Finishing):
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


def _check_taken(content: Content, packager: packagers.Packager) -> None:
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
