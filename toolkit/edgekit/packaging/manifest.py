"""The manifest that every kind of package carries: what it holds, and the evidence for it."""

from pathlib import Path

from edgekit.core.tensor import TensorSpec
from edgekit.packaging.nouns import (
    Content,
    Dependency,
    Manifest,
    Provenance,
    SpecInWords,
    Variant,
    VariantRecord,
)
from edgekit.system import store


def manifest(
    content: Content, files: dict[str, bytes], dependencies: tuple[Dependency, ...]
) -> Manifest:
    """Describe a package of `files`, its path in the archive → bytes."""
    return Manifest(
        kind=content.kind,
        name=content.card.name,
        version=content.version,
        target=content.target.id if content.target else None,
        why=content.why,
        status=content.first.status,
        failed_allowed=content.failed_allowed,
        licence=content.card.licence,
        takes_image=content.takes_image,
        labels=content.labels,
        card=content.card,
        variants=tuple(map(_record, content.variants)),
        provenance=_provenance(content),
        dependencies=dependencies,
        files={path: store.sha256_bytes(data) for path, data in sorted(files.items())},
    )


def _record(variant: Variant) -> VariantRecord:
    artifact, measured = variant.artifact, variant.measured
    return VariantRecord(
        name=variant.name,
        file=variant.file,
        format=artifact.format,
        recipe=artifact.recipe.name,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        preprocesses=variant.preprocesses,
        inputs=tuple(map(_in_words, artifact.inputs)),
        outputs=tuple(map(_in_words, artifact.outputs)),
        min_runtime=artifact.min_runtime,
        runtime=f"{measured.runtime} ({measured.runtime_version})" if measured else "not run",
        metrics=measured.metrics if measured else (),
        verdict=variant.verdict,
        golden=variant.golden,
    )


def _in_words(spec: TensorSpec) -> SpecInWords:
    return SpecInWords(spec=spec, in_words=spec.in_words())


def _provenance(content: Content) -> Provenance:
    """Say where the files come from, without paths: those are of the machine they were made on."""
    artifact, measured = content.first.artifact, content.first.measured
    return Provenance(
        source=Path(artifact.source.ref).name,
        source_framework=artifact.source.framework,
        source_sha256=artifact.source.sha256,
        data=Path(measured.data).name if measured else "",
        data_sha256=measured.data_sha256 if measured else "",
        tools=dict(sorted(artifact.tools.items())),
        edgekit_version=content.edgekit_version,
        run_created=content.created,
    )
