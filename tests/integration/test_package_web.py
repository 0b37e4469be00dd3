"""Web packages as shipped: installed by npm, run in a real browser, held to what was validated."""

import base64
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import corpus
import numpy as np
import pytest
from packages_made import ODD_LABELS, edgekit, need, package
from patience import PATIENCE_S
from web import pages, pictures, quantized
from web.app import LITERT, ONNX, WASM, install, run, served
from web.browser import bits, chromium
from web.pages import PLANTED, SCALES, SELF_TEST, bundled, decoded, planted
from web.runs import reference, samples_of_run

from edgekit.packaging import bundle
from edgekit.system import store

pytestmark = [pytest.mark.tf, pytest.mark.torch]

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def browser():
    need("npm", "node", "chromium")
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def archives(demo_run, colour_run, plain_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    runs = {"mobilenet": demo_run, "uber-220f5f03": colour_run, "plain": plain_run}
    return {
        name: package(run, "web", "web", folder / name, "--variants") for name, run in runs.items()
    }


def _site(browser, folder, runtime):
    """Give a page of an app, and what a test needs to know of it."""
    with served(folder) as port:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/blank.html")
        yield SimpleNamespace(
            page=page, open=context.new_page, folder=folder, port=port,
            modules=folder / "node_modules", options={"wasm": WASM[runtime]},
        )  # fmt: skip
        context.close()


@pytest.fixture(scope="module")
def litert(browser, archives, tmp_path_factory):
    app = install(tmp_path_factory.mktemp("litert") / "app", archives.values(), LITERT)
    yield from _site(browser, app, LITERT)


@pytest.fixture(scope="module")
def onnx(browser, demo_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    archive = package(demo_run, "web", "onnxruntime", folder, "--variants")
    yield from _site(browser, install(folder / "app", [archive], ONNX), ONNX)


@pytest.mark.parametrize("name", ["mobilenet", "uber-220f5f03", "plain"])
@pytest.mark.parametrize("threads", [False, True])
def test_the_self_test_passes(litert, name, threads):
    # A page has one LiteRT.js, so that threads need a page of their own.
    page = litert.open()
    page.goto(f"http://127.0.0.1:{litert.port}/blank.html")
    result = page.evaluate(SELF_TEST, [name, {**litert.options, "threads": threads}])
    page.close()
    assert result["text"].splitlines()[-1] == "passed", result["text"]
    assert result["passed"]
    assert result["findings"] == []
    assert result["text"].count("inference: 8 compared") == 2


@pytest.mark.parametrize("threads", [False, True])
def test_the_self_test_passes_over_onnx_runtime(onnx, threads):
    result = onnx.page.evaluate(SELF_TEST, ["mobilenet", {**onnx.options, "threads": threads}])
    assert result["passed"], result["text"]
    assert result["text"].count("inference: 8 compared") == 2


def test_ort_files_run_as_onnx_files_do(onnx, demo_run, tmp_path):
    """The same net in ONNX Runtime's own format, in the place of the package's ONNX file."""
    made = edgekit(
        "convert", demo_run / "artifacts" / "mobilenet-fp32.onnx", "--target", "ort", "-o", tmp_path
    )
    assert made
    (model,) = tmp_path.glob("*.ort")
    changed = onnx.modules / "ort-format"
    shutil.copytree(onnx.modules / "mobilenet", changed)
    shutil.copy(model, changed / "assets" / "mobilenet-fp32.onnx")
    old = store.sha256_file(onnx.modules / "mobilenet/assets/mobilenet-fp32.onnx")
    spec = (changed / "spec.js").read_text()
    (changed / "spec.js").write_text(spec.replace(old, store.sha256_file(model)))
    result = onnx.page.evaluate(SELF_TEST, [changed.name, {**onnx.options, "variant": "fp32"}])
    assert result["passed"], result["text"]
    assert "inference: 8 compared" in result["text"]


@pytest.mark.parametrize("recipe", ["fp32", "int8"])
def test_the_whole_test_set_has_the_accuracy_that_was_recorded(litert, demo_run, recipe):
    made, artifact, dataset, test = samples_of_run(demo_run, f"mobilenet-{recipe}.tflite")
    images = [image for (image,) in dataset.read(test, False)]
    files = [base64.b64encode(pictures.png_of(image)).decode() for image in images]
    options = {**litert.options, "variant": recipe}
    found = litert.page.evaluate(pages.CLASSIFY_ALL, ["mobilenet", options, files, 10])
    top = np.array([ranked[0][1] for ranked in found])
    accuracy = float((top == dataset.labels[test]).mean())
    recorded = next(m for m in made.measurement(artifact.sha256).metrics if m.name == "accuracy")
    assert recorded.n == len(files) == 539
    # Float sums may come in another order: one sample in a tie may fall to the other side.
    assert abs(accuracy - recorded.value) <= 1 / len(files), (accuracy, recorded.value)
    scores = np.array([[s for _, _, s in sorted(r, key=lambda each: each[1])] for r in found])
    expected = reference(demo_run / artifact.path, artifact, images)
    assert np.abs(scores - expected).max() <= {"fp32": 1e-5, "int8": 0.02}[recipe]
    assert [r[0][0] for r in found] == [made.artifacts[0].card.labels[i] for i in top]


def test_odd_names_and_labels_come_out_as_they_are(litert, colour_run):
    _, _, dataset, test = samples_of_run(colour_run, 'Über "класс" 数-int8.tflite')
    (image,) = next(iter(dataset.read(test[:1], False)))
    files = [base64.b64encode(pictures.png_of(image)).decode()]
    arguments = ["uber-220f5f03", litert.options, files, 99]
    (ranked,) = litert.page.evaluate(pages.CLASSIFY_ALL, arguments)
    assert Counter(label for label, _, _ in ranked) == Counter(ODD_LABELS)
    assert all(ODD_LABELS[index] == label for label, index, _ in ranked)
    scores = [score for _, _, score in ranked]
    assert scores == sorted(scores, reverse=True)


def test_numbers_are_predicted_from_and_variants_are_listed(litert, archives):
    found = litert.page.evaluate(
        pages.PREDICT,
        litert.options,
    )
    assert found["one"]["shape"] == [1, 1]
    assert found["one"]["data"] == found["same"] == found["turn"]
    assert found["apart"]
    assert "got 2 numbers" in found["wrong"]
    assert "after close()" in found["after"]
    assert "one of: fp32, int8" in found["unknown"]
    manifest = json.loads(bundle.unpack(archives["plain"])["package/manifest.json"])
    assert [v["file"] for v in found["listed"]] == [v["file"] for v in manifest["variants"]]
    assert (found["small"], found["large"]) == ("fp32", "fp32")


def test_preprocessing_is_the_references_on_the_corpus(litert, tmp_path):
    cases = corpus.write(tmp_path)
    given = [
        {
            "pixels": bits(case.pixels),
            "width": case.pixels.shape[1],
            "height": case.pixels.shape[0],
            "channels": case.pixels.shape[2],
            "orientation": case.orientation,
            "preprocess": case.preprocess.model_dump(mode="json"),
            "input": {
                "name": "image",
                "shape": case.spec.shape,
                "dtype": case.spec.dtype,
                "scale": case.spec.scale,
                "zeroPoint": case.spec.zero_point,
            },
        }
        for case in cases
    ]
    found = litert.page.evaluate(
        """async (cases) => {
          const {preprocessImage} = await import('/node_modules/mobilenet/preprocess.js');
          return cases.map(({pixels, preprocess, input, ...rest}) =>
            textOf(preprocessImage({data: bytesOf(pixels), ...rest}, preprocess, input)));
        }""",
        given,
    )
    for case, text in zip(cases, found, strict=True):
        (tmp_path / f"{case.name}.out").write_bytes(base64.b64decode(text))
    corpus.check(tmp_path, cases)
    # The same operations in the same order: not only near, but the same bits.
    for case, text in zip(cases, found, strict=True):
        expected = case.expected.astype(np.dtype(case.spec.dtype).newbyteorder("<"))
        assert base64.b64decode(text) == np.ascontiguousarray(expected).tobytes(), case.line()


def test_pictures_of_all_colour_modes_decode_as_in_training(litert, tmp_path):
    files = pictures.opaque()
    for name, got in decoded(litert.page, files).items():
        expected = pictures.as_pillow(files[name], tmp_path / name)
        assert got.shape[:2] == expected.shape[:2], name
        difference = np.abs(got[..., :3].astype(int) - expected).max()
        assert difference <= (0 if name.endswith(".png") else 2), (name, difference)


def test_colour_profiles_would_have_shown(litert):
    """The profile in the files is one that the browser obeys where nobody tells it not to."""
    data = base64.b64encode(pictures.opaque()["RGB-icc.png"]).decode()
    found = litert.page.evaluate(
        """async (file) => {
          const {decode} = await import('/node_modules/mobilenet/decode.js');
          const blob = new Blob([bytesOf(file)], {type: 'image/png'});
          const element = Object.assign(new Image(), {src: URL.createObjectURL(blob)});
          const asStored = await decode(element);
          const canvas = new OffscreenCanvas(asStored.width, asStored.height);
          const context = canvas.getContext('2d');
          context.drawImage(element, 0, 0);
          const managed = context.getImageData(0, 0, canvas.width, canvas.height);
          return [await decode(blob), asStored, managed].map(({data}) => textOf(data));
        }""",
        data,
    )
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize(
    ("alpha", "levels"), [(254, 1), (128, 1), (64, 2), (32, 4), (8, 16), (1, 128), (0, 255)]
)
def test_transparency_is_told_and_refused_where_asked(litert, tmp_path, alpha, levels):
    files = {"x.png": pictures.transparent(alpha)}
    with litert.page.expect_console_message(lambda m: "transparent pixels" in m.text):
        got = decoded(litert.page, files)["x.png"]
    expected = pictures.as_pillow(files["x.png"], tmp_path / "x.png")
    # What docs/packaging/web.md says of the loss.
    assert np.abs(got[..., :3].astype(int) - expected).max() <= levels
    with pytest.raises(Exception, match="transparent pixels"):
        decoded(litert.page, files, "refuse")


def test_every_kind_of_picture_gives_the_same_answer(litert, demo_run):
    _, _, dataset, test = samples_of_run(demo_run, "mobilenet-int8.tflite")
    (image,) = next(iter(dataset.read(test[:1], False)))
    data = base64.b64encode(pictures.png_of(image)).decode()
    found = litert.page.evaluate(
        pages.EVERY_KIND,
        [litert.options, data],
    )
    assert len(set(found["answers"])) == 1
    assert len(json.loads(found["answers"][0])) == 5
    assert "cannot decode" in found["wrong"] or "can decode" in found["wrong"]
    assert "can decode" in found["number"]


@pytest.mark.parametrize("mistake", [*PLANTED, "inference"])
def test_a_planted_mistake_is_named_by_its_stage(litert, mistake):
    result = planted(litert, "uber-220f5f03", mistake)
    stage = PLANTED.get(mistake, (mistake,))[0]
    assert not result["passed"]
    assert {finding["stage"] for finding in result["findings"]} == {stage}
    assert result["text"].splitlines()[-1] == f"FAILED in {stage}"
    line = {
        "inference": r".* has sha256 .*",
        "labels": r"labels\.txt is not the one that was validated",
        "labels-shifted": r"sample \d is labelled '.*', expected '.*'",
        "ranking": r"sample \d is class \d, expected \d",
    }.get(mistake, r"sample \d differs by [\d.]+, allowed [\de.-]+")
    assert re.search(rf"^{stage}: {line}$", result["text"], re.MULTILINE), result["text"]


def test_quantized_outputs_come_back_as_real_numbers(onnx, demo_run):
    quantized.write(demo_run, onnx.modules / "quantized")
    result = onnx.page.evaluate(SELF_TEST, ["quantized", onnx.options])
    assert result["passed"], result["text"]
    assert "result: 8 compared, largest difference 0\n" in result["text"]
    for mistake in SCALES:
        result = planted(onnx, "quantized", mistake)
        assert result["text"].splitlines()[-1] == "FAILED in result"


def test_scores_and_inputs_that_are_no_numbers(litert):
    found = litert.page.evaluate(pages.NO_NUMBERS, litert.options)
    assert found["ranked"] == [2, 0, 4, 5, 1, 3]
    assert found["clipped"] == [[-128, 127], [0, 255], [-(2**31), 2**31 - 1]]
    names = [re.search("got NaN for input (ids|x)", each)[1] for each in found["nan"]]
    assert names == ["x", "x", "x", "ids"]
    assert found["top"] == ["got topK 0, expected 1 or more", "got topK NaN, expected 1 or more"]


def test_outputs_that_are_all_alike_are_noted(litert):
    changed = litert.modules / "alike"
    shutil.copytree(litert.modules / "plain", changed)
    golden = changed / "golden.js"
    names = "ALIKE = VARIANTS.map(({name}) => name);"
    text = re.sub(r"ALIKE = \[.*?\];", names, golden.read_text(), flags=re.DOTALL)
    golden.write_text(f"import {{VARIANTS}} from './spec.js';\n{text}")
    result = litert.page.evaluate(SELF_TEST, [changed.name, litert.options])
    assert result["passed"], result["text"]
    note = "note: the golden outputs are all alike, another model could pass too"
    assert result["text"].splitlines().count(note) == 2


def test_a_file_that_was_not_run_is_said_not_to_be_compared(litert):
    changed = litert.modules / "not-run"
    shutil.copytree(litert.modules / "mobilenet", changed)
    golden = changed / "golden.js"
    text = re.sub(
        r'"outputs": \[\n.*?\n {6}\]', '"outputs": []', golden.read_text(), flags=re.DOTALL
    )
    golden.write_text(re.sub(r'"top": \d+', '"top": null', text))
    result = litert.page.evaluate(SELF_TEST, [changed.name, litert.options])
    assert result["passed"], result["text"]
    note = "inference: not compared, this file was not run where it was made"
    assert result["text"].splitlines().count(note) == 2


def test_ten_thousand_labels_are_read_as_they_are(litert):
    changed = litert.modules / "ten-thousand"
    shutil.copytree(litert.modules / "mobilenet", changed)
    labels = ["\ufefffirst", *(f"класс {i} \"'`${{x}} \\n" for i in range(9999))]
    text = "".join(f"{label}\n" for label in labels)
    (changed / "assets" / "labels.txt").write_text(text)
    found, refused = litert.page.evaluate(
        """async ([name, options]) => {
          const {fetchLabels} = await import(`/node_modules/${name}/fetch.js`);
          const {Classifier} = await import(`/node_modules/${name}/index.js`);
          const refused = await Classifier.create(options).catch((error) => error.message);
          return [await fetchLabels(), refused];
        }""",
        [changed.name, litert.options],
    )
    assert found == labels
    assert "got 10000 labels, expected 10" in refused


def test_whole_numbers_of_64_bits_reach_onnx_runtime(onnx):
    """Token ids, as BigInt: a file of one operator, through the package's own modules."""
    import onnx as onnx_package
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", 3])
    made = helper.make_tensor_value_info("out", TensorProto.INT64, ["batch", 3])
    node = helper.make_node("Add", ["ids", "ids"], ["out"])
    graph = helper.make_graph([node], "double", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx_package.checker.check_model(model)
    found = onnx.page.evaluate(
        """async ([file, options]) => {
          const {preprocessTensor} = await import('/node_modules/mobilenet/preprocess.js');
          const {openSession} = await import('/node_modules/mobilenet/runtime.js');
          const tensor = {shape: [-1, 3], dtype: 'int64', scale: null, zeroPoint: null};
          const variant = {inputs: [{name: 'ids', ...tensor}], outputs: [{name: 'out', ...tensor}]};
          const cast = (values) => preprocessTensor(values, {dtype: 'int64'}, variant.inputs[0]);
          const session = await openSession(bytesOf(file), variant, options);
          const [{shape, data}] = await session.run([cast([1, 2, 2 ** 40])]);
          await session.close();
          let refused = '';
          try { cast([1, 2, 0.5]); } catch (error) { refused = error.name; }
          return [shape, data.constructor.name, Array.from(data, Number), refused];
        }""",
        [base64.b64encode(model.SerializeToString()).decode(), onnx.options],
    )
    assert found == [[1, 3], "BigInt64Array", [2, 4, 2**41], "RangeError"]


def test_missing_files_fail_by_name(litert):
    changed = litert.modules / "without-files"
    shutil.copytree(litert.modules / "mobilenet", changed)
    (changed / "assets" / "golden" / "00.png").unlink()
    result = litert.page.evaluate(SELF_TEST, [changed.name, litert.options])
    assert result["text"].splitlines()[-1] == "FAILED in decode"
    assert "404" in result["text"]
    (changed / "assets" / "golden" / "vectors.bin").unlink()
    result = litert.page.evaluate(SELF_TEST, [changed.name, litert.options])
    assert result["text"].splitlines()[-1] == "FAILED in decode, preprocess, inference, result"


def test_an_insecure_page_fails_in_inference_and_says_why(litert):
    page = litert.open()
    page.goto(f"http://plain.test:{litert.port}/blank.html")
    result = page.evaluate(SELF_TEST, ["plain", litert.options])
    refused = page.evaluate(
        """async (options) => {
          const {Predictor} = await import('/node_modules/plain/index.js');
          const without = await Predictor.create({}).catch((error) => error.message);
          const threads = await Predictor.create({...options, threads: true})
            .catch((error) => error.message);
          return [without, threads];
        }""",
        litert.options,
    )
    page.close()
    assert result["text"].splitlines()[-1] == "FAILED in inference"
    assert "no secure context" in result["text"]
    assert "no option `wasm`" in refused[0]
    assert "not cross-origin isolated" in refused[1]


def test_types_hold_in_strict_typescript(litert):
    shutil.copy(HERE / "web" / "use.ts", litert.folder / "use.ts")
    shutil.copy(HERE / "web" / "tsconfig.json", litert.folder / "tsconfig.json")
    run(["npx", "tsc", "--noEmit"], litert.folder)


@pytest.mark.parametrize("way", ["static", "bundled"])
def test_the_demo_page_shows_labels_and_the_self_test(litert, colour_run, tmp_path, way):
    name = "uber-220f5f03"
    if way == "bundled":
        bundled(litert, name, "site")
    where = {"static": f"node_modules/{name}/demo/", "bundled": "site/"}[way]
    _, _, dataset, test = samples_of_run(colour_run, 'Über "класс" 数-int8.tflite')
    (image,) = next(iter(dataset.read(test[:1], False)))
    (tmp_path / "picture.png").write_bytes(pictures.png_of(image))
    page = litert.open()
    page.goto(f"http://127.0.0.1:{litert.port}/{where}index.html")
    page.get_by_text("Ready.").wait_for()
    page.get_by_label("Choose a picture").set_input_files(tmp_path / "picture.png")
    page.locator("#result tbody tr").first.wait_for()
    assert page.locator("#result tbody td").first.inner_text() in ODD_LABELS
    page.get_by_role("button", name="Run the self-test").click()
    page.locator("#report").wait_for()
    assert page.locator("#report").inner_text().splitlines()[-1] == "passed"
    (tmp_path / "broken.png").write_text("no picture")
    page.get_by_label("Choose a picture").set_input_files(tmp_path / "broken.png")
    page.get_by_role("alert").wait_for()
    assert "can decode" in page.get_by_role("alert").inner_text()
    page.close()


def test_the_demo_page_of_a_model_of_numbers_predicts(litert):
    page = litert.open()
    page.goto(f"http://127.0.0.1:{litert.port}/node_modules/plain/demo/index.html")
    page.get_by_text("Ready.").wait_for()
    page.get_by_label("One line of numbers").fill("1, 2, 3, 4, 5, 6")
    page.get_by_role("button", name="Predict").click()
    page.locator("#result tbody td").first.wait_for()
    page.get_by_label("One line of numbers").fill("1, 2")
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("alert").wait_for()
    assert "got 2 numbers" in page.get_by_role("alert").inner_text()
    page.close()


def test_files_that_the_runtime_refuses_are_refused_by_name(demo_run, tmp_path):
    edgekit(
        "package", demo_run, "--for", "web", "--artifact", "mobilenet-int8-io8.tflite", "-o",
        tmp_path, code=2,
    )  # fmt: skip
