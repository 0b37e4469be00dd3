"""What the tests ask of packages on a page: scripts, packages changed, pages built."""

import base64
import re
import shutil

from web.app import run
from web.browser import array

SELF_TEST = """async ([name, options]) => {
  const {selfTest} = await import(`/node_modules/${name}/index.js`);
  return selfTest(options);
}"""

CLASSIFY_ALL = """async ([name, options, files, count]) => {
  const {Classifier} = await import(`/node_modules/${name}/index.js`);
  const classifier = await Classifier.create(options);
  const found = [];
  for (const file of files) {
    const ranked = await classifier.classify(new Blob([bytesOf(file)]), count);
    found.push(ranked.map(({label, index, score}) => [label, index, score]));
  }
  await classifier.close();
  return found;
}"""

PREDICT = """async (options) => {
  const {Predictor, listVariants, pick} = await import('/node_modules/plain/index.js');
  const predictor = await Predictor.create({...options, variant: 'fp32'});
  const [one] = await predictor.predict([1, 2, 3, 4, 5, 6]);
  const [same] = await predictor.predict([new Float32Array([1, 2, 3, 4, 5, 6])]);
  const wrong = await predictor.predict([1, 2]).catch((error) => error.message);
  const [a, b] = await Promise.all(
    [[0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]].map((row) => predictor.predict(row)));
  await predictor.close();
  const after = await predictor.predict([1, 2, 3, 4, 5, 6]).catch((e) => e.message);
  const unknown = await Predictor.create({...options, variant: 'x'})
    .catch((error) => error.message);
  return {one: {...one, data: [...one.data]}, same: [...same.data], wrong, after, unknown,
    apart: a[0].data[0] !== b[0].data[0], turn: [...b[0].data],
    listed: listVariants(), small: pick(1).name, large: pick(1e9).name};
}"""

EVERY_KIND = """async ([options, file]) => {
  const {Classifier} = await import('/node_modules/mobilenet/index.js');
  const classifier = await Classifier.create(options);
  const blob = new Blob([bytesOf(file)], {type: 'image/png'});
  const element = Object.assign(new Image(), {src: URL.createObjectURL(blob)});
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const answers = [];
  for (const each of [blob, element, bitmap, canvas, pixels]) {
    answers.push(JSON.stringify(await classifier.classify(each)));
  }
  const wrong = await classifier.classify(new Blob(['no picture'])).catch((e) => e.message);
  const number = await classifier.classify(5).catch((e) => e.message);
  await classifier.close();
  return {answers, wrong, number};
}"""

NO_NUMBERS = """async (options) => {
  const {Classifier} = await import('/node_modules/mobilenet/index.js');
  const {ranked} = await import('/node_modules/mobilenet/model.js');
  const {preprocessTensor, quantize} = await import('/node_modules/mobilenet/preprocess.js');
  const said = (work) => {
    try { return work(); } catch (error) { return error.message; }
  };
  const types = ['int8', 'uint8', 'int32'];
  const tensor = (dtype) => ({name: 'x', shape: [2], dtype, scale: 0.5, zeroPoint: 0});
  const ids = {name: 'ids', shape: [1], dtype: 'int64', scale: null, zeroPoint: null};
  const classifier = await Classifier.create(options);
  const image = new ImageData(32, 32);
  image.data.fill(255);
  const top = (count) => classifier.classify(image, count).catch((error) => error.message);
  return {
    ranked: ranked([2, NaN, 3, NaN, 2, -Infinity], null).map(({index}) => index),
    clipped: types.map((dtype) => [...quantize([-1e12, 1e12], tensor(dtype))]),
    nan: [
      ...types.map((dtype) => said(() => quantize([NaN, 0], tensor(dtype)))),
      said(() => preprocessTensor([NaN], {dtype: 'int64'}, ids)),
    ],
    top: [await top(0), await top(NaN)],
  };
}"""

DECODE = """async ([files, ...more]) => {
  const {decode} = await import('/node_modules/mobilenet/decode.js');
  const found = {};
  for (const [name, file] of Object.entries(files)) {
    const {width, height, data} = await decode(new Blob([bytesOf(file)]), ...more);
    found[name] = {width, height, data: textOf(data)};
  }
  return found;
}"""


def decoded(page, files, *more):
    sent = {name: base64.b64encode(data).decode() for name, data in files.items()}
    found = page.evaluate(DECODE, [sent, *more])
    return {
        name: array(each["data"], "u1").reshape(each["height"], each["width"], 4)
        for name, each in found.items()
    }


SWAPPED = b"""const pixels = context.getImageData(0, 0, width, height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      [pixels.data[i], pixels.data[i + 2]] = [pixels.data[i + 2], pixels.data[i]];
    }
    return pixels;"""
# Each mistake: the stage that has to find it, the file, what stands there, and what is put.
PLANTED = {
    "decode": (
        "decode",
        "decode.js",
        rb"return context\.getImageData\(0, 0, width, height\);",
        SWAPPED,
    ),
    "mean": ("preprocess", "spec.js", rb'("mean": \[\s*)[-\d.]+', rb"\g<1>0.0625"),
    "orientation": ("preprocess", "preprocess.js", rb"if \(orientation === 1\) return", b"return"),
    "labels": ("result", "assets/labels.txt", rb"\A(.*\n)((?:.*\n)+)\Z", rb"\2\1"),
    "labels-shifted": ("result", "model.js", rb"labels\[index\]", b"labels[index + 1]"),
    "ranking": ("result", "model.js", rb"b\.score - a\.score", b"a.score - b.score"),
}
SCALES = {
    "scale": (rb'("scale": )0\.00390625\b', rb"\g<1>0.0078125"),
    "zero-point": (rb'("zeroPoint": )-128\b', rb"\g<1>-127"),
}


def planted(site, name, mistake):
    """Serve the app with one shipped file of a package changed, and run its self-test."""
    changed = site.modules / f"planted-{mistake}"
    shutil.copytree(site.modules / name, changed)
    if mistake == "inference":
        (model,) = (changed / "assets").glob("*-int8.tflite")
        data = bytearray(model.read_bytes())
        data[len(data) // 2] ^= 1
        model.write_bytes(data)
    else:
        file, found, put = (
            PLANTED[mistake][1:] if mistake in PLANTED else ("spec.js", *SCALES[mistake])
        )
        text, count = re.subn(found, put, (changed / file).read_bytes())
        assert count
        (changed / file).write_bytes(text)
    return site.page.evaluate(SELF_TEST, [changed.name, site.options])


def bundled(litert, name, target):
    """Build the demo as docs/packaging/web.md says."""
    package_folder = litert.modules / name
    run(
        ["npx", "esbuild", f"node_modules/{name}/demo/demo.js", "--bundle", "--format=esm",
         "--minify", f"--outfile={target}/demo.js"],
        litert.folder,
    )  # fmt: skip
    shutil.copytree(package_folder / "assets", litert.folder / target / "assets")
    shutil.copytree(litert.modules / "@litertjs/core/wasm", litert.folder / target / "litert-wasm")
    shutil.copy(package_folder / "demo" / "demo.css", litert.folder / target)
    page = (package_folder / "demo" / "index.html").read_text()
    page = page.replace("../../@litertjs/core/wasm/", "litert-wasm/")
    (litert.folder / target / "index.html").write_text(page)
