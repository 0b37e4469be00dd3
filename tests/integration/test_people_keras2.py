"""Files of Keras 2 that people have: transfer learning, old arguments, functions of TensorFlow."""

import json
import os
import zipfile

import numpy as np
import pytest
from people import converted, loaded, sqnr

from edgekit.errors import MissingExtraError, ModelLoadError
from edgekit.system import packages

pytestmark = pytest.mark.tf
pytest.importorskip("ai_edge_quantizer")
tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("tf_keras")
L = keras.layers
IMAGE = (16, 16, 3)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(3)


def base():
    image = keras.Input(IMAGE)
    x = L.Conv2D(6, 3, strides=2, name="block1/conv")(image)
    x = L.ReLU(6.0)(L.BatchNormalization(axis=[3])(x))
    return keras.Model(image, L.DepthwiseConv2D(3)(x), name="base")


def sequential():
    return keras.Sequential([base(), L.GlobalAveragePooling2D(), L.Dense(3)])


def nested_and_frozen():
    body, image = base(), keras.Input(IMAGE)
    body.trainable = False
    x = L.SeparableConv2D(5, 3, activation="relu6")(body(L.Rescaling(1 / 255)(image)))
    return keras.Model(image, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


def augmented():
    return keras.Sequential(
        [L.InputLayer(IMAGE), L.RandomFlip("horizontal"), L.RandomRotation(0.1),
         L.Conv2D(4, 3, activation="relu"), L.Flatten(), L.Dense(3)]
    )  # fmt: skip


def functions():
    image = keras.Input(IMAGE)
    x = tf.cast(image, tf.float32) / 127.5 - 1.0
    x = L.Conv2D(4, 3)(tf.image.resize(x[:, 2:14, 2:14], (10, 10)))
    x = tf.nn.relu6(x + 3.0) * 0.2 * x
    return keras.Model(image, L.Dense(3)(tf.reduce_mean(x, axis=[1, 2])))


def recurrent():
    steps = keras.Input((6, 3))
    x = L.Bidirectional(L.LSTM(5, return_sequences=True))(L.Masking()(steps))
    return keras.Model(steps, L.Dense(3)(L.GRU(5)(x)))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("make", [sequential, nested_and_frozen, augmented, functions, recurrent])
def test_the_file_computes_what_keras_2_computes_in_float_and_int8(make, suffix, tmp_path):
    model = make()
    for layer in model.layers:
        layer.set_weights([w + 0.1 * np.random.default_rng(1).random(w.shape)
                           for w in layer.get_weights()])  # fmt: skip
    path = tmp_path / f"net{suffix}"
    model.save(path)
    shape = model.input_shape[1:]
    high = 255 if make in {nested_and_frozen, functions} else 1
    rows = np.random.default_rng(2).uniform(0, high, (40, *shape)).astype("float32")
    wanted = np.asarray(model(rows, training=False))
    found = loaded(path)
    assert np.abs(found.predict((rows,))[0] - wanted).max() < 1e-4 * np.abs(wanted).max()
    is_old = make in {functions, sequential} or suffix == ".keras"
    assert any("loaded by tf_keras" in note for note in found.notes) >= is_old
    if suffix == ".h5":
        done = converted(path, tmp_path / "out", "int8", samples=(rows[:25],))
        got = [done[name].run(rows[25:])[0] for name in ("fp32", "int8")]
        assert np.abs(got[0] - wanted[25:]).max() < 1e-4 * np.abs(wanted).max()
        assert sqnr(got[1], wanted[25:]) > 20


def rewritten(path, change):
    """Change the config of a `.keras` file."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            new.writestr(name, data)


def writing(config):
    for layer in config["config"]["layers"]:
        if layer["config"].get("function") == "nn.relu6":
            layer["config"]["function"] = "io.write_file"


def importing(config):
    layer = next(each for each in config["config"]["layers"] if each["class_name"] == "Conv2D")
    layer["config"]["activation"] = {
        "module": "os", "class_name": "function", "config": "system", "registered_name": "system",
    }  # fmt: skip


@pytest.mark.parametrize(("change", "named"), [(writing, "io.write_file"), (importing, "os")])
def test_nothing_that_a_file_names_runs_but_what_is_on_the_list(change, named, tmp_path):
    path = tmp_path / "net.keras"
    functions().save(path)
    rewritten(path, change)
    with pytest.raises(ModelLoadError, match=named) as refused:
        loaded(path)
    assert "--trust" in refused.value.hint
    assert os.listdir(tmp_path) == ["net.keras"]


def test_without_tf_keras_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "net.h5"
    functions().save(path)
    there = packages.installed
    monkeypatch.setattr(packages, "installed", lambda n: None if n == "tf_keras" else there(n))
    with pytest.raises(MissingExtraError, match="TFOpLambda") as missing:
        loaded(path)
    assert "edgekit[keras2]" in missing.value.hint


def test_a_saved_model_of_keras_2_in_int8_by_the_command_line(edgekit, tmp_path):
    augmented().save(tmp_path / "net")
    x = np.random.default_rng(2).uniform(0, 1, (200, *IMAGE)).astype("float32")
    np.savez(tmp_path / "x.npz", inputs=x, labels=np.arange(200) % 3)
    done = edgekit("convert", "net", "-t", "tflite", "-q", "int8", "--data", "x.npz",
                   "--calibration", 20, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = json.loads(done.stdout)["files"]
    assert file["artifact"]["parity"]["sqnr_db"] > 25
