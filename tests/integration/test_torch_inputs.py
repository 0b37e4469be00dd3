"""Everything PyTorch-shaped that comes in: what it computes, and that nothing in it runs."""

import argparse
import collections
import io
import json
import os
import pickle
import sys
import zipfile

import numpy as np
import pytest

from edgekit import formats
from edgekit.core.card import ModelCard
from edgekit.errors import MissingExtraError, ModelLoadError
from edgekit.sources import resolve

pytestmark = [
    pytest.mark.torch,
    # torch says so of TorchScript as a whole.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]

CARD = ModelCard(name="tiny", input_shape=(8, 8, 1))
IMAGES = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)
PAYLOAD = "payload-ran"


class Payload:
    """What a pickle would run when it is loaded."""

    def __reduce__(self):
        return os.system, (f"touch {PAYLOAD}",)


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """Work in an empty folder, and look for the payload's file after every test."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / PAYLOAD).exists()


@pytest.fixture
def factory(assets, tmp_path):
    """Return a reference to a copy of the tiny net's factory."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "net.py").write_text((assets / "tiny_torch.py").read_text())
    return f"{tmp_path}/net/net.py:build"


def tiny(factory):
    """Return the tiny net with weights of its own."""
    import torch

    from edgekit.formats import factory as factories

    torch.manual_seed(7)
    return factories.call(resolve.resolve(factory)).eval()


def load(ref, weights=None, card=CARD, *, trust=False):
    source = resolve.resolve(str(ref), weights=weights)
    return formats.loader(source.kind).load(source, card, trust=trust)


def same(model, module, *inputs):
    """Hold a loaded model against the module it came from, and see torch.export take it."""
    import torch

    inputs = inputs or (IMAGES,)
    got = model.predict(inputs)
    with torch.no_grad():
        wanted = module(*(torch.from_numpy(v) for v in inputs))
    wanted = [wanted] if isinstance(wanted, torch.Tensor) else list(wanted)
    for a, b, spec in zip(got, wanted, model.outputs, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-6)
        assert spec.shape[1:] == a.shape[1:]
    one = tuple(torch.from_numpy(v[:1]) for v in inputs)
    assert torch.export.export(model.native, one).graph_signature.user_outputs


def save(name, state):
    import torch
    from safetensors.torch import save_file

    save_file(state, name) if name.endswith(".safetensors") else torch.save(state, name)


def mar(path, files, **model):
    manifest = {"runtime": "python", "archiverVersion": "0.12.0", "model": model}
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("MAR-INF/MANIFEST.json", json.dumps(manifest))
        for name, data in files.items():
            out.writestr(name, data)


def lightning(state, prefix="model.", **more):
    """Return what Lightning's trainer.save_checkpoint writes, without Lightning's own classes."""
    return {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.5.1",
        "state_dict": collections.OrderedDict((prefix + k, v) for k, v in state.items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": None}},
        "optimizer_states": [{"state": {0: {"step": state["head.bias"]}}, "param_groups": [{}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 1e-3, "width": np.float64(0.5), "shape": np.ones(2)},
        **more,
    }


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors"])
def test_a_bare_state_dict(factory, tmp_path, name):
    module = tiny(factory)
    save(name, module.state_dict())
    model = load(factory, tmp_path / name)
    same(model, module)
    assert model.hub == "torch"
    assert model.layout == "NCHW"
    assert model.notes == ()


@pytest.mark.parametrize("prefix", ["model.", "net.", "module._orig_mod."])
def test_a_lightning_checkpoint_with_its_prefix(factory, tmp_path, prefix, caplog):
    import torch

    module = tiny(factory)
    torch.save(lightning(module.state_dict(), prefix), "last.ckpt")
    model = load(factory, tmp_path / "last.ckpt")
    same(model, module)
    assert model.notes == (f"dropped the prefix '{prefix}' from the names in last.ckpt",)
    assert model.notes[0] in caplog.text


def test_a_lightning_checkpoint_with_a_loss_beside_the_model(factory, tmp_path):
    import torch

    module = tiny(factory)
    checkpoint = lightning(module.state_dict(), args=argparse.Namespace(lr=0.1))
    checkpoint["state_dict"]["loss.weight"] = torch.ones(10)
    torch.save(checkpoint, "last.ckpt")
    model = load(factory, tmp_path / "last.ckpt")
    same(model, module)
    assert "left out 1 tensors" in model.notes[1]
    assert "loss.weight" in model.notes[1]


@pytest.mark.parametrize("key", ["model", "model_state_dict", "state_dict", "ema", "whatever"])
def test_a_training_checkpoint(factory, tmp_path, key):
    import torch

    module = tiny(factory)
    optimizer = torch.optim.AdamW(module.parameters())
    state = module.state_dict()
    held = {"module": state} if key == "ema" else state
    torch.save({"epoch": 1, "optimizer": optimizer.state_dict(), key: held}, "c.pt")
    same(load(factory, tmp_path / "c.pt"), module)


def test_the_usual_place_wins_and_the_other_is_named(factory, tmp_path):
    import torch

    module = tiny(factory)
    other = {k: v + 1 for k, v in module.state_dict().items()}
    torch.save({"ema": other, "model": module.state_dict()}, "c.pt")
    model = load(factory, tmp_path / "c.pt")
    same(model, module)
    assert model.notes == ("took the weights under 'model' of c.pt, not those under ['ema']",)


def test_weights_that_do_not_fit_name_what_is_missing(factory, tmp_path):
    import torch

    state = tiny(factory).state_dict()
    cases = {
        "few": ({k: v for k, v in state.items() if k != "head.bias"}, "missing head.bias", ""),
        "more": ({**state, "x.y": torch.ones(1)}, "unexpected x.y", ""),
        "shape": ({**state, "head.bias": torch.ones(3)}, "size mismatch for head.bias", ""),
        "part": (
            {f"net.{k}": v for k, v in state.items() if k != "head.bias"},
            "missing head.bias",
            "did you mean the part under 'net.'",
        ),
        "inner": ({"weight": state["conv.weight"], "bias": state["conv.bias"]}, "missing", "conv"),
        "twice": (
            {f"{p}.{k}": v for p in ("student", "teacher") for k, v in state.items()},
            "under 'student.', 'teacher.'",
            "",
        ),
        "none": ({"epoch": 3}, "no state dict", ""),
    }
    for name, (held, message, hint) in cases.items():
        torch.save(held, f"{name}.pt")
        with pytest.raises(ModelLoadError) as caught:
            load(factory, tmp_path / f"{name}.pt")
        assert message in caught.value.message
        assert hint in caught.value.hint


def test_a_torchserve_archive_gives_its_weights_and_nothing_else(factory, tmp_path):
    import torch

    module, held = tiny(factory), io.BytesIO()
    torch.save(module.state_dict(), held)
    evil = f"import os\nos.system('touch {PAYLOAD}')\n"
    files = {"w.pt": held.getvalue(), "handler.py": evil, "model.py": evil}
    named = {"modelFile": "model.py", "handler": "handler.py", "serializedFile": "w.pt"}
    mar("m.mar", files, **named)
    same(load(factory, tmp_path / "m.mar"), module)
    with pytest.raises(ModelLoadError, match="weights alone") as caught:
        load("m.mar")
    assert "file.py:factory --weights" in caught.value.hint
    mar("no.mar", files, handler="handler.py")
    mar("gone.mar", files, serializedFile="absent.pt")
    mar("up.mar", {"../w.pt": b""}, serializedFile="../w.pt")
    for name, message in (
        ("no", "without a serialized"),
        ("gone", "no whole Torch"),
        ("up", "out"),
    ):
        with pytest.raises(ModelLoadError, match=message):
            load(f"{name}.mar")


def test_weights_without_code(factory, tmp_path):
    module = tiny(factory)
    import torch

    save("w.safetensors", module.state_dict())
    torch.save(lightning(module.state_dict()), "w.ckpt")
    for name in ("w.safetensors", "w.ckpt"):
        with pytest.raises(ModelLoadError, match="weights alone") as caught:
            load(name)
        assert f"--weights {tmp_path / name}" in caught.value.hint


def test_a_payload_in_weights_never_runs_and_is_named(factory, tmp_path):
    import torch

    torch.save({"state_dict": Payload()}, "zip.pt")
    (tmp_path / "raw.ckpt").write_bytes(pickle.dumps(Payload()))
    torch.save(tiny(factory), "whole.pt")
    mar("m.mar", {"w.pt": (tmp_path / "zip.pt").read_bytes()}, serializedFile="w.pt")
    words = {"zip.pt": "posix.system", "m.mar": "posix.system", "whole.pt": "Tiny", "raw.ckpt": ""}
    for name, word in words.items():
        for ref, weights in ((factory, tmp_path / name), (name, None)):
            for trust in (False, True):
                with pytest.raises(ModelLoadError) as caught:
                    load(ref, weights, trust=trust)
                assert word in caught.value.message
                assert name in caught.value.message


def test_cut_and_foreign_files(factory, tmp_path):
    save("w.pt", tiny(factory).state_dict())
    save("w.safetensors", tiny(factory).state_dict())
    for name in ("w.pt", "w.safetensors"):
        data = (tmp_path / name).read_bytes()
        for keep in (1, 10, len(data) // 2):
            (tmp_path / f"cut-{name}").write_bytes(data[:keep])
            with pytest.raises(ModelLoadError, match="cut-"):
                load(factory, tmp_path / f"cut-{name}")


# TorchScript


def script_file(name, module, example=None):
    import torch

    made = torch.jit.script(module) if example is None else torch.jit.trace(module, example)
    if name.endswith(".ptl"):
        made._save_for_lite_interpreter(name)
    else:
        made.save(name)
    return name


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".torchscript", ".ts", ".ptl"])
@pytest.mark.parametrize("how", ["trace", "script"])
def test_torchscript_files(factory, suffix, how):
    import torch

    module = tiny(factory)
    name = script_file(f"m{suffix}", module, torch.from_numpy(IMAGES) if how == "trace" else None)
    same(load(name), module)


def test_a_traced_file_knows_its_own_input_and_a_scripted_one_is_asked_for(factory):
    import torch

    module = tiny(factory)
    script_file("traced.pt", module, torch.from_numpy(IMAGES))
    model = load("traced.pt", card=ModelCard(name="bare"))
    assert model.inputs[0].shape == (-1, 1, 8, 8)
    same(model, module)
    script_file("scripted.pt", module)
    with pytest.raises(ModelLoadError, match="no input shape"):
        load("scripted.pt", card=ModelCard(name="bare"))


def test_torchscript_in_a_torchserve_archive(factory, tmp_path):
    import torch

    module = tiny(factory)
    data = (tmp_path / script_file("m.pt", module, torch.from_numpy(IMAGES))).read_bytes()
    mar("m.mar", {"m.pt": data, "h.py": "raise SystemExit"}, serializedFile="m.pt", handler="h.py")
    same(load("m.mar"), module)
    with pytest.raises(ModelLoadError, match="expected weights"):
        load(factory, tmp_path / "m.mar")


def nets():
    """Return nets whose graphs hold sizes, lists, branches and loops; with an example each."""
    import torch
    from torch import nn

    class Shuffle(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act = nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU6(inplace=True)
            self.more = nn.ModuleList([nn.Conv2d(8, 8, 1) for _ in range(2)])
            self.norm = nn.BatchNorm2d(8)

        def forward(self, x):
            x = self.act(self.norm(self.first(x)))
            for layer in self.more:
                x = x + layer(x)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, -1, h, w)
            x = nn.functional.interpolate(x, scale_factor=2.0)
            return x.flatten(1).softmax(-1)

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 4)

        def forward(self, x):
            outputs, _ = self.cell(x.flatten(1, 2))
            return self.head(outputs[:, -1])

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

        def forward(self, x):
            return self.layer(x.flatten(1, 2))

    class Lists(nn.Module):
        def forward(self, x):
            parts = []
            for i in range(3):
                parts.append(x * i)  # noqa: PERF401 - a list that grows is what is tested
            both = torch.cat(parts, 1)
            return both, both.mean([2, 3])

    return {each.__name__: each for each in (Shuffle, Recurrent, Attention, Lists)}


@pytest.mark.parametrize("how", ["trace", "script"])
@pytest.mark.parametrize("name", ["Shuffle", "Recurrent", "Attention", "Lists"])
def test_torchscript_with_sizes_lists_branches_and_loops(name, how):
    import torch

    torch.manual_seed(0)
    module = nets()[name]().eval()
    with torch.no_grad():
        script_file("m.pt", module, torch.from_numpy(IMAGES) if how == "trace" else None)
    model = load("m.pt")
    assert model.inputs[0].shape[0] == -1
    same(model, module)
    batch = torch.export.Dim("batch", min=1, max=8)
    program = torch.export.export(
        model.native, (torch.from_numpy(IMAGES),), dynamic_shapes=({0: batch},)
    )
    assert program.range_constraints


def test_a_traced_convolution_becomes_the_operator_that_exporters_know():
    import torch
    from executorch.exir import to_edge

    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, 2, 1, groups=1),
        torch.nn.ConvTranspose2d(4, 2, 3, 2, 1, output_padding=1, dilation=1, groups=2),
    ).eval()
    script_file("m.pt", module, torch.from_numpy(IMAGES))
    model = load("m.pt")
    same(model, module)
    program = torch.export.export(model.native, (torch.from_numpy(IMAGES[:1]),))
    targets = {str(node.target) for node in program.graph.nodes}
    assert {"aten.conv2d.default", "aten.conv_transpose2d.input"} <= targets
    assert to_edge(program).exported_program().graph_signature.user_outputs


def test_a_batch_that_was_fixed_when_tracing_stays_fixed():
    import torch

    class Fixed(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.pad(x.reshape(1, 64), (1, 0))

    script_file("m.pt", Fixed(), torch.from_numpy(IMAGES[:1]))
    model = load("m.pt")
    assert model.inputs[0].shape == (1, 1, 8, 8)
    assert model.outputs[0].shape == (1, 65)
    assert model.predict((IMAGES,))[0].shape == (3, 65)


def test_control_flow_that_depends_on_values_is_refused_with_its_line():
    import torch

    class Branch(torch.nn.Module):
        def forward(self, x):
            if bool(x.sum() > 0):
                return x * 2
            return x - 1

    script_file("m.pt", Branch())
    with pytest.raises(ModelLoadError, match=r"aten::Bool at test_torch_inputs\.py:\d+") as caught:
        load("m.pt")
    assert "torch.jit.trace" in caught.value.hint


def test_a_script_with_random_numbers_is_refused():
    import torch

    class Noisy(torch.nn.Module):
        def forward(self, x):
            return x + torch.rand_like(x)

    script_file("m.pt", Noisy())
    with pytest.raises(ModelLoadError, match="draws random numbers"):
        load("m.pt")


def test_torchscript_that_writes_or_reads_files_is_refused_before_it_runs(tmp_path):
    import torch

    class Save(torch.nn.Module):
        def forward(self, x):
            torch.save(x, "payload-ran")
            return x

    class Read(torch.nn.Module):
        def forward(self, x):
            return x + torch.from_file("secret", False, 1)

    class Restore(torch.nn.Module):
        @torch.jit.export
        def __getstate__(self):
            return self.training

        @torch.jit.export
        def __setstate__(self, state: bool):
            torch.save(torch.ones(1), "payload-ran")
            self.training = state

        def forward(self, x):
            return x

    for module, word in ((Save(), "save("), (Read(), "from_file("), (Restore(), "__setstate__")):
        script_file("m.pt", module)
        with pytest.raises(ModelLoadError, match="more than compute") as caught:
            load("m.pt")
        assert word in caught.value.message
        assert ".py:" in caught.value.message
        assert "--trust" in caught.value.hint
        mar("m.mar", {"m.pt": (tmp_path / "m.pt").read_bytes()}, serializedFile="m.pt")
        with pytest.raises(ModelLoadError, match="more than compute"):
            load("m.mar")


def test_what_the_text_hides_is_seen_in_the_graph():
    """The second wall: the same file with the check of the text taken away."""
    import torch

    from edgekit.formats.torchscript import graph as script_graph

    class Save(torch.nn.Module):
        def inner(self, x):
            torch.save(x, "payload-ran")
            return x

        def forward(self, x):
            if x.dim() == 4:
                x = self.inner(x)
            return x

    script_file("m.pt", Save())
    found = script_graph.unsafe_nodes(script_graph.inlined(torch.jit.load("m.pt")))
    assert len(found) == 1
    assert found[0].startswith("aten::save (test_torch_inputs.py:")


def test_foreign_objects_in_a_torchscript_pickle(factory, tmp_path):
    script_file("m.pt", tiny(factory))
    with zipfile.ZipFile("m.pt") as archive, zipfile.ZipFile("evil.pt", "w") as out:
        for name in archive.namelist():
            data = pickle.dumps(Payload(), 0) if name.endswith("/data.pkl") else archive.read(name)
            out.writestr(name, data)
    with pytest.raises(ModelLoadError, match=r"foreign kind.*posix system.*data\.pkl"):
        load("evil.pt")
    data = (tmp_path / "m.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelLoadError, match=r"cut\.pt"):
        load("cut.pt")


# Several inputs and outputs


FACTORIES = """
import collections
import torch

Pair = collections.namedtuple("Pair", "total left")

class Two(torch.nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap
    def forward(self, left, words):
        total = left.sum((1, 2, 3)) + words.sum(1)
        return self.wrap(total[:, None], left)

def plain(): return Two(lambda a, b: (a, b))
def keyed(): return Two(lambda a, b: {"total": a, "left": b})
def named(): return Two(lambda a, b: Pair(a, b))
def nested(): return Two(lambda a, b: [a, {"x": b}])
def texts(): return Two(lambda a, b: {"total": a, "name": "left"})
def scalar(): return Two(lambda a, b: a.sum())
"""


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("plain", ("output_0", "output_1")),
        ("keyed", ("total", "left")),
        ("named", ("total", "left")),
        ("nested", ("0", "1.x")),
    ],
)
def test_several_inputs_and_outputs(tmp_path, name, outputs):
    import torch

    (tmp_path / "two.py").write_text(FACTORIES)
    card = ModelCard(name="two", input_shapes=((8, 8, 1), (5,)), input_dtypes=("float32", "int64"))
    model = load(f"two.py:{name}", card=card)
    assert [spec.name for spec in model.inputs] == ["left", "words"]
    assert [spec.dtype for spec in model.inputs] == ["float32", "int64"]
    assert tuple(spec.name for spec in model.outputs) == outputs
    words = np.arange(15).reshape(3, 5)

    def wanted(left, words):
        return (left.sum((1, 2, 3)) + words.sum(1))[:, None], left

    same(model, wanted, IMAGES, words)
    found = model.native(torch.from_numpy(IMAGES), torch.from_numpy(words))
    assert type(found) in {tuple, list}


@pytest.mark.parametrize(
    ("name", "message"), [("texts", "got str out of .* as name"), ("scalar", "samples apart")]
)
def test_outputs_that_are_no_rows_of_tensors(tmp_path, name, message):
    (tmp_path / "two.py").write_text(FACTORIES)
    card = ModelCard(name="two", input_shapes=((8, 8, 1), (5,)))
    with pytest.raises(ModelLoadError, match=message):
        load(f"two.py:{name}", card=card)


def test_an_exported_program_with_several_inputs_and_named_outputs():
    import torch

    class Two(torch.nn.Module):
        def forward(self, a, b):
            return {"sum": a + b, "first": a}

    batch = torch.export.Dim("batch", min=1, max=2)
    pair = (torch.ones(2, 4), torch.ones(2, 4))
    shapes = {"a": {0: batch}, "b": {0: batch}}
    torch.export.save(torch.export.export(Two(), pair, dynamic_shapes=shapes), "m.pt2")
    model = load("m.pt2")
    a, b = np.ones((3, 4), np.float32), np.arange(12, dtype=np.float32).reshape(3, 4)
    assert [spec.shape for spec in model.inputs] == [(-1, 4), (-1, 4)]
    same(model, lambda a, b: (a + b, a), a, b)


# Architectures by name


def test_timm_without_timm_names_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match="'timm'") as caught:
        load("timm:resnet18")
    assert "install timm, and the torchvision" in caught.value.hint
