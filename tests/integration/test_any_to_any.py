"""Every kind of model into the mobile formats, by the command, on real and seeded models."""

import json
import subprocess
import sys

import numpy as np
import pytest

from edgekit.formats.tflite import file as tflite_file


def run_python(code, cwd):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=cwd, capture_output=True)


def converted(done):
    assert done.returncode == 0, done.stderr
    return [entry["artifact"] for entry in json.loads(done.stdout)["files"]]


@pytest.fixture
def words(shared, tmp_path):
    """Return the MLPerf utterances as a data set that keeps all 1,000 for the test.

    There are no others: 100 of them, without their labels, also give the ranges of int8.
    """
    folder = tmp_path / "words"
    folder.mkdir()
    for part in ("train", "test"):
        (folder / f"{part}.npz").symlink_to(shared / "mlperf_tiny" / "kws_mfcc_test.npz")
    return folder


@pytest.mark.tf
@pytest.mark.torch
def test_keyword_spotting_in_int8_beats_mlcommons_own_file(edgekit, shared, words, tmp_path):
    (tmp_path / "run.toml").write_text(
        'targets = ["tflite", "executorch"]\nrecipes = ["int8"]\nlatency_runs = 20\n'
        f'[data]\nsource = "{words}"\ncalibration = 100\n'
        f'[[models]]\nsource = "{shared}/mlperf_tiny/kws.keras"\n'
    )
    done = edgekit("run", "run.toml", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["run"]
    scores = {}
    for artifact in found["artifacts"]:
        measured = next(
            m for m in found["measurements"] if m["artifact_sha256"] == artifact["sha256"]
        )
        assert measured["n"] == 1000
        metrics = {metric["name"]: metric["value"] for metric in measured["metrics"]}
        scores[artifact["format"]] = metrics["accuracy"]
    assert set(scores) == {"tflite", "executorch"}
    assert min(scores.values()) >= 0.91, scores


@pytest.mark.tf
def test_keras_2_files_load_and_every_change_is_named(edgekit, shared):
    tiny = shared / "mlperf_tiny"
    for name, words in (
        ("streaming_wakeword_keras2.h5", ("depthwise_conv2d_3", "dropped groups=1")),
        ("anomaly_detection_keras2.h5", ("Adam has decay",)),
    ):
        done = edgekit("convert", tiny / name, "-t", "tflite", "--json")
        (artifact,) = converted(done)
        for word in words:
            assert word in " ".join(artifact["notes"])


@pytest.mark.tf
@pytest.mark.torch
def test_a_keras_2_saved_model_scores_what_its_weights_can(edgekit, shared, words, tmp_path):
    (tmp_path / "run.toml").write_text(
        'targets = ["tflite", "executorch"]\nrecipes = ["fp32"]\nlatency_runs = 20\n'
        f'[data]\nsource = "{words}"\n'
        f'[[models]]\nsource = "{shared}/mlperf_tiny/kws_savedmodel_keras2"\n'
    )
    done = edgekit("run", "run.toml", "--json")
    assert done.returncode == 0, done.stderr
    for measured in json.loads(done.stdout)["run"]["measurements"]:
        metrics = {metric["name"]: metric["value"] for metric in measured["metrics"]}
        assert metrics["accuracy"] == pytest.approx(0.913, abs=0.002)
        assert metrics["agreement"] == 1.0


@pytest.mark.tf
@pytest.mark.torch
@pytest.mark.parametrize("name", ["mobilenet", "resnet8"])
def test_keras_comes_to_executorch_as_one_subgraph_of_the_same_size(edgekit, name):
    made = {}
    for framework in ("keras", "torch"):
        done = edgekit(
            "convert", name, "--framework", framework, "-t", "executorch", "--json",
        )  # fmt: skip
        (made[framework],) = converted(done)
    assert made["keras"]["delegated"]["subgraphs"] == made["torch"]["delegated"]["subgraphs"] == 1
    assert abs(made["keras"]["size_bytes"] / made["torch"]["size_bytes"] - 1) < 0.05
    assert made["keras"]["inputs"][0]["shape"] == made["torch"]["inputs"][0]["shape"]


@pytest.mark.tf
@pytest.mark.torch
def test_two_inputs_and_outputs_go_all_the_way(edgekit, tmp_path):
    code = (
        "import keras\n"
        "keras.utils.set_random_seed(0)\n"
        "b, a = keras.Input((5,), name='b'), keras.Input((4, 3), name='a')\n"
        "x = keras.layers.concatenate([b, keras.layers.Flatten()(a)])\n"
        "one, two = keras.layers.Dense(1, name='z')(x), keras.layers.Dense(2, name='y')(x)\n"
        "keras.Model([b, a], [one, two]).save('two.keras')\n"
    )
    run_python(code, tmp_path)
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "d.npz",
        inputs_b=rng.uniform(-1, 1, (200, 5)).astype("float32"),
        inputs_a=rng.uniform(-1, 1, (200, 4, 3)).astype("float32"),
        labels=rng.normal(size=(200, 1)).astype("float32"),
    )
    (tmp_path / "two.keras.card.json").write_text('{"name": "two", "task": "regression"}')
    (tmp_path / "run.toml").write_text(
        'targets = ["tflite", "executorch", "onnxruntime", "ort", "torchscript"]\n'
        'recipes = ["fp32", "int8"]\nlatency_runs = 20\n'
        '[data]\nsource = "d.npz"\ncalibration = 20\n[[models]]\nsource = "two.keras"\n'
    )
    done = edgekit("run", "run.toml", "--json")
    found = json.loads(done.stdout)["run"]
    assert not found["failures"], found["failures"]
    assert len(found["artifacts"]) == 10
    for artifact in found["artifacts"]:
        assert artifact["input_names"] == ["b", "a"]
        assert [spec["shape"][1:] for spec in artifact["inputs"]] == [[5], [4, 3]]
        assert [spec["shape"][1:] for spec in artifact["outputs"]] == [[1], [2]]
        measured = next(
            m for m in found["measurements"] if m["artifact_sha256"] == artifact["sha256"]
        )
        metrics = {metric["name"]: metric["value"] for metric in measured["metrics"]}
        # In decibels; int8 clips what 20 samples did not show, by the same in every format.
        assert metrics["snr"] > (100 if artifact["recipe"]["name"] == "fp32" else 15)
        assert metrics["mae"] > 0


@pytest.mark.tf
def test_inputs_are_matched_by_name_and_never_guessed(edgekit, tmp_path):
    code = (
        "import keras\n"
        "a, b = keras.Input((3,), name='input_10'), keras.Input((3,), name='input_2')\n"
        "keras.Model([a, b], a - 2 * b).save('m.keras')\n"
        "keras.Model([a, b], a - 2 * b).export('saved', verbose=False)\n"
    )
    run_python(code, tmp_path)
    rng = np.random.default_rng(0)
    one, two = rng.uniform(-1, 1, (2, 100, 3)).astype("float32")
    named = {"inputs_input_2": two, "inputs_input_10": one}
    np.savez(tmp_path / "named.npz", labels=one - 2 * two, **named)
    np.savez(tmp_path / "turned.npz", labels=one - 2 * two, **dict(reversed(named.items())))
    np.savez(tmp_path / "other.npz", labels=one - 2 * two, inputs_x=one, inputs_y=two)
    card = tmp_path / "card.json"
    card.write_text('{"name": "m", "task": "regression"}')
    for model in ("m.keras", "saved"):
        arguments = ("convert", model, "-t", "tflite", "--card", card, "-o", model + "-out")
        done = edgekit(*arguments)
        assert done.returncode == 0, done.stderr
        for data in ("named.npz", "turned.npz"):
            done = edgekit(
                "validate", f"{model}-out/m-fp32.tflite", "-t", "tflite", "--data", data,
                "--baseline", model, "--card", card, "--json",
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            (measured,) = json.loads(done.stdout)["run"]["measurements"]
            assert next(m["value"] for m in measured["metrics"] if m["name"] == "mae") < 1e-6
        done = edgekit(
            "validate", f"{model}-out/m-fp32.tflite", "-t", "tflite", "--data", "other.npz"
        )
        assert done.returncode == 2
        assert "order would be a guess" in done.stderr


@pytest.mark.tf
def test_a_layer_that_remembers_is_refused_by_name(edgekit, tmp_path):
    code = (
        "import keras\n"
        "x = keras.Input(batch_shape=(1, 4, 2))\n"
        "keras.Model(x, keras.layers.GRU(3, stateful=True, name='memory')(x)).save('m.keras')\n"
    )
    run_python(code, tmp_path)
    for target in ("tflite", "onnxruntime"):
        done = edgekit("convert", "m.keras", "-t", target)
        assert done.returncode == 5
        assert "memory (GRU)" in done.stderr


@pytest.mark.torch
def test_exported_programs_as_people_save_them(edgekit, tmp_path):
    code = (
        "import torch\n"
        "from torch import nn\n"
        "net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))\n"
        "x, batch = (torch.zeros(2, 4),), torch.export.Dim('batch')\n"
        "def save(name, net, x=x):\n"
        "    torch.export.save(torch.export.export(net, x, dynamic_shapes=({0: batch},)), name)\n"
        "save('training.pt2', net)\n"
        "save('open.pt2', net.eval())\n"
        "save('double.pt2', net.double(), (torch.zeros(2, 4).double(),))\n"
    )
    run_python(code, tmp_path)
    done = edgekit("convert", "open.pt2", "-t", "executorch", "-t", "tflite")
    assert done.returncode == 0, done.stderr
    for name, message in (
        ("training.pt2", "as it is in training"),
        ("double.pt2", "got a float64 input"),
    ):
        done = edgekit("convert", name, "-t", "executorch")
        assert done.returncode == 4, done.stderr
        assert message in done.stderr


@pytest.mark.tf
def test_a_metric_of_the_users_own_runs_only_with_trust(edgekit, tmp_path):
    run_python(
        "import keras\n"
        "x = keras.Input((3,))\nkeras.Model(x, keras.layers.Dense(1)(x)).save('m.keras')\n",
        tmp_path,
    )
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(100, 3)).astype("float32")
    np.savez(tmp_path / "d.npz", inputs=inputs, labels=inputs[:, :1])
    (tmp_path / "worst.py").write_text(
        "import numpy as np\nNAME, TASK, UNIT = 'worst', 'regression', 'value'\n"
        "HIGHER_IS_BETTER = False\n"
        "def contributions(outputs, targets, inputs):\n"
        "    return np.abs(outputs[0] - targets)[:, 0]\n"
        "def aggregate(contributions, weights):\n"
        "    return np.where(weights > 0, contributions[:, 0], 0).max(axis=1)\n"
    )
    card = {"name": "m", "task": "regression", "metric": "worst.py"}
    (tmp_path / "m.keras.card.json").write_text(json.dumps(card))
    done = edgekit("convert", "m.keras", "-t", "tflite")
    assert done.returncode == 0, done.stderr
    arguments = ["validate", "m-fp32.tflite", "-t", "tflite", "--data", "d.npz", "--json"]
    arguments += ["--baseline", "m.keras"]
    done = edgekit(*arguments)
    assert done.returncode == 2
    assert "worst.py" in done.stderr
    assert "--trust" in done.stderr
    done = edgekit(*arguments, "--trust")
    assert done.returncode == 0, done.stderr
    (measured,) = json.loads(done.stdout)["run"]["measurements"]
    assert {"worst", "worst_drop"} <= {metric["name"] for metric in measured["metrics"]}


@pytest.mark.torch
def test_pytorch_becomes_tflite_for_a_phones_camera(edgekit, tmp_path):
    pytest.importorskip("litert_torch", reason="litert-torch is not installed")
    done = edgekit(
        "convert", "mobilenet", "--framework", "torch", "-t", "tflite", "-q", "fp16", "-q", "int8",
        "--data", "digits", "--json",
    )  # fmt: skip
    for artifact in converted(done):
        assert artifact["layout"] == "NHWC"
        assert artifact["inputs"][0]["shape"] == [1, 32, 32, 1]
        assert "TRANSPOSE" not in artifact["op_histogram"]
        assert artifact["min_runtime"]
        found = tflite_file.read(tmp_path / f"mobilenet-{artifact['recipe']['name']}.tflite")
        assert found.op_versions["DEPTHWISE_CONV_2D"] >= 1
        assert found.metadata


@pytest.mark.tf
@pytest.mark.torch
def test_a_core_ml_package_is_a_folder_and_said_not_to_be_run(edgekit, tmp_path):
    pytest.importorskip("coremltools", reason="coremltools is not installed")
    done = edgekit(
        "convert", "simplenet", "-t", "coreml", "-q", "fp16", "-q", "weight-int8", "-q", "palette4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not run: this format runs on its device only") == 3
    sizes = []
    for recipe in ("fp16", "weight-int8", "palette4"):
        package = tmp_path / f"simplenet-{recipe}.mlpackage"
        assert (package / "Manifest.json").is_file()
        weights = package / "Data/com.apple.CoreML/weights/weight.bin"
        sizes.append(weights.stat().st_size)
        done = edgekit("inspect", package, "--json")
        assert done.returncode == 0, done.stderr
    assert sizes == sorted(sizes, reverse=True)


def test_a_folder_that_is_no_model_is_refused(edgekit, tmp_path):
    (tmp_path / "photos").mkdir()
    done = edgekit("convert", "photos", "-t", "tflite")
    assert done.returncode == 4
    assert "lacks saved_model.pb" in done.stderr
