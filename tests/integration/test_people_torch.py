"""PyTorch nets as people have them: they come through, or what stops them is named."""

import importlib
import shutil
import sys
import types

import numpy as np
import pytest

from edgekit import devices, formats
from edgekit.core import layout as layouts
from edgekit.core.artifact import FloatModel
from edgekit.core.card import ModelCard
from edgekit.core.reason import reason
from edgekit.core.tensor import dequantize, quantize
from edgekit.errors import ExportError, ModelLoadError
from edgekit.formats.torch import module as torch_module
from edgekit.pipeline import recipes
from edgekit.sources import resolve
from edgekit.system import process

pytestmark = pytest.mark.torch

N = 8
# What int8 must keep of the signal, in dB; it is 30 and more where every operator is right.
KEPT_DB = 25
RECIPES = {name: recipes.load(name) for name in ("fp32", "int8")}


@pytest.fixture(scope="module")
def nets(asset_module):
    return asset_module("people_torch")


@pytest.fixture
def load(tmp_path):
    """Return a function that loads a module as if a factory had returned it."""
    import torch

    def loaded(module, *shapes, dtypes=()) -> FloatModel:
        (tmp_path / "net.py").write_text(
            "import torch\n\n\ndef build():\n    return torch.nn.Identity()\n"
        )
        card = ModelCard(name="net", input_shapes=shapes, input_dtypes=dtypes)
        source = resolve.resolve(f"{tmp_path}/net.py:build")
        torch.manual_seed(0)
        return torch_module.from_module(source, module, torch_module.declared(card))

    return loaded


def snr(got, wanted):
    error = np.square(got.astype(np.float64) - wanted).sum()
    return 10 * np.log10(np.square(wanted.astype(np.float64)).sum() / max(error, 1e-30))


def converted(model, name, recipe, samples, folder):
    """Convert by a recipe, run the file, and return its outputs as real values."""
    exporter = formats.exporter(name)
    card = ModelCard(name="net")
    if name == "tflite" and recipe.name != "fp32":
        exporter.export(model, RECIPES["fp32"], None, folder / "base.tflite", card)
        model = formats.loader("tflite").load(
            resolve.resolve(str(folder / "base.tflite")), card, trust=False
        )
    path = folder / f"net{exporter.SUFFIX}"
    done = exporter.export(model, recipe, samples if recipe.is_calibrated else None, path, card)
    laid = layouts.inputs_laid_out(
        samples, tuple(s.name for s in model.inputs), "NCHW", done.layout, card
    )
    fed, got = [], []
    for i, (values, spec) in enumerate(zip(laid, done.inputs, strict=True)):
        fed.append(folder / f"in-{i}.npy")
        np.save(fed[-1], quantize(values, spec))
    got = tuple(folder / f"out-{i}.npy" for i in range(len(done.outputs)))
    request = devices.Request(runtime=exporter.RUNTIME, model=path, inputs=tuple(fed), outputs=got)
    devices.open("local").run(request, folder, process.Limits(120))
    return [dequantize(np.load(p), s) for p, s in zip(got, done.outputs, strict=True)], done


def pictures(seed=1):
    return np.random.default_rng(seed).normal(size=(N, 3, 10, 10)).astype(np.float32)


def net(nets, name):
    """Return a net with BatchNorm's statistics as after training, and samples for it."""
    import torch

    torch.manual_seed(0)
    module = nets.NETS[name]()
    if name == "bytes":
        return module.eval(), np.random.default_rng(1).integers(0, 256, (N, 3, 10, 10), np.uint8)
    samples = np.random.default_rng(1).normal(
        size=(N, 3, 12, 12) if name == "swished" else (N, 3, 10, 10)
    )
    if name == "channelslast":
        module = module.to(memory_format=torch.channels_last)
    with torch.no_grad():
        module.train()(torch.from_numpy(samples.astype(np.float32)))
    return module.eval(), samples.astype(np.float32)


@pytest.mark.parametrize("name", ["executorch", "tflite"])
@pytest.mark.parametrize("kind", [
    "shifted", "swished", "padded", "centred", "channelslast", "reparametrized", "bytes", "scaled",
    "upsampled",
])  # fmt: skip
def test_a_net_that_exporters_stumble_over_comes_through(nets, load, tmp_path, kind, name):
    if name == "tflite":
        pytest.importorskip("litert_torch")
    module, samples = net(nets, kind)
    model = load(module, samples.shape[2:] + samples.shape[1:2], dtypes=(samples.dtype.name,))
    before = samples.copy()
    wanted = model.predict((samples,))[0]
    np.testing.assert_array_equal(samples, before)
    (got,), done = converted(model, name, RECIPES["fp32"], (samples,), tmp_path)
    assert snr(got, wanted) > 90
    if kind == "bytes" and name == "tflite":
        return
    (got,), done = converted(model, name, RECIPES["int8"], (samples,), tmp_path)
    assert snr(got, wanted) > KEPT_DB
    if name == "executorch":
        kept = np.load(tmp_path / "converted_output-0.npy")
        assert snr(got, kept) > KEPT_DB
        assert done.delegated.subgraphs <= 6


def test_a_net_that_writes_to_its_input_says_so(nets, load):
    module, samples = net(nets, "centred")
    model = load(module, (10, 10, 3))
    assert model.notes == ("forward writes to its input 'input'; it was given copies",)
    first, second = (model.predict((samples,))[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_half_precision_net_is_computed_in_float32(nets, load, tmp_path):
    import torch

    module, samples = net(nets, "padded")
    model = load(module.to(torch.bfloat16), (10, 10, 3))
    assert model.notes == ("its weights are bfloat16; they were cast to float32",)
    (got,), _ = converted(model, "executorch", RECIPES["fp32"], (samples,), tmp_path)
    assert snr(got, model.predict((samples,))[0]) > 90


def test_dataclasses_and_named_tuples_are_flattened_and_none_left_out(nets, load, tmp_path):
    model = load(nets.Answering(), (5,))
    assert [spec.name for spec in model.outputs] == ["scores.logits", "extra.0"]
    assert [spec.dtype for spec in model.outputs] == ["float32", "int64"]
    samples = (np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32),)
    for name in ("executorch", "tflite"):
        got, _ = converted(model, name, RECIPES["fp32"], samples, tmp_path)
        for mine, wanted in zip(got, model.predict(samples), strict=True):
            np.testing.assert_allclose(mine, wanted, atol=1e-5)


@pytest.mark.parametrize(("kind", "said", "hint"), [
    ("Stateful", "changes its buffer 'past'", "give the state to forward as an input"),
    ("Remembering", "other values", "give the state to forward as an input"),
    ("Dropping", "forward of .*, which drops values at random", "training=self.training"),
    ("Batched", r"layer body.1 \(BatchNorm1d\)", "InstanceNorm"),
])  # fmt: skip
def test_what_no_file_can_do_is_refused_by_name(nets, load, kind, said, hint):
    with pytest.raises(ModelLoadError, match=said) as caught:
        load(getattr(nets, kind)(), (5,))
    assert hint in caught.value.hint


def test_the_hint_for_batch_statistics_works(nets, load, tmp_path):
    import torch

    samples = (np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32),)
    for norm in (torch.nn.InstanceNorm1d(4), torch.nn.BatchNorm1d(4)):
        model = load(nets.Batched(norm), (5,))
        (got,), _ = converted(model, "executorch", RECIPES["fp32"], samples, tmp_path)
        assert snr(got, model.predict(samples)[0]) > 90


def test_the_hint_for_dropout_works(nets, load):
    import torch

    class Mended(nets.Dropping):
        def forward(self, x):
            return torch.nn.functional.dropout(self.a(x), 0.1, training=self.training)

    assert load(Mended(), (5,)).outputs[0].shape == (-1, 4)


def test_the_rows_of_tables_limit_what_inputs_take(nets, load):
    model = load(nets.Chosen(), (7,), (7,), dtypes=("int64", "int32"))
    assert model.limits == {"ids": (0.0, 29.0), "kinds": (0.0, 2.0)}


def test_whole_numbers_of_64_bits_become_such_of_32_in_tflite(nets, load, tmp_path):
    pytest.importorskip("litert_torch")
    model = load(nets.Chosen(), (7,), (7,), dtypes=("int64", "int64"))
    random = np.random.default_rng(0)
    samples = tuple(random.integers(0, rows, (N, 7)) for rows in (30, 3))
    (got,), done = converted(model, "tflite", RECIPES["fp32"], samples, tmp_path)
    assert [spec.dtype for spec in done.inputs] == ["int32", "int32"]
    assert "ids is int32 in the file, int64 in the model" in done.notes
    assert snr(got, model.predict(samples)[0]) > 90


def test_an_operator_without_a_kernel_is_refused_before_a_file_is_written(nets, load, tmp_path):
    import torch

    for module, said in (
        (nets.Volume(), r"aten\.convolution, in layer a \(Conv3d\)"),
        (torch.nn.Sequential(torch.nn.MaxPool3d(2), torch.nn.Flatten()), "max_pool3d"),
    ):
        model = load(module, (1, 4, 4, 4))
        for name in ("executorch", "executorch_portable"):
            exporter = formats.exporter(name)
            path = tmp_path / f"{name}.pte"
            with pytest.raises(ExportError, match=said) as caught:
                exporter.export(model, RECIPES["fp32"], None, path, ModelCard(name="net"))
            assert not path.exists()
        assert "--target tflite" in caught.value.hint
        samples = (np.random.default_rng(0).normal(size=(N, 1, 4, 4, 4)).astype(np.float32),)
        (got,), _ = converted(model, "tflite", RECIPES["fp32"], samples, tmp_path)
        assert snr(got, model.predict(samples)[0]) > 90


def test_a_recurrent_layer_says_what_it_costs(nets, load, tmp_path):
    model = load(nets.Recurrent(), (3, 5))
    samples = (np.random.default_rng(0).normal(size=(N, 3, 5)).astype(np.float32),)
    (got,), done = converted(model, "executorch", RECIPES["fp32"], samples, tmp_path)
    assert snr(got, model.predict(samples)[0]) > 90
    assert "in layer cells (GRU)" in done.notes[0]
    assert "unrolled into 3 steps" in done.notes[0]


def test_the_reason_of_a_long_error_is_not_cut():

    told = RuntimeError(
        "Cannot view a tensor " + "x" * 400 + " because of strides\n\nWhile executing %a"
    )
    assert reason(told).endswith("because of strides")
    assert reason(ValueError()) == "ValueError"


def test_a_pickled_learner_is_refused_with_how_its_weights_are_saved_and_given(
    edgekit, assets, card, tmp_path
):
    import torch

    learner = type("Learner", (), {"__module__": "fastai.learner"})
    packages = {"fastai": types.ModuleType("fastai"), "fastai.learner": types.ModuleType("learner")}
    packages["fastai.learner"].Learner = learner
    sys.modules |= packages
    try:
        held = learner()
        held.model = torch.nn.Linear(2, 2)
        torch.save(held, tmp_path / "export.pkl")
    finally:
        for name in packages:
            del sys.modules[name]
    done = edgekit("convert", "export.pkl", "-t", "executorch")
    assert done.returncode == 4
    assert "fastai.learner.Learner" in done.stderr
    assert "torch.save(learn.model.state_dict(), 'weights.pth')" in done.stderr
    assert "edgekit convert file.py:factory --weights weights.pth" in done.stderr
    # The hint, followed with a net that is at hand.
    shutil.copy(assets / "tiny_torch.py", tmp_path / "file.py")
    sys.path.insert(0, str(tmp_path))
    try:
        net = importlib.import_module("file").build()
    finally:
        sys.path.remove(str(tmp_path))
    torch.save(net.state_dict(), tmp_path / "weights.pth")
    more = ("--weights", "weights.pth", "--card", card, "-t", "torchscript")
    done = edgekit("convert", "file.py:build", *more)
    assert done.returncode == 0, done.stderr
