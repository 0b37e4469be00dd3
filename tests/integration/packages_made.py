"""Finished runs to make packages of, made once for all tests of a session.

`demo` is a real net on real digits; `colour` takes photos of odd size, and its name and classes are
what no programming language likes; `plain` takes rows of numbers and gives values.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import PATIENCE_S

ASSETS = Path(__file__).parent.parent / "assets"
ODD_NAME = 'Über "класс" 数'
ODD_LABELS = (
    "class",
    'say "hi" $x',
    "it's \\n",
    "数字",
    "naïve café",
    "🙂 ${a} #{b}",
    "<b>&amp;",
    "fun",
)

HEAD = """
name = "{name}"
targets = {targets}
recipes = {recipes}
latency_runs = 20
[data]
source = "{data}"
calibration = 50
"""
# Of ONNX and Core ML one run each has files.
DEVICES = [
    "tflite", "executorch", "pixel-8", "iphone-15", "raspberry-pi-4", "cortex-m7", "web",
]  # fmt: skip
DEMO = """
[[models]]
source = "mobilenet"
framework = "keras"
train = { epochs = 6 }
[[models]]
source = "mobilenet"
framework = "torch"
train = { epochs = 6 }
"""
OWN = """
[[models]]
source = "{assets}/package_{kind}.py:build_keras"
framework = "keras"
card = "{kind}.toml"
[[models]]
source = "{assets}/package_{kind}.py:build_torch"
framework = "torch"
card = "{kind}.toml"
"""
COLOUR_CARD = f"""
name = {json.dumps(ODD_NAME, ensure_ascii=False)}
version = "2.3.4"
description = "A net of colour images for tests of packages."
intended_use = "Tests, and nothing else."
licence = "Apache-2.0"
data_licence = "CC0-1.0"
input_shape = [24, 20, 3]
labels = {json.dumps(ODD_LABELS, ensure_ascii=False)}
[preprocess]
colour = "RGB"
height = 24
width = 20
fit = "crop"
scale = {1 / 255!r}
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""
PLAIN_CARD = """
name = "plain"
task = "regression"
input_shape = [6]
[preprocess]
scale = 0.5
mean = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
std = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
"""


# Every file fails for it.
STRICT = """
id = "strict"
device = "A board without room"
formats = ["tflite"]
[budgets.size_bytes]
max = 1
source = "a test"
"""


def _job(name, data, models, targets):
    recipes = ("fp32", "int8", "int8-io8")
    return (
        HEAD.format(name=name, data=data, targets=json.dumps(targets), recipes=json.dumps(recipes))
        + models
    )


def _demo(folder):
    (folder / "strict.toml").write_text(STRICT)
    job = _job("demo", "digits", DEMO, targets=[*DEVICES, "onnxruntime", "strict.toml"])
    (folder / "edgekit.toml").write_text(job)
    _run(folder)


def _colour(folder):
    rng = np.random.default_rng(5)
    classes = len(ODD_LABELS)
    labels = np.arange(80 * classes) % classes
    images = rng.integers(0, 60, (len(labels), 41, 53, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, label * 6 : label * 6 + 12, label % 3] += 150
    np.savez(folder / "data.npz", inputs=images, labels=labels, class_names=list(ODD_LABELS))
    (folder / "colour.toml").write_text(COLOUR_CARD)
    models = OWN.format(assets=ASSETS, kind="colour")
    job = _job("colour", "data.npz", models, targets=[*DEVICES, "coreml"])
    (folder / "edgekit.toml").write_text(job)
    _run(folder)


def _plain(folder):
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(600, 6)).astype(np.float32)
    np.savez(folder / "data.npz", inputs=rows, labels=rows @ np.arange(6.0))
    (folder / "plain.toml").write_text(PLAIN_CARD)
    models = OWN.format(assets=ASSETS, kind="plain")
    (folder / "edgekit.toml").write_text(_job("plain", "data.npz", models, targets=DEVICES))
    _run(folder)


MAKERS = {"demo": _demo, "colour": _colour, "plain": _plain}


def once(folder: Path, make) -> Path:
    """Return `folder`, which the first worker of the session to ask fills by `make(folder)`."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with contextlib.ExitStack() as half_made:
                half_made.callback(shutil.rmtree, folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                half_made.pop_all()
    return folder


def finished_run(kind, session_folder) -> Path:
    """Return a finished run's folder."""
    folder = once(session_folder / f"packaging-{kind}", MAKERS[kind])
    return max((folder / "runs").glob("*/run.json")).parent


def _run(folder):
    argv = [sys.executable, "-m", "edgekit", "run", "--json"]
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    # 5: Core ML and ONNX have no file for some of these recipes.
    if done.returncode not in {0, 1, 5}:
        pytest.fail(f"the run of {folder.name} failed: {done.stderr[-3000:]}")


def edgekit(*arguments, cwd=None, code=0):
    """Run the command line; return its JSON answer."""
    argv = [sys.executable, "-m", "edgekit", *map(str, arguments), "--json"]
    done = subprocess.run(
        argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def package(run, kind, target, output, *more) -> Path:
    """Make one package and return its path."""
    made = edgekit("package", run, "--for", kind, "--target", target, "-o", output, *more)
    return Path(made["packages"][0]["path"])


def need(*tools):
    """Skip where a tool is not installed; where everything must be (`.ci/run`), fail instead."""
    absent = [tool for tool in tools if shutil.which(tool) is None]
    if absent and os.environ.get("EDGEKIT_TESTS_NEED_ALL"):
        pytest.fail(f"not installed: {', '.join(absent)}")
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
