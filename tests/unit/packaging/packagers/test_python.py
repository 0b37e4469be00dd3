"""The wheel's parts: names, records, spec, and the code inside, without a runtime."""

import ast
import base64
import csv
import email.parser
import hashlib
import importlib
import io
import json
import re
import sys
import zipfile

import make
import numpy as np
import pytest
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from PIL import Image

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec, quantize
from edgekit.data import folder
from edgekit.packaging import bundle
from edgekit.packaging.golden import Assets, drawn
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import LABELS, Content, GoldenSample, Variant
from edgekit.packaging.packagers import python
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()

MODEL = b"a model file"
NASTY = 'a "model" \\ of ${x}\nClassifier: Evil\r\n"""数'
ODD = 'a "model" of ${x}"""数'
SPEC = TensorSpec(name="image", shape=(1, 8, 6, 3), dtype="int8", scale=0.0186584, zero_point=-11)
STEPS = Preprocess(
    colour="RGB", height=8, width=6, fit="stretch", scale=1 / 255,
    mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
)  # fmt: skip


def content(name="net", recipe="int8", target="board", n=10, **card):
    """Return a Content of one image classifier, whose model file is no model."""
    labels = tuple(f"class {i}" for i in range(n))
    card = ModelCard(name=name, labels=labels, version="1.2.3", preprocess=STEPS, **card)
    output = TensorSpec(name="scores", shape=(1, n), dtype="float32")
    digest = hashlib.sha256(MODEL).hexdigest()
    artifact = make.artifact(
        card=card, recipe=RECIPES[recipe], inputs=(SPEC,), outputs=(output,), sha256=digest,
        size_bytes=len(MODEL),
    )  # fmt: skip
    names, assets = names_of(name), Assets()
    pixels = drawn(11, 7)
    sample = {
        "image": assets.image(pixels),
        "samples": (assets.tensor(pixels, 2.0),),
        "inputs": (assets.tensor(quantize(STEPS.apply(pixels[None]), SPEC), 1.0),),
    }
    file = f"{names.snake}-{recipe}.tflite"
    variant = Variant(
        name=recipe, file=file, files=(file,), artifact=artifact, preprocesses=(STEPS,),
        measured=make.measurement(), verdict=None, golden=(sample,),
    )  # fmt: skip
    lines = "".join(f"{label}\n" for label in labels).encode()
    return Content(
        kind="python", names=names, version=card.version, card=card, labels=labels,
        target=make.target(id=target), why="it was named", failed_allowed=False,
        created="2026-01-01T00:00:00+00:00", edgekit_version="0", variants=(variant,),
        takes_image=True, assets={file: MODEL, LABELS: lines, **assets.files()},
    )  # fmt: skip


def built(made):
    """Return the files of a whole wheel, as `package` puts them together."""
    home, files = python.home(made), python.files(made)
    files |= {f"{home}README.md": b"# read", f"{home}manifest.json": b"{}"}
    files |= {f"{home}manifest.sig.json": b"signed"}
    return files | python.finish(files)


def info(files, name):
    (found,) = [data for path, data in files.items() if path.endswith(f".dist-info/{name}")]
    return found.decode()


def load(tmp_path, monkeypatch, files, name):
    """Import the module as it lies in the wheel."""
    path = tmp_path / "wheel.whl"
    path.write_bytes(bundle.pack(files, ".whl"))
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for known in [each for each in sys.modules if each.split(".", maxsplit=1)[0] == name]:
        monkeypatch.delitem(sys.modules, known)
    return lambda part="": importlib.import_module(f"{name}{part}")


@pytest.mark.parametrize(
    ("name", "target", "wheel"),
    [
        ("net", "board", "net-1.2.3+board.int8-py3-none-any"),
        ("my net", "pixel-8", "my_net-1.2.3+pixel.8.int8-py3-none-any"),
        ("net", "board-007", "net-1.2.3+board.7.int8-py3-none-any"),
        ("Pillow", "board", "pillow_model-1.2.3+board.int8-py3-none-any"),
        ("class", "board", "class_model-1.2.3+board.int8-py3-none-any"),
    ],
)
def test_the_name_is_a_valid_wheel_s(name, target, wheel):
    made = content(name, target=target)
    assert python.name(made) == wheel
    parsed, version, _, tags = parse_wheel_filename(f"{wheel}.whl")
    metadata = Metadata.from_email(info(built(made), "METADATA"))
    assert (metadata.name, metadata.version) == (parsed, version)
    assert str(Version(python.version(made))) == python.version(made)
    assert {str(tag) for tag in tags} == {"py3-none-any"}
    folders = {path.split("/", maxsplit=1)[0] for path in built(made)}
    assert folders == {wheel.split("-")[0], f"{'-'.join(wheel.split('-')[:2])}.dist-info"}


def test_the_record_lists_every_file_once_with_its_hash():
    files = built(content())
    rows = list(csv.reader(io.StringIO(info(files, "RECORD"))))
    assert sorted(path for path, _, _ in rows) == sorted(files)
    for path, digest, size in rows:
        if path.endswith("/RECORD"):
            assert (digest, size) == ("", "")
            continue
        want = base64.urlsafe_b64encode(hashlib.sha256(files[path]).digest()).decode()
        assert (digest, size) == (f"sha256={want.rstrip('=')}", str(len(files[path])))


def test_two_builds_are_the_same_bytes():
    one, two = (bundle.pack(built(content(ODD)), ".whl") for _ in range(2))
    assert one == two


def test_a_card_cannot_add_fields_to_the_metadata():
    made = content(description=NASTY, licence=NASTY)
    message = email.parser.Parser().parsestr(info(built(made), "METADATA"))
    assert message.get_all("Classifier") == ["Private :: Do Not Upload"]
    assert message["Summary"] == message["License"] == " ".join(NASTY.split())
    required = {Requirement(each).name for each in message.get_all("Requires-Dist")}
    assert required == {"ai-edge-litert", "tflite-runtime", "numpy", "pillow"}
    assert message["Requires-Python"] == ">=3.9"


def test_the_spec_keeps_every_number():
    (variant,) = json.loads(built(content())["net/spec.json"])["variants"]
    (found,) = variant["inputs"]
    assert (found["scale"], found["zero_point"]) == (SPEC.scale, SPEC.zero_point)
    assert Preprocess(**found["steps"]) == STEPS


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("executorch", "needs all of PyTorch"),
        ("executorch_vulkan", "needs all of PyTorch"),
        ("coreml", "it runs tflite, onnx, ort, not coreml"),
        ("tflite", None),
        ("onnx", None),
        ("ort", None),
    ],
)
def test_what_a_board_cannot_run_is_refused_with_the_reason(form, words):
    found = python.refusal(make.artifact(format=form))
    assert found == words if words is None else words in found


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_the_sources_compile_for_the_oldest_python(form):
    made = content(ODD)
    variant = made.first.model_copy(
        update={"artifact": made.first.artifact.model_copy(update={"format": form})}
    )
    files = built(made.model_copy(update={"variants": (variant,)}))
    sources = {path: data for path, data in files.items() if path.endswith(".py")}
    assert len(sources) == 8
    for path, data in sources.items():
        ast.parse(data, path, feature_version=(3, 9))
        assert b"[[ " not in data
        assert b"import edgekit" not in data
        assert b"from edgekit" not in data


def test_the_module_preprocesses_as_the_reference_does(tmp_path, monkeypatch):
    load_part = load(tmp_path, monkeypatch, built(content()), "net")
    preprocess, spec = load_part(".preprocess"), load_part(".spec")
    (tensor,) = spec.spec().variant().inputs
    pixels = np.random.default_rng(3).integers(0, 256, (31, 17, 3), dtype=np.uint8)
    want = quantize(STEPS.apply(pixels[None]), SPEC)
    np.testing.assert_array_equal(preprocess.image_input(pixels, tensor), want)
    for wrong in (pixels[..., :2], pixels.astype(np.float32), pixels[:0]):
        with pytest.raises(ValueError, match="got pixels"):
            preprocess.image_input(wrong, tensor)


MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "CMYK", "YCbCr", "HSV", "LAB", "RGBX")
SUFFIXES = (".png", ".jpg", ".bmp", ".webp")


def pictures(root):
    """Write every mode in every format that takes it, and one with each EXIF orientation."""
    pixels = np.random.default_rng(4).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    base = Image.fromarray(pixels)
    wide = Image.fromarray(pixels[..., 0].astype(np.uint16) * 251)
    for mode in MODES:
        image = wide if mode == "I;16" else base.convert(mode.replace("PA", "P"))
        image = image.convert("PA") if mode == "PA" else image
        for suffix in SUFFIXES:
            path = root / f"{mode.replace(';', '')}{suffix}"
            try:
                image.save(path)
            except (OSError, KeyError, ValueError):
                path.unlink(missing_ok=True)
    base.convert("P").save(root / "clear.png", transparency=3)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        base.save(root / f"turned-{orientation}.jpg", exif=exif)
        base.save(root / f"turned-{orientation}.png", exif=exif)
    return sorted(root.iterdir())


def test_pictures_are_decoded_as_for_training(tmp_path, monkeypatch):
    decode = load(tmp_path, monkeypatch, built(content()), "net")(".decode")
    root = tmp_path / "pictures"
    root.mkdir()
    found = pictures(root)
    assert len(found) >= 40
    for path in found:
        np.testing.assert_array_equal(
            decode.pixels_of(path), folder._decode(path, skip_bad=False), err_msg=path.name
        )
        with Image.open(path) as image:
            np.testing.assert_array_equal(decode.pixels_of(image), decode.pixels_of(path))
    (root / "junk.png").write_bytes(b"junk")
    with pytest.raises(ValueError, match="no readable image"):
        decode.pixels_of(root / "junk.png")


def test_the_self_test_names_each_stage_that_fails(tmp_path, monkeypatch):
    load_part = load(tmp_path, monkeypatch, built(content()), "net")
    report = load_part(".selftest").self_test()
    assert [(found.stage, found.passed) for found in report.findings][:2] == [
        ("decode", True), ("preprocess", True),
    ]  # fmt: skip
    model = tmp_path / "site" / "net" / "assets" / "net-int8.tflite"
    model.write_bytes(MODEL[:-1] + b"E")
    report = load_part(".selftest").self_test()
    assert report.failed == ("inference",)
    assert "sha256 differs" in report.text
    (tmp_path / "site" / "net" / "assets" / "golden" / "00.png").unlink()
    assert load_part(".selftest").self_test().failed == ("decode", "inference")


def test_differences_of_nan_and_wrong_shapes_fail(tmp_path, monkeypatch):
    selftest = load(tmp_path, monkeypatch, built(content()), "net")(".selftest")
    facts = json.loads(built(content())["net/spec.json"])["variants"][0]["golden"][0]["inputs"][0]
    golden = selftest._array(facts)
    assert selftest._compared(3, [golden], [facts]) == (3, 0.0, 1.0)
    wrong = golden.astype(np.float32)
    wrong.flat[5] = np.nan
    assert selftest._compared(3, [wrong], [facts]).difference == float("inf")
    with pytest.raises(ValueError, match="got shape"):
        selftest._compared(3, [golden[0]], [facts])


def test_variants_are_picked_by_size(tmp_path, monkeypatch):
    made = content()
    small = made.first.model_copy(
        update={
            "name": "fp16",
            "artifact": made.first.artifact.model_copy(update={"size_bytes": 5}),
        }
    )
    both = made.model_copy(update={"variants": (made.first, small)})
    files = built(both)
    assert any("+board.variants.dist-info/" in path for path in files)
    net = load(tmp_path, monkeypatch, files, "net")()
    assert [each.name for each in net.variants()] == ["int8", "fp16"]
    assert net.pick(4).name == "fp16"
    assert net.pick(10).name == "fp16"
    assert net.pick(10**6).name == both.by_quality[0].name


def test_ten_thousand_labels_lie_in_a_file_not_in_code(tmp_path, monkeypatch):
    files = built(content(n=10_000))
    spec = load(tmp_path, monkeypatch, files, "net")(".spec")
    assert spec.labels() == tuple(f"class {i}" for i in range(10_000))
    assert all(b"class 9999" not in files[path] for path in files if path.endswith(".py"))


def test_the_description_is_a_page_with_the_name_above_the_usage():
    made = content("my net")
    description = info(built(made), "METADATA").split("\n\n", maxsplit=1)[1]
    assert description.startswith("# my-net 1.2.3\n\n## How to use it\n\nPython 3.9")
    assert description.endswith(python.usage(made))
    headings = [line for line in python.usage(made).splitlines() if line.startswith("#")]
    assert headings == ["### Run the self-test", "### Limits of this kind of package"]
    assert "pip install --force-reinstall --no-deps FILE" in python.usage(made)


def test_sources_and_dependencies_name_the_runtime():
    made = content()
    assert [each.purl for each in python.dependencies(made)] == [
        "pkg:pypi/ai-edge-litert@2.3.0", "pkg:pypi/numpy@2.4.6", "pkg:pypi/pillow@13.0.0",
    ]  # fmt: skip
    usage = python.usage(made)
    assert "pip install ./net-1.2.3+board.int8-py3-none-any.whl" in usage
    assert "python -m net --self-test" in usage
    assert "ai-edge-litert" in usage


def several(made, names=("left", "right ` \n\"'")):
    """Return a Content of a model with two inputs of one shape, which are no pictures."""
    left = TensorSpec(name="x:0", shape=(1, 3), dtype="int8", scale=0.5, zero_point=3)
    artifact = made.first.artifact.model_copy(
        update={"inputs": (left, left.model_copy(update={"name": "x:1"})), "input_names": names}
    )
    steps = (Preprocess(), Preprocess(scale=2.0))
    variant = made.first.model_copy(
        update={"artifact": artifact, "preprocesses": steps, "golden": ()}
    )
    return made.model_copy(update={"takes_image": False, "variants": (variant,)})


def test_values_go_by_the_names_of_the_inputs(tmp_path, monkeypatch):
    made = several(content())
    load_part = load(tmp_path, monkeypatch, built(made), "net")
    model, variant = load_part(".model"), load_part(".spec").spec().variant()
    left, right = names = [tensor.name for tensor in variant.inputs]
    assert names == [spec.name for spec in made.first.artifact.named_inputs]
    one, two = np.float32([1, 2, 3]), np.float32([4, 5, 6])
    want = [[[5, 7, 9]], [[19, 23, 27]]]
    for sample in ((one, two), ({right: two, left: one},)):
        found = model.inputs_of(variant, *sample)
        assert [values.tolist() for values in found] == want
    for wrong in ({left: one}, {left: one, "rihgt": two}, {}):
        with pytest.raises(ValueError, match="got values for .*, expected"):
            model.inputs_of(variant, wrong)
    with pytest.raises(ValueError, match="got NaN for left"):
        model.inputs_of(variant, np.float32([1, np.nan, 3]), two)
    usage = python.usage(made)
    call = usage.split("predictor.predict(")[1].split(")\n```")[0]
    assert list(ast.literal_eval(re.sub(r"(values\d)", r'"\1"', call))) == names
    assert usage.index("- Input 1, `'left'`") < usage.index("- Input 2, ")


def test_integers_without_a_scale_take_only_what_they_can_hold(tmp_path, monkeypatch):
    load_part = load(tmp_path, monkeypatch, built(content()), "net")
    preprocess, (tensor,) = load_part(".preprocess"), load_part(".spec").spec().variant().inputs
    plain = tensor._replace(scale=None, zero_point=None)
    for wrong in (np.nan, 1.5, 200.0):
        with pytest.raises(ValueError, match="for image, expected whole numbers that int8 can"):
            preprocess.quantized(np.float32([wrong]), plain)
    wide = tensor._replace(dtype="int16", scale=1.0, zero_point=0)
    found = preprocess.quantized(np.float32([-1e6, np.inf, 300]), wide)
    assert found.tolist() == [-32768, 32767, 300]


def test_scores_are_ranked_with_nan_last_and_equals_by_index(tmp_path, monkeypatch):
    model = load(tmp_path, monkeypatch, built(content(n=5)), "net")(".model")
    scores = np.float32([[np.nan, 1, -np.inf, 3, 3]])
    assert [each.index for each in model.ranked([scores], 9)] == [3, 4, 1, 2, 0]
    assert model.ranked([scores], 1) == [("class 3", 3, 3.0)]
    for wrong in (0, -1):
        with pytest.raises(ValueError, match=f"got top={wrong}, expected 1 or more"):
            model.Classifier.classify(None, None, top=wrong)


def with_golden(rows, tolerance=0.1):
    """Return a Content whose golden outputs are float32 `rows`."""
    made, assets = content(n=len(rows[0])), Assets()
    pixels = drawn(11, 7)
    golden = [
        GoldenSample(
            image=assets.image(pixels),
            samples=(assets.tensor(pixels, 2.0),),
            inputs=(assets.tensor(quantize(STEPS.apply(pixels[None]), SPEC), 0.0),),
            outputs=(assets.tensor(np.float32([row]), tolerance),),
            top=int(np.argmax(row)),
        )
        for row in rows
    ]
    variant = made.first.model_copy(update={"golden": tuple(golden)})
    files = {**made.assets, **assets.files()}
    return made.model_copy(update={"variants": (variant,), "assets": files})


def test_the_stage_result_names_a_wrong_class_value_or_label(tmp_path, monkeypatch):
    files = built(with_golden([[1, 2, 3], [9, 2, 3]]))
    load_part = load(tmp_path, monkeypatch, files, "net")
    selftest, model, spec = load_part(".selftest"), load_part(".model"), load_part(".spec")

    def result():
        findings = selftest.self_test().findings
        assert [each.stage for each in findings] == ["decode", "preprocess", "inference", "result"]
        return findings[-1]

    assert result().passed
    with monkeypatch.context() as planted:
        planted.setattr(selftest, "ranked", lambda values, top: model.ranked([-values[0]], top))
        assert result()[2:4] == (False, "sample 0 is class 0, expected 2")
    with monkeypatch.context() as planted:
        doubled = model.preprocess.dequantized
        planted.setattr(model.preprocess, "dequantized", lambda *given: 2 * doubled(*given))
        assert result().message.startswith("sample 1 differs by 9")
    (tmp_path / "site" / "net" / "assets" / LABELS).write_text("class 1\nclass 2\nclass 0\n")
    spec.labels.cache_clear()
    assert result()[2:4] == (False, "labels.txt is not the one that was validated")


def test_golden_outputs_that_are_all_alike_are_noted(tmp_path, monkeypatch):
    selftest = load(tmp_path, monkeypatch, built(with_golden([[1, 2], [1.05, 2]])), "net")(
        ".selftest"
    )
    assert "\nnote: the golden outputs are all alike, another model could pass too\n" in (
        selftest.self_test().text
    )
    assert "note" not in selftest.self_test().failed
