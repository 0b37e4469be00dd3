"""The bill of materials of a package, CycloneDX 1.6 as JSON: model files, data, runtimes, tools.

It depends on the package's content alone: no clock, no random serial number.
"""

import uuid
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from edgekit.packaging.nouns import Content, Dependency, Variant
from edgekit.system import store

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License
    from cyclonedx.model.tool import ToolRepository

SBOM = "sbom.cdx.json"

ROOT, DATA = "package", "data"


def sbom(content: Content, files: dict[str, bytes], dependencies: tuple[Dependency, ...]) -> bytes:
    """Return the bill of materials of a package of `files`, its path in the archive → bytes."""
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.output.json import JsonV1Dot6

    hashes = {path: store.sha256_bytes(data) for path, data in sorted(files.items())}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{store.key_of(hashes)}")
    root = _package(content)
    bom = Bom(
        serial_number=serial,
        metadata=BomMetaData(
            component=root, timestamp=datetime.fromisoformat(content.created), tools=_tools(content)
        ),
    )
    _fill(bom, root, content, dependencies)
    return JsonV1Dot6(bom).output_as_string(indent=2).encode() + b"\n"


def _fill(
    bom: "Bom", root: "Component", content: Content, dependencies: tuple[Dependency, ...]
) -> None:
    data = _data(content)
    models = [_model(variant, content) for variant in content.variants]
    needed = [_needed(each) for each in dependencies]
    for component in (*models, *data, *needed):
        bom.components.add(component)
    bom.register_dependency(root, [*models, *needed])
    for model in models:
        bom.register_dependency(model, data)


def _package(content: Content) -> "Component":
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=ROOT,
        name=content.names.kebab,
        version=content.version,
        description=content.card.description or None,
        licenses=_licences(content.card.licence),
        purl=PackageURL("generic", name=content.names.kebab, version=content.version),
    )


def _model(variant: Variant, content: Content) -> "Component":
    """Describe a model file, with the model it was made from as its ancestor."""
    from cyclonedx.model.component import Component, ComponentType, Pedigree

    artifact, source = variant.artifact, variant.artifact.source
    ancestor = Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"source-of-{variant.name}",
        name=PurePosixPath(source.ref).name,
        description=f"{source.framework} model",
        hashes=_hashes(source.sha256),
    )
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model-{variant.file}",
        name=variant.file,
        version=content.version,
        description=f"{content.card.name}, {artifact.format}, {artifact.recipe.name}",
        hashes=_hashes(artifact.sha256),
        licenses=_licences(content.card.licence),
        pedigree=Pedigree(ancestors=[ancestor]),
    )


def _data(content: Content) -> "list[Component]":
    """Return the data that the files were measured on, once each."""
    from cyclonedx.model.component import Component, ComponentType

    known = {
        variant.measured.data_sha256: PurePosixPath(variant.measured.data).name
        for variant in content.variants
        if variant.measured and variant.measured.data
    }
    return [
        Component(
            type=ComponentType.DATA,
            bom_ref=f"{DATA}-{number}",
            name=name,
            hashes=_hashes(sha256),
            licenses=_licences(content.card.data_licence),
        )
        for number, (sha256, name) in enumerate(sorted(known.items()))
    ]


def _needed(dependency: Dependency) -> "Component":
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=dependency.purl,
        name=dependency.name,
        version=dependency.version,
        licenses=_licences(dependency.licence),
        purl=PackageURL.from_string(dependency.purl),
    )


def _tools(content: Content) -> "ToolRepository":
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    versions = {"edgekit": content.edgekit_version}
    for variant in content.variants:
        versions |= variant.artifact.tools
    return ToolRepository(
        components=[
            Component(
                type=ComponentType.APPLICATION, bom_ref=f"tool-{name}", name=name, version=value
            )
            for name, value in sorted(versions.items())
        ]
    )


def _licences(text: str) -> "list[License]":
    """Return a licence by its SPDX identifier or expression; free text as the name that it is."""
    from cyclonedx import spdx
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

    text = " ".join(text.split())
    if not text:
        return []
    if identifier := spdx.fixup_id(text):
        return [DisjunctiveLicense(id=identifier)]
    if spdx.is_expression(text):
        return [LicenseExpression(text)]
    return [DisjunctiveLicense(name=text)]


def _hashes(sha256: str) -> "list[HashType]":
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)]
