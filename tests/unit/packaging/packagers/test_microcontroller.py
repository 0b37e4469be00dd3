import re
import zlib
from pathlib import Path

import make
import numpy as np
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.recipe import Recipe
from edgekit.core.tensor import TensorSpec
from edgekit.packaging import golden
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import LABELS, Arena, Content, Variant
from edgekit.packaging.packagers import microcontroller
from edgekit.packaging.packagers.microcontroller import golden as micro_golden
from edgekit.packaging.packagers.microcontroller.operators import METHODS
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()

IMAGE = TensorSpec(name="image", shape=(-1, 4, 4, 3), dtype="int8", scale=1 / 127, zero_point=-1)
SCORES = TensorSpec(name="scores", shape=(1, 2), dtype="int8", scale=1 / 256, zero_point=-128)
CARD = ModelCard(name="Zürich ??=", description="Two\nlines.", labels=("a", "b"))
MODEL = bytes(range(256))
ARENA = Arena(version="1.dev2-gabc", total=100, head=60, tail=40, size_bytes=1136)
MICRO = Path(__file__).parents[3] / "integration" / "micro"
RESOLVER = "stubs/tensorflow/lite/micro/micro_mutable_op_resolver.h"


def content(card=CARD, samples=3, preprocess=None, spec=IMAGE, **update):
    """Return a package's content: a model of small colour pictures."""
    preprocess = preprocess or Preprocess(
        colour="RGB", height=4, width=4, fit="stretch", scale=1 / 127
    )
    rng = np.random.default_rng(0)
    size = (samples, *spec.shape[1:])
    kept = {
        "inputs": rng.integers(-9, 9, size).astype(np.int8),
        "outputs": np.full((samples, len(card.labels) or 2), 5, np.int8),
        **{f"sample_{k}": rng.integers(0, 255, (6, 5, 3)).astype(np.uint8) for k in range(samples)},
    }
    scores = SCORES.model_copy(update={"shape": (1, len(card.labels) or 2)})
    artifact = make.artifact(
        recipe=RECIPES["int8-io8"], inputs=(spec,), outputs=(scores,), card=card, **update
    )
    assets = golden.Assets()
    made = golden.samples_of(kept, artifact, (preprocess,), assets)
    variant = Variant(
        name="int8-io8", file="m.tflite", files=("m.tflite",), artifact=artifact,
        preprocesses=(preprocess,), measured=None, verdict=None, golden=made, arena=ARENA,
    )  # fmt: skip
    labels = {LABELS: "".join(f"{label}\n" for label in card.labels).encode()}
    return Content(
        kind="microcontroller",
        names=names_of(card.name),
        version=card.version,
        card=card,
        labels=card.labels,
        target=None,
        why="",
        failed_allowed=False,
        created="",
        edgekit_version="0",
        variants=(variant,),
        takes_image=True,
        assets={"m.tflite": MODEL, **labels, **assets.files()},
    )


def text(files, end):
    return next(data.decode() for path, data in files.items() if path.endswith(end))


def test_the_library_is_one_for_arduino_and_for_cmake():
    files = microcontroller.files(content())
    home = microcontroller.home(content())
    assert home == "Zurich/"
    assert all(path.startswith(home) for path in files)
    for path in ("library.properties", "CMakeLists.txt", "src/zurich_model.h", "keywords.txt",
                 "examples/SelfTest/SelfTest.ino", "selftest/main.cpp"):  # fmt: skip
        assert home + path in files
    assert "sentence=Two lines.\n" in text(files, "library.properties")
    assert "version=1.0.0\n" in text(files, "library.properties")


def test_the_assets_are_there_as_they_are():
    given = content()
    files = microcontroller.files(given)
    for name, data in given.assets.items():
        assert files[f"Zurich/extras/{name}"] == data


def test_the_same_content_gives_the_same_bytes():
    assert microcontroller.files(content()) == microcontroller.files(content())


def test_the_model_its_check_and_its_arena_stand_in_the_sources():
    files = microcontroller.files(content())
    model = text(files, "model_int8_io8.cpp")
    assert "alignas(16) const unsigned char kModel[] = {\n0x00,0x01," in model
    assert f"0x{zlib.crc32(MODEL):08X}U" in model
    assert repr(1 / 127) in model
    variants = text(files, "variants.h")
    assert "MODEL_ARENA_BYTES 1136" in variants
    assert "1.dev2-gabc" in variants
    assert "return Succeeded(resolver_.AddConv2D());" in text(files, "runner.cpp")
    assert "kOps = 1;" in text(files, "runner.h")


def test_what_one_library_needs_is_named_with_its_commit():
    (one,) = microcontroller.dependencies(content())
    assert one.purl == "pkg:github/tensorflow/tflite-micro@abc"


@pytest.mark.parametrize(
    ("label", "literal"),
    [
        ("plain", "plain"),
        ('say "hi" \\n', "say \\042hi\\042 \\134n"),
        ("what??=", "what\\077\\077="),
        ("é1", "\\303\\2511"),
        ("$x {y} %s", "$x {y} %s"),
    ],
)
def test_labels_are_escaped(label, literal):
    assert microcontroller._text(label) == literal


def test_ten_thousand_labels_are_fine():
    card = CARD.model_copy(update={"labels": tuple(f"n° {i}" for i in range(10_000))})
    files = microcontroller.files(content(card))
    assert text(files, "labels.cpp").count("\\302\\260") == 10_000
    assert "kClasses = 10000" in text(files, "classifier.h")


def test_classes_without_names_are_numbered():
    files = microcontroller.files(content(CARD.model_copy(update={"labels": ()})))
    assert "char label[12]" in text(files, "classifier.h")
    assert not any("/labels." in path and path.endswith(".cpp") for path in files)


def test_as_many_samples_as_fit_are_compiled_in(monkeypatch):
    def kept(most):
        monkeypatch.setattr(micro_golden, "GOLDEN_BYTES", most)
        return text(microcontroller.files(content()), "golden.cpp").count('{"sample ')

    assert [kept(10**6), kept(1)] == [3, 1]


def test_what_the_runtime_cannot_take_is_refused_by_name():
    def refusal(**update):
        return microcontroller.refusal(make.artifact(**update))

    assert refusal() is None
    assert "hybrid" in refusal(recipe=RECIPES["dynamic-int8"])
    assert "hybrid" in refusal(recipe=RECIPES["weight-int8"])
    assert "float16" in refusal(recipe=RECIPES["fp16"])
    assert refusal(recipe=Recipe(name="unknown")) is None
    assert "ATAN2, CUSTOM:X" in refusal(op_histogram={"CONV_2D": 1, "CUSTOM:X": 1, "ATAN2": 1})
    assert "VAR_HANDLE" in refusal(op_histogram={"VAR_HANDLE": 1})
    odd = TensorSpec(name="x", shape=(1, 2), dtype="float16")
    assert "x is of float16" in refusal(inputs=(odd,))
    for shape in ((1, -1), (2, 2)):
        assert "no fixed shape" in refusal(
            inputs=(odd.model_copy(update={"shape": shape, "dtype": "int8"}),)
        )


def test_every_method_stands_in_the_stub_of_the_header():
    stub = (MICRO / RESOLVER).read_text()
    assert sorted(
        f"Add{name}" for name in re.findall(r"^  STUB_ADD\((\w+)\)", stub, re.MULTILINE)
    ) == sorted(METHODS.values())


def test_the_usage_has_the_arena_and_how_to_call():
    said = microcontroller.usage(content())
    assert "| `int8-io8` | 256 | 100 | 60, 40 | 1,136 |" in said
    assert "zurich_model::Classifier" in said
    assert "Not checked: any board" in said
    assert "The RAM that counts on the device is the\narena given" in said
    assert "of them for the drawn picture" not in said


def test_the_usage_says_what_a_large_probe_takes(monkeypatch):
    monkeypatch.setattr(micro_golden, "GOLDEN_BYTES", 1)
    # Of 23x37 pixels, as the input is small, and its input of 4x4.
    assert "(2,601 of them for the drawn picture" in microcontroller.usage(content())


def test_the_golden_table_has_what_results_are_held_to():
    files = microcontroller.files(content())
    table = text(files, "golden.cpp")
    assert re.search(r'"sample 0", .*PixelFormat::kRgb888, 1}.*\n *kReals0_0, 0},', table)
    assert re.search(r'"the probe", .*PixelFormat::kRgb888, 6}.*nullptr,\n *nullptr, -1},', table)
    crc = zlib.crc32(content().assets[LABELS])
    assert f"kGoldenLabelsCrc32 = 0x{crc:08X}U;" in text(files, "golden.h")


def test_outputs_that_are_all_alike_are_noted():
    def table(samples):
        return text(microcontroller.files(content(samples=samples)), "golden.cpp")

    assert "{&kVariantInt8Io8, kSamples0, 4, true}" in table(3)
    # One alone is like itself.
    assert "{&kVariantInt8Io8, kSamples0, 2, false}" in table(1)


def test_a_picture_larger_than_most_frames_still_fits():
    large = Preprocess(colour="RGB", height=4, width=600, fit="stretch", scale=1 / 127)
    spec = IMAGE.model_copy(update={"shape": (1, 4, 600, 3)})
    made = content(preprocess=large, spec=spec)
    assert "MOST_FRAME_SIDE 901" in text(microcontroller.files(made), "runner.h")


def test_several_inputs_are_named_in_their_order():
    specs = tuple(TensorSpec(name=f"x{k}", shape=(1, 2), dtype="float32") for k in (0, 1))
    artifact = make.artifact(
        inputs=specs,
        outputs=(SCORES,),
        input_names=("b`s", "a"),
        card=CARD.model_copy(update={"task": "regression", "labels": ()}),
    )
    preprocesses = (Preprocess(), Preprocess())
    row = np.zeros((1, 2), np.float32)
    kept = {"sample_0": row[0], "sample_0_1": row[0], "inputs": row, "inputs_1": row,
            "outputs": np.full((1, 2), 5, np.int8)}  # fmt: skip
    assets = golden.Assets()
    variant = content().first.model_copy(
        update={
            "artifact": artifact,
            "preprocesses": preprocesses,
            "golden": golden.samples_of(kept, artifact, preprocesses, assets),
        }
    )
    update = {
        "variants": (variant,), "takes_image": False, "card": artifact.card, "labels": (),
        "assets": {"m.tflite": MODEL, **assets.files()},
    }  # fmt: skip
    said = microcontroller.usage(content().model_copy(update=update))
    assert "in the order that `Predict` and `Preprocess` take them: `b's`, `a`." in said
