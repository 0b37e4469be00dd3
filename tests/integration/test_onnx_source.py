"""Whole `.onnx` files from four exporters: loaded, rebuilt, lowered, held against ONNX Runtime."""

import dataclasses

import numpy as np
import pytest

from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.formats.onnx import loader as source
from edgekit.formats.onnx import to_torch

pytestmark = pytest.mark.torch
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

EXPORTS = [(False, 11), (False, 13), (False, 17), (True, 18), (True, 20)]


def load(path, card=None):
    reference = ModelSource(
        kind="onnx", framework="onnx", ref=path.name, path=str(path), sha256="0" * 64
    )
    model = source.load(reference, card or ModelCard(name="net"), trust=False)
    # As the job does for exporters of PyTorch models.
    return dataclasses.replace(model, native=to_torch.to_module(model.native))


def agrees(model, n=3, tolerance=1e-5, seed=0):
    """Hold `native`, one sample at a time, against `predict` on all; return the inputs."""
    import torch

    generator = np.random.default_rng(seed)
    shape = model.inputs[0].shape[1:]
    x = generator.standard_normal((n, *shape)).astype(np.float32)
    expected = model.predict((x,))
    for i in range(n):
        got = model.native(torch.from_numpy(x[i : i + 1]))
        got = got if isinstance(got, tuple) else (got,)
        for mine, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(
                mine.detach().numpy()[0], theirs[i], rtol=tolerance, atol=tolerance
            )
    return x


def lowered(model, x):
    """Return what XNNPACK takes of the model, and the file's output for one sample."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.devtools.backend_debug import get_delegation_info
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings import _C

    sample = torch.from_numpy(x[:1])
    program = torch.export.export(model.native, (sample,))
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    info = get_delegation_info(edge.exported_program().graph_module)
    data = edge.to_executorch().buffer  # the binding does not keep it alive
    got = _C._load_for_executorch_from_buffer(data).forward((sample,))[0].numpy()
    np.testing.assert_allclose(got, model.predict((x[:1],))[0], rtol=1e-4, atol=1e-5)
    return info


def nets():
    import torch
    from torch import nn

    class Mobile(nn.Module):
        def __init__(self):
            super().__init__()

            def block(ins, outs, stride):
                return [nn.Conv2d(ins, ins, 3, stride, 1, groups=ins, bias=False),
                        nn.BatchNorm2d(ins), nn.ReLU6(), nn.Conv2d(ins, outs, 1, bias=False),
                        nn.BatchNorm2d(outs), nn.ReLU6()]  # fmt: skip

            self.body = nn.Sequential(
                nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), *block(8, 8, 1), *block(8, 16, 2)
            )
            self.head = nn.Linear(16, 10)

        def forward(self, x):
            x = self.body(x)
            return self.head(x.mean((2, 3))).softmax(-1)

    class Sequence(nn.Module):
        def __init__(self, kind, **more):
            super().__init__()
            self.inner = kind(6, 8, batch_first=True, **more)
            self.head = nn.Linear(8 * (1 + more.get("bidirectional", 0)), 4)

        def forward(self, x):
            return self.head(self.inner(x)[0][:, -1])

    class Vit(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(3, 16, 4, 4)
            self.norm = nn.LayerNorm(16)
            self.qkv = nn.Linear(16, 48)
            self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
            self.head = nn.Linear(16, 5)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            q, k, v = self.qkv(self.norm(x)).reshape(-1, 16, 3, 2, 8).permute(2, 0, 3, 1, 4)
            mixed = ((q @ k.transpose(-2, -1)) / 8**0.5).softmax(-1) @ v
            x = x + mixed.transpose(1, 2).reshape(-1, 16, 16)
            return self.head((x + self.mlp(x)).mean(1))

    torch.manual_seed(0)
    return {
        "mobile": (Mobile(), (3, 32, 32)),
        "lstm": (Sequence(nn.LSTM), (5, 6)),
        "lstm both": (Sequence(nn.LSTM, bidirectional=True), (5, 6)),
        "gru": (Sequence(nn.GRU), (5, 6)),
        "vit": (Vit(), (3, 16, 16)),
    }


def exported(name, path, is_dynamo, opset):
    import torch

    net, shape = nets()[name]
    example = torch.randn(2, *shape)
    if is_dynamo:
        more = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False}
    else:
        more = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    torch.onnx.export(
        net.eval(), (example,), path, dynamo=is_dynamo, opset_version=opset, verbose=False, **more
    )
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("is_dynamo", "opset"), EXPORTS)
@pytest.mark.parametrize("name", ["mobile", "lstm", "lstm both", "gru", "vit"])
def test_torchs_exporters(tmp_path, name, is_dynamo, opset):
    model = load(exported(name, tmp_path / "m.onnx", is_dynamo, opset))
    assert model.inputs[0].shape[0] == model.outputs[0].shape[0] == -1
    assert model.layout == "NCHW"
    agrees(model)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("is_dynamo", "opset"), [(False, 13), (True, 20)])
def test_a_mobile_net_is_one_delegated_piece(tmp_path, is_dynamo, opset):
    model = load(exported("mobile", tmp_path / "m.onnx", is_dynamo, opset))
    info = lowered(model, agrees(model))
    assert info.num_delegated_subgraphs == 1
    assert info.num_non_delegated_nodes == 1  # what takes the result out of the delegate


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lstm both", "gru", "vit"])
def test_other_nets_lower_and_compute_the_same(tmp_path, name):
    model = load(exported(name, tmp_path / "m.onnx", is_dynamo=False, opset=17))
    assert lowered(model, agrees(model)).num_delegated_nodes > 0


@pytest.mark.filterwarnings("ignore")
def test_a_net_is_quantized_statically(tmp_path):
    import torch
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    model = load(exported("mobile", tmp_path / "m.onnx", is_dynamo=False, opset=13))
    x = agrees(model, n=16)
    sample = torch.from_numpy(x[:1])
    graph = torch.export.export(model.native, (sample,)).module()
    config = get_symmetric_quantization_config(is_per_channel=True)
    prepared = prepare_pt2e(graph, XNNPACKQuantizer().set_global(config))
    for row in x:
        prepared(torch.from_numpy(row[None]))
    converted = convert_pt2e(prepared)
    got = np.concatenate([converted(torch.from_numpy(row[None])).detach().numpy() for row in x])
    assert np.abs(got - model.predict((x,))[0]).max() < 0.05
    names = [str(node.target) for node in converted.graph.nodes]
    assert sum("quantize_per_channel" in name for name in names) >= 6


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [13, 18])
def test_tf2onnx(tmp_path, opset):
    tf2onnx = pytest.importorskip("tf2onnx")
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((20, 12, 1)), layers.Conv2D(8, 3, strides=2, padding="same"),
            layers.BatchNormalization(), layers.ReLU(6.0),
            layers.DepthwiseConv2D(3, padding="same"), layers.MaxPooling2D(3, 2, padding="same"),
            layers.UpSampling2D(2, interpolation="bilinear"), layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )  # fmt: skip
    for weight in net.weights:
        if "moving" in weight.path or "gamma" in weight.path:
            weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
    signature = [tf.TensorSpec((1, 20, 12, 1), tf.float32, name="x")]
    path = tmp_path / "m.onnx"
    tf2onnx.convert.from_function(
        tf.function(lambda x: net(x, training=False)), input_signature=signature, opset=opset,
        output_path=str(path),
    )  # fmt: skip
    card = ModelCard(name="net", preprocess=Preprocess(colour="L"))
    model = load(path, card)
    assert model.layout == "NHWC"
    assert model.inputs[0].shape == (1, 20, 12, 1)
    x = agrees(model)
    np.testing.assert_allclose(model.predict((x,))[0], net(x).numpy(), atol=1e-5)
    lowered(model, x)


@pytest.mark.parametrize("has_map", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_skl2onnx(tmp_path, has_map):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    generator = np.random.default_rng(0)
    x = generator.standard_normal((60, 4)).astype(np.float32)
    labels = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    for last in (MLPClassifier((8,), max_iter=20, random_state=0), LogisticRegression()):
        net = make_pipeline(StandardScaler(), last).fit(x, labels)
        kind = skl2onnx.common.data_types.FloatTensorType([None, 4])
        options = {id(net): {"zipmap": has_map}}
        made = skl2onnx.convert_sklearn(
            net,
            initial_types=[("x", kind)],
            options=options,
            target_opset={"": 17, "ai.onnx.ml": 3},
        )
        (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
        model = load(tmp_path / "m.onnx")
        assert any("left out" in note for note in model.notes)
        assert len(model.outputs) == 1
        np.testing.assert_allclose(model.predict((x,))[0], net.predict_proba(x), atol=1e-5)
        agrees(model)


@pytest.mark.filterwarnings("ignore")
def test_trees_are_refused_by_name(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.tree import DecisionTreeClassifier

    from edgekit.errors import ModelLoadError

    x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
    net = DecisionTreeClassifier(max_depth=3).fit(x, x[:, 0] > 0)
    kind = skl2onnx.common.data_types.FloatTensorType([None, 4])
    made = skl2onnx.convert_sklearn(
        net, initial_types=[("x", kind)], target_opset={"": 17, "ai.onnx.ml": 3}
    )
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(ModelLoadError, match=r"TreeEnsembleClassifier \(ai.onnx.ml.*ensembles"):
        load(tmp_path / "m.onnx")
