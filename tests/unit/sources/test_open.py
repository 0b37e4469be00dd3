"""Every kind of reference through every door: convert, edgekit.toml, validate and inspect."""

import json

import make
import numpy as np
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.errors import UsageError
from edgekit.sources import cards, resolve
from edgekit.sources.open import open_model, parse_shapes
from edgekit.system import store

HF = "hf:owner/name@0123456789abcdef0123456789abcdef01234567"
# By kind: what is typed, a target that takes it, and what the plan then says.
REFERENCES = {
    "zoo": ("mobilenet", "tflite", ("mobilenet", "tflite")),
    "file": ("m.tflite", "tflite", ("m", "tflite")),
    "upper": ("M.TFLITE", "tflite", ("M", "tflite")),
    "folder": ("saved", "tflite", ("saved", "tflite")),
    "served": ("served", "tflite", ("served", "tflite")),
    "code": ("net.py:build", "executorch", ("net", "executorch")),
    "huggingface": (HF, "tflite", ("model", "tflite")),
    "timm": ("timm:resnet18", "executorch", ("resnet18", "executorch")),
}
REFERENCE = pytest.mark.parametrize(("ref", "target", "plan"), REFERENCES.values(), ids=REFERENCES)


@pytest.fixture
def folder(tmp_path, assets, cache):
    """Return a folder below the working folder, with one model of each kind."""
    folder = tmp_path / "sub"
    tflite = (assets / "tiny-fp32.tflite").read_bytes()
    for name in ("m.tflite", "M.TFLITE"):
        store.write_bytes(folder / name, tflite)
    for name in ("saved", "served/1", "served/12"):
        store.write_bytes(folder / name / "saved_model.pb", b"x")
    store.write_text(folder / "net.py", "import torch\n")
    store.write_bytes(folder / "frozen.pb", b"x")
    store.write_bytes(folder / "m.bin", b"x")
    store.write_bytes(folder / "empty.keras", b"")
    store.write_bytes(folder / "w.pt", b"x")
    (folder / "photos").mkdir()
    cache({"model.tflite": tflite})
    return folder


def toml(folder, source, target="tflite", more=""):
    text = f'targets = ["{target}"]\nrecipes = ["fp32"]\n[data]\nsource = "digits"\n'
    store.write_text(folder / "edgekit.toml", f'{text}[[models]]\nsource = "{source}"\n{more}')


@REFERENCE
def test_convert_takes_it(edgekit, folder, monkeypatch, ref, target, plan):
    monkeypatch.chdir(folder)
    done = edgekit("convert", ref, "-t", target, "-q", "fp16", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    (would,) = json.loads(done.stdout)["would_convert"]
    assert (would["model"], would["format"]) == plan


@REFERENCE
def test_a_toml_elsewhere_takes_it(edgekit, folder, ref, target, plan):
    toml(folder, ref, target)
    done = edgekit("run", "sub/edgekit.toml", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)["would"]
    assert any(
        line.startswith(f"convert {plan[0]} (") and f" to {plan[1]} " in line for line in lines
    )


@pytest.fixture
def recorded(folder):
    """Return a run of one file, whose card says how samples are preprocessed."""
    card = ModelCard(name="m", preprocess=Preprocess(scale=0.5))
    sha256 = store.sha256_file(folder / "m.tflite")
    artifact = make.artifact(sha256=sha256, source=make.source(), card=card)
    run = make.run(artifacts=[artifact], measurements=[make.measurement(artifact_sha256=sha256)])
    store.copy(folder / "m.tflite", folder / "run" / artifact.path)
    store.write_text(folder / "run" / "run.json", run.to_json())
    np.savez(folder / "d.npz", inputs=np.zeros((50, 8, 8, 1)), labels=np.arange(50) % 10)
    return folder / "run"


@REFERENCE
def test_validate_takes_it_as_the_baseline(
    edgekit, folder, recorded, monkeypatch, ref, target, plan
):
    monkeypatch.chdir(folder)
    # With a card of another preprocess each is refused, by its name, once it is opened.
    store.write_text(folder / "model.toml", 'name = "other"')
    for path in (ref, "served/12"):
        store.write_text(folder / f"{path}.card.json", ModelCard(name="other").to_json())
    done = edgekit(
        "validate", recorded, "-t", target, "--data", "d.npz", "--baseline", ref,
        *(["--weights", "w.pt"] if ":build" in ref or "timm" in ref else []),
    )  # fmt: skip
    del plan
    assert done.returncode == 2, done.stderr
    assert "got another preprocess in the card of" in done.stderr or "untrained" in done.stderr
    assert ref in done.stderr


@pytest.mark.parametrize("kind", ["upper", "huggingface"])
def test_inspect_takes_it(edgekit, folder, monkeypatch, kind):
    monkeypatch.chdir(folder)
    done = edgekit("inspect", REFERENCES[kind][0], "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["sha256"] == store.sha256_file(folder / "m.tflite")
    assert (found["format"], found["operators"]["CONV_2D"]) == ("tflite", 1)


BROKEN = [
    ("mobilnet", 4, "no zoo model of that name", "did you mean 'mobilenet'"),
    ("Mobilenet", 4, "no zoo model of that name", "did you mean 'mobilenet'"),
    ("none.keras", 4, "got no file", "check the path"),
    ("none.py:build", 4, "got no file", "before the colon"),
    ("net.py", 2, "got a Python file with no factory", "net.py:build"),
    ("net.py:", 2, "got a Python file with no factory", "net.py:build"),
    ("net.py:a.b", 2, "got a Python file with no factory", "net.py:build"),
    ("m.bin", 4, "got a file of unknown kind '.bin'", ".onnx"),
    ("photos", 4, "got a folder that is no", ".onnx"),
    ("hf:owner", 2, "expected hf:owner/name@commit", "the model's page"),
    ("hf:owner/name@main", 2, "expected a commit", "pin the one in your cache"),
    (HF.replace("owner", "other"), 4, "not in the local cache", "give --download"),
    ("timm:a b", 2, "expected timm:NAME", "timm:mobilenetv3_small_100"),
    ("tim:resnet18", 4, "got no file", "did you mean 'timm:'"),
]


@pytest.mark.parametrize(("ref", "code", "message", "hint"), BROKEN)
def test_a_broken_reference_is_explained_alike_by_every_verb(
    edgekit, folder, monkeypatch, ref, code, message, hint
):
    toml(folder, ref)
    answers = [edgekit("run", "sub/edgekit.toml", "--dry-run")]
    monkeypatch.chdir(folder)
    answers += [
        edgekit("convert", ref, "-t", "tflite", "--dry-run"),
        edgekit("train", ref, "--data", "digits", "--dry-run"),
        edgekit("inspect", ref),
    ]
    for done in answers:
        assert done.returncode == code, done.stderr
        assert message in done.stderr
        assert hint in done.stderr
        assert done.stderr.count("error: ") == 1


@pytest.mark.parametrize(("ref", "code", "message", "hint"), [BROKEN[0], BROKEN[5], BROKEN[11]])
def test_a_broken_baseline_is_explained_in_the_same_words(
    edgekit, folder, recorded, monkeypatch, ref, code, message, hint
):
    monkeypatch.chdir(folder)
    done = edgekit("validate", recorded, "-t", "tflite", "--data", "d.npz", "--baseline", ref)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize(
    ("ref", "message"), [("frozen.pb", "is no SavedModel's"), ("empty.keras", "got an empty file")]
)
def test_what_no_conversion_can_start_from(folder, monkeypatch, ref, message):
    from edgekit.errors import ModelLoadError

    monkeypatch.chdir(folder)
    with pytest.raises(ModelLoadError, match=message):
        open_model(ref)


@pytest.mark.parametrize("ref", ["m.tflite", "saved", HF])
def test_weights_for_what_has_its_own_are_refused(edgekit, folder, monkeypatch, ref):
    monkeypatch.chdir(folder)
    for verb in (["convert", "-t", "tflite"], ["inspect"]):
        done = edgekit(*verb, ref, "--weights", "w.pt")
        assert done.returncode == 2, done.stderr
        assert "which has its own" in done.stderr


def test_paths_are_relative_to_the_file_that_has_them(folder):
    text = '"metric" = "own.py"\nname = "mine"\ndata = "csv:photos.csv"\n'
    store.write_text(folder / "cards" / "mine.toml", text)
    made = open_model(
        "net.py:build", root=folder, weights="w.pt", card="cards/mine.toml", inputs=((4, 4, 1),)
    )
    assert made.source.path == str(folder / "net.py")
    assert made.source.weights == str(folder / "w.pt")
    assert made.card.metric == str(folder / "cards" / "own.py")
    assert made.card.data == f"csv:{folder}/cards/photos.csv"
    assert made.card.input_shape == (4, 4, 1)
    assert open_model("net.py:build", root=folder).card.data is None


def test_a_toml_has_what_the_command_line_has(edgekit, folder, monkeypatch):
    toml(folder, "net.py:build", "executorch", 'inputs = [[4, 4, 1], [3]]\nweights = "w.pt"\n')
    assert edgekit("run", "sub/edgekit.toml", "--dry-run").returncode == 0
    toml(folder, "net.py:build", more="input = [4]\ninputs = [[4, 4, 1], [3]]\n")
    done = edgekit("run", "sub/edgekit.toml", "--dry-run")
    assert done.returncode == 2
    assert "got input and inputs, expected one of them" in done.stderr
    toml(folder, "net.py:build", more="inputs = [[4, 0]]\n")
    assert "models.0.inputs.0.1: " in edgekit("run", "sub/edgekit.toml", "--dry-run").stderr
    # Asked to download, it asks; nobody is at that address.
    monkeypatch.setattr("time.sleep", lambda _: None)
    toml(folder, HF.replace("owner", "other"), more="download = true\n")
    done = edgekit("run", "sub/edgekit.toml", "--dry-run")
    assert "from Hugging Face: " in done.stderr


def test_a_zoo_name_takes_the_framework_that_the_first_target_needs(edgekit, folder):
    for target, framework in (("executorch", "torch"), ("tflite", "keras"), ("pixel-8", "keras")):
        toml(folder, "mobilenet", target)
        done = edgekit("run", "sub/edgekit.toml", "--dry-run")
        assert f"convert mobilenet ({framework})" in done.stdout
        assert (
            open_model("mobilenet", for_format=target.replace("pixel-8", "tflite")).source.kind
            == framework
        )
    assert open_model("mobilenet", framework="torch").source.kind == "torch"


def test_a_path_with_a_dot_is_no_zoo_name(folder, monkeypatch):
    monkeypatch.chdir(folder)
    store.write_bytes(folder / "mobilenet" / "saved_model.pb", b"x")
    assert resolve.kind_of("mobilenet") == "zoo"
    assert resolve.kind_of("./mobilenet") == "file"
    assert open_model("mobilenet").source.factory == "build"
    for source in (open_model("./mobilenet").source, open_model("./mobilenet", root=folder).source):
        assert source.kind == "savedmodel"
        assert source.path == str(folder / "mobilenet")


def test_the_card_is_the_users_the_one_beside_or_the_fallback(folder, monkeypatch):
    monkeypatch.chdir(folder)
    fallback = ModelCard(name="fallback")
    bare = open_model("m.tflite")
    assert bare.card.name == "m"
    assert bare.warnings == (
        "no card beside m.tflite: samples are passed as they are, unscaled; give --card",
    )
    assert open_model("m.tflite", fallback=fallback).card == fallback
    assert open_model("m.tflite", fallback=fallback).warnings == ()
    store.write_text(cards.card_path(folder / "m.tflite"), ModelCard(name="beside").to_json())
    assert open_model("m.tflite", fallback=fallback).card.name == "beside"
    store.write_text(folder / "c.toml", 'name = "given"')
    assert open_model("m.tflite", card="c.toml").card.name == "given"
    with pytest.raises(UsageError, match="got no file none.toml"):
        open_model("m.tflite", card="none.toml")


def test_only_code_whose_input_is_given_needs_no_card(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert open_model("net.py:build").warnings
    assert not open_model("net.py:build", inputs=((4,),)).warnings
    assert open_model("m.tflite", inputs=((4,),)).warnings
    two = open_model("net.py:build", inputs=((4, 4, 1), (3,))).card
    assert (two.input_shape, two.input_shapes) == ((), ((4, 4, 1), (3,)))


def test_weights_that_only_the_seed_drew_are_said(edgekit, folder):
    (warning,) = open_model("mobilenet").untrained
    assert "untrained, drawn by the seed; give --weights" in warning
    assert open_model("m.tflite", root=folder).untrained == ()
    done = edgekit("convert", "mobilenet", "-t", "tflite", "--dry-run")
    assert f"warning: {warning}" in done.stderr


def test_shapes_as_they_are_typed():
    assert parse_shapes(["28,28,1", "3x4"]) == ((28, 28, 1), (3, 4))
    assert parse_shapes(None) == ()
    for text in ("", "a", "0,3", "1,,2"):
        with pytest.raises(UsageError, match="whole numbers above 0"):
            parse_shapes([text])
