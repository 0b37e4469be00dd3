"""The Swift package, from the archive as shipped: parsed whole, and its pure sources executed.

There is no Swift compiler here, and nothing stands in for one: see `apple/swift_translate.py` for
what translation checks and what it does not.
"""

import re
import sys
from pathlib import Path

import corpus
import numpy as np
import pytest
from packages_made import ODD_LABELS, package

from edgekit.core.preprocess import Preprocess
from edgekit.core.run import Run
from edgekit.core.tensor import TensorSpec, dequantize, quantize
from edgekit.packaging import bundle, golden
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import Content, Manifest, Variant
from edgekit.packaging.packagers import apple
from edgekit.packaging.render import render

sys.path.insert(0, str(Path(__file__).parent / "apple"))

import swift_runtime
from swift_expressions import mangled
from swift_package import PURE, SwiftPackage
from swift_tokens import SwiftSyntaxError
from swift_translate import calls, translated

pytestmark = [pytest.mark.tf, pytest.mark.torch]

COLOURS = {"L": "grey", "RGB": "rgb", "BGR": "bgr"}


@pytest.fixture(scope="module")
def shipped(demo_run, colour_run, plain_run, tmp_path_factory):
    """Return the files of each package, made once."""
    runs = {"demo": demo_run, "colour": colour_run, "plain": plain_run}
    more = {"colour": ["--variants"]}
    folder = tmp_path_factory.mktemp("apple")

    def make(run, target):
        path = package(runs[run], "apple", target, folder / run / target, *more.get(run, []))
        return bundle.unpack(path)

    return {(run, target): make(run, target) for run in runs for target in ("tflite", "executorch")}


def faults(source: bytes) -> list[str]:
    """Return what a Swift grammar has against a source."""
    import tree_sitter
    import tree_sitter_swift

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_swift.language()))
    found, waiting = [], [parser.parse(source).root_node]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append(f"{node.start_point}: {node.type}")
        waiting += node.children
    return found


def test_the_grammar_finds_a_mistake():
    assert faults(b"func f( -> Int { return 1 }")


def test_every_source_parses(shipped):
    for files in shipped.values():
        for path, data in files.items():
            if path.endswith(".swift"):
                assert not faults(data), path


def test_the_sources_of_other_kinds_of_models_parse():
    for source in ("CoreMlRuntime", "ImagePredictor"):
        assert not faults(render("apple", f"{source}.swift")), source


def test_calls_of_the_packages_own_functions_have_their_labels(shipped):
    """What cannot be translated calls what can: a wrong label there would not compile."""
    for files in shipped.values():
        declared = SwiftPackage(files).DECLARED
        known = {name.split("__")[0] for name in declared.functions}
        made = {name: list(fields) for name, fields in declared.fields.items()}
        made["ModelError"] = [""]
        checked = 0
        for path, data in files.items():
            if not path.endswith(".swift") or path.split("/")[-1][:-6] in {*PURE, "Package"}:
                continue
            for name, labels in calls(data.decode(), known | (set(made) - {"Pixels"})):
                full = mangled(name, labels)
                assert full in declared.functions or made.get(name) == labels, (path, full)
                checked += 1
        assert checked > 10


def test_the_package_names_what_is_there(shipped):
    for files in shipped.values():
        (manifest,) = [path for path in files if path.endswith("Package.swift")]
        text, module = files[manifest].decode(), manifest.split("/")[0]
        assert set(re.findall(r'name: "(\w+)"', text)) >= {module, f"{module}Tests"}
        base = f"{module}/Sources/{module}/Resources/"
        inside = {path.removeprefix(base) for path in files if path.startswith(base)}
        named = re.findall(r'\.copy\("Resources/([^"]+)"\)', text)
        assert sorted({path.split("/")[0] for path in inside}) == named
        assert any(path.startswith(f"{module}/Tests/{module}Tests/") for path in files)
        manifest_file = Manifest.from_json(files[f"{module}/manifest.json"])
        assert set(manifest_file.files) == set(files) - {f"{module}/manifest.json"} - extra(files)


def extra(files):
    """Return what is made from the manifest."""
    return {path for path in files if path.endswith("manifest.sig.json")}


def spec_of(swift: SwiftPackage, case: corpus.Case):
    p, s = case.preprocess, case.spec
    affine = None
    if s.scale is not None:
        affine = swift.Affine(scale=s.scale, zeroPoint=s.zero_point)
    tensor = swift.TensorSpec(name=s.name, type=s.dtype, shape=list(s.shape), affine=affine)
    image = swift.ImageSpec(
        colour=COLOURS[p.colour], width=p.width, height=p.height, fit=p.fit,
        interpolation=p.interpolation, layout=p.layout.lower(),
    )  # fmt: skip
    return swift.InputSpec(
        tensor=tensor, image=image, scale=p.scale, mean=list(p.mean), std=list(p.std), isCast=False
    )


def input_of(swift: SwiftPackage, case: corpus.Case):
    apply = swift.function("modelInput", "image", "orientation", "")
    return apply(swift.pixels(case.pixels), case.orientation, spec_of(swift, case))


def test_the_shipped_preprocessing_is_the_reference_on_every_image(shipped, tmp_path):
    swift = SwiftPackage(shipped["colour", "tflite"])
    cases = corpus.cases()
    for case in cases:
        made = input_of(swift, case)
        assert (made.type, tuple(made.shape)) == (case.spec.dtype, case.expected.shape)
        values = np.array(made.values).astype(case.spec.dtype)
        assert (values == case.expected.reshape(-1)).all(), case.line()
        (tmp_path / f"{case.name}.out").write_bytes(values.tobytes())
    corpus.check(tmp_path, cases)


def test_its_types_hold_where_they_are_checked(shipped):
    swift = SwiftPackage(shipped["colour", "tflite"], strict=True)
    for case in corpus.cases()[::20]:
        values = np.array(input_of(swift, case).values)
        assert (values == case.expected.reshape(-1)).all(), case.line()


@pytest.mark.parametrize("target", ["tflite", "executorch"])
@pytest.mark.parametrize("run", ["demo", "colour", "plain"])
def test_the_self_test_passes(shipped, run, target):
    report = SwiftPackage(shipped[run, target]).self_test()
    assert report.text.splitlines()[-1] == "passed"
    assert report.passed
    # The note is for golden outputs that are alike, as those of an untrained net.
    assert all(note.startswith("note: the golden outputs are all alike") for note in report.notes)


def test_the_self_test_passes_with_its_types_checked(shipped):
    assert SwiftPackage(shipped["plain", "tflite"], strict=True).self_test().passed
    assert SwiftPackage(shipped["colour", "executorch"], strict=True).self_test().passed


@pytest.mark.parametrize("strict", [False, True])
def test_tensors_go_in_and_come_out_as_in_the_reference(shipped, strict):
    swift = SwiftPackage(shipped["plain", "tflite"], strict=strict)
    affine = swift.Affine(scale=0.0078, zeroPoint=-3)
    quantized = TensorSpec(name="x", shape=(-1, 6), dtype="int8", scale=0.0078, zero_point=-3)
    spec = swift.TensorSpec(name="x", type="int8", shape=[-1, 6], affine=affine)
    preprocess = Preprocess(scale=0.5, mean=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5), std=(1, 1, 2, 2, 3, 3))
    made = swift.InputSpec(
        tensor=spec, image=None, scale=0.5, mean=list(preprocess.mean), std=list(preprocess.std),
        isCast=False,
    )  # fmt: skip
    rows = np.random.default_rng(3).normal(size=(40, 6)).astype(np.float32)
    expected = quantize(preprocess.apply(rows), quantized)
    apply = swift.function("modelInput", "tensor", "")
    real = swift.function("realValues", "", "")
    for row, wanted in zip(rows, expected, strict=True):
        got = apply(swift.ModelTensor.of__floats__shape(list(row), [6]), made)
        assert (got.type, got.shape, got.values) == ("int8", [1, 6], wanted.astype(float).tolist())
        assert (np.array(real(got, spec).floats) == dequantize(wanted, quantized)).all()
        octets = swift.function("writeElements", "")(got)
        assert bytes(octets) == wanted.tobytes()


@pytest.mark.parametrize(
    ("dtype", "values", "why"),
    [
        ("int64", [1.0, -(2.0**40)], None), ("int32", [1.0, 2.0**31], "whole number that int32"),
        ("uint8", [0.5, 1.0], "whole number that uint8"), ("int8", [np.nan, 0.0], "finite"),
        ("int16", [-32768.0, 32767.0], None), ("int32", [1.0, 2.0, 3.0], "of shape"),
    ],
)  # fmt: skip
def test_whole_numbers_are_passed_on_or_refused(shipped, dtype, values, why):
    swift = SwiftPackage(shipped["plain", "tflite"], strict=True)
    tensor = swift.TensorSpec(name="ids", type=dtype, shape=[1, 2], affine=None)
    spec = swift.InputSpec(tensor=tensor, image=None, scale=1.0, mean=[0.0], std=[1.0], isCast=True)
    sample = swift.ModelTensor(type=dtype, shape=[len(values)], values=list(map(float, values)))
    apply = swift.function("modelInput", "tensor", "")
    if why:
        with pytest.raises(swift.ModelError, match=why):
            apply(sample, spec)
        return
    octets = swift.function("writeElements", "")(apply(sample, spec))
    assert bytes(octets) == np.array(values, dtype).tobytes()
    read = swift.function("readElements", "", "at", "count", "as")(octets, 0, 2, dtype)
    assert read == values


def test_a_camera_frame_has_blue_first(shipped):
    swift = SwiftPackage(shipped["plain", "tflite"], strict=True)
    pixels = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(2, 3, 4)
    make = swift.Pixels.fromBGRA_____width__height__bytesPerRow
    made = make(swift.octets(pixels.tobytes()), 3, 2, 12)
    assert (np.array(made.bytes).reshape(2, 3, 3) == pixels[..., 2::-1]).all()


def edited(files, ending, old, new):
    """Return the files with one place of one file changed, as a mistake would."""
    (path,) = [path for path in files if path.endswith(ending)]
    data = files[path]
    assert old in data, (old, path)
    return {**files, path: data.replace(old, new, 1)}


@pytest.mark.parametrize(
    ("ending", "old", "new", "stage"),
    [
        ("Pixels.swift", b"step: 4, offsets: [0, 1, 2]", b"step: 4, offsets: [2, 1, 0]", "decode"),
        ("Variants.swift", b"mean: [0.485,", b"mean: [0.585,", "preprocess"),
        ("Preprocess.swift", b"* scale - mean[c]", b"* scale + mean[c]", "preprocess"),
        ("Resize.swift", b"+ 0.5) * ratio - 0.5", b"+ 0.5) * ratio - 0.0", "preprocess"),
    ],
)
def test_a_planted_mistake_is_named(shipped, ending, old, new, stage):
    files = edited(shipped["colour", "tflite"], ending, old, new)
    report = SwiftPackage(files).self_test()
    assert {finding.stage for finding in report.findings} == {stage}
    assert report.text.splitlines()[-1] == f"FAILED in {stage}"
    first = report.text.splitlines()[0]
    assert re.match(rf"{stage}: sample \d+ differs by \S+, allowed \S+ ", first), first


def test_an_ignored_orientation_is_named(shipped):
    old, new = b"upright(orientation: orientation)", b"upright(orientation: 1)"
    files = edited(shipped["colour", "tflite"], "Preprocess.swift", old, new)
    report = SwiftPackage(files).self_test()
    assert {finding.stage for finding in report.findings} == {"preprocess"}


def quantized_output(files, change):
    """Return the files with `change` made to scale and zero point of int8-io8's output."""
    (path,) = [path for path in files if path.endswith("/Variants.swift")]
    before, name, after = files[path].decode().partition('        name: "int8-io8",\n')
    head, start, tail = after.partition("        outputs: [\n")
    row, rest = tail.split("\n", 1)
    scale, zero = re.search(r"Affine\(scale: (\S+), zeroPoint: (\S+)\)\)", row).groups()
    new = "Affine(scale: {}, zeroPoint: {})".format(*change(float(scale), int(zero)))
    row = re.sub(r"Affine\(.*?\)", new, row)
    return {**files, path: f"{before}{name}{head}{start}{row}\n{rest}".encode()}


@pytest.mark.parametrize("change", [lambda s, z: (s * 2, z), lambda s, z: (s, z + 1)])
def test_a_wrong_scale_or_zero_point_of_an_output_is_named(shipped, change):
    report = SwiftPackage(quantized_output(shipped["colour", "tflite"], change)).self_test()
    assert {finding.stage for finding in report.findings} == {"result"}
    assert re.match(
        r"result: sample 0 differs by \S+, allowed \S+ \(variant int8-io8\)", report.text
    )
    assert report.text.endswith("FAILED in result")


@pytest.mark.parametrize("strict", [False, True])
def test_rotated_labels_are_named_once(shipped, strict):
    files = dict(shipped["colour", "tflite"])
    (path,) = [path for path in files if path.endswith("/labels.txt")]
    lines = files[path].splitlines(keepends=True)
    files[path] = b"".join(lines[1:] + lines[:1])
    report = SwiftPackage(files, strict=strict).self_test()
    assert [finding.stage for finding in report.findings] == ["result"]
    assert "result: labels.txt is not the one that was validated\n" in report.text
    assert report.text.endswith("FAILED in result")
    del files[path]
    report = SwiftPackage(files).self_test()
    assert "result: labels.txt cannot be read: got no file labels.txt\n" in report.text


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"score > other", b"score < other", r"result: sample 0 is class \d+, expected \d+ "),
        (b"labels[best]", b"labels[(best + 1) % 8]", "result: sample 0 is called .*, expected "),
    ],
)
def test_a_wrong_ranking_is_named(shipped, old, new, text):
    files = edited(shipped["colour", "tflite"], "/Scores.swift", old, new)
    report = SwiftPackage(files).self_test()
    assert {finding.stage for finding in report.findings} == {"result"}
    assert any(re.match(text, line) for line in report.text.splitlines()), report.text


def test_golden_outputs_that_are_all_alike_are_noted(shipped):
    files = dict(shipped["plain", "tflite"])
    (path,) = [path for path in files if path.endswith("/Variants.swift")]
    files[path] = files[path].replace(b"isAlike: false", b"isAlike: true")
    report = SwiftPackage(files).self_test()
    first, last = report.text.splitlines()
    assert first.startswith("note: the golden outputs are all alike, another model could pass too")
    assert last == "passed"


@pytest.mark.parametrize("target", ["tflite", "executorch"])
def test_a_flipped_byte_of_the_model_is_named(shipped, target):
    files = dict(shipped["demo", target])
    (path,) = [path for path in files if path.endswith((".tflite", ".pte"))]
    data = bytearray(files[path])
    data[len(data) // 2] ^= 1
    report = SwiftPackage({**files, path: bytes(data)}).self_test()
    assert [finding.stage for finding in report.findings] == ["inference"]
    assert "sha256" in report.text
    assert report.text.endswith("FAILED in inference")


def test_wrong_golden_outputs_are_named_with_sample_and_difference(shipped):
    """Inference itself is compared too, not the hash alone."""
    old = b"outputs: [GoldenTensor(type: .float32, shape: [1, 1], offset: "
    files = edited(shipped["plain", "tflite"], "Variants.swift", old, old + b"8 + ")
    report = SwiftPackage(files).self_test()
    assert {finding.stage for finding in report.findings} == {"inference"}
    assert re.match(r"inference: sample 0 differs by \S+, allowed \S+ ", report.text)


def test_a_picture_that_is_gone_is_named(shipped):
    files = {path: data for path, data in shipped["demo", "tflite"].items() if "03.png" not in path}
    report = SwiftPackage(files).self_test()
    assert "decode: sample 3 cannot be computed: got no file golden/03.png" in report.text


def test_a_file_that_was_not_run_where_it_was_made_is_run_and_said_so(shipped):
    files = dict(shipped["demo", "tflite"])
    (path,) = [path for path in files if path.endswith("/Variants.swift")]
    text = re.sub(r"outputs: \[GoldenTensor.*\]", "outputs: []", files[path].decode())
    report = SwiftPackage({**files, path: text.encode()}).self_test()
    first, last = report.text.splitlines()
    assert first.startswith("inference: not compared, this file was not run where it was made")
    assert last == "passed"


def core_ml(run) -> Content:
    """Return a Core ML package's content: the run's own folder, and a picture to test it with."""
    record = Run.from_json((run / "run.json").read_text())
    artifact = next(each for each in record.artifacts if each.format == "coreml")
    folder = run / artifact.path
    labels = artifact.card.labels
    parts = {
        f"m.mlpackage/{part.relative_to(folder).as_posix()}": part.read_bytes()
        for part in sorted(folder.rglob("*")) if part.is_file()
    }  # fmt: skip
    preprocess = artifact.card.preprocess.model_copy(update={"layout": artifact.layout})
    assets = golden.Assets()
    probe = golden._probe(artifact, preprocess, assets)
    variant = Variant(
        name="fp32", file="m.mlpackage", files=tuple(parts), artifact=artifact,
        preprocesses=(preprocess,), measured=None, verdict=None, golden=(probe, probe),
    )  # fmt: skip
    return Content(
        kind="apple", names=names_of("core ml net"), version="1", card=artifact.card,
        labels=labels, target=None, why="", failed_allowed=False,
        created=record.created, edgekit_version="", variants=(variant,), takes_image=True,
        assets={**parts, **assets.files(), "labels.txt": "\n".join([*labels, ""]).encode()},
    )  # fmt: skip


def test_a_core_ml_folder_is_carried_whole_and_hashed_file_by_file(colour_run):
    files = apple.files(core_ml(colour_run))
    assert not [path for path, data in files.items() if path.endswith(".swift") and faults(data)]
    assert b'.copy("Resources/m.mlpackage")' in files["CoreMlNet/Package.swift"]
    report = SwiftPackage(files).self_test()
    assert report.notes[0].startswith("inference: not compared")
    (finding,) = report.findings
    assert finding.text == "sample 0 cannot be computed: Core ML runs on Apple's systems only"
    (weights,) = [path for path in files if path.endswith("weight.bin")]
    spoilt = bytes([files[weights][0] ^ 1]) + files[weights][1:]
    report = SwiftPackage({**files, weights: spoilt}).self_test()
    assert "weights/weight.bin has sha256" in report.text
    assert report.text.endswith("FAILED in inference")


def test_scores_are_sorted_and_labelled_and_variants_picked(shipped):
    files = shipped["colour", "tflite"]
    swift = SwiftPackage(files)
    labels = swift.resource("labels.txt").decode().split("\n")[:-1]
    assert labels == list(ODD_LABELS)
    scores = swift.tensor(np.array([[0, 3, 1, 3, 0, 0, 2, 0]], np.float32))
    found = swift.function("top", "", "of", "labels")(3, scores, labels)
    assert [(each.label, each.index) for each in found] == [
        (labels[1], 1), (labels[3], 3), (labels[6], 6)
    ]  # fmt: skip
    unnamed = swift.function("top", "", "of", "labels")(1, scores, [])
    assert unnamed[0].label == "1"
    scores = swift.tensor(np.array([[np.nan, 3, np.nan, 3, 0, -np.inf, 2, 0]], np.float32))
    found = swift.function("top", "", "of", "labels")(8, scores, labels)
    assert [each.index for each in found] == [1, 3, 6, 4, 7, 5, 0, 2]
    with pytest.raises(swift.ModelError, match="got 0 for topK"):
        swift.function("top", "", "of", "labels")(0, scores, labels)
    sizes = {each.name: each.sizeBytes for each in swift.function("packagedVariants")()}
    assert len(sizes) > 1
    pick = swift.Variants.pick__maxSizeBytes
    assert pick(10**9).name == swift.namesByQuality[0]
    assert pick(1).name == min(sizes, key=sizes.get)


def test_an_image_of_another_size_is_refused_by_name(shipped):
    swift = SwiftPackage(shipped["demo", "tflite"])
    case = next(case for case in corpus.cases() if case.preprocess.fit == "exact")
    spec = spec_of(swift, case)
    spec.image.width += 1
    with pytest.raises(swift.ModelError, match="got an image of"):
        swift.function("modelInput", "image", "orientation", "")(
            swift.pixels(case.pixels), case.orientation, spec
        )


def test_two_builds_are_the_same_bytes(colour_run, tmp_path):
    made = [package(colour_run, "apple", "tflite", tmp_path / name) for name in ("one", "two")]
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize(
    ("swift", "python"),
    [
        ("7 / 2", 3), ("-7 / 2", -3), ("-7 % 2", -1), ("1 + 2 << 3", 17), ("6 & 3 + 1", 3),
        ("1 == 1 && 2 != 2 || 3 >= 3 ? 5 : 6", 5), ("Int(-2.5)", -2), ("Int(Float(0.1) * 100)", 10),
        ("Int((2.5).rounded(.toNearestOrEven))", 2), ("Int8(bitPattern: UInt8(200))", -56),
        ('"a\\(1 + 1)b" == "a2b"', True), ("[1] + [2]", [1, 2]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [False, True])
def test_swift_is_translated_as_swift_means_it(swift, python, strict):
    made = translated({"f": f"func f() -> Int {{ let x = {swift}\n return x }}"})
    assert made["f"]() == python
    if strict and not isinstance(python, list | bool):
        assert (
            translated({"f": f"func f() -> Any {{ return {swift} }}"}, strict=True)["f"]() == python
        )


@pytest.mark.parametrize(
    ("swift", "error"),
    [
        ("let x: Int = 1.5", swift_runtime.TypeClash),
        ("let x: [Int] = [1, 2.5]", swift_runtime.TypeClash),
        ("let a = 1\n let b = 2.0\n let x = a + b", swift_runtime.TypeClash),
        ("let a = Float(1)\n let b = 2.0\n let x = a * b", swift_runtime.TypeClash),
        ("let a = [1]\n let x = a[-1]", swift_runtime.Trap),
        ("let x = UInt8(256)", swift_runtime.Trap),
        ("let x = UInt8(200) + UInt8(100)", swift_runtime.Trap),
        ("let x = nowhere(1)", SwiftSyntaxError),
        ("let x = { 1 }", SwiftSyntaxError),
    ],
)
def test_what_a_compiler_would_refuse_is_refused(swift, error):
    with pytest.raises(error):
        translated({"f": f"func f() {{ {swift} }}"}, strict=True)["f"]()
