"""SavedModels that people have: of several signatures, with loops, checks, tables, open images."""

import json
import shutil

import numpy as np
import pytest
from people import converted, loaded, sqnr

from edgekit.errors import ModelLoadError
from edgekit.formats.savedmodel import file
from edgekit.pipeline import config

pytestmark = pytest.mark.tf
pytest.importorskip("ai_edge_quantizer")
tf = pytest.importorskip("tensorflow")
saved_model_pb2 = pytest.importorskip("tensorflow.core.protobuf.saved_model_pb2")


class Module(tf.Module):
    """Several functions over one matrix."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(4)
        self.w = tf.Variable(rng.normal(size=(12, 3)).astype("float32"))
        self.table = tf.Variable(rng.normal(size=(7, 3)).astype("float32"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="jpegs")])
    def serve(self, jpegs):
        numbers = tf.strings.to_number(jpegs)
        return {"scores": tf.tile(numbers[:, None], [1, 12]) @ self.w}

    @tf.function(input_signature=[tf.TensorSpec([None, 12], tf.float32, name="x")])
    def features(self, x):
        tf.debugging.assert_less(x, 1e9)
        return {"scores": x @ self.w}

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.int64, name="ids")])
    def words(self, ids):
        return {"mean": tf.reduce_mean(tf.gather(self.table, ids), axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="image")])
    def picture(self, image):
        small = tf.image.resize(image, (2, 2)) / 255
        return {"scores": tf.nn.softmax(tf.reshape(small, [-1, 12]) @ self.w)}

    @tf.function(input_signature=[tf.TensorSpec([None, 12], tf.float16, name="x")])
    def half(self, x):
        return {"scores": x @ tf.cast(self.w, tf.float16)}

    @tf.function(input_signature=[tf.TensorSpec([None, 12], tf.float32, name="x")])
    def log(self, x):
        tf.print("seen")
        return {"scores": x @ self.w}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    module, folder = Module(), tmp_path_factory.mktemp("served") / "net"
    names = ("features", "words", "picture", "half", "log")
    signatures = {"serving_default": module.serve} | {n: getattr(module, n) for n in names}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return module, folder


def test_text_is_refused_and_the_signature_that_the_hint_names_is_converted(edgekit, folder):
    _, path = folder
    refused = edgekit("convert", path, "-t", "tflite")
    assert refused.returncode == 4
    assert "a string input cannot run on a device" in " ".join(refused.stderr.split())
    assert "--signature features" in " ".join(refused.stderr.split())
    found = edgekit("inspect", path, "--signature", "features", "--json")
    assert json.loads(found.stdout)["inputs"][0]["name"] == "x"
    done = edgekit("convert", path, "--signature", "features", "-t", "tflite", "--json")
    assert done.returncode == 0, done.stderr
    (file,) = json.loads(done.stdout)["files"]
    assert file["artifact"]["source"]["signature"] == "features"
    assert not file["from_cache"]
    other = edgekit("convert", path, "--signature", "words", "-t", "tflite", "--json")
    assert other.returncode == 0, other.stderr
    assert not json.loads(other.stdout)["files"][0]["from_cache"]
    wrong = edgekit("convert", path, "--signature", "feature", "-t", "tflite")
    assert "did you mean 'features'" in wrong.stderr
    file = edgekit("convert", "net.keras", "--signature", "x", "-t", "tflite")
    assert file.returncode in {2, 4}


def test_a_run_takes_the_signature_from_its_file(tmp_path):
    text = 'targets = ["tflite"]\n[data]\nsource = "digits"\n'
    (tmp_path / "e.toml").write_text(f'{text}[[models]]\nsource = "net"\nsignature = "features"\n')
    assert config.read(tmp_path / "e.toml").models[0].signature == "features"


@pytest.mark.parametrize("name", ["features", "words", "picture"])
def test_every_recipe_of_a_signature(name, folder, tmp_path):
    module, path = folder
    rng = np.random.default_rng(5)
    rows = {
        "features": rng.normal(size=(60, 12)).astype("float32"),
        "words": rng.integers(0, 7, (60, 4)),
        "picture": rng.integers(0, 256, (60, 8, 8, 3)).astype("uint8"),
    }[name]
    more = {"signature": name, "inputs": ((8, 8, 3),) if name == "picture" else ()}
    recipes = ("int8", "int8-io8", "dynamic-int8", "fp16") if name != "words" else ()
    done = converted(path, tmp_path, *recipes, samples=(rows[:40],), **more)
    wanted = next(iter(getattr(module, name)(rows[40:]).values())).numpy()
    for recipe, made in done.items():
        assert sqnr(made.run(rows[40:])[0], wanted) > (100 if recipe == "fp32" else 25), recipe
    if name == "words":
        assert loaded(path, signature=name).limits == {"ids": (0, 6)}


def test_half_precision_is_computed_in_float32_and_said(folder, tmp_path):
    module, path = folder
    done = converted(path, tmp_path, signature="half")["fp32"]
    x = np.random.default_rng(5).normal(size=(4, 12)).astype("float32")
    assert np.abs(done.run(x)[0] - module.half(x.astype("float16"))["scores"].numpy()).max() < 0.05
    assert any("half precision" in note for note in loaded(path, signature="half").notes)


def test_what_acts_outside_is_still_refused(folder):
    with pytest.raises(ModelLoadError, match="PrintV2"):
        loaded(folder[1], signature="log")


def test_what_the_loader_runs_by_its_name_is_looked_at_whatever_inputs_it_has(folder, tmp_path):
    shutil.copytree(folder[1], tmp_path / "net")
    path, written = tmp_path / "net" / "saved_model.pb", tmp_path / "written"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.raw_ops.WriteFile(filename=str(written), contents="x", name="write")
    (meta,) = model.meta_graphs
    meta.graph_def.node.extend(graph.as_graph_def().node)
    key = "__saved_model_init_op"
    meta.signature_def[key].outputs[key].name = "write"
    meta.signature_def[key].inputs["bogus"].name = "none:0"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelLoadError, match="WriteFile"):
        loaded(tmp_path / "net", signature="features")
    assert not written.exists()


@pytest.mark.parametrize(
    "op",
    ["Abort", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummaryV2", "DecodeProtoV2",
     "GenerateVocabRemapping", "ImmutableConst", "SnapshotDatasetV2", "SnapshotDatasetReader"],
)  # fmt: skip
def test_operators_that_only_seem_to_compute_are_refused(op):
    assert not file._is_harmless(op)


def test_open_sizes_name_the_option_that_fixes_them(edgekit, folder):
    refused = edgekit("convert", folder[1], "--signature", "picture", "-t", "tflite")
    assert refused.returncode == 5
    assert "--input" in refused.stderr
    wrong = edgekit(
        "convert", folder[1], "--signature", "picture", "--input", "8,8", "-t", "tflite"
    )
    assert wrong.returncode == 2
    assert "image uint8" in " ".join(wrong.stderr.split())


def test_a_recurrent_net_of_keras_3_has_no_loop_left(tmp_path):
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(1)
    ids = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 8, "orthogonal", mask_zero=True)(ids)
    x = keras.layers.Bidirectional(keras.layers.LSTM(8))(x)
    model = keras.Model(ids, keras.layers.Dense(2)(x))
    model.export(tmp_path / "net", verbose=False)
    rows = np.random.default_rng(2).integers(0, 9, (60, 5)).astype("int32")
    rows[:, 0] = 1
    done = converted(tmp_path / "net", tmp_path / "out", "int8", samples=(rows[:45],))
    wanted = np.asarray(model(rows[45:]))
    assert np.abs(done["fp32"].run(rows[45:])[0] - wanted).max() < 1e-5
    assert sqnr(done["int8"].run(rows[45:])[0], wanted) > 20
    assert "WHILE" not in done["int8"].exported.op_histogram
