"""Hundreds of broken and hostile model files: each one a clear error, and nothing in them runs."""

import json
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import hostile
import numpy as np
import pytest
from patience import PATIENCE_S

from edgekit import formats
from edgekit.errors import EdgekitError
from edgekit.sources import resolve

ZIPS = ("tiny.keras", "tiny.pt2", "tiny.pth", "tiny.ckpt", "tiny.torchscript", "tiny.mar")
AS_WEIGHTS = {"pth", "ckpt", "safetensors"}
WANTED = 300


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, assets):
    """Return a folder of files that must all be refused, and the path that no payload may make."""
    folder = tmp_path_factory.mktemp("hostile")
    for framework in ("keras", "torch"):
        script = assets / "jobs" / "make_models.py"
        argv = [sys.executable, str(script), framework, str(folder)]
        subprocess.run(argv, check=True, capture_output=True)
    shutil.copy(assets / "tiny-fp32.tflite", folder / "tiny.tflite")
    files = {p.name: p.read_bytes() for p in folder.glob("tiny.*") if p.is_file()}
    payload, rng, made = folder / "payload-ran", np.random.default_rng(0), {}
    for name, data in files.items():
        made.update(hostile.broken(name, data, rng))
    made.update(hostile.renamed(files))
    for name in ZIPS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile's own, of the second member of one name
            made.update(hostile.trapped(name, files[name], payload))
    made |= {n: (folder / n).read_bytes() for n in ("lambda.keras", "lambda.h5")}
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return folder, sorted(made), payload


def source_of(path, factory):
    """Return the ModelSource, or the error that names the file before anything is loaded."""
    if path.suffix[1:] in AS_WEIGHTS and path.stat().st_size:
        return resolve.resolve(factory, weights=path)
    return resolve.resolve(str(path))


def answers_of(sources, folder):
    """Load each source in a fork of a process that has its framework; return kind and message."""
    jobs = Path(__file__).parents[1] / "assets" / "jobs"
    found = {}
    for kind in {source.kind for source in sources.values()}:
        mine = {n: s.model_dump(mode="json") for n, s in sources.items() if s.kind == kind}
        (folder / "cases.json").write_text(json.dumps(list(mine.values())))
        argv = [sys.executable, str(jobs / "load_all.py"), "cases.json", "answers.json"]
        subprocess.run(argv, check=True, cwd=folder, capture_output=True, timeout=PATIENCE_S)
        found.update(zip(mine, json.loads((folder / "answers.json").read_text()), strict=True))
    return found


@pytest.mark.tf
@pytest.mark.torch
def test_no_broken_or_hostile_file_is_loaded_and_nothing_runs(corpus, assets):
    folder, names, payload = corpus
    assert len(names) >= WANTED
    early, sources = {}, {}
    for name in names:
        try:
            sources[name] = source_of(folder / name, f"{assets}/tiny_torch.py:build")
        except EdgekitError as error:
            early[name] = (type(error).__name__, error.message)
    found = {**early, **answers_of(sources, folder)}
    wrong = {n: a for n, a in found.items() if a[0] != "ModelLoadError" or not a[1]}
    assert not wrong, (len(wrong), dict(list(wrong.items())[:8]))
    assert len(found) == len(names)
    assert not payload.exists()
    assert not (folder / "ran").exists()
    assert not list(folder.parent.rglob("escaped"))
    # Every source had its share.
    assert set(Counter(s.kind for s in sources.values())) >= {"keras", "torch", "onnx", "tflite"}


@pytest.mark.tf
@pytest.mark.torch
def test_the_command_says_so_with_exit_code_4(corpus, edgekit):
    folder, _, payload = corpus
    for name in ("tiny-flipped.keras", "tiny-cut0.5.h5", "tiny-pickle.mar", "tiny-page.onnx",
                 "tiny-bomb.pt2", "tiny-up.torchscript", "tiny-noise4096.tflite",
                 "zero.keras", "zero.pt2"):  # fmt: skip
        done = edgekit("convert", folder / name, "-t", "tflite", "-q", "dynamic-int8")
        assert done.returncode == 4, (name, done.stderr)
        assert done.stderr.count("error: ") == 1
        assert name in done.stderr
    assert not payload.exists()


@pytest.mark.tf
def test_a_saved_model_that_acts_outside_of_itself_is_refused(edgekit, tmp_path):
    code = (
        "import tensorflow as tf\n"
        "class Writer(tf.Module):\n"
        "    @tf.function(input_signature=[tf.TensorSpec((1, 2), tf.float32)])\n"
        "    def __call__(self, x):\n"
        "        with tf.control_dependencies([tf.io.write_file('ran', 'x')]):\n"
        "            return x + 1\n"
        "model = Writer()\n"
        "tf.saved_model.save(model, 'writer', signatures=model.__call__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
    (tmp_path / "ran").unlink(missing_ok=True)
    done = edgekit("convert", "writer", "-t", "tflite")
    assert done.returncode == 4, done.stderr
    assert "WriteFile" in done.stderr
    assert not (tmp_path / "ran").exists()
    for name in ("saved_model.pb", "variables/variables.index"):
        broken = tmp_path / "cut"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(tmp_path / "writer", broken)
        (broken / name).write_bytes((broken / name).read_bytes()[:20])
        done = edgekit("convert", "cut", "-t", "tflite")
        assert done.returncode == 4, (name, done.stderr)


def test_every_source_is_in_the_corpus():
    kinds = {"keras", "onnx", "savedmodel", "tflite", "timm", "torch"}
    assert set(formats.loaders()) == kinds
