"""Packages for microcontrollers, as shipped: built, and run on TensorFlow Lite Micro's kernels.

`micro/stubs` has the library's headers in small, and `micro/bridge.cpp` hands what they are asked
for to the true library, in a process of Python.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import corpus
import numpy as np
import pytest
from packages_made import ODD_LABELS, need, package
from patience import PATIENCE_S

from edgekit.packaging.packagers import microcontroller
from edgekit.packaging.render import render

pytestmark = [pytest.mark.tf, pytest.mark.torch]

MICRO = Path(__file__).parent / "micro"
STUBS = MICRO / "stubs"
STRICT = (
    "-Wall -Wextra -Werror -Wpedantic -Wconversion -Wshadow -fno-exceptions -fno-rtti"
).split()
# TensorFlow Lite Micro's classes were in namespace tflite until 2026.
NAMESPACES = {"tflite": [], "tflite::micro": ["-DSTUB_IN_MICRO"]}


def sh(*argv, code=0, **env):
    done = subprocess.run(
        list(map(str, argv)),
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == code, f"{argv}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


class Unpacked:
    """A package on disk, to be built and run."""

    def __init__(self, folder):
        (self.root,) = folder.iterdir()
        (header,) = (self.root / "src").glob("*.h")
        self.ns = header.stem
        self.src = self.root / "src" / self.ns

    def copied(self, folder):
        shutil.copytree(self.root, folder / self.root.name)
        return Unpacked(folder)

    def environment(self):
        extras = self.root / "extras"
        return {
            "EDGEKIT_EXTRAS": str(extras), "EDGEKIT_PYTHON": sys.executable,
            "EDGEKIT_BRIDGE": str(MICRO / "bridge.py"), "PYTHONPATH": os.pathsep.join(sys.path),
        }  # fmt: skip

    def built(self, build, bridge, flags=()):
        settings = {
            "TFLM_INCLUDE": STUBS,
            "TFLM_LIBRARIES": bridge,
            "CMAKE_CXX_FLAGS": " ".join([*STRICT, *flags]),
        }
        given = [f"-D{name}={value}" for name, value in settings.items()]
        sh("cmake", "-S", self.root, "-B", build, *given)
        sh("cmake", "--build", build)
        return build / f"{self.ns}_selftest"

    def self_test(self, build, bridge, code=0):
        return sh(self.built(build, bridge), code=code, **self.environment()).splitlines()

    def compiled(self, source, output, *more):
        """Compile a source of a test with the package's headers; return the program."""
        macros = {
            "PACKAGE": f'"{self.ns}.h"',
            "PACKAGE_GOLDEN": f'"{self.ns}/golden.h"',
            "PACKAGE_PREPROCESS": f'"{self.ns}/preprocess.h"',
            "PACKAGE_NS": self.ns,
        }
        sh("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror",
           *(f"-D{name}={value}" for name, value in macros.items()),
           "-I", self.root / "src", "-isystem", STUBS, source, "-o", output, *more)  # fmt: skip
        return output


@pytest.fixture(scope="module")
def bridges(tmp_path_factory):
    """Return the stub library for each of the two namespaces."""
    need("cmake", "g++", "ar")
    folder = tmp_path_factory.mktemp("bridge")
    made = {}
    for name, flags in NAMESPACES.items():
        stem = folder / str(len(made))
        sh("g++", "-std=c++17", *flags, "-I", STUBS, "-c", MICRO / "bridge.cpp", "-o", f"{stem}.o")
        sh("ar", "rcs", f"{stem}.a", f"{stem}.o")
        made[name] = f"{stem}.a"
    return made


def unpacked(run, folder, *more):
    path = package(run, "microcontroller", "cortex-m7", folder, *more)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder / "unpacked")
    return Unpacked(folder / "unpacked")


@pytest.fixture(scope="module")
def colour(colour_run, tmp_path_factory):
    """Return the package of colour pictures, with all its variants."""
    return unpacked(colour_run, tmp_path_factory.mktemp("colour"), "--variants")


@pytest.fixture(scope="module")
def colour_library(colour, bridges, tmp_path_factory):
    """Return what a program links to, to use the package of colour pictures."""
    build = tmp_path_factory.mktemp("colour-build") / "build"
    colour.built(build, bridges["tflite"])
    return [build / f"lib{colour.ns}.a", bridges["tflite"]]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_package_builds_without_a_warning_and_passes(namespace, colour, bridges, tmp_path):
    program = colour.built(tmp_path / "build", bridges[namespace], NAMESPACES[namespace])
    said = sh(program, **colour.environment()).splitlines()
    stages = ["decode: ok", "preprocess: ok", "inference: ok", "result: ok"]
    assert [line for line in said if not line.startswith("note: ")] == [*stages, "passed"]


def test_grey_pictures_and_rows_of_numbers_pass(demo_run, plain_run, bridges, tmp_path):
    for name, run in (("demo", demo_run), ("plain", plain_run)):
        (tmp_path / name).mkdir()
        made = unpacked(run, tmp_path / name)
        assert made.self_test(tmp_path / name / "build", bridges["tflite"])[-1] == "passed"


def planted(colour, folder, bridges, file, change):
    copy = colour.copied(folder / "copy")
    path = copy.src / file
    path.write_text(change(path.read_text()))
    return copy.self_test(folder / "build", bridges["tflite"], code=1)


def test_swapped_channels_are_caught_while_decoding(colour, bridges, tmp_path):
    def swap(text):
        assert "return {p[0], p[1], p[2]};" in text
        return text.replace("return {p[0], p[1], p[2]};", "return {p[2], p[1], p[0]};")

    said = planted(colour, tmp_path, bridges, "frame.cpp", swap)
    assert said[-1] == "FAILED in decode"
    assert re.search(r"decode: sample 0 differs by \d+, allowed 2\n", "\n".join(said))


def test_a_wrong_mean_is_caught_while_preprocessing(colour, bridges, tmp_path):
    def change(text):
        assert "static_cast<float>(0.485)" in text
        return text.replace("static_cast<float>(0.485)", "static_cast<float>(0.5)")

    said = planted(colour, tmp_path, bridges, "model_fp32.cpp", change)
    assert said[-1] == "FAILED in preprocess"
    # 0.015 / 0.229
    assert re.search(
        r"preprocess: fp32, sample 0 differs by 0\.0655, allowed .*e-06", "\n".join(said)
    )
    assert "decode: ok" in said


def test_a_flipped_byte_of_the_model_is_caught(colour, bridges, tmp_path):
    def flip(text):
        at = text.index("0x", text.index("kModel[]") + 3000)
        return f"{text[:at]}0x{int(text[at : at + 4], 16) ^ 1:02x}{text[at + 4 :]}"

    said = planted(colour, tmp_path, bridges, "model_int8.cpp", flip)
    assert said[-1] == "FAILED in inference"
    assert "inference: int8, the model is not the validated one (CRC-32)" in said


def test_an_ignored_orientation_is_caught_while_preprocessing(colour, bridges, tmp_path):
    upright = "Frame{frame.data, frame.width, frame.height, frame.format, 1}"

    def change(text):
        assert "variant_.inputs[0], frame, Work()" in text
        return text.replace("[0], frame, Work()", f"[0], {upright}, Work()")

    said = planted(colour, tmp_path, bridges, "runner.cpp", change)
    assert "decode: ok" in said
    assert any(re.match("preprocess: int8, the probe differs by", line) for line in said)
    assert said[-1] == "FAILED in preprocess"


def rotated(text):
    """Return labels.cpp with its first label behind the others."""
    before, first, rest = re.fullmatch(r"(.*= \{\n)(.*?\n)(.*)", text, re.DOTALL).groups()
    others, end = rest.split("};", 1)
    return f"{before}{others}{first}}};{end}"


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (
            "model_int8_io8.cpp",
            lambda text: text.replace("8, true, 0.00390625, -128", "8, true, 0.0078125, -128"),
            r"result: int8-io8, sample 0 differs by 0\.\d+, allowed .*e-07",
        ),
        (
            "model_int8_io8.cpp",
            lambda text: text.replace("8, true, 0.00390625, -128", "8, true, 0.00390625, -127"),
            r"result: int8-io8, sample 0 differs by 0\.00391, allowed .*e-07",
        ),
        ("labels.cpp", rotated, r"result: labels\.txt is not the one that was validated"),
        (
            "classifier.cpp",
            lambda text: text.replace("kLabels[index]", "kLabels[(index + 1) % kLabelCount]"),
            r"result: int8, a class has the label of another",
        ),
        (
            "classifier.cpp",
            lambda text: text.replace(
                "IsLess(best[at - 1].score, value)", "IsLess(value, best[at - 1].score)"
            ),
            r"result: int8, sample \d is class \d, expected \d",
        ),
    ],
    ids=["scale", "zero-point", "rotated-labels", "shifted-labels", "ranking"],
)
def test_a_mistake_behind_inference_is_caught(file, change, words, colour, bridges, tmp_path):
    said = planted(colour, tmp_path, bridges, file, change)
    assert any(re.fullmatch(words, line) for line in said), said
    assert "inference: ok" in said
    assert said[-1] == "FAILED in result"


def test_preprocessing_is_the_reference_on_the_corpus(colour, tmp_path):
    need("g++")
    made = corpus.write(tmp_path / "cases")
    pure = [colour.src / f"{part}.cpp" for part in ("preprocess", "tensor", "frame", "types")]
    program = colour.compiled(MICRO / "corpus.cpp", tmp_path / "corpus", *pure)
    sh(program, tmp_path / "cases")
    corpus.check(tmp_path / "cases", made)
    for case in made:
        got = (tmp_path / "cases" / f"{case.name}.out").read_bytes()
        assert got == np.ascontiguousarray(case.expected).tobytes(), case.line()


def test_an_app_gets_the_classes_that_were_validated(colour, colour_library, tmp_path):
    program = colour.compiled(MICRO / "classify.cpp", tmp_path / "app", *colour_library)
    said = sh(program, **colour.environment()).splitlines()
    assert said[:3] == ["Begin() has not succeeded", "ok", "ok"]
    rows = [line.split("\t") for line in said[3:6]]
    assert all(label == ODD_LABELS[int(index)] for index, label, _ in rows)
    manifest = json.loads((colour.root / "manifest.json").read_text())
    record = next(one for one in manifest["variants"] if one["name"] == said[6].split("\t")[0])
    expected = outputs(colour, record)
    assert [int(index) for index, _, _ in rows] == list(np.argsort(-expected, kind="stable")[:3])
    assert np.allclose(
        [float(score) for _, _, score in rows], np.sort(expected)[::-1][:3], atol=0.01
    )
    assert said[6].split("\t")[1] == "1"
    assert said[7:10] == [
        "the arena is too small", "there must be room for at least one class", "2 4 1 0 3 ",
    ]  # fmt: skip
    no_number = "a value is no number (NaN), and the input is of integers"
    assert said[10:] == [
        no_number, "127 -128", no_number, "32767 -32768", no_number, "2147483647 -2147483648",
        no_number, "7",
    ]  # fmt: skip


def outputs(colour, record):
    """Return a variant's golden outputs for its first sample, as real values."""
    tensor, spec = record["golden"][0]["outputs"][0], record["outputs"][0]["spec"]
    vectors = (colour.root / "extras" / "golden" / "vectors.bin").read_bytes()
    part = vectors[tensor["offset"] : tensor["offset"] + tensor["size_bytes"]]
    values = np.frombuffer(part, tensor["dtype"]).astype(np.float64)
    if spec["scale"] is not None:
        values = (values - spec["zero_point"]) * spec["scale"]
    return values


def test_the_readme_compiles_as_it_stands(colour, colour_library, tmp_path):
    text = (colour.root / "README.md").read_text()
    code = re.search(r"```cpp\n(.*?)```", text, re.DOTALL)[1]
    (tmp_path / "app.cpp").write_text(
        f"static void Show(const char*) {{}}\n{code}int main() {{ Setup(); OnFrame(nullptr); }}"
    )
    colour.compiled(tmp_path / "app.cpp", tmp_path / "app", *colour_library)


def test_a_project_adds_it_as_the_walk_through_says(colour, bridges, tmp_path):
    guide = Path(__file__).parents[2] / "docs" / "packaging" / "microcontroller.md"
    steps = re.search(r"```cmake\n(.*?)```", guide.read_text(), re.DOTALL)[1]
    steps = steps.replace("Mobilenet", colour.root.name).replace("mobilenet_model", colour.ns)
    shutil.copytree(colour.root, tmp_path / colour.root.name)
    (tmp_path / "app.cpp").write_text(
        f"#include <{colour.ns}.h>\n"
        f'int main() {{ return {colour.ns}::FindVariant("int8") == nullptr; }}\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app LANGUAGES CXX)\n"
        f"add_library(tflm INTERFACE)\ntarget_include_directories(tflm INTERFACE {STUBS})\n"
        f"target_link_libraries(tflm INTERFACE {bridges['tflite']})\n{steps}"
    )
    sh("cmake", "-S", tmp_path, "-B", tmp_path / "build")
    sh("cmake", "--build", tmp_path / "build")
    sh(tmp_path / "build" / "app")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "Set TFLM_TARGET, or"),
        (("-DTFLM_INCLUDE=/usr/include",), "Set TFLM_TARGET, or"),
        (("-DTFLM_TARGET=nowhere",), "TFLM_TARGET is nowhere, which is no target"),
    ],
)
def test_cmake_stops_without_tensorflow_lite_micro(given, words, colour, tmp_path):
    need("cmake")
    argv = ["cmake", "-S", str(colour.root), "-B", str(tmp_path), *given]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert words in done.stderr


def test_the_sketch_runs_the_self_test(colour, colour_library, tmp_path):
    sketch = colour.root / "examples" / "SelfTest" / "SelfTest.ino"
    (tmp_path / "sketch.cpp").write_text(
        f'#include <Arduino.h>\n#include "{sketch}"\nint main() {{ setup(); loop(); }}'
    )
    program = colour.compiled(tmp_path / "sketch.cpp", tmp_path / "sketch", *colour_library)
    assert sh(program, **colour.environment()).splitlines()[-1] == "passed"


def test_any_label_comes_out_as_it_went_in(tmp_path):
    need("g++")
    labels = [*ODD_LABELS, "what??/", "??=\\", 'R"(x)"', *(f"n° {i}" for i in range(10_000))]
    values = {"ns": "x", "labels": [microcontroller._text(label) for label in labels]}
    for name in ("labels.h", "labels.cpp"):
        (tmp_path / name).write_bytes(render("microcontroller", name, **values))
    (tmp_path / "main.cpp").write_text(
        '#include <cstdio>\n#include "labels.h"\n'
        "int main() { for (const char* each : x::kLabels) std::puts(each); }"
    )
    sh("g++", "-std=c++17", "-trigraphs", *STRICT, tmp_path / "main.cpp", tmp_path / "labels.cpp",
       "-o", tmp_path / "app")  # fmt: skip
    assert sh(tmp_path / "app").splitlines() == labels


@pytest.mark.parametrize(
    "cpu", ["-mcpu=cortex-m4 -mfpu=fpv4-sp-d16", "-mcpu=cortex-m7 -mfpu=fpv5-d16"]
)
def test_it_compiles_for_cortex_m_without_heap_or_fused_sums(cpu, colour, tmp_path):
    need("arm-none-eabi-g++")
    for source in colour.src.glob("*.cpp"):
        sh("arm-none-eabi-g++", "-std=gnu++17", "-Os", "-mthumb", "-mfloat-abi=hard", *cpu.split(),
           *STRICT, "-I", colour.root / "src", "-isystem", STUBS, "-c", source,
           "-o", tmp_path / f"{source.stem}.o")  # fmt: skip
    objects = sorted(tmp_path.glob("*.o"))
    wanted = sh("arm-none-eabi-nm", "-u", "-C", *objects)
    assert not re.search(r"malloc|operator new|__cxa_throw|std::ostream|printf", wanted)
    assert not re.search(
        r"\svfn?m[as]", sh("arm-none-eabi-objdump", "-d", tmp_path / "preprocess.o")
    )
