"""The method in a `.pte` file that says what an app must know, and who reads it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from edgekit import devices, formats
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.errors import ModelLoadError
from edgekit.formats.executorch import metadata
from edgekit.formats.inspection import inspect
from edgekit.pipeline import recipes
from edgekit.system import process

RECIPES = recipes.shipped()

pytestmark = pytest.mark.torch

LABELS = ("class", 'say "hi"', "数字", "🙂 ${a}", "it's \\n")
CARD = ModelCard(
    name='Über "数"',
    version="2.3.4",
    description="A net\nof colours.",
    licence="Apache-2.0",
    labels=LABELS,
    preprocess=Preprocess(
        colour="RGB", height=8, width=6, fit="crop", scale=1 / 255,
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    ),
)  # fmt: skip
# As an app does it, with the runtime alone.
CALL = """
import json, sys
from executorch.extension.pybindings import _C

data = open(sys.argv[1], "rb").read()
module = _C._load_for_executorch_from_buffer(data)
print(json.dumps([module.method_names(), module.run_method("edgekit_metadata", ())]))
"""


@pytest.fixture(scope="module")
def model():
    """Return a small net of colour images."""
    import torch

    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    net = torch.nn.Sequential(*layers, torch.nn.Linear(4 * 6 * 4, len(LABELS))).eval()

    def predict(arrays):
        with torch.no_grad():
            return (net(torch.from_numpy(arrays[0])).numpy(),)

    return FloatModel(
        source=ModelSource(kind="torch", framework="torch", ref="n", path="n", sha256="0" * 64),
        hub="torch",
        native=net,
        inputs=(TensorSpec(name="image", shape=(1, 3, 8, 6), dtype="float32"),),
        outputs=(TensorSpec(name="scores", shape=(1, len(LABELS)), dtype="float32"),),
        predict=predict,
        layout="NCHW",
    )


@pytest.fixture(scope="module")
def samples():
    return (np.random.default_rng(0).normal(size=(8, 3, 8, 6)).astype(np.float32),)


def export(model, samples, path, recipe="fp32", name="executorch", card=CARD):
    exporter = formats.exporter(name)
    return exporter.export(model, RECIPES[recipe], samples, path, card)


def outputs(path, samples, folder):
    np.save(folder / "fed.npy", samples[0])
    got = folder / f"{path.stem}.npy"
    request = devices.Request(
        runtime="executorch", model=path, inputs=(folder / "fed.npy",), outputs=(got,)
    )
    devices.open("local").run(request, folder, process.Limits(600))
    return np.load(got)


def test_it_changes_nothing_of_the_program(model, samples, tmp_path, monkeypatch):
    facts = export(model, samples, tmp_path / "with.pte", "int8")
    again = export(model, samples, tmp_path / "again.pte", "int8")
    monkeypatch.setattr(metadata, "constant_methods", lambda *_: {})
    bare = export(model, samples, tmp_path / "bare.pte", "int8")
    assert facts == again == bare
    sizes = {name: (tmp_path / f"{name}.pte").stat().st_size for name in ("with", "bare")}
    assert (tmp_path / "with.pte").read_bytes() == (tmp_path / "again.pte").read_bytes()
    assert 0 < sizes["with"] - sizes["bare"] < 2000
    before, after = (
        outputs(tmp_path / f"{name}.pte", samples, tmp_path) for name in ("bare", "with")
    )
    np.testing.assert_array_equal(before, after)
    assert inspect(tmp_path / "bare.pte").facts.more["metadata"] == {}


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("executorch", "int8-io8"),
        ("executorch_portable", "fp32"),
        ("executorch_vulkan", "fp32"),
    ],
)
def test_the_runtime_returns_the_card_s_facts(model, samples, tmp_path, name, recipe):
    path = tmp_path / "model.pte"
    exported = export(model, samples, path, recipe, name)
    done = subprocess.run(
        [sys.executable, "-c", CALL, str(path)], capture_output=True, text=True, check=True
    )
    methods, (text,) = json.loads(done.stdout.splitlines()[-1])
    assert sorted(methods) == ["edgekit_metadata", "forward"]
    assert text.isascii()
    found = json.loads(text)
    assert tuple(found["labels"]) == LABELS
    assert (found["name"], found["version"]) == (CARD.name, "2.3.4")
    assert (found["description"], found["licence"]) == ("A net\nof colours.", "Apache-2.0")
    (given,) = found["inputs"]
    steps = CARD.preprocess.model_copy(update={"layout": "NCHW"})
    assert Preprocess(**given["preprocess"]) == steps
    assert TensorSpec(**given["spec"]) == exported.inputs[0]
    assert [TensorSpec(**spec) for spec in found["outputs"]] == list(exported.outputs)


@pytest.fixture(scope="module")
def file(model, samples, tmp_path_factory):
    """Return the net's file for XNNPACK."""
    path = tmp_path_factory.mktemp("pte") / "model.pte"
    export(model, samples, path)
    return path


def test_inspect_shows_them_in_brief(file):
    facts = inspect(file).facts.more
    assert facts["method"] == "forward"
    assert sorted(facts["methods"]) == ["edgekit_metadata", "forward"]
    assert facts["metadata"] == {
        "name": CARD.name,
        "version": "2.3.4",
        "licence": "Apache-2.0",
        "labels": 5,
        "normalization": f"(x * {1 / 255} - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]",
    }


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"licence":"Apache-2.0"', b'"licence":[[[[[[[[[[[]', "broken .pte file"),
        (b'{"description"', b'["description"', "broken .pte file"),
        (b'"licence":"Apache-2.0"', b'"licence":"\\u001b[2J "', None),
    ],
)
def test_a_file_that_lies_is_refused_or_shown_harmlessly(file, tmp_path, before, after, words):
    path = tmp_path / "model.pte"
    data = file.read_bytes()
    assert data.count(before) == 1
    assert len(before) == len(after)
    path.write_bytes(data.replace(before, after))
    if words:
        with pytest.raises(ModelLoadError, match=words):
            inspect(path)
    else:
        assert inspect(path).facts.more["metadata"]["licence"] == "?[2J "


def test_another_card_makes_another_file(edgekit, assets, tmp_path):
    made = []
    for version in ("1.0.0", "1.0.1", "1.0.0"):
        card = tmp_path / "card.toml"
        card.write_text(f'version = "{version}"\n' + (assets / "tiny.card.toml").read_text())
        source = f"{assets}/tiny_torch.py:build"
        done = edgekit("convert", source, "--card", card, "--target", "executorch", "-o", "out",
                       "--trust", "--json")  # fmt: skip
        assert done.returncode == 0, done.stderr
        (file,) = (edgekit.cwd / "out").glob("*.pte")
        made.append((inspect(file).facts.more["metadata"]["version"], file.read_bytes()))
        file.unlink()
    assert [version for version, _ in made] == ["1.0.0", "1.0.1", "1.0.0"]
    assert made[0] == made[2] != made[1]
