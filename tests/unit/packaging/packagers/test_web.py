import hashlib
import json
import re

import make
import numpy as np
import pytest

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging import bundle, golden
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import Content, Variant
from edgekit.packaging.packagers import web
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()

IMAGE = Preprocess(colour="RGB", height=4, width=4, fit="crop", scale=1 / 255, mean=(0.1,))


def spec(shape, dtype="float32", name="x", **more):
    return TensorSpec(name=name, shape=shape, dtype=dtype, **more)


def variant(assets, recipe="fp32", file="m-fp32.tflite", size=100, drop=0.0, **update):
    artifact = make.artifact(
        recipe=RECIPES[recipe],
        size_bytes=size,
        **{"inputs": (spec((1, 4, 4, 3)),), "outputs": (spec((1, 2)),), **update},
    )
    kept = {"sample_0": np.zeros((5, 6, 3), np.uint8), "inputs": np.zeros((1, 4, 4, 3), "f4")}
    kept["outputs"] = np.zeros((1, 2), np.float32)
    return Variant(
        name=recipe,
        file=file,
        files=(file,),
        artifact=artifact,
        preprocesses=(IMAGE,),
        measured=make.measurement(metrics=(make.drop(drop, -1, 1),)),
        verdict=None,
        golden=golden.samples_of(kept, artifact, (IMAGE,), assets),
    )


def content(variants=None, labels=("a", "b"), **update):
    assets = golden.Assets()
    made = variants(assets) if variants else (variant(assets),)
    card = ModelCard(name=update.pop("name", "m"), labels=labels, **update.pop("card", {}))
    files = {each.file: b"model" for each in made}
    files["labels.txt"] = "".join(f"{label}\n" for label in labels).encode()
    known = {
        "kind": "web",
        "names": names_of(card.name),
        "version": card.version,
        "card": card,
        "labels": labels,
        "target": make.target(),
        "why": "it passed",
        "failed_allowed": False,
        "created": "2026-01-01T00:00:00+00:00",
        "edgekit_version": "0",
        "variants": made,
        "takes_image": True,
        "assets": {**files, **assets.files()},
    }
    return Content(**{**known, **update})


def literal(text, name):
    """Return what a constant of a generated module holds: JSON is JavaScript."""
    found = re.search(rf"^export const {name} = (.*?);$", text, re.MULTILINE | re.DOTALL)
    return json.loads(found[1])


def test_files_have_their_places():
    made = web.files(content())
    assert {path.split("/")[0] for path in made} == {"package"}
    assert made["package/assets/m-fp32.tflite"] == b"model"
    assert made["package/assets/labels.txt"] == b"a\nb\n"
    described = json.loads(made["package/package.json"])
    assert described["name"] == "m"
    assert described["type"] == "module"
    assert described["peerDependencies"] == {"@litertjs/core": "2.5.3"}
    for entry in described["exports"]["."].values():
        assert f"package/{entry.removeprefix('./')}" in made


def test_every_import_is_of_a_file_in_the_package():
    made = web.files(content())
    for path, data in made.items():
        if not path.endswith(".js"):
            continue
        folder = path.rsplit("/", 1)[0]
        for name in re.findall(r"(?:from|import) '(\.[^']+)'", data.decode()):
            target = f"{folder}/{name}".replace("/./", "/").replace("/demo/../", "/")
            assert target in made, (path, name)


def test_numbers_of_the_spec_come_back_as_they_were():
    text = web.files(content())["package/spec.js"].decode()
    (only,) = literal(text, "VARIANTS")
    assert only["preprocesses"][0]["scale"] == 1 / 255
    assert only["preprocesses"][0]["mean"] == [0.1]
    assert only["inputs"][0]["shape"] == [1, 4, 4, 3]
    assert literal(text, "TAKES_IMAGE") is True


def test_golden_samples_end_with_the_probe():
    text = web.files(content())["package/golden.js"].decode()
    samples = literal(text, "GOLDEN")["fp32"]
    assert [sample["isProbe"] for sample in samples] == [False, True]
    assert samples[-1]["outputs"] == []
    assert [sample["orientation"] for sample in samples] == [1, 6]
    assert [sample["top"] for sample in samples] == [0, None]


def test_golden_outputs_that_are_all_alike_are_told():
    def twice(outputs):
        def made(assets):
            kept = {f"sample_{k}": np.zeros((5, 6, 3), np.uint8) for k in range(2)}
            kept |= {"inputs": np.zeros((2, 4, 4, 3), np.float32), "outputs": np.float32(outputs)}
            one = variant(assets)
            samples = golden.samples_of(kept, one.artifact, (IMAGE,), assets)
            return (one.model_copy(update={"golden": samples}),)

        return literal(web.files(content(made))["package/golden.js"].decode(), "ALIKE")

    assert twice([[1, 0], [1, 0]]) == ["fp32"]
    assert twice([[1, 0], [0, 1]]) == []


def test_golden_has_quantized_outputs_as_numbers_and_the_labels_digest():
    def quantized(assets):
        return (variant(assets, outputs=(spec((1, 2), "int8", scale=0.5, zero_point=1),)),)

    made = content(quantized)
    text = web.files(made)["package/golden.js"].decode()
    real, probe = literal(text, "GOLDEN")["fp32"]
    assert real["values"][0]["dtype"] == "float32"
    assert probe["values"] == []
    assert literal(text, "LABELS_SHA256") == hashlib.sha256(b"a\nb\n").hexdigest()
    assert "export const LABELS_SHA256 = null;" in _golden_without_labels()


def _golden_without_labels():
    made = content()
    files = {name: data for name, data in made.assets.items() if name != "labels.txt"}
    return web.files(made.model_copy(update={"assets": files}))["package/golden.js"].decode()


def test_several_inputs_are_named_in_their_order():
    def two(assets):
        made = variant(assets)
        inputs = (spec((1, 3), name="args_1"), spec((-1, 2), name="args_0"))
        names = {"inputs": inputs, "input_names": ("width", "ids")}
        return (made.model_copy(update={"artifact": make.artifact(**names)}),)

    usage = web.usage(content(two, takes_image=False))
    assert "in this order: `width` 1x3 (3 numbers), `ids` 1x2 (2 numbers)." in usage


def test_variants_are_ranked_by_quality():
    def two(assets):
        return (
            variant(assets, "int8", "m-int8.tflite", size=30, drop=1.5),
            variant(assets, "fp32", size=100, drop=0.0),
        )

    text = web.files(content(two))["package/spec.js"].decode()
    assert literal(text, "BY_QUALITY") == ["fp32", "int8"]
    assert [v["name"] for v in literal(text, "VARIANTS")] == ["int8", "fp32"]


def test_the_same_content_gives_the_same_bytes():
    one, two = (bundle.pack(web.files(content()), ".tgz") for _ in range(2))
    assert one == two


def test_labels_are_data_even_ten_thousand_of_them():
    labels = tuple(f"class {i} \"'`${{x}} 数" for i in range(10_000))
    made = web.files(content(labels=labels))
    assert made["package/assets/labels.txt"].decode().split("\n")[:-1] == list(labels)
    code = b"".join(data for path, data in made.items() if "/assets/" not in path)
    assert b"class 9999" not in code


@pytest.mark.parametrize("name", ['a "b" <c>', "数", "class", "http", "it's ${x}"])
def test_odd_names_stay_inside_their_quotes(name):
    made = web.files(content(name=name, card={"description": "<script>alert(1)</script>"}))
    page = made["package/demo/index.html"].decode()
    assert "<script>alert" not in page
    assert "<c>" not in page
    found = json.loads(made["package/package.json"])["name"]
    assert re.fullmatch(r"[a-z][a-z0-9-]*", found)
    assert found not in web.NODE_MODULES


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("", "UNLICENSED"),
        ("Apache-2.0", "Apache-2.0"),
        ("MIT OR (Apache-2.0 AND BSD-3-Clause)", "MIT OR (Apache-2.0 AND BSD-3-Clause)"),
        ("ask the author, please", "SEE LICENSE IN README.md"),
    ],
)
def test_licences_are_what_npm_takes(licence, expected):
    made = web.files(content(card={"licence": licence}))
    assert json.loads(made["package/package.json"])["license"] == expected


def test_onnx_files_go_with_onnx_runtime():
    def onnx(assets):
        return (variant(assets, file="m.onnx", format="onnx"),)

    made = content(onnx)
    assert b"onnxruntime-web/wasm" in web.files(made)["package/runtime.js"]
    (needed,) = web.dependencies(made)
    assert needed.purl == "pkg:npm/onnxruntime-web@1.30.0"
    (litert,) = web.dependencies(content())
    assert litert.purl == "pkg:npm/%40litertjs/core@2.5.3"


def test_other_tasks_get_a_predictor():
    made = content(card={"task": "segmentation"})
    assert b"class Predictor" in web.files(made)["package/index.js"]
    assert "Predictor" in web.usage(made)
    assert "classify" not in web.usage(made)


def test_usage_takes_under_ten_lines():
    text = web.usage(content())
    blocks = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks[:2] for line in block.splitlines() if line]
    assert len(lines) < 10
    assert "[[" not in text
    assert "[%" not in text


@pytest.mark.parametrize(
    ("format_", "inputs", "match"),
    [
        ("tflite", spec((1, 2), "int8", scale=0.1, zero_point=0), "x is int8"),
        ("tflite", spec((1, 2), "int64"), "x is int64"),
        ("tflite", spec((-1, 2)), "dynamic batch"),
        ("onnx", spec((1, -1)), "open one"),
        ("onnx", spec((1, 2), "float16"), "x is float16"),
        ("ort", spec((1, 2), "bool"), "x is bool"),
    ],
)
def test_what_a_browser_cannot_run_is_refused_by_name(format_, inputs, match):
    assert match in web.refusal(make.artifact(format=format_, inputs=(inputs,)))


@pytest.mark.parametrize(
    ("format_", "inputs"),
    [
        ("tflite", spec((1, 2))),
        ("tflite", spec((1, 2), "int32")),
        ("onnx", spec((-1, 2), "int64")),
        ("ort", spec((1, 2), "int8", scale=0.1, zero_point=0)),
    ],
)
def test_what_it_can_run_is_not(format_, inputs):
    assert web.refusal(make.artifact(format=format_, inputs=(inputs,))) is None
