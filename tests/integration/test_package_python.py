"""The wheel as a user of a board gets it: installed in an environment of its own, and run."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import corpus
import numpy as np
import pytest
from packages_made import ODD_LABELS, package
from patience import PATIENCE_S
from PIL import Image

from edgekit.core.dataset import split
from edgekit.core.run import Run
from edgekit.core.tensor import dequantize, quantize
from edgekit.data import digits
from edgekit.runtimes import litert

pytestmark = [pytest.mark.tf, pytest.mark.torch]

MODULE = "mobilenet"
HARNESS = """
import importlib, sys
from pathlib import Path
import numpy as np

preprocess = importlib.import_module(f"{sys.argv[1]}.preprocess")
spec = importlib.import_module(f"{sys.argv[1]}.spec")
folder = Path(sys.argv[2])
floats = lambda text: tuple(map(float, text.split(",")))
number = lambda text, kind: None if text == "-" else kind(text)
for line in (folder / "cases.tsv").read_text().splitlines():
    f = line.split("\\t")
    width, height, channels, orientation = map(int, f[1:5])
    steps = spec.Steps(
        f[5], int(f[6]), int(f[7]), f[8], f[9], float(f[10]), floats(f[11]), floats(f[12]), f[13],
        "float32",
    )
    tensor = spec.Tensor("image", (), f[14], number(f[15], float), number(f[16], int), steps)
    raw = np.frombuffer((folder / f"{f[0]}.raw").read_bytes(), np.uint8)
    pixels = raw.reshape(height, width, channels)
    values = preprocess.image_input(pixels, tensor, orientation)
    (folder / f"{f[0]}.out").write_bytes(values.tobytes())
"""
TEST_SET = """
import sys
import numpy as np
import mobilenet

with np.load(sys.argv[1]) as data:
    images = data["images"]
model = mobilenet.Classifier(sys.argv[2])
found = [model.classify(image, top=10) for image in images]
scores = [[score for _, _, score in sorted(each, key=lambda p: p.index)] for each in found]
np.savez(sys.argv[3], scores=np.array(scores), first=[each[0].index for each in found])
"""


class Board:
    """An environment of its own, without edgekit."""

    def __init__(self, folder):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        self.python = folder / "bin" / "python"
        self.site = next((folder / "lib").glob("python*/site-packages"))

    def __call__(self, *arguments, cwd=None, code=0, path=""):
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=cwd or self.site.parent, env={**env, "PYTHONPATH": str(path)} if path else env,
            capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def install(self, *what):
        argv = [str(self.python), "-m", "pip", "install", "--quiet", *map(str, what)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        if done.returncode and not os.environ.get("EDGEKIT_TESTS_NEED_ALL"):
            pytest.skip(f"pip could install nothing here: {done.stderr[-300:]}")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(demo_run, tmp_path_factory):
    """Return the demo's wheel, with every variant."""
    return package(
        demo_run, "python", "raspberry-pi-4", tmp_path_factory.mktemp("wheel"), "--variants"
    )


@pytest.fixture(scope="module")
def board(wheel, tmp_path_factory):
    """Return an environment in which pip installed the wheel and what it asks for."""
    made = Board(tmp_path_factory.mktemp("board") / "venv")
    made.install(wheel)
    return made


@pytest.fixture
def unpacked(wheel, tmp_path):
    """Return a folder with the module as it lies in the wheel, to plant mistakes in."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    return tmp_path / "site"


def test_pip_is_content_with_it(board):
    assert "No broken requirements" in board("-m", "pip", "check").stdout
    shown = board("-m", "pip", "show", MODULE).stdout
    assert "Version: 1.0.0+raspberry.pi.4.variants" in shown
    names = {line.split("==")[0].lower() for line in board("-m", "pip", "freeze").stdout.split()}
    assert {"ai-edge-litert", "numpy", "pillow"} <= names
    assert not names & {"edgekit", "tensorflow", "torch"}


def test_it_says_what_pictures_show(board, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    (tmp_path / "junk.png").write_bytes(b"junk")
    done = board("-m", MODULE, "photo.jpg", "--top", 3, cwd=tmp_path)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["photo.jpg"] * 3
    assert sorted((float(line[1]) for line in lines), reverse=True) == [float(x[1]) for x in lines]
    done = board("-m", MODULE, "photo.jpg", "grey.png", "--json", cwd=tmp_path)
    assert [len(each["predictions"]) for each in json.loads(done.stdout)] == [5, 5]
    done = board("-m", MODULE, "junk.png", "absent.png", "grey.png", cwd=tmp_path, code=1)
    assert "error: junk.png: got no readable image" in done.stderr
    assert "error: absent.png: No such file" in done.stderr
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "got no file"),
        (("--variant", "int4", "x.png"), "got variant 'int4', expected one of:"),
        (("--top", "0", "x.png"), "got '0'"),
        (("--self", "x.png"), "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_named(board, arguments, words):
    assert words in board("-m", MODULE, *arguments, code=2).stderr


def test_its_self_test_passes_for_every_variant(board):
    done = board("-m", MODULE, "--self-test")
    assert done.stdout.splitlines()[-1] == "passed"
    found = json.loads(board("-m", MODULE, "--self-test", "--json").stdout)
    # Whether there is a note, that the golden outputs are all alike, is for the training to say.
    stages = [each["stage"] for each in found["findings"] if each["stage"] != "note"]
    variants = json.loads(board("-m", MODULE, "--variants", "--json").stdout)
    assert found["passed"]
    assert stages == ["decode", "preprocess", "inference", "result"] * len(variants)
    assert len(variants) == 3


def test_without_the_runtime_it_names_what_to_install(unpacked, tmp_path):
    bare = Board(tmp_path / "venv")
    bare.install("numpy", "pillow")
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    done = bare("-m", MODULE, "x.png", cwd=tmp_path, path=unpacked, code=3)
    assert "pip install ai-edge-litert" in done.stderr


def test_it_preprocesses_the_corpus_bit_for_bit(board, tmp_path):
    cases = corpus.write(tmp_path)
    board("-c", HARNESS, MODULE, tmp_path)
    corpus.check(tmp_path, cases)
    for case in cases:
        expected = np.ascontiguousarray(case.expected).tobytes()
        assert (tmp_path / f"{case.name}.out").read_bytes() == expected, case.line()


@pytest.mark.parametrize("recipe", ["fp32", "int8-io8"])
def test_the_whole_test_set_gives_the_run_s_figure(board, demo_run, tmp_path, recipe):
    run = Run.from_json((demo_run / "run.json").read_bytes())
    data = digits.open_dataset("digits")
    chosen = split(data, run.seed).test
    images = np.stack([sample[0] for sample in data.read(chosen, False)])
    np.savez(tmp_path / "data.npz", images=images)
    board("-c", TEST_SET, tmp_path / "data.npz", recipe, tmp_path / "found.npz")
    found = np.load(tmp_path / "found.npz")
    (artifact,) = (a for a in run.artifacts if a.format == "tflite" and a.recipe.name == recipe)
    accuracy = run.measurement(artifact.sha256, "optimized").metrics[0]
    assert accuracy.name == "accuracy"
    assert len(images) == accuracy.n > 500
    assert float((found["first"] == data.labels[chosen]).mean()) == accuracy.value
    session = litert.open_session(str(demo_run / artifact.path), 1, "optimized")
    for image, scores in zip(images[:100], found["scores"], strict=False):
        values = quantize(artifact.preprocess.apply(image[None]), artifact.inputs[0])
        (want,) = session.run([values])
        np.testing.assert_array_equal(scores, dequantize(want, artifact.outputs[0])[0])


def edit(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def plant_swapped_channels(module):
    edit(module / "decode.py", '"L" if is_grey else "RGB"), dtype=np.uint8)',
         '"L" if is_grey else "RGB"), dtype=np.uint8)[..., ::-1]')  # fmt: skip


def plant_swapped_channels_of_images(module):
    edit(
        module / "decode.py", "return _converted(picture)", "return _converted(picture)[..., ::-1]"
    )


def plant_exif_ignored(module):
    edit(module / "decode.py", "ImageOps.exif_transpose(image)", "image")


def plant_orientation_ignored(module):
    edit(module / "preprocess.py", "upright(_checked(pixels), orientation)", "_checked(pixels)")


def edit_variants(module, change):
    path = module / "spec.json"
    spec = json.loads(path.read_text())
    for variant in spec["variants"]:
        change(variant)
    path.write_text(json.dumps(spec))


def plant_wrong_mean(module):
    def change(variant):
        steps = variant["inputs"][0]["steps"]
        steps["mean"] = [mean + 0.1 for mean in steps["mean"]]

    edit_variants(module, change)


def plant_doubled_output_scale(module):
    edit_variants(module, lambda variant: scaled(variant["outputs"][0]))


def scaled(output):
    output["scale"] *= 2


def plant_next_zero_point_of_output(module):
    edit_variants(module, lambda variant: moved(variant["outputs"][0]))


def plant_next_zero_point_of_input(module):
    edit_variants(module, lambda variant: moved(variant["inputs"][0]))


def moved(border):
    border["zero_point"] += 1


def plant_rotated_labels(module):
    path = module / "assets" / "labels.txt"
    first, *others = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*others, first]), encoding="utf-8")


def plant_worst_first(module):
    edit(module / "model.py", "np.argsort(-scores", "np.argsort(scores")


def plant_flipped_byte(module):
    for path in module.glob("assets/*.tflite"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("plant", "stage", "words"),
    [
        (plant_swapped_channels, "decode", "differs by"),
        (plant_wrong_mean, "preprocess", "differs by"),
        (plant_orientation_ignored, "preprocess", ""),
        (plant_flipped_byte, "inference", "sha256 differs"),
        (plant_rotated_labels, "result", "labels.txt is not the one that was validated"),
        (plant_worst_first, "result", "sample 0 is class "),
    ],
)
def test_a_planted_mistake_is_named_by_its_stage(board, unpacked, plant, stage, words):
    assert board("-m", MODULE, "--self-test", path=unpacked).stdout.endswith("passed\n")
    plant(unpacked / MODULE)
    done = board("-m", MODULE, "--self-test", path=unpacked, code=1)
    assert done.stdout.splitlines()[-1] == f"FAILED in {stage}"
    lines = [line for line in done.stdout.splitlines() if line.startswith(f"{stage}: ")]
    assert len(lines) == 3
    assert all(words in line for line in lines)


@pytest.fixture(scope="module")
def colour_wheel(colour_run, tmp_path_factory):
    """Return the wheel of a net of colour images whose input and output are int8."""
    folder = tmp_path_factory.mktemp("colour")
    return package(colour_run, "python", "raspberry-pi-4", folder, "--variants")


@pytest.mark.parametrize(
    ("plant", "stage"),
    [
        (plant_swapped_channels, "decode"),
        (plant_swapped_channels_of_images, "decode"),
        (plant_exif_ignored, "decode"),
        (plant_orientation_ignored, "preprocess"),
        (plant_next_zero_point_of_input, "preprocess"),
        (plant_doubled_output_scale, "result"),
        (plant_next_zero_point_of_output, "result"),
        (plant_rotated_labels, "result"),
    ],
)
def test_a_mistake_planted_in_a_quantized_colour_net_is_named(
    board, colour_wheel, tmp_path, plant, stage
):
    with zipfile.ZipFile(colour_wheel) as archive:
        archive.extractall(tmp_path / "site")
    (spec,) = (tmp_path / "site").glob("*/spec.json")
    facts = json.loads(spec.read_text())
    facts["variants"] = [each for each in facts["variants"] if each["name"] == "int8-io8"]
    spec.write_text(json.dumps(facts))
    run = ("-m", spec.parent.name, "--self-test")
    assert board(*run, path=tmp_path / "site").stdout.endswith("passed\n")
    plant(spec.parent)
    done = board(*run, path=tmp_path / "site", code=1)
    assert done.stdout.splitlines()[-1] == f"FAILED in {stage}"


def test_odd_names_and_labels_reach_the_user_as_they_are(colour_run, board, tmp_path):
    path = package(colour_run, "python", "raspberry-pi-4", tmp_path)
    name = path.name.split("-")[0]
    assert name.isidentifier()
    Image.new("RGB", (53, 41), "red").save(tmp_path / "red.png")
    board.install("--no-deps", path)
    try:
        assert board("-m", name, "--self-test").stdout.endswith("passed\n")
        done = board("-m", name, "red.png", "--top", 8, "--json", cwd=tmp_path)
        (found,) = json.loads(done.stdout)
        assert {each["label"] for each in found["predictions"]} == set(ODD_LABELS)
        assert board("-m", name, "red.png", cwd=tmp_path).stdout.count("\n") == 5
    finally:
        board("-m", "pip", "uninstall", "--yes", name)


@pytest.mark.parametrize("suffix", [".json", ".npy", ".npz"])
def test_rows_of_numbers_are_read_from_files(plain_run, board, tmp_path, suffix):
    path = package(plain_run, "python", "raspberry-pi-4", tmp_path)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "site")
    run = Run.from_json((plain_run / "run.json").read_bytes())
    assert board("-m", "plain", "--self-test", path=tmp_path / "site").stdout.endswith("passed\n")
    rows = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    (input_name,) = run.artifacts[0].input_names
    file = tmp_path / f"values{suffix}"
    if suffix == ".json":
        file.write_text(json.dumps(rows.tolist()))
    elif suffix == ".npy":
        np.save(file, rows)
    else:
        np.savez(file, **{input_name: rows})
    done = board("-m", "plain", file, "--json", path=tmp_path / "site")
    found = np.array([each["outputs"][0]["values"] for each in json.loads(done.stdout)])
    (sent,) = json.loads((tmp_path / "site" / "plain" / "spec.json").read_text())["variants"]
    (artifact,) = (a for a in run.artifacts if a.sha256 == sent["sha256"])
    session = litert.open_session(str(plain_run / artifact.path), 1, "optimized")
    values = quantize(artifact.preprocess.apply(rows), artifact.inputs[0])
    want = [dequantize(session.run([v[None]])[0], artifact.outputs[0]) for v in values]
    np.testing.assert_array_equal(found.astype(np.float32), np.array(want))
    for junk in ("[1, 2]", "{}", '"text"', "[[1, 2], [3]]", "{", "[]"):
        (tmp_path / "junk.json").write_text(junk)
        done = board("-m", "plain", tmp_path / "junk.json", path=tmp_path / "site", code=1)
        assert "error: " in done.stderr
        assert "Traceback" not in done.stderr


def test_onnx_runs_in_its_own_runtime(demo_run, board, tmp_path):
    path = package(demo_run, "python", "onnxruntime", tmp_path)
    board.install("--target", tmp_path / "site", path)
    done = board("-m", MODULE, "--self-test", path=tmp_path / "site")
    assert ".onnx" in done.stdout
    assert done.stdout.endswith("passed\n")


def test_executorch_is_refused_with_a_way_out(demo_run, tmp_path):
    run = Run.from_json((demo_run / "run.json").read_bytes())
    (file,) = (
        a.path for a in run.artifacts if a.format == "executorch" and a.recipe.name == "fp32"
    )
    argv = ["package", demo_run, "--for", "python", "--target", "raspberry-pi-4"]
    argv += ["--artifact", Path(file).name, "-o", tmp_path]
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", *map(str, argv)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs all of PyTorch" in done.stderr
    assert "--for zip" in done.stderr


def test_two_builds_are_the_same_bytes(demo_run, wheel, tmp_path):
    again = package(demo_run, "python", "raspberry-pi-4", tmp_path / "other", "--variants")
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_uninstalling_leaves_nothing(wheel, board, tmp_path):
    other = Board(tmp_path / "venv")
    before = {path for path in other.site.rglob("*") if "__pycache__" not in path.parts}
    other.install("--no-deps", wheel)
    other("-m", "compileall", "-q", other.site / MODULE)
    assert (other.site / MODULE).is_dir()
    other("-m", "pip", "uninstall", "--yes", MODULE)
    after = {path for path in other.site.rglob("*") if "__pycache__" not in path.parts}
    assert after == before
