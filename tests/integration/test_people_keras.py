"""Keras 3 models that people have: recurrent, masked, mixed, open, textual, of own classes."""

import json

import numpy as np
import pytest
from people import converted, loaded, sqnr

from edgekit.errors import ExportError, ModelLoadError

pytestmark = pytest.mark.tf
pytest.importorskip("ai_edge_quantizer")
keras = pytest.importorskip("keras")
L = keras.layers


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(1)


def saved(folder, inputs, outputs):
    path = folder / "net.keras"
    model = keras.Model(inputs, outputs)
    model.save(path)
    return path, model


def masked(folder):
    steps = keras.Input((6, 3))
    x = L.LSTM(4, return_sequences=True)(L.Masking()(steps))
    x = L.Bidirectional(L.GRU(4))(x)
    rows = np.random.default_rng(2).uniform(-1, 1, (60, 6, 3)).astype("float32")
    rows[::2, 3:] = 0
    return saved(folder, steps, L.Dense(2)(x)), (rows,)


def embedded(folder):
    ids = keras.Input((6,), dtype="int32")
    x = L.LSTM(4)(L.Embedding(9, 4, "orthogonal", mask_zero=True)(ids))
    rows = np.random.default_rng(2).integers(0, 9, (60, 6)).astype("int32")
    rows[:, 0] = 1
    return saved(folder, ids, L.Dense(2)(x)), (rows,)


def started(folder):
    steps, state = keras.Input((5, 3), name="steps"), keras.Input((4,), name="state")
    x = L.GRU(4)(steps, initial_state=state)
    rng = np.random.default_rng(2)
    rows = rng.uniform(-1, 1, (60, 5, 3)), rng.uniform(-1, 1, (60, 4))
    return saved(folder, [steps, state], L.Dense(2)(x)), [r.astype("float32") for r in rows]


@pytest.mark.parametrize("make", [masked, embedded, started])
def test_recurrent_nets_with_masks_and_states_in_float_and_int8(make, tmp_path):
    (path, model), rows = make(tmp_path)
    done = converted(path, tmp_path, "int8", "int8-io8", samples=tuple(r[:45] for r in rows))
    held = [r[45:] for r in rows]
    wanted = np.asarray(model(held if len(held) > 1 else held[0], training=False))
    assert np.abs(done["fp32"].run(*held)[0] - wanted).max() < 1e-5
    for name in ("int8", "int8-io8"):
        assert sqnr(done[name].run(*held)[0], wanted) > 15, name
        assert "WHILE" not in done[name].exported.op_histogram


def test_an_embedding_says_which_numbers_it_takes(tmp_path):
    (path, _), _ = embedded(tmp_path)
    model = loaded(path)
    assert model.limits == {model.inputs[0].name: (0, 8)}


def test_mixed_precision_is_computed_in_float32_and_said(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        image = keras.Input((8, 8, 3))
        x = L.BatchNormalization()(L.Conv2D(4, 3)(L.Rescaling(1 / 255)(image)))
        path, model = saved(tmp_path, image, L.Dense(3)(L.Flatten()(x)))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    done = converted(path, tmp_path)["fp32"]
    x = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    wanted = np.asarray(model(x)).astype("float32")
    assert np.abs(done.run(x)[0] - wanted).max() < 0.02 * np.abs(wanted).max()
    assert {spec.dtype for spec in done.exported.outputs} == {"float32"}
    assert any("float32 where the model says mixed_float16" in n for n in loaded(path).notes)


def test_a_byte_input_stays_one_in_every_recipe(edgekit, tmp_path):
    image = keras.Input((8, 8, 3), dtype="uint8")
    x = L.Conv2D(4, 3, activation="relu")(L.Rescaling(1 / 255)(image))
    path, _ = saved(tmp_path, image, L.Dense(3)(L.Flatten()(x)))
    x = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3)).astype("uint8")
    np.savez(tmp_path / "x.npz", inputs=x, labels=np.arange(200) % 3)
    asked = [part for n in ("int8", "int8-io8", "dynamic-int8", "fp16") for part in ("-q", n)]
    done = edgekit("convert", path, "-t", "tflite", *asked, "--data", tmp_path / "x.npz",
                   "--calibration", 20, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for file in json.loads(done.stdout)["files"]:
        artifact = file["artifact"]
        assert artifact["inputs"][0]["dtype"] == "uint8"
        assert artifact["parity"]["sqnr_db"] > 30
        kept = any("stays uint8" in note for note in artifact["notes"])
        assert kept == ("int8" in artifact["recipe"]["name"])


def test_open_sizes_are_fixed_by_the_input_option_that_the_hint_names(edgekit, tmp_path):
    steps = keras.Input((None, 3))
    path, model = saved(tmp_path, steps, L.Dense(2)(L.LSTM(4)(steps)))
    refused = edgekit("convert", path, "-t", "tflite")
    assert refused.returncode == 5
    assert "no fixed shape" in refused.stderr
    assert "--input" in refused.stderr
    done = converted(path, tmp_path / "out", inputs=((7, 3),))["fp32"]
    x = np.random.default_rng(0).normal(size=(4, 7, 3)).astype("float32")
    assert np.abs(done.run(x)[0] - np.asarray(model(x))).max() < 1e-5
    assert any("fixed to 7x3" in note for note in loaded(path, inputs=((7, 3),)).notes)


def text_net(folder):
    words = keras.Input((1,), dtype="string")
    lookup = L.TextVectorization(20, output_sequence_length=4, name="look")
    lookup.adapt(["a cat sat", "a dog ran"])
    x = L.GlobalAveragePooling1D()(L.Embedding(20, 4)(lookup(words)))
    return saved(folder, words, L.Dense(2)(x))


def table_net(folder):
    number = keras.Input((1,), dtype="int64")
    found = L.IntegerLookup(vocabulary=[10, 20, 30], name="look")(number)
    return saved(folder, number, L.Dense(2)(L.Flatten()(L.Embedding(4, 4)(found))))


@pytest.mark.parametrize(("make", "what"), [(text_net, "a string input"), (table_net, "a table")])
def test_text_and_tables_are_refused_by_layer_and_the_cut_that_is_named_works(make, what, tmp_path):
    path, model = make(tmp_path)
    with pytest.raises(ModelLoadError, match="cannot run on a device") as refused:
        loaded(path)
    assert refused.value.message.startswith(f"got {what}")
    assert "layer look" in refused.value.message
    assert "keras.Model(layer.output, model.outputs)" in refused.value.hint
    layer = model.get_layer("look")
    keras.Model(layer.output, model.outputs).save(tmp_path / "cut.keras")
    done = converted(tmp_path / "cut.keras", tmp_path / "out")["fp32"]
    assert done.exported.inputs[0].dtype in {"int32", "int64"}


CODE = """
import keras

@keras.saving.register_keras_serializable("own")
class Net(keras.Model):
    def __init__(self, **more):
        super().__init__(**more)
        self.a, self.b = keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)

    def call(self, x):
        return self.b(self.a(x))

def build():
    return Net()
"""


def test_a_subclassed_model_is_built_by_the_shape_and_takes_the_saved_weights(edgekit, tmp_path):
    code = tmp_path / "net.py"
    code.write_text(CODE)
    space = {}
    exec(CODE, space)
    model, x = space["build"](), np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    wanted = np.asarray(model(x))
    model.save(tmp_path / "sub.keras")
    keras.saving.get_custom_objects().clear()
    alone = edgekit("convert", "sub.keras", "-t", "tflite")
    assert alone.returncode == 4
    assert "Could not locate class 'Net'" in alone.stderr
    assert "file.py:factory --weights sub.keras" in " ".join(alone.stderr.split())
    unshaped = edgekit("convert", "net.py:build", "--weights", "sub.keras", "-t", "tflite")
    assert unshaped.returncode == 4
    assert "--input" in unshaped.stderr
    more = {"weights": tmp_path / "sub.keras", "inputs": ((5,),)}
    done = converted(f"{code}:build", tmp_path / "out", **more)["fp32"]
    assert np.abs(done.run(x)[0] - wanted).max() < 1e-5


def detector(folder, *, joined):
    image = keras.Input((16, 16, 3))
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="swish")(image)
    boxes = L.Rescaling(640.0)(L.Activation("sigmoid")(L.Conv2D(4, 1)(x)))
    scores = L.Activation("sigmoid")(L.Conv2D(3, 1)(x))
    both = L.Reshape((64, 7))(L.Concatenate()([boxes, scores])) if joined else [boxes, scores]
    rows = np.random.default_rng(3).uniform(-1, 1, (40, 16, 16, 3)).astype("float32")
    return saved(folder, image, both), rows


def test_boxes_and_scores_that_are_joined_keep_scales_of_their_own(tmp_path):
    (path, model), rows = detector(tmp_path, joined=True)
    done = converted(path, tmp_path, "int8", samples=(rows[:30],))["int8"]
    got, wanted = done.run(rows[30:])[0], np.asarray(model(rows[30:]))
    for channel in range(7):
        spread = wanted[..., channel] - wanted[..., channel].mean()
        assert sqnr(got[..., channel] - wanted[..., channel] + spread, spread) > 20, channel
    assert any("stays float" in note for note in done.exported.notes)
    with pytest.raises(ExportError, match="joins ranges") as refused:
        converted(path, tmp_path / "io8", "int8-io8", samples=(rows[:30],))
    assert "choose int8" in refused.value.hint
    (path, _), _ = detector(tmp_path, joined=False)
    assert converted(path, tmp_path / "two", "int8-io8", samples=(rows[:30],))


def test_a_gate_that_the_samples_never_open_and_an_empty_channel_do_not_break_the_file(tmp_path):
    image = keras.Input((8, 8, 3))
    x = L.Conv2D(8, 3, activation="relu", name="wide")(image)
    gate = L.Dense(4, activation="relu", name="squeeze")(L.GlobalAveragePooling2D()(x))
    gate = L.Dense(8, activation="sigmoid", name="open")(gate)
    out = L.Dense(3)(L.Flatten()(L.Multiply()([x, L.Reshape((1, 1, 8))(gate)])))
    model = keras.Model(image, out)
    kernel, bias = model.get_layer("wide").get_weights()
    kernel[..., 2], bias[2] = 1e-11, 0.5
    model.get_layer("wide").set_weights([kernel, bias])
    weights, _ = model.get_layer("squeeze").get_weights()
    model.get_layer("squeeze").set_weights([weights * 1e-9, np.full(4, 1e-9, "float32")])
    model.save(tmp_path / "net.keras")
    rows = np.random.default_rng(3).uniform(-1, 1, (60, 8, 8, 3)).astype("float32")
    done = converted(tmp_path / "net.keras", tmp_path, "int8", samples=(rows[:40],))["int8"]
    assert sqnr(done.run(rows[40:])[0], np.asarray(model(rows[40:]))) > 20
    assert any("widened the range" in note for note in done.exported.notes)
    assert any("a scale that fits" in note for note in done.exported.notes)


def test_an_output_that_the_net_reads_itself_is_float_in_int8_files(tmp_path):
    row = keras.Input((12,))
    features = L.Dense(6, activation="relu")(row)
    path, model = saved(tmp_path, row, [features, L.Dense(3)(features)])
    rows = np.random.default_rng(3).uniform(-1, 1, (60, 12)).astype("float32")
    done = converted(path, tmp_path, "int8", samples=(rows,))["int8"]
    for got, wanted in zip(done.run(rows[40:]), model(rows[40:]), strict=True):
        assert sqnr(got, np.asarray(wanted)) > 25


def test_factors_of_channels_that_lie_apart_are_applied_in_float(tmp_path):
    row = keras.Input((12,))
    x = L.Dense(5, activation="sigmoid")(row)
    path, model = saved(tmp_path, row, x * np.array([640, 640, 640, 1, 1], "float32"))
    rows = np.random.default_rng(3).uniform(-1, 1, (60, 12)).astype("float32")
    done = converted(path, tmp_path, "int8", samples=(rows,))["int8"]
    got, wanted = done.run(rows[40:])[0], np.asarray(model(rows[40:]))
    assert sqnr(got[:, 3:], wanted[:, 3:]) > 25


def test_names_that_tensorflow_has_not_keep_their_order_and_an_output_given_twice_stays(tmp_path):
    right, left = (keras.Input((3,), name=f"{side}-image") for side in ("right", "left"))
    y = L.Dense(2)(L.Subtract()([right, left]))
    model = keras.Model([right, left], [y, L.Dense(2)(left), y])
    model.save(tmp_path / "net.keras")
    rows = np.random.default_rng(2).uniform(-1, 1, (2, 40, 3)).astype("float32")
    done = converted(tmp_path / "net.keras", tmp_path, "int8", samples=(*rows,))
    wanted = [np.asarray(each) for each in model([*rows], training=False)]
    for name, least in (("fp32", 100), ("int8", 20)):
        got = done[name].run(*rows)
        assert len(got) == 3
        assert min(sqnr(a, b) for a, b in zip(got, wanted, strict=True)) > least


def test_constants_that_a_layer_holds_stay_constants_on_the_way_by_onnx(edgekit):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("executorch")
    (edgekit.cwd / "norm.py").write_text(
        "import keras\n\n\ndef build():\n"
        "    keras.utils.set_random_seed(0)\n"
        "    image = keras.Input((8, 8, 3))\n"
        "    scaled = keras.layers.Normalization(mean=[4, 5, 6], variance=[2, 3, 2])(image)\n"
        "    flat = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(scaled))\n"
        "    return keras.Model(image, keras.layers.Dense(4)(flat))\n"
    )
    done = edgekit("convert", "norm.py:build", "-t", "executorch", "-t", "onnxruntime")
    assert done.returncode == 0, done.stderr
