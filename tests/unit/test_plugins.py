import pytest

from edgekit import plugins
from edgekit.errors import MissingExtraError, UsageError

CONTRACTS = {
    "sources": {"SUFFIXES", "HUB", "LAYOUT", "PACKAGES", "load"},
    "training": {"SUFFIX", "fit"},
    "exporters": {"SUFFIX", "RUNTIME", "HUBS", "PACKAGES", "RECIPES", "refusal", "export"},
    "runtimes": {"prepare", "version", "open_session"},
    "devices": {"GRADE", "measure"},
    "packagers": {
        "SUFFIX", "FORMATS", "TAKES", "refusal", "name", "home", "files", "dependencies", "usage",
    },
    "reports": {"SUFFIX", "render"},
    "data": {"matches", "open_dataset"},
    "inspectors": {"SUFFIXES", "inspect"},
    "metrics": {"NAME", "TASK", "UNIT", "HIGHER_IS_BETTER", "contributions"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in CONTRACTS for name in plugins.names(kind) if name != "runner"],
)
def test_a_plugin_keeps_its_kinds_contract(kind, name):
    assert CONTRACTS[kind] <= set(dir(plugins.load(kind, name)))


def test_an_unknown_plugin_gets_a_suggestion():
    with pytest.raises(UsageError) as caught:
        plugins.load("reports", "markdwon")
    assert "did you mean 'markdown'" in caught.value.hint


def test_a_missing_package_names_the_extra_that_brings_it():
    with pytest.raises(MissingExtraError) as caught:
        raise plugins.missing("tensorflow.keras")
    assert "edgekit[tensorflow]" in caught.value.hint
    with pytest.raises(MissingExtraError):
        plugins.versions(("no-such-package",))
