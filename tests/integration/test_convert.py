"""Real conversions of a tiny net, by every recipe, from both frameworks."""

import json

import pytest

from edgekit import formats


def convert(edgekit, tiny, card, *more):
    model, name = tiny
    return edgekit(
        "convert", model, "--card", card, "--target", name, "--data", "digits", *more, "--json",
    )  # fmt: skip


def test_every_recipe_gives_a_file_that_is_what_it_says(edgekit, tiny, card):
    known = formats.exporter(tiny[1]).RECIPES
    recipes = [part for name in known for part in ("-q", name)]
    done = convert(edgekit, tiny, card, *recipes)
    assert done.returncode == 0, done.stderr
    files = {
        f["artifact"]["recipe"]["name"]: f["artifact"] for f in json.loads(done.stdout)["files"]
    }
    assert set(files) == set(known)
    for name, artifact in files.items():
        border = "int8" if name.endswith("io8") else "float32"
        assert artifact["inputs"][0]["dtype"] == artifact["outputs"][0]["dtype"] == border
        difference = artifact["parity"]["max_abs_difference"]
        assert difference < {"fp32": 1e-5, "fp16": 1e-2}.get(name, 0.1), name
    assert "untrained" in done.stderr


def test_the_second_time_comes_from_the_cache_and_no_cache_makes_the_same_bytes(
    edgekit, tiny, card
):
    first = convert(edgekit, tiny, card, "-q", "int8")
    assert first.returncode == 0, first.stderr
    second = convert(edgekit, tiny, card, "-q", "int8")
    assert "convert tiny" not in second.stderr
    assert json.loads(second.stdout)["files"][0]["from_cache"]
    again = convert(edgekit, tiny, card, "-q", "int8", "--no-cache")
    made = json.loads(again.stdout)["files"][0]
    assert not made["from_cache"]
    assert "convert tiny" in again.stderr
    assert made["artifact"]["sha256"] == json.loads(first.stdout)["files"][0]["artifact"]["sha256"]


def test_only_what_makes_the_file_makes_it_again(edgekit, assets, own_cache, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    text = (assets / "tiny_torch.py").read_text()
    (tmp_path / "net.py").write_text(f"{text}\n\nimport sizes\n\n_ = sizes.WIDTH\n")
    (tmp_path / "sizes.py").write_text("WIDTH = 1\n")
    (tmp_path / "other.py").write_text("")
    card = (assets / "tiny.card.toml").read_text()

    def made(description="first", name="onnxruntime"):
        (tmp_path / "card.toml").write_text(f'description = "{description}"\n{card}')
        done = edgekit("convert", "net.py:build", "--card", "card.toml", "-t", name, "--json")
        assert done.returncode == 0, done.stderr
        file = json.loads(done.stdout)["files"][0]
        return file["from_cache"], file["artifact"]

    first, artifact = made()
    assert not first
    (tmp_path / "other.py").write_text("# edited\n")
    again, told = made("second")
    assert again
    assert told["sha256"] == artifact["sha256"]
    assert told["source"] == artifact["source"]
    assert told["card"] == {**artifact["card"], "description": "second"}
    record = tmp_path / "tiny-fp32.onnx.artifact.json"
    assert json.loads(record.read_text())["card"]["description"] == "second"
    (tmp_path / "sizes.py").write_text("WIDTH = 2\n")
    again, edited = made("second")
    assert not again
    assert edited["source"]["sha256"] != artifact["source"]["sha256"]
    assert made("second")[0]


def test_what_a_factory_loads_is_looked_at_once_and_not_for_a_plan(edgekit, tiny, card, own_cache):
    planned = edgekit("convert", tiny[0], "--card", card, "-t", tiny[1], "--dry-run", "--json")
    assert planned.returncode == 0, planned.stderr
    assert not list(own_cache.iterdir())
    assert "made of" in convert(edgekit, tiny, card).stderr
    assert "made of" not in convert(edgekit, tiny, card).stderr


def test_a_factory_that_fails_says_so_before_anything_is_converted(edgekit, assets, own_cache):
    pytest.importorskip("torch")
    (edgekit.cwd / "net.py").write_text("import torch\ndef build():\n    raise ValueError('no')\n")
    done = edgekit("convert", "net.py:build", "--input", "8,8,1", "-t", "executorch")
    assert done.returncode == 4, done.stderr
    assert "got ValueError from net.py:build: no" in done.stderr
    assert not list(own_cache.glob("loaded/*"))


def test_a_damaged_cache_entry_is_made_again(edgekit, tiny, card, own_cache):
    first = json.loads(convert(edgekit, tiny, card).stdout)["files"][0]
    entry = next(own_cache.glob("artifacts/*/model.*"))
    entry.write_bytes(entry.read_bytes()[:100])
    again = json.loads(convert(edgekit, tiny, card).stdout)["files"][0]
    assert not again["from_cache"]
    assert again["artifact"]["sha256"] == first["artifact"]["sha256"]
    assert json.loads(convert(edgekit, tiny, card).stdout)["files"][0]["from_cache"]


def test_a_baseline_with_another_preprocess_is_refused(edgekit, tiny, card, tmp_path):
    assert convert(edgekit, tiny, card).returncode == 0
    (tmp_path / "other.toml").write_text(card.read_text().replace("0.0039", "0.0078"))
    model, name = tiny
    file = next(tmp_path.glob("tiny-fp32.*")).name.removesuffix(".artifact.json")
    # Validated as recorded, against a model that is fed otherwise.
    (tmp_path / "net").mkdir()
    source = tmp_path / "net" / "net.py"
    source.write_text(card.parent.joinpath(f"{model.rsplit('/', 1)[1].split(':')[0]}").read_text())
    (tmp_path / "net" / "model.toml").write_text((tmp_path / "other.toml").read_text())
    done = edgekit(
        "validate", file, "-t", name, "--data", "digits", "--baseline", f"{source}:build",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "another preprocess" in done.stderr


def test_an_artifact_is_validated_against_its_model(edgekit, tiny, card, tmp_path):
    assert convert(edgekit, tiny, card, "-q", "int8-io8").returncode == 0
    model, name = tiny
    file = next(tmp_path.glob("tiny-int8-io8.*")).name.removesuffix(".artifact.json")
    done = edgekit(
        "validate", file, "-t", name, "-t", "pixel-8", "--data", "digits", "--baseline", model,
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["run"]
    measured = run["measurements"][0]
    assert measured["error"] is None
    assert {m["name"] for m in measured["metrics"]} >= {"accuracy_drop", "agreement"}
    assert measured["n"] == run["models"][0]["baseline"]["n"] == 539
    checks = {
        c["name"]: c for v in run["verdicts"] if v["target"] == "pixel-8" for c in v["checks"]
    }
    # Untrained weights: whatever the numbers are, they prove nothing.
    assert checks["accuracy_drop"]["status"] == "not_measured"
    assert checks["latency_p95_ms"]["status"] == "not_measured"
    assert checks["latency_p95_ms"]["got"] > 0


@pytest.mark.tf
def test_what_cannot_be_converted_is_refused_by_name(edgekit, assets, card):
    for factory, message in (
        ("broken", "no weights on this day of the week"),
        ("bild", "got no function 'bild'"),
    ):
        done = edgekit(
            "convert", f"{assets}/tiny_keras.py:{factory}", "--card", card, "-t", "tflite",
        )  # fmt: skip
        assert message in done.stderr
        assert done.returncode in {4, 5}
        assert "Traceback" not in done.stderr


@pytest.mark.tf
@pytest.mark.parametrize(
    ("shape", "message"),
    [((8, 9), "9x8 pixels, expected 8x8"), ((8, 8, 2), "1 or 3 channels")],
)
def test_wrong_images_are_refused(edgekit, assets, card, tmp_path, shape, message):
    import numpy as np

    np.savez(
        tmp_path / "d.npz",
        inputs=np.zeros((200, *shape), np.uint8),
        labels=np.arange(200) % 10,
    )
    done = edgekit(
        "convert", f"{assets}/tiny_keras.py:build", "--card", card, "-t", "tflite", "-q", "int8",
        "--data", "d.npz", "--calibration", 10,
    )  # fmt: skip
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.tf
def test_data_of_one_input_does_not_calibrate_a_model_of_two(edgekit, assets, card):
    done = edgekit(
        "convert", f"{assets}/tiny_keras.py:two_inputs", "--card", card, "-t", "tflite",
        "-q", "int8", "--data", "digits",
    )  # fmt: skip
    assert done.returncode == 2
    assert "got 1 inputs in the data, expected 2" in done.stderr


@pytest.mark.tf
def test_more_calibration_samples_than_there_are(edgekit, assets, card):
    done = edgekit(
        "convert", f"{assets}/tiny_keras.py:build", "--card", card, "-t", "tflite", "-q", "int8",
        "--data", "digits", "--calibration", 1000,
    )  # fmt: skip
    assert done.returncode == 2
    assert "calibration samples in the data, expected 1000" in done.stderr


def test_mlcommons_own_file_scores_what_they_publish(edgekit, shared):
    """Keyword spotting, 30 % of 1,000 utterances; the whole set measures 90.2 % (n = 1,000)."""
    folder = shared / "mlperf_tiny"
    done = edgekit(
        "validate", folder / "kws_reference_int8.tflite", "-t", "tflite", "-t", "cortex-m7",
        "--data", folder / "kws_mfcc_test.npz", "--json",
    )  # fmt: skip
    run = json.loads(done.stdout)["run"]
    accuracy = {m["kernels"]: m["metrics"][0] for m in run["measurements"]}
    assert set(accuracy) == {"optimized", "reference"}
    for metric in accuracy.values():
        assert metric["low"] < 0.902 < metric["high"]
    assert done.returncode == 0
