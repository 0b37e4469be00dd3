"""The Android package as shipped, compiled by Debian's Kotlin and run on a JVM.

`android/stubs` stands in for Android and for the runtimes' Java API; the runtimes themselves are
the real ones, behind `android/bridge.py`. No phone, emulator or Gradle is involved.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import corpus
import numpy as np
import pytest
from packages_made import ODD_LABELS, need, package
from patience import PATIENCE_S
from PIL import Image

from edgekit.packaging.nouns import VECTORS, Manifest

pytestmark = [pytest.mark.tf, pytest.mark.torch]

HERE = Path(__file__).parent / "android"
TOOLKIT = Path(__file__).parent.parent.parent / "toolkit"
SUFFIXES = {"litert": ".tflite", "executorch": ".pte"}
RUNS = ("demo", "colour", "plain")
EACH = [(run, runtime) for runtime in SUFFIXES for run in RUNS]
ALIKE = "note: the golden outputs are all alike, another model could pass too"
# The compiler lives too briefly to gain by the JVM's second one: half the time on two cores.
BRIEF = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def _command(*argv):
    env = {**os.environ, "JAVA_OPTS": BRIEF}
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass
class App:
    """A package as shipped, unpacked, and the jar that its sources became."""

    folder: Path
    jar: Path
    stubs: Path

    @property
    def assets(self) -> Path:
        return self.folder / "src" / "main" / "assets"

    @property
    def sources(self) -> Path:
        return next((self.folder / "src" / "main" / "kotlin").glob("dev/edgekit/*"))

    @property
    def manifest(self) -> Manifest:
        return Manifest.from_json((self.folder / "manifest.json").read_bytes())

    @property
    def golden(self) -> bytes:
        return next(self.assets.glob(f"*/{VECTORS}")).read_bytes()

    def run(self, verb, *arguments, code=0) -> str:
        """Run the harness; return what it prints."""
        bridge = "\n".join([sys.executable, str(HERE / "bridge.py")])
        argv = [
            "java", *BRIEF.split(), "-Dfile.encoding=UTF-8", f"-Dtestdevice.bridge={bridge}", "-cp",
            f"{self.jar}{os.pathsep}{self.stubs}", f"dev.edgekit.{self.sources.name}.MainKt", verb,
            *map(str, arguments),
        ]  # fmt: skip
        env = {**os.environ, "PYTHONPATH": str(TOOLKIT)}
        done = subprocess.run(
            argv, capture_output=True, encoding="utf-8", check=False, timeout=PATIENCE_S, env=env
        )
        assert done.returncode == code, done.stdout + done.stderr[-3000:]
        return done.stdout

    def test(self, code=0) -> list[str]:
        """Run the package's self-test; return its lines, but those that tell of a poor net."""
        files = self.folder.parent / "files"
        files.mkdir(exist_ok=True)
        lines = self.run("selftest", self.assets, files, code=code).splitlines()
        return [line for line in lines if line != ALIKE]

    def call(self, *arguments) -> list[list[str]]:
        """Call the package's API; return the columns of the printed lines."""
        printed = self.run("call", self.assets, self.folder.parent, *arguments)
        return [line.split("\t") for line in printed.splitlines()]


def _unpacked(path, folder) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return next(folder.iterdir())


def _harness(folder, to):
    """Write the harness as part of the package in `folder`."""
    name = next((folder / "src" / "main" / "kotlin" / "dev" / "edgekit").iterdir()).name
    classifies = list(folder.rglob("Classifier.kt"))
    to.mkdir(parents=True)
    for file in ("Main.kt", "Corpus.kt", "CallClassifier.kt" if classifies else "CallPredictor.kt"):
        text = (HERE / "harness" / file).read_text()
        (to / file).write_text(text.replace("package PACKAGE", f"package dev.edgekit.{name}"))


def _compile(folders, stubs, jar):
    """Compile the sources of packages, their device tests among them; a warning is an error."""
    harness = jar.parent / f"{jar.stem}-harness"
    for k, folder in enumerate(folders):
        _harness(folder, harness / str(k))
    _command(
        "kotlinc", "-Werror", "-jvm-target", "1.8", "-include-runtime", "-cp", str(stubs),
        "-d", str(jar), *(str(folder / "src") for folder in folders), str(harness),
    )  # fmt: skip
    return jar


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    need("java", "javac", "kotlinc")
    to = tmp_path_factory.mktemp("stubs")
    sources = sorted(map(str, (HERE / "stubs").rglob("*.java")))
    _command("javac", "-Xlint:all", "-Werror", "-d", str(to), *sources)
    return to


@pytest.fixture(scope="module")
def apps(stubs, tmp_path_factory, demo_run, colour_run, plain_run):
    """Return the packages of each run for each runtime; one compilation for each runtime."""
    runs = dict(zip(RUNS, (demo_run, colour_run, plain_run), strict=True))
    made = {}
    for runtime, suffix in SUFFIXES.items():
        base = tmp_path_factory.mktemp(runtime)
        folders = {}
        for name, run in runs.items():
            artifact = next((run / "artifacts").glob(f"*-int8{suffix}")).name
            chosen = ("--artifact", artifact, "--variants")
            path = package(run, "android", "pixel-8", base / f"{name}-zip", *chosen)
            folders[name] = _unpacked(path, base / name)
        jar = _compile(folders.values(), stubs, base / "app.jar")
        made |= {(name, runtime): App(folder, jar, stubs) for name, folder in folders.items()}
    return made


@pytest.fixture
def copied(apps, stubs, tmp_path):
    """Return a function that edits a copy of a shipped package and compiles it again."""

    def edit(file, change):
        original = apps["colour", "litert"]
        folder = tmp_path / "edited" / original.folder.name
        shutil.copytree(original.folder, folder)
        app = App(folder, original.jar, stubs)
        path = app.sources / file
        text = path.read_text()
        assert change(text) != text
        path.write_text(change(text))
        app.jar = _compile([folder], stubs, tmp_path / "edited.jar")
        return app

    return edit


@pytest.mark.parametrize(("run", "runtime"), EACH)
def test_the_self_test_passes_with_the_real_runtime(apps, run, runtime):
    app = apps[run, runtime]
    assert len(app.manifest.variants) == 3
    assert app.test() == ["passed"]


def test_the_instrumented_test_runs_the_self_test(apps):
    app = apps["colour", "litert"]
    printed = app.run("instrumented", app.assets, app.folder.parent)
    assert printed.splitlines() == [f"dev.edgekit.{app.sources.name}: passed"]


def test_preprocessing_gives_the_references_numbers(apps, tmp_path):
    made = corpus.write(tmp_path)
    apps["demo", "litert"].run("corpus", tmp_path)
    corpus.check(tmp_path, made)
    for case in made:
        expected = np.ascontiguousarray(case.expected).tobytes()
        assert (tmp_path / f"{case.name}.out").read_bytes() == expected, case.line()


def test_whole_numbers_are_handed_on_and_what_does_not_fit_is_refused(apps):
    assert apps["plain", "litert"].run("plain").splitlines() == [
        "-1.0 0.0 2.147483648E9",
        "-1.0 0.0 2.147483648E9",
        "got 2147483648 for ids, expected what INT32 can hold",
        "got INT32 1x3 for ids, expected INT64 1x3",
        "got 2.5 for ids, expected whole numbers that INT32 can hold",
        "got NaN for ids, expected whole numbers that INT32 can hold",
        "got NaN for ids, expected a number",
        "-128.0 7.0 127.0",
        "0.0 7.0 255.0",
        "-2.147483648E9 7.0 2.147483647E9",
        "got an image for ids, expected a tensor",
        "got 1 values, expected 3 for shape 1x3",
        "got no variant none, expected one of: int8, fp32, int8-io8",
    ]


@pytest.mark.parametrize("runtime", SUFFIXES)
def test_a_picture_gets_the_classes_of_the_golden_outputs(apps, runtime, tmp_path):
    app = apps["colour", runtime]
    variant = next(v for v in app.manifest.variants if v.name == "int8-io8")
    sample, spec = variant.golden[0], variant.outputs[0].spec
    outputs = sample.outputs[0].array(app.golden)[0].astype(np.float64)
    scores = (outputs - spec.zero_point) * spec.scale
    order = np.argsort(-scores, kind="stable")
    image = next(app.assets.glob(f"*/{sample.image}"))
    lines = app.call("int8-io8", image, tmp_path / "out")
    rows = [line for line in lines if line[0] == "file"]
    assert [float(row[2]) for row in rows] == pytest.approx(list(scores[order[:5]]), abs=3e-2)
    assert [row[3] for row in rows] == [ODD_LABELS[int(row[1])] for row in rows]
    assert int(rows[0][1]) == order[0]
    assert [line[1:] for line in lines if line[0] == "bitmap"] == [row[1:] for row in rows[:3]]
    sizes = {each.name: each.size_bytes for each in app.manifest.variants}
    assert lines[-3:-1] == [
        ["ranked", "3, 5, 1, 2, 0, 4"],
        ["refused", "got topK 0, expected at least 1"],
    ]
    picked = lines[-1]
    assert picked[1] == min(sizes, key=sizes.get)
    assert picked[2] in sizes


def test_a_file_is_turned_upright_by_its_exif_orientation(apps, tmp_path):
    app = apps["colour", "litert"]
    variant = next(v for v in app.manifest.variants if v.name == "fp32")
    pixels = np.random.default_rng(1).integers(0, 256, (31, 44, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    app.call("fp32", tmp_path / "turned.png", tmp_path / "out")
    upright = corpus.upright(pixels[..., :3], 6)
    expected = variant.preprocesses[0].apply(upright[None])
    assert (tmp_path / "out").read_bytes() == np.ascontiguousarray(expected).tobytes()


@pytest.mark.parametrize("runtime", SUFFIXES)
def test_a_row_of_numbers_gets_the_golden_output(apps, runtime):
    app = apps["plain", runtime]
    variant = next(v for v in app.manifest.variants if v.name == "fp32")
    sample = variant.golden[1]
    row = sample.samples[0].array(app.golden)
    printed = app.call("fp32", *map(repr, map(float, row)))
    expected = float(sample.outputs[0].array(app.golden)[0, 0])
    assert float(printed[0][0]) == pytest.approx(expected, abs=1e-4)


def test_swapped_channels_in_the_decoder_fail_in_decode(copied):
    def swap(text):
        swapped = text.replace("(colour shr 16).toByte()", "RED").replace(
            "colour.toByte()", "(colour shr 16).toByte()"
        )
        return swapped.replace("RED", "colour.toByte()")

    lines = copied("Images.kt", swap).test(code=1)
    assert lines[-1] == "FAILED in decode"
    found = [re.fullmatch(r"decode: sample \d differs by ([\d.]+), allowed 2.00", x) for x in lines]
    assert max(float(match[1]) for match in found if match) > 50


def test_a_wrong_mean_in_the_spec_fails_in_preprocess(copied):
    lines = copied("Variants.kt", lambda text: text.replace("(0.485,", "(0.5,")).test(code=1)
    assert lines[-1] == "FAILED in preprocess"
    assert any(
        re.fullmatch(r"preprocess: sample 0 differs by 0\.065\d, allowed [\d.e-]+", x)
        for x in lines
    )


def test_an_ignored_orientation_fails_in_preprocess(copied):
    def ignore(text):
        return text.replace("pixels.upright(orientation)", "pixels.upright(orientation / 9 + 1)")

    assert copied("Preprocess.kt", ignore).test(code=1)[-1] == "FAILED in preprocess"


def test_a_doubled_output_scale_fails_in_result(copied):
    def double(text):
        before, mark, rest = text.partition('name = "int8-io8"')
        head, outputs, rest = rest.partition("outputs = listOf(")
        return (
            before + mark + head + outputs + rest.replace("Quantization(", "Quantization(2 * ", 1)
        )

    lines = copied("Variants.kt", double).test(code=1)
    assert lines[0] == "variant int8-io8"
    assert re.fullmatch(r"result: sample 0 differs by [\d.e-]+, allowed [\d.e-]+", lines[1])
    assert lines[-1] == "FAILED in result"


@pytest.mark.parametrize(
    ("right", "wrong", "what"),
    [
        ("0f - scores[it]", "0f + scores[it]", r"is class \d, expected \d"),
        ("labels.getOrElse(index)", "labels.getOrElse(index + 1)", "is called .*, expected .*"),
    ],
)
def test_a_wrong_ranking_or_label_fails_in_result(copied, right, wrong, what):
    lines = copied("Classifier.kt", lambda text: text.replace(right, wrong)).test(code=1)
    assert re.fullmatch(rf"result: sample 0 {what}", lines[1])
    assert lines[-1] == "FAILED in result"


def test_rotated_labels_fail_in_result(apps, tmp_path):
    original = apps["colour", "litert"]
    folder = tmp_path / original.folder.name
    shutil.copytree(original.folder, folder)
    app = App(folder, original.jar, original.stubs)
    labels = next(app.assets.glob("*/labels.txt"))
    first, *others = labels.read_text().splitlines()
    labels.write_text("".join(f"{label}\n" for label in [*others, first]))
    lines = app.test(code=1)
    assert lines[1] == "result: labels.txt is not the one that was validated"
    assert lines[-1] == "FAILED in result"


@pytest.mark.parametrize("runtime", SUFFIXES)
def test_a_flipped_byte_of_the_model_fails_in_inference(apps, runtime, tmp_path):
    original = apps["demo", runtime]
    folder = tmp_path / original.folder.name
    shutil.copytree(original.folder, folder)
    app = App(folder, original.jar, original.stubs)
    model = next(app.assets.glob(f"*/*-int8{SUFFIXES[runtime]}"))
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    lines = app.test(code=1)
    assert lines[:1] == ["variant int8"]
    assert "is not the file that was validated" in lines[1]
    assert lines[2:] == ["FAILED in inference"]


def test_a_missing_picture_and_a_nan_fail(apps, tmp_path):
    original = apps["demo", "litert"]
    folder = tmp_path / original.folder.name
    shutil.copytree(original.folder, folder)
    app = App(folder, original.jar, original.stubs)
    next(app.assets.glob("*/golden/01.png")).unlink()
    vectors = next(app.assets.glob(f"*/{VECTORS}"))
    golden = app.manifest.variants[0].golden[2].outputs[0]
    data = bytearray(vectors.read_bytes())
    data[golden.offset : golden.offset + 4] = np.float32("nan").tobytes()
    vectors.write_bytes(data)
    lines = app.test(code=1)
    assert any(line.startswith("decode: sample 1: java.io.FileNotFound") for line in lines)
    assert any(line.startswith("inference: sample 2 differs by NaN, allowed ") for line in lines)
    # The NaN is the golden output itself: it is no class's score either.
    assert lines[-1] in {"FAILED in decode, inference", "FAILED in decode, inference, result"}


def test_outputs_that_are_all_alike_are_noted(copied):
    every = 'listOf("int8", "fp32", "int8-io8")'
    app = copied("Golden.kt", lambda text: re.sub(r"listOf<String>\(.*\)", every, text))
    printed = app.run("selftest", app.assets, app.folder.parent).splitlines()
    assert printed == [ALIKE] * 3 + ["passed"]


def test_a_file_that_was_not_run_is_not_compared(copied):
    app = copied("Golden.kt", lambda text: re.sub(r"(outputs = )listOf\(.*\)", r"\1listOf()", text))
    notes = "inference: not compared, this file was not run where it was made"
    assert app.test() == [notes] * 3 + ["passed"]


def test_the_build_script_is_well_formed(apps, tmp_path):
    script = (apps["colour", "litert"].folder / "build.gradle.kts").read_text()
    lines = script.splitlines()
    imports = [line for line in lines if line.startswith("import ")]
    body = [line for line in lines if line not in imports]
    wrapped = [*imports, "fun script() {", *body, "}"]
    (tmp_path / "Script.kt").write_text("\n".join(wrapped))
    stubs = sorted(map(str, (HERE / "harness").glob("Gradle*.kt")))
    _command("kotlinc", "-d", str(tmp_path / "out"), str(tmp_path / "Script.kt"), *stubs)


def test_the_package_is_the_same_bytes_again(demo_run, tmp_path):
    first, again = (package(demo_run, "android", "pixel-8", tmp_path / x) for x in "ab")
    assert first.read_bytes() == again.read_bytes()


def test_what_android_cannot_run_is_refused(demo_run, tmp_path):
    chosen = ("--artifact", "mobilenet-fp32.onnx", "-o", tmp_path)
    argv = ("package", demo_run, "--for", "android", "--target", "pixel-8", *chosen)
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", *map(str, argv)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "it runs tflite, executorch, executorch_portable, not onnx" in done.stderr
