import hashlib
import io
import re
import xml.etree.ElementTree as ET
import zipfile

import make
import numpy as np
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging.golden import Assets, drawn, samples_of
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import Content, Variant
from edgekit.packaging.packagers import android
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()

ODD = ("class", 'say "hi" $x', "it's \\n", "数字", "🙂 ${a}")
IMAGE = TensorSpec(name="image", shape=(1, 4, 5, 3), dtype="int8", scale=0.0123, zero_point=-3)
SCORES = TensorSpec(name="scores", shape=(1, 5), dtype="float32")
PHOTO = Preprocess(
    colour="RGB", height=4, width=5, fit="crop", scale=1 / 255, mean=(0.485, 0.456, 0.406)
)


def content(labels=ODD, name="class", task="classification", outputs=None, images=True, **update):
    """Return the content of a package with one variant and one real sample."""
    update = {"inputs": (IMAGE,), "card": ModelCard(name=name, task=task), **update}
    artifact = make.artifact(outputs=(SCORES,), recipe=RECIPES["int8"], **update)
    preprocess = PHOTO.model_copy(update={"layout": artifact.layout})
    outputs = np.ones((1, 5), np.float32) if outputs is None else outputs
    kept = {
        **{f"sample_{k}": drawn(9, 8) for k in range(len(outputs))},
        "inputs": np.zeros((len(outputs), 4, 5, 3), np.int8),
        "outputs": outputs,
    }
    assets = Assets()
    one = artifact.model_copy(update={"inputs": artifact.inputs[:1]})
    golden = samples_of(kept, one, (preprocess,), assets)
    names = names_of(name)
    file = f"{names.snake}-int8.{'tflite' if artifact.format == 'tflite' else 'pte'}"
    variant = Variant(
        name="int8",
        file=file,
        files=(file,),
        artifact=artifact,
        preprocesses=(preprocess,) * len(artifact.inputs),
        measured=None,
        verdict=None,
        golden=golden,
    )
    files = {file: b"model", **assets.files()}
    if labels:
        files["labels.txt"] = "".join(f"{label}\n" for label in labels).encode()
    return Content(
        kind="android",
        names=names,
        version="1.2.3",
        card=ModelCard(name=name, task=task),
        labels=labels,
        target=None,
        why="a test",
        failed_allowed=False,
        created="2026-01-01T00:00:00+00:00",
        edgekit_version="0",
        variants=(variant,),
        takes_image=images,
        assets=files,
    )


def zipped(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def only(files, suffix):
    return next(data for name, data in files.items() if name.endswith(suffix))


def test_every_asset_is_in_the_module_and_in_the_aar():
    made = content()
    files = android.files(made)
    aar = zipped(only(files, ".aar"))
    for name, data in made.assets.items():
        assert files[f"class-model/src/main/assets/class_model/{name}"] == data
        assert aar[f"assets/class_model/{name}"] == data


def test_the_aar_is_an_android_library_without_code():
    aar = zipped(only(android.files(content()), ".aar"))
    manifest = ET.fromstring(aar["AndroidManifest.xml"])
    assert manifest.get("package") == "dev.edgekit.class_model.assets"
    space = "{http://schemas.android.com/apk/res/android}"
    assert manifest.find("uses-sdk").get(f"{space}minSdkVersion") == "24"
    assert list(zipped(aar["classes.jar"])) == ["META-INF/MANIFEST.MF"]
    assert aar["R.txt"] == b""
    assert b"-keep" in aar["proguard.txt"]
    assert b"aarFormatVersion=1.0" in only(aar, "aar-metadata.properties")


@pytest.mark.parametrize(
    ("format_", "runtime"),
    [
        ("tflite", "com.google.ai.edge.litert:litert:2.1.5"),
        ("executorch", "org.pytorch:executorch-android:1.5.1"),
        ("executorch_portable", "org.pytorch:executorch-android:1.5.1"),
    ],
)
def test_the_runtime_is_the_one_that_the_file_asks_for(format_, runtime):
    made = content(format=format_)
    files = android.files(made)
    pom = ET.fromstring(only(files, ".pom"))
    found = {element.tag.rpartition("}")[2]: element.text for element in pom.iter()}
    assert f"{found['groupId']}:{found['artifactId']}:{found['version']}" == runtime
    assert f'implementation("{runtime}")' in files["class-model/build.gradle.kts"].decode()
    assert runtime in android.usage(made)
    dependency = android.dependencies(made)[0]
    assert f"{dependency.name}:{dependency.version}" == runtime
    assert dependency.purl == f"pkg:maven/{runtime.replace(':', '/', 1).replace(':', '@')}"


def test_where_the_repository_keeps_the_aar_is_its_coordinates():
    names = [name for name in android.files(content()) if "/maven/" in name]
    folder = "class-model/maven/dev/edgekit/class-model-assets/1.2.3"
    assert names == [f"{folder}/class-model-assets-1.2.3{x}" for x in (".aar", ".pom")]


def test_numbers_and_shapes_are_written_to_the_last_digit():
    text = only(android.files(content()), "Variants.kt").decode()
    assert f"scale = {1 / 255!r}," in text
    assert "mean = doubleArrayOf(0.485, 0.456, 0.406)," in text
    assert (
        'TensorSpec("image", intArrayOf(1, 4, 5, 3), DType.INT8, Quantization(0.0123, -3))' in text
    )


def test_labels_are_never_code():
    many = tuple(f"{label} {k}" for k in range(2000) for label in ODD)
    few, lots = android.files(content()), android.files(content(labels=many))
    assert len(many) == 10_000
    sources = [name for name in few if name.endswith((".kt", ".kts", ".pro", ".xml"))]
    different = [name.rpartition("/")[2] for name in sources if few[name] != lots[name]]
    # It holds the sha256 of the labels, and as text those of its samples.
    assert different == ["Golden.kt"]
    assert len(only(lots, "Golden.kt")) < len(only(few, "Golden.kt")) + 10
    assert only(lots, "/labels.txt").decode().splitlines()[2] == "it's \\n 0"


def test_without_labels_no_file_of_them_is_read():
    files = android.files(content(labels=()))
    for name in ("Classifier.kt", "Golden.kt"):
        assert "labels.txt" not in only(files, name).decode()
    assert 'label = "0",' in only(files, "Golden.kt").decode()


def test_the_golden_table_says_class_label_and_orientation():
    made = content()
    text = only(android.files(made), "Golden.kt").decode()
    assert f'LABELS = "{hashlib.sha256(made.assets["labels.txt"]).hexdigest()}"' in text
    assert re.findall(r"(?:top|label|orientation) = (.*),", text) == [
        "1", "0", '"class"', "6", "null", "null",
    ]  # fmt: skip
    assert "values = listOf()" in text


@pytest.mark.parametrize(("apart", "alike"), [(0.01, '"int8"'), (1, "")])
def test_golden_outputs_that_are_all_alike_are_told(apart, alike):
    outputs = np.array([[1, 0, 0, 0, 0], [1 - apart, apart, 0, 0, 0]], np.float32)
    text = only(android.files(content(outputs=outputs)), "Golden.kt").decode()
    assert f"variant in listOf<String>({alike})" in text


def test_several_inputs_are_named_by_the_model_in_the_files_order():
    made = content(inputs=(IMAGE, IMAGE), input_names=("ids", "a $mask"), images=False)
    assert 'in this order: "ids", "a \\$mask";' in android.usage(made)
    text = only(android.files(made), "Variants.kt").decode()
    assert text.index('TensorSpec("ids"') < text.index('TensorSpec("a \\$mask"')


def test_what_is_no_classification_gets_a_predictor():
    names = {name.rpartition("/")[2] for name in android.files(content(task="segmentation"))}
    assert "Predictor.kt" in names
    assert "Classifier.kt" not in names


@pytest.mark.parametrize("name", ["fun", "Über $x", "数", "7", "a" * 90, 'q"u'])
def test_odd_names_give_plain_packages(name):
    files = android.files(content(name=name))
    packages = {
        re.match(rb"(?:\[.*\n)?package (\S+)\n", data)[1]
        for file, data in files.items()
        if file.endswith(".kt")
    }
    assert len(packages) == 1
    assert re.fullmatch(rb"dev\.edgekit\.[a-z][a-z0-9_]*", packages.pop())
    assert all(file.isascii() for file in files)


def test_the_same_content_gives_the_same_bytes():
    assert android.files(content()) == android.files(content())


def test_no_template_mark_is_left():
    made = content()
    texts = [data for name, data in android.files(made).items() if name.endswith((".kt", ".kts"))]
    for text in [*texts, android.usage(made).encode()]:
        assert not re.search(rb"\[\[|\]\]|\[%|%\]", text.replace(b"]]()", b""))


def test_what_the_code_cannot_feed_is_refused():
    half = make.artifact(inputs=(TensorSpec(name="x", shape=(1, 2), dtype="float16"),))
    assert android.refusal(half) == (
        "x is float16, its code has float32, int8, uint8, int32, int64"
    )
    open_size = make.artifact(inputs=(TensorSpec(name="x", shape=(-1, -1), dtype="float32"),))
    assert "not fixed" in android.refusal(open_size)
    assert "TensorFlow itself" in android.refusal(make.artifact(op_histogram={"CUSTOM:FlexErf": 1}))
    assert android.refusal(make.artifact()) is None


def test_text_becomes_a_kotlin_literal():
    assert android._text('a"$\\') == '"a\\"\\$\\\\"'
    assert android._text("é\n🙂") == '"\\u00e9\\u000a\\ud83d\\ude42"'
