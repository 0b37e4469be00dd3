import inspect
import pkgutil
from typing import NamedTuple, get_type_hints

import pytest
from pydantic import TypeAdapter

from edgekit import data, formats, metrics, reports, runtimes
from edgekit.core import artifact, card, dataset, facts, recipe, run, tensor
from edgekit.errors import MissingExtraError, UsageError
from edgekit.packaging import nouns, packagers
from edgekit.system import packages

# What the doors name in quotes: they do not import it.
NAMES = {}
for module in (artifact, card, dataset, facts, recipe, run, tensor, nouns):
    NAMES |= vars(module)

RUNTIMES = sorted({m.name for m in pkgutil.iter_modules(runtimes.__path__)} - {"runner"})


class Kind(NamedTuple):
    """A kind of plugin: its door, what it promises, and what it may promise beside.

    What runs on the device names no types.
    """

    load: object
    names: tuple[str, ...]
    contract: type
    more: tuple[type, ...] = ()
    is_typed: bool = True


KINDS = {
    "loader": Kind(formats.loader, formats.loaders(), formats.Loader),
    "exporter": Kind(formats.exporter, formats.exporters(), formats.Exporter, (formats.Deriving,)),
    "inspector": Kind(formats.inspector, formats.inspectors(), formats.Inspector),
    "trainer": Kind(formats.trainer, formats.trainers(), formats.Trainer),
    "packager": Kind(
        packagers.load,
        packagers.names(),
        packagers.Packager,
        (packagers.Finishing, packagers.Allocating),
    ),
    "report": Kind(reports.load, reports.names(), reports.Report),
    "data": Kind(data.load, data.names(), data.Kind),
    "metric": Kind(metrics.load, metrics.names(), metrics.Metric),
    "runtime": Kind(runtimes.open, tuple(RUNTIMES), runtimes.Runtime, is_typed=False),
}


def functions_of(contract):
    return {
        name: f for name, f in vars(contract).items() if inspect.isfunction(f) and name[0] != "_"
    }


def called(function, *, is_typed, is_method=False):
    """Return how a function is called: each parameter's name, kind, default and type."""
    hints = get_type_hints(function, localns=NAMES) if is_typed else {}
    parameters = list(inspect.signature(function).parameters.values())[is_method:]
    rows = [(p.name, p.kind, p.default, hints.get(p.name)) for p in parameters]
    return rows, hints.get("return")


def kept(plugin, contract, *, is_typed=True):
    """Hold a plugin to a contract: constants of its types, functions of its signatures."""
    for name, kind in get_type_hints(contract, localns=NAMES).items():
        TypeAdapter(kind).validate_python(getattr(plugin, name), strict=True)
    for name, promised in functions_of(contract).items():
        wanted = called(promised, is_typed=is_typed, is_method=True)
        assert called(getattr(plugin, name), is_typed=is_typed) == wanted, name


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (_, names, *_) in KINDS.items() for name in names]
)
def test_a_plugin_keeps_its_kinds_contract(kind, name):
    plugin = KINDS[kind].load(name)
    kept(plugin, KINDS[kind].contract, is_typed=KINDS[kind].is_typed)
    for contract in KINDS[kind].more:
        if isinstance(plugin, contract):
            kept(plugin, contract)


def test_every_kind_has_plugins_and_every_further_contract_has_one_that_keeps_it():
    for kind in KINDS.values():
        plugins = [kind.load(name) for name in kind.names]
        assert plugins
        for contract in kind.more:
            assert any(isinstance(plugin, contract) for plugin in plugins)


@pytest.mark.parametrize(
    "render",
    [
        lambda: "",
        lambda run, more: "",
        lambda run: "",
        lambda *, run: "",
    ],
)
def test_a_plugin_that_is_called_otherwise_is_found(render):
    class Plugin:
        SUFFIX = ".txt"

    plugin = Plugin()
    plugin.render = render
    with pytest.raises(AssertionError, match="render"):
        kept(plugin, reports.Report)


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
