"""The cache's key: what makes a file is in it, and nothing else is."""

import grimp
import make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit import formats
from edgekit.core.artifact import Artifact
from edgekit.core.card import ASIDE, TEXTS, ModelCard
from edgekit.core.dataset import Dataset
from edgekit.core.tensor import TensorSpec
from edgekit.formats.executorch import metadata as executorch_metadata
from edgekit.formats.tflite import metadata as tflite_metadata
from edgekit.pipeline import convert, recipes
from edgekit.pipeline.workspace import Settings
from edgekit.sources.model import Model
from edgekit.system import packages, plugins, store

FP32 = recipes.parse("fp32")
CARD = ModelCard(name="net", labels=tuple("0123456789"))

# Another value for every field of a card.
OTHER = {
    "name": "other", "task": "segmentation", "metric": "top5", "version": "2.0.0",
    "description": "other", "intended_use": "other", "licence": "MIT", "data_licence": "CC0-1.0",
    "input_shape": (8, 8, 1), "input_shapes": ((8, 8, 1),), "input_dtypes": ("int64",),
    "layout": "NCHW", "preprocess": {"scale": 0.5}, "inputs": {"a": {"scale": 0.5}},
    "labels": tuple("abcdefghij"), "classes": 10, "data": "digits", "training": {"epochs": 3},
    "trained": {
        "data": "d", "data_sha256": "0", "seed": 1, "epochs_run": 1, "best_epoch": 1,
        "selection_accuracy": 0.5, "samples": 9, "versions": {},
    },
}  # fmt: skip

# What the parent and its jobs import, and what yet decides no file: it finds out what would, runs
# what is there, or says what went wrong.
NO_MAKERS = {
    "edgekit.devices", "edgekit.errors", "edgekit.metrics", "edgekit.pipeline.recipes",
    "edgekit.pipeline.settle",
    "edgekit.sources.factories", "edgekit.system.packages",
    "edgekit.system.plugins", "edgekit.system.resources", "edgekit.system.store",
    "edgekit.system.traces",
}  # fmt: skip


def with_other(field):
    return ModelCard.model_validate({**CARD.model_dump(), field: OTHER[field]})


def data(fingerprint):
    return Dataset("d", 1, None, (), fingerprint, lambda indices, skip_bad: iter(()))


def key(card=CARD, name="onnx", recipe="fp32", on=None, chosen=None, tools=None, **source):
    """Return the key of a conversion that differs from the usual one in what is given.

    Every tool is installed; `tools` are those of another version than usual.
    """
    by = recipes.parse(recipe, calibration_n=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packages, "versions", lambda asked: {n: (tools or {}).get(n) for n in asked})
        return convert.cache_key(
            Model(make.source(**source), card), name, by, on, Settings(**(chosen or {}))
        )


def test_the_same_inputs_give_the_same_key_whatever_they_are_called():
    assert key() == key()
    assert key(ref="elsewhere.keras", path="/elsewhere.keras") == key()


@pytest.mark.parametrize(
    "change",
    [{"sha256": "0" * 64}, {"kind": "torch"}, {"name": "coreml"}, {"recipe": "fp16"},
     {"is_trained": False}],
)  # fmt: skip
def test_whatever_makes_the_file_changes_the_key(change):
    assert key(**change) != key()


def test_what_may_load_a_file_counts_where_it_is_installed(monkeypatch):
    there = {"tf_keras": None}
    monkeypatch.setattr(packages, "installed", lambda name: there[name])
    absent, other = key(), key(kind="torch")
    there["tf_keras"] = "2.21.0"
    assert key() != absent
    assert key(kind="torch") == other


def test_the_seed_counts_where_weights_are_drawn_by_it():
    assert key(chosen={"seed": 1}) == key()
    assert key(chosen={"seed": 1}, is_trained=False) != key(is_trained=False)


@pytest.mark.parametrize("recipe", ["fp32", "int8"])
def test_data_and_what_is_chosen_of_it_count_for_they_prove_the_file(recipe):
    usual = {"recipe": recipe, "on": data("one")}
    assert key(**usual) != key(recipe=recipe)
    changes = [{"on": data("other")}, {"chosen": {"seed": 1}}, {"chosen": {"skip_bad": True}}]
    assert len({key(**usual), *(key(**{**usual, **change}) for change in changes)}) == 4


@pytest.mark.parametrize("name", formats.exporters())
def test_every_tool_on_the_way_counts_and_no_other(name):
    for kind in ("keras", "torch", "onnx"):
        usual, used = {"kind": kind, "name": name}, convert._packages(kind, name, FP32)
        assert key(**usual, tools={"no-tool": "2"}) == key(**usual)
        changed = {key(**usual, tools={tool: "2"}) for tool in used}
        assert len({key(**usual), *changed}) == len(used) + 1


@pytest.mark.parametrize(
    ("kind", "name", "recipe", "tools"),
    [
        ("torch", "tflite", "int8", {"torch", "litert-torch", "ai-edge-quantizer"}),
        ("keras", "tflite", "fp32", {"tensorflow", "keras", "ai-edge-litert"}),
        ("keras", "executorch", "fp32", {"keras", "tf2onnx", "onnxruntime", "torch"}),
        ("torch", "ort", "int8", {"torch", "onnxscript", "onnxruntime"}),
    ],
)
def test_the_tools_are_those_of_the_whole_way(kind, name, recipe, tools):
    used = set(convert._packages(kind, name, recipes.parse(recipe, calibration_n=10)))
    assert tools <= used
    assert ("litert-torch" in used) == ("litert-torch" in tools)


@pytest.mark.parametrize("name", formats.exporters())
def test_a_field_of_the_card_counts_unless_no_file_of_the_format_has_it(name):
    written, usual = set(formats.exporter(name).TEXTS), key(name=name)
    assert written <= TEXTS
    free = {field for field in ModelCard.model_fields if key(with_other(field), name) == usual}
    assert free == ASIDE | (TEXTS - written)


@settings(max_examples=20)
@given(st.sampled_from(formats.exporters()), st.text(), st.text(), st.integers(1, 99))
def test_texts_that_reach_no_file_cost_nothing(name, description, licence, epochs):
    aside = {"data_licence": licence, "training": {"epochs": epochs}}
    card = ModelCard.model_validate({**CARD.model_dump(), **aside})
    assert key(card, name) == key(name=name)
    told = card.model_copy(update={"description": description})
    written = "description" in formats.exporter(name).TEXTS
    assert (key(told, name) == key(name=name)) == (not written or not description)


@pytest.mark.parametrize("field", sorted(ASIDE | TEXTS))
def test_the_texts_that_a_format_names_are_those_that_it_writes(field, assets):
    spec = (TensorSpec(name="x", shape=(1, 2), dtype="float32"),)
    model = (assets / "tiny-fp32.tflite").read_bytes()

    def tflite(card):
        return tflite_metadata.embedded(model, card, card.version)

    def executorch(card):
        return executorch_metadata.constant_methods(card, spec, spec, "NCHW")

    for name, write in (("tflite", tflite), ("executorch", executorch)):
        changed = write(with_other(field)) != write(CARD)
        assert changed == (field in formats.exporter(name).TEXTS), name


def test_an_edit_of_code_that_makes_files_changes_their_digest_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins, "ROOT", tmp_path)
    for file in ("core/a.py", "core/deep/b.py", "pipeline/jobs.py", "cli/doctor.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("1")

    def now():
        return plugins.code_sha256.__wrapped__(("core", "pipeline/jobs.py"))

    before = now()
    (tmp_path / "cli/doctor.py").write_text("2")
    assert now() == before
    for maker in ("core/a.py", "core/deep/b.py", "pipeline/jobs.py"):
        (tmp_path / maker).write_text("2")
        assert now() != before
        (tmp_path / maker).write_text("1")
    assert now() == before
    (tmp_path / "core/a.py").rename(tmp_path / "core/c.py")
    assert now() != before
    (tmp_path / "pipeline/jobs.py").unlink()
    with pytest.raises(FileNotFoundError):
        now()


def test_the_digest_of_the_makers_is_in_the_key(monkeypatch):
    asked = []
    before = key()
    monkeypatch.setattr(plugins, "code_sha256", lambda parts: asked.append(parts) or "other")
    assert key() != before
    assert asked == [convert.MAKERS]


def test_nothing_that_the_jobs_import_is_left_out_unseen():
    graph = grimp.build_graph("edgekit")
    used = set()
    for start in ("edgekit.pipeline.convert", "edgekit.pipeline.jobs"):
        used |= {start, *graph.find_upstream_modules(start)}
    places = [part.removesuffix(".py").replace("/", ".") for part in convert.MAKERS]
    makers = {
        module for module in used
        if any(f"{module}.".startswith(f"edgekit.{place}.") for place in places)
    }  # fmt: skip
    assert used - makers == NO_MAKERS
    assert all((plugins.ROOT / part).exists() for part in convert.MAKERS)


def entry(folder, card):
    """Write an entry of the cache and return its artifact."""
    (folder / "m.tflite").write_bytes(b"model")
    made = make.artifact(path="m.tflite", sha256=store.sha256_bytes(b"model"), card=card)
    (folder / "artifact.json").write_text(made.to_json())
    return made


def test_an_entry_is_read_with_the_source_and_card_of_this_time(tmp_path):
    kept = entry(tmp_path, CARD)
    card = CARD.model_copy(update={"description": "new", "data_licence": "CC0-1.0"})
    source = make.source(ref="elsewhere.keras", path="/elsewhere.keras")
    found = convert._read(tmp_path, Model(source, card), from_cache=True)
    assert found.artifact == kept.model_copy(update={"source": source, "card": card})
    assert found.path == tmp_path / "m.tflite"
    assert Artifact.from_json((tmp_path / "artifact.json").read_text()) == kept


def test_fields_have_another_value_each():
    assert set(OTHER) == set(ModelCard.model_fields)
    assert all(with_other(field) != CARD for field in OTHER)
