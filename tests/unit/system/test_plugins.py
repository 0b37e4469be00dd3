import pytest

from edgekit import data, formats, metrics, reports
from edgekit.errors import MissingExtraError, UsageError
from edgekit.packaging import packagers
from edgekit.system import packages

RUNTIME = {"prepare", "version", "open_session"}
DEVICE = {"GRADE", "measure"}


def promised(protocol):
    """Return what a plugin of this kind has: its constants and its functions."""
    return set(protocol.__annotations__) | {
        name for name in vars(protocol) if not name.startswith("_")
    }


KINDS = {
    "loader": (formats.loader, formats.loaders(), promised(formats.Loader)),
    "exporter": (formats.exporter, formats.exporters(), promised(formats.Exporter)),
    "inspector": (formats.inspector, formats.inspectors(), promised(formats.Inspector)),
    "trainer": (formats.trainer, formats.trainers(), promised(formats.Trainer)),
    "packager": (packagers.load, packagers.names(), promised(packagers.Packager)),
    "report": (reports.load, reports.names(), promised(reports.Report)),
    "data": (data.load, data.names(), promised(data.Kind)),
    "metric": (metrics.load, metrics.names(), promised(metrics.Metric)),
}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (_, names, _) in KINDS.items() for name in names]
)
def test_a_plugin_keeps_its_kinds_contract(kind, name):
    load, _, contract = KINDS[kind]
    assert contract <= set(dir(load(name)))


def test_an_unknown_plugin_gets_a_suggestion():
    with pytest.raises(UsageError) as caught:
        reports.load("markdwon")
    assert "did you mean 'markdown'" in caught.value.hint


def test_a_missing_package_names_the_extra_that_brings_it():
    with pytest.raises(MissingExtraError) as caught:
        raise packages.missing("tensorflow.keras")
    assert "edgekit[tensorflow]" in caught.value.hint
    with pytest.raises(MissingExtraError):
        packages.versions(("no-such-package",))
