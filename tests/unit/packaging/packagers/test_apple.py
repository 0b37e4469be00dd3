import hashlib
import re
from pathlib import Path

import make
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging import bundle
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import Content, GoldenSample, GoldenTensor, Variant
from edgekit.packaging.packagers import apple
from edgekit.packaging.packagers.apple.tables import number, string

GOLDEN = GoldenTensor(dtype="float32", shape=(1, 2), offset=0, size_bytes=8, tolerance=1e-6)
IMAGE = GoldenTensor(dtype="uint8", shape=(4, 5, 3), offset=0, size_bytes=60, tolerance=2)


def variant(fmt="tflite", *, takes_image=False, name="int8", **update):
    preprocess = Preprocess(colour="RGB") if takes_image else Preprocess()
    before = IMAGE if takes_image else GOLDEN
    sample = GoldenSample(
        image="golden/00.png" if takes_image else None,
        samples=(before,), inputs=(GOLDEN,), outputs=(GOLDEN,),
    )  # fmt: skip
    return Variant(
        name=name, file=f"m-{name}.bin", files=(f"m-{name}.bin",),
        artifact=make.artifact(format=fmt, **update), preprocesses=(preprocess,), measured=None,
        verdict=None, golden=(sample, sample.model_copy(update={"outputs": ()})),
    )  # fmt: skip


def content(name="digits", *, fmt="tflite", labels=(), takes_image=False, variants=None, **card):
    made = variants or (variant(fmt, takes_image=takes_image),)
    files = {file: b"model" for each in made for file in each.files}
    return Content(
        kind="apple", names=names_of(name), version="1.0.0",
        card=ModelCard(name=name, labels=labels, **card), labels=labels, target=None, why="named",
        failed_allowed=False, created="2026-01-01", edgekit_version="0", variants=made,
        takes_image=takes_image,
        assets={
            **files, "golden/vectors.bin": bytes(64), "golden/00.png": b"png",
            "labels.txt": "".join(f"{label}\n" for label in labels).encode(),
        },
    )  # fmt: skip


def text_of(files, ending):
    (path,) = [path for path in files if path.endswith(ending)]
    return files[path].decode()


def test_string_literals_are_ascii_and_escaped():
    assert string('say "hi" \\(x) 数\n') == r'"say \"hi\" \\(x) \u{6570}\u{a}"'


@pytest.mark.parametrize("value", [0.1, 1 / 255, 1e-06, 0, 3, -2.5, 1.7976931348623157e308])
def test_number_literals_read_back(value):
    assert float(number(value)) == value
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", number(value))


@pytest.mark.parametrize("fmt", apple.FORMATS)
def test_every_format_has_its_runtime_and_dependency(fmt):
    made = content(fmt=fmt)
    files = apple.files(made)
    manifest, runtime = text_of(files, "Package.swift"), text_of(files, "/Runtime.swift")
    modules = re.findall(r"^import (\w+)", runtime, re.MULTILINE)
    wanted = {"tflite": "LiteRT", "coreml": "CoreML"}.get(fmt, "ExecuTorch")
    assert wanted in modules
    dependencies = apple.dependencies(made)
    assert bool(dependencies) == ("url:" in manifest) == (fmt != "coreml")
    assert all(each.version in manifest for each in dependencies)


def test_a_portable_file_needs_no_backend_and_a_core_ml_one_needs_that():
    def named(fmt):
        manifest = text_of(apple.files(content(fmt=fmt)), "Package.swift")
        return set(re.findall(r'product\(name: "(\w+)"', manifest))

    formats = ("executorch", "executorch_portable", "executorch_coreml")
    products = {fmt: named(fmt) for fmt in formats}
    assert "backend_xnnpack" in products["executorch"]
    assert "backend_coreml" in products["executorch_coreml"]
    assert not any(name.startswith("backend") for name in products["executorch_portable"])


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("digits", "Digits"), ("Vision", "VisionModel"), ("xctest", "XctestModel"),
        ("class", "ClassModel"), ("classifier", "ClassifierModel"), ("swift ui", "SwiftUiModel"),
    ],
)  # fmt: skip
def test_a_module_is_never_called_like_one_of_apples(name, module):
    assert apple.module(content(name)) == module


def test_every_asset_lies_in_the_resources_as_it_is():
    made = content(labels=("a", "b"))
    files = apple.files(made)
    base = f"{apple.home(made)}Sources/Digits/Resources/"
    assert {path: files[f"{base}{path}"] for path in made.assets} == made.assets


def test_the_same_content_makes_the_same_bytes():
    one, two = (bundle.pack(apple.files(content()), ".zip") for _ in range(2))
    assert one == two


def test_ten_thousand_odd_labels_stand_in_no_source():
    labels = tuple(f'class {k} "\\(x) 数' for k in range(10_000))
    made = content('Über "класс" 数', labels=labels, takes_image=True, classes=10_000)
    files = apple.files(made)
    assert text_of(files, "labels.txt").splitlines() == list(labels)
    sources = {path: data for path, data in files.items() if path.endswith(".swift")}
    assert max(map(len, sources.values())) < 40_000
    assert not any("数".encode() in data for data in sources.values())


@pytest.mark.parametrize(
    ("takes_image", "task", "entry"),
    [
        (True, "classification", "Classifier"), (True, "regression", "Predictor"),
        (False, "classification", "Predictor"),
    ],
)  # fmt: skip
def test_the_class_that_an_app_calls(takes_image, task, entry):
    made = content(takes_image=takes_image, task=task)
    files = apple.files(made)
    assert f"public final class {entry} " in text_of(files, f"/{entry}.swift")
    assert f"try {entry}()" in apple.usage(made)
    assert any(path.endswith("ImageDecoding.swift") for path in files) == takes_image


def test_specs_are_written_out_exactly():
    spec = TensorSpec(name="x", shape=(-1, 2), dtype="int8", scale=0.1 + 0.2, zero_point=-3)
    one = variant(takes_image=True, inputs=(spec,)).model_copy(
        update={
            "preprocesses": (
                Preprocess(
                    colour="BGR", height=3, width=4, fit="crop", scale=1 / 255, mean=(0.1, 0.2, 0.3)
                ),
            )
        }
    )
    text = text_of(apple.files(content(variants=(one,), takes_image=True)), "Variants.swift")
    assert "affine: Affine(scale: 0.30000000000000004, zeroPoint: -3)" in text
    assert "shape: [-1, 2]" in text
    assert "colour: .bgr, width: 4, height: 3, fit: .crop, interpolation: .antialias" in text
    assert "scale: 0.00392156862745098," in text
    assert "mean: [0.1, 0.2, 0.3]" in text
    assert text.count("isProbe: true") == 1


def test_the_golden_table_says_how_a_sample_lies_and_what_an_app_gets():
    one = variant(takes_image=True)
    sample = one.golden[0].model_copy(update={"orientation": 6, "values": (GOLDEN,), "top": 0})
    one = one.model_copy(update={"golden": (sample, *one.golden[1:])})
    made = content(variants=(one,), takes_image=True, labels=("a", "数"))
    text = text_of(apple.files(made), "Variants.swift")
    assert re.findall(r"orientation: (\d)", text) == ["6", "1"]
    assert re.findall(r"top: (\w+)", text) == ["0", "nil"]
    assert [bool(found) for found in re.findall(r"values: \[(.*)\]", text)] == [True, False]
    assert hashlib.sha256(made.assets["labels.txt"]).hexdigest() in text


def test_golden_outputs_that_are_all_alike_are_told():
    one = variant()
    twice = one.model_copy(update={"golden": (one.golden[0],) * 2})
    told = [
        re.findall(
            r"isAlike: (\w+)", text_of(apple.files(content(variants=(each,))), "Variants.swift")
        )
        for each in (one, twice)
    ]
    assert told == [["false"], ["true"]]


def test_several_inputs_are_named_in_the_order_of_the_call():
    specs = tuple(TensorSpec(name=name, shape=(1, 2), dtype="float32") for name in ("x:0", "y:0"))
    one = variant(inputs=specs, input_names=("left\n", "right"))
    one = one.model_copy(update={"preprocesses": (Preprocess(), Preprocess())})
    text = apple.usage(content(variants=(one,)))
    assert "floats: values1, shape: [2]),  // left?\n" in text
    assert text.index("// left?") < text.index("// right")


def test_the_variants_stand_in_order_and_in_the_readme():
    both = (variant(name="int8"), variant(name="fp32"))
    made = content(variants=both)
    text = text_of(apple.files(made), "Variants.swift")
    assert text.index('name: "int8"') < text.index('name: "fp32"')
    assert "`int8`, `fp32`" in apple.usage(made)


def test_what_the_swift_code_cannot_run_is_refused():
    spec = TensorSpec(name="x", shape=(1, 2), dtype="float32")
    half = spec.model_copy(update={"dtype": "float16"})
    dynamic = spec.model_copy(update={"shape": (1, -1)})
    assert apple.refusal(make.artifact()) is None
    assert "float16" in apple.refusal(make.artifact(inputs=(half,)))
    assert "LiteRT" in apple.refusal(make.artifact(outputs=(spec, spec)))
    assert apple.refusal(make.artifact(format="executorch", outputs=(spec, spec))) is None
    assert "not fixed" in apple.refusal(make.artifact(outputs=(dynamic,)))


def test_the_readme_says_that_nothing_was_compiled():
    usage = apple.usage(content(fmt="executorch"))
    assert "Nothing in this package was compiled" in usage
    assert "-all_load" in usage
    assert "by ExecuTorch of a version that is not known; `Package.swift` takes\n  1.5.0." in usage
    assert "Git LFS" in apple.usage(content())
    assert "Core ML runs on Apple's systems only" in apple.usage(content(fmt="coreml"))


def test_the_sources_hold_no_path_of_a_machine():
    for path, data in apple.files(content(takes_image=True)).items():
        if path.endswith(".swift"):
            assert b"/home/" not in data
            assert str(Path.cwd()).encode() not in data
