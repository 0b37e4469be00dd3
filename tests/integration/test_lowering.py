"""PyTorch nets to ExecuTorch files by every backend, run where the runtime is here."""

import dataclasses
import importlib.metadata

import numpy as np
import pytest

from edgekit import devices, formats, runtimes
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import TensorSpec, dequantize, quantize
from edgekit.errors import ExportError, MissingExtraError
from edgekit.pipeline import recipes
from edgekit.system import packages, process

RECIPES = recipes.shipped()

pytestmark = pytest.mark.torch

N = 8
# Largest difference from the float model, relative to its largest output.
ALLOWED = {"fp32": 1e-5, "fp16": 5e-3, "dynamic-int8": 0.05, "int8": 0.1, "int8-io8": 0.1}


@pytest.fixture(scope="module")
def nets(asset_module):
    """Return the module with the nets."""
    return asset_module("torch_nets")


@pytest.fixture
def model(nets):
    """Return a function from a net's name to its FloatModel and samples."""
    return lambda name: float_model(nets, name)


def float_model(nets, name):
    import torch

    torch.manual_seed(0)
    build, shapes = nets.NETS[name]
    module, random = build().eval(), np.random.default_rng(1)
    if name == "words":
        samples = (random.integers(0, 20, (N, *shapes[0])),)
    else:
        samples = tuple(random.normal(size=(N, *shape)).astype(np.float32) for shape in shapes)

    def predict(arrays):
        with torch.no_grad():
            result = module(*(torch.from_numpy(array) for array in arrays))
        results = result if isinstance(result, list | tuple) else (result,)
        return tuple(value.numpy() for value in results)

    source = ModelSource(kind="torch", framework="torch", ref=name, path=name, sha256="0" * 64)
    specs = [
        tuple(
            TensorSpec(name=f"{border}{i}", shape=(-1, *a.shape[1:]), dtype=str(a.dtype))
            for i, a in enumerate(arrays)
        )
        for border, arrays in (("in", samples), ("out", predict(samples)))
    ]
    return FloatModel(source, "torch", module, *specs, predict, "NCHW"), samples


def export(name, made, recipe, folder):
    net, samples = made
    path = folder / "model.pte"
    exporter = formats.exporter(name)
    return exporter.export(net, RECIPES[recipe], samples, path, ModelCard(name="net")), path


def difference(exported, path, made, folder):
    """Run the file on the device `local`; return its largest difference, relative."""
    net, samples = made
    fed = tuple(folder / f"in{i}.npy" for i in range(len(samples)))
    got = tuple(folder / f"out{i}.npy" for i in range(len(exported.outputs)))
    for file, values, spec in zip(fed, samples, exported.inputs, strict=True):
        np.save(file, quantize(values, spec))
    request = devices.Request(runtime="executorch", model=path, inputs=fed, outputs=got)
    devices.open("local").run(request, folder, process.Limits(600))
    expected = net.predict(samples)
    values = [dequantize(np.load(f), s) for f, s in zip(got, exported.outputs, strict=True)]
    assert [v.shape for v in values] == [e.shape for e in expected]
    return max(np.abs(v - e).max() / np.abs(e).max() for v, e in zip(values, expected, strict=True))


@pytest.mark.parametrize(
    ("name", "recipe", "parts"),
    [
        ("pooled", "fp32", 1),
        ("pooled", "fp16", None),
        ("pooled", "dynamic-int8", 1),
        ("pooled", "int8", 1),
        ("sequential", "fp32", 1),
        ("sequential", "int8-io8", 1),
        ("recurrent", "fp32", None),
        ("recurrent", "int8", None),
        ("attention", "fp32", 2),  # The layer norm between them is no operator of XNNPACK's.
        ("attention", "int8-io8", 2),
        ("two", "fp32", 1),
        ("two", "int8-io8", 1),
        ("words", "fp32", 1),
        ("words", "int8", 1),
    ],
)
def test_a_file_for_xnnpack_computes_what_its_model_computes(model, tmp_path, name, recipe, parts):
    made = model(name)
    exported, path = export("executorch", made, recipe, tmp_path)
    assert parts in {None, exported.delegated.subgraphs}
    assert difference(exported, path, made, tmp_path) < ALLOWED[recipe]
    facts = formats.inspector("executorch").inspect(path)
    assert facts.more["delegates"] == ("XnnpackBackend",)
    assert facts.more["delegated_subgraphs"] == exported.delegated.subgraphs
    for stated, specs in ((facts.inputs, exported.inputs), (facts.outputs, exported.outputs)):
        assert [(f.shape, f.dtype) for f in stated] == [(spec.shape, spec.dtype) for spec in specs]
    assert exported.inputs[0].dtype == {"words": "int64"}.get(
        name, "int8" if recipe == "int8-io8" else "float32"
    )


@pytest.mark.parametrize(("name", "recipe"), [("two", "fp32"), ("pooled", "int8")])
def test_a_file_for_the_portable_kernels_does_too(model, tmp_path, name, recipe):
    made = model(name)
    exported, path = export("executorch_portable", made, recipe, tmp_path)
    assert exported.delegated.delegated == 0
    assert formats.inspector("executorch").inspect(path).more["delegates"] == ()
    assert difference(exported, path, made, tmp_path) < ALLOWED[recipe]


@pytest.mark.parametrize(("name", "recipe"), [("two", "fp32"), ("pooled", "int8")])
def test_a_file_for_batches_takes_every_size_up_to_its_largest(model, tmp_path, name, recipe):
    net, samples = model(name)
    path, most = tmp_path / "model.pte", 20
    several = RECIPES[recipe].model_copy(update={"batch_max": most})
    exporter = formats.exporter("executorch")
    exported = exporter.export(net, several, samples, path, ModelCard(name="net"))
    assert exported.inputs[0].shape == (-1, 3, 16, 16)
    assert exported.outputs[0].shape[0] == -1
    assert exported.delegated.subgraphs == 1
    runtime = runtimes.open("executorch")
    runtime.prepare()
    session = runtime.open_session(path, 1, "optimized")
    for batch in (1, 2, most):
        inputs = [np.resize(values, (batch, *values.shape[1:])) for values in samples]
        for got, wanted in zip(session.run(inputs), net.predict(tuple(inputs)), strict=True):
            assert np.abs(got - wanted).max() < ALLOWED[recipe] * np.abs(wanted).max()
    with pytest.raises(RuntimeError):
        session.run([np.resize(values, (most + 1, *values.shape[1:])) for values in samples])


@pytest.mark.parametrize(
    ("name", "recipe", "delegate"),
    [
        ("executorch_coreml", "fp16", "CoreMLBackend"),
        # Core ML's quantizer exports four hundred patterns before it looks at the model.
        pytest.param("executorch_coreml", "int8", "CoreMLBackend", marks=pytest.mark.slow),
        ("executorch_vulkan", "fp16", "VulkanBackend"),
        ("executorch_vulkan", "dynamic-int8", "VulkanBackend"),
        ("executorch_ethos_u", "int8", "EthosUBackend"),
        ("executorch_ethos_u", "int8-io8", "EthosUBackend"),
    ],
)
def test_what_cannot_run_here_is_made_and_says_so(model, tmp_path, name, recipe, delegate):
    try:
        packages.versions(formats.exporter(name).PACKAGES)
    except MissingExtraError as error:
        pytest.skip(error.message)
    exported, path = export(name, model("pooled"), recipe, tmp_path)
    assert formats.exporter(name).RUNTIME is None
    assert any("not run here" in note for note in exported.notes)
    facts = formats.inspector("executorch").inspect(path)
    assert facts.more["delegates"] == (delegate,)
    assert facts.more["delegated_subgraphs"] == exported.delegated.subgraphs >= 1
    border = "int8" if recipe == "int8-io8" else "float32"
    assert [(f.shape, f.dtype) for f in facts.inputs] == [((1, 3, 16, 16), border)]


def test_arm_s_compilers_are_named_where_they_are_missing(model, tmp_path):
    installed = {d.metadata["Name"] for d in importlib.metadata.distributions()}
    if "ethos-u-vela" in installed:
        pytest.skip("ethos-u-vela is installed")
    with pytest.raises(MissingExtraError) as caught:
        export("executorch_ethos_u", model("pooled"), "int8", tmp_path)
    assert "ethos-u-vela" in caught.value.message
    assert "edgekit[ethos-u]" in caught.value.hint


def test_an_operator_that_cannot_be_lowered_is_named_with_its_layer(model, tmp_path):
    with pytest.raises(ExportError) as caught:
        export("executorch", model("inverse"), "fp32", tmp_path)
    assert "at aten.linalg_inv_ex, in layer solve (Solve), " in caught.value.message
    assert "torch_nets.py:" in caught.value.message


def test_a_program_of_one_batch_is_refused_for_several(model, tmp_path):
    import torch

    net, samples = model("pooled")
    program = torch.export.export(net.native, (torch.zeros(1, 3, 16, 16),))
    fixed = dataclasses.replace(net, native=program.module())
    several = RECIPES["fp32"].model_copy(update={"batch_max": 4})
    exporter = formats.exporter("executorch")
    with pytest.raises(ExportError, match="cannot be exported for batches of 1 to 4"):
        exporter.export(fixed, several, samples, tmp_path / "model.pte", ModelCard(name="net"))


def test_code_that_cannot_be_exported_is_named_with_its_line(model, tmp_path):
    with pytest.raises(ExportError) as caught:
        export("executorch", model("branching"), "fp32", tmp_path)
    assert "at Branching.forward, " in caught.value.message
    assert "torch_nets.py:" in caught.value.message


@pytest.mark.parametrize("name", [n for n in formats.exporters() if n.startswith("executorch")])
def test_what_a_backend_cannot_do_is_refused_by_name(name):
    exporter = formats.exporter(name)
    refused = {recipe for recipe in RECIPES if exporter.refusal(RECIPES[recipe])}
    assert refused == {
        "executorch": set(),
        "executorch_portable": {"dynamic-int8"},
        "executorch_coreml": {"dynamic-int8", "int8-io8"},
        "executorch_vulkan": {"int8", "int8-io8"},
        "executorch_ethos_u": {"fp32", "fp16", "dynamic-int8"},
    }[name] | (set(RECIPES) & {"weight-int8", "palette4"})
    assert exporter.refusal(RECIPES["weight-int8"])
    halved = Recipe(name="halved", method="weight-only", weight="float16")
    assert "has no such quantization" in exporter.refusal(halved)
    wide = RECIPES["int8"].model_copy(update={"batch_max": 4})
    assert bool(exporter.refusal(wide)) == (exporter.RUNTIME is None)
