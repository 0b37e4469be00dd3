import json
import subprocess
import sys

import make
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from edgekit.packaging.nouns import Dependency
from edgekit.packaging.sbom import sbom

NEEDS = (
    Dependency(
        name="litert", version="1.4.0", licence="Apache-2.0",
        purl="pkg:maven/com.google.ai.edge.litert/litert@1.4.0",
    ),
    Dependency(name="numpy", version="", licence="", purl="pkg:pypi/numpy"),
)  # fmt: skip


def made(content, needs=NEEDS, files=None):
    return json.loads(sbom(content, content.assets if files is None else files, needs))


def check(text):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


LICENCES = ("Apache-2.0", "apache-2.0", "", "free for tests; ask first", "MIT OR Apache-2.0",
            'Apache-2.0 (code); weights come\nfrom "your" own', "数")  # fmt: skip


@pytest.mark.parametrize("licence", LICENCES)
def test_it_is_valid_by_the_schema_whatever_the_licence(licence):
    card = make.tiny_card(make.ODD_NAME, make.ODD_LABELS, licence=licence, data_licence=licence)
    content = make.content(artifacts=[make.tiny_artifact(card=card)])
    check(sbom(content, content.assets, NEEDS).decode())


def test_licences_are_identifiers_where_they_are_and_names_where_not():
    def licences(text):
        card = make.tiny_card(licence=text)
        found = made(make.content(artifacts=[make.tiny_artifact(card=card)]))
        return found["metadata"]["component"].get("licenses")

    assert licences("apache-2.0") == [{"license": {"id": "Apache-2.0"}}]
    assert licences("MIT OR Apache-2.0") == [{"expression": "MIT OR Apache-2.0"}]
    assert licences("free for tests") == [{"license": {"name": "free for tests"}}]
    assert licences("") is None


def test_it_names_models_data_runtimes_and_tools():
    content = make.content(artifacts=[make.tiny_artifact(), make.tiny_artifact(recipe="int8-io8")])
    found = made(content)
    by_type = {}
    for component in found["components"]:
        by_type.setdefault(component["type"], []).append(component)
    models = by_type["machine-learning-model"]
    hashes = {each["name"]: each["hashes"][0]["content"] for each in models}
    assert hashes == {v.file: v.artifact.sha256 for v in content.variants}
    assert models[0]["pedigree"]["ancestors"][0]["hashes"][0]["content"] == "5" * 64
    assert [each["hashes"][0]["content"] for each in by_type["data"]] == ["d" * 64]
    assert by_type["data"][0]["licenses"] == [{"license": {"name": "free for tests"}}]
    assert [each["purl"] for each in by_type["library"]] == [each.purl for each in NEEDS]
    tools = {each["name"]: each["version"] for each in found["metadata"]["tools"]["components"]}
    assert tools == {"edgekit": "0", "tensorflow": "2.21.0"}
    depends = {each["ref"]: each.get("dependsOn", []) for each in found["dependencies"]}
    assert set(depends["package"]) == {f"model-{n}" for n in hashes} | {d.purl for d in NEEDS}


def test_it_depends_on_the_content_alone():
    content = make.content()
    found = made(content)
    assert found["metadata"]["timestamp"] == content.created
    assert found == made(content)
    other = made(content, files={**content.assets, "more": b""})
    assert other["serialNumber"] != found["serialNumber"]


def test_hashing_of_strings_changes_nothing():
    code = (
        f"import sys; sys.path.insert(0, {str(make.ASSETS.parent / 'unit')!r})\n"
        "import make; from edgekit.packaging import sbom\n"
        "c = make.content(); sys.stdout.write(sbom.sbom(c, c.assets, ()).decode())"
    )
    import os

    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True, check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }  # fmt: skip
    assert len(texts) == 1
