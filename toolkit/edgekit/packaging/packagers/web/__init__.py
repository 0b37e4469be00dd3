"""An npm package for browsers: LiteRT.js or ONNX Runtime in WebAssembly, and a demo page.

The door of `packagers` calls it. It never runs npm or a browser.
"""

import hashlib
import html
import json
import math
import re
from typing import NamedTuple

from edgekit.core.artifact import Artifact
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging.nouns import (
    LABELS,
    VECTORS,
    Content,
    Dependency,
    GoldenSample,
    GoldenTensor,
    Variant,
    all_alike,
    told_apart,
)
from edgekit.packaging.render import render

SUFFIX = ".tgz"
FORMATS: tuple[str, ...] = ("tflite", "onnx", "ort")
TAKES: tuple[str, ...] = ("image", "tensors")

HOME = "package/"


class Runtime(NamedTuple):
    """An npm package that runs model files in a browser, in the version that was tried.

    `template` is the module that speaks to it, `wasm` the folder in node_modules with its
    WebAssembly, `modules` what a browser without a bundler must find there by name, and `dtypes`
    the element types that it takes.
    """

    package: str
    version: str
    licence: str
    template: str
    wasm: str
    modules: dict[str, str]
    dtypes: frozenset[str]

    @property
    def purl(self) -> str:
        """Return its package URL."""
        return f"pkg:npm/{self.package.replace('@', '%40')}@{self.version}"


LITERT = Runtime(
    package="@litertjs/core",
    version="2.5.3",
    licence="Apache-2.0",
    template="runtime-litert.js",
    wasm="@litertjs/core/wasm",
    modules={
        "@litertjs/core": "@litertjs/core/dist/index.js",
        "@litertjs/wasm-utils": "@litertjs/wasm-utils/dist/index.js",
    },
    # It has uint8 tensors too, which were not tried; others it refuses itself.
    dtypes=frozenset({"float32", "int32"}),
)
ONNXRUNTIME = Runtime(
    package="onnxruntime-web",
    version="1.30.0",
    licence="MIT",
    template="runtime-onnx.js",
    wasm="onnxruntime-web/dist",
    modules={"onnxruntime-web/wasm": "onnxruntime-web/dist/ort.wasm.bundle.min.mjs"},
    dtypes=frozenset({"float32", "int32", "int64", "int8", "uint8"}),
)
RUNTIMES = {"tflite": LITERT, "onnx": ONNXRUNTIME, "ort": ONNXRUNTIME}

COPIED = ("resize.js", "preprocess.js", "decode.js", "fetch.js", "model.js", "selftest.js")
# Modules of Node.js: importing a package of such a name finds the module instead.
NODE_MODULES = frozenset(
    """
    buffer cluster console constants crypto dgram dns domain events fs http http2 https inspector
    net os path process punycode querystring readline repl stream sys timers tls trace tty url util
    v8 vm wasi worker zlib
    """.split()  # noqa: SIM905 - a line each would be a page
)


def refusal(artifact: Artifact) -> str | None:
    """Return why a browser's runtime cannot run a file, or None where it can."""
    runtime = RUNTIMES[artifact.format]
    known = f"{runtime.package} {runtime.version}"
    for spec in (*artifact.inputs, *artifact.outputs):
        if spec.dtype not in runtime.dtypes:
            return (
                f"{known} takes {', '.join(sorted(runtime.dtypes))} tensors here, and {spec.name} "
                f"is {spec.dtype}"
            )
    for spec in artifact.inputs:
        open_axes = [axis for axis, size in enumerate(spec.shape) if size < 0]
        if open_axes and runtime is LITERT:
            return f"{known} takes no dynamic batch or size, and {spec.name} has one"
        if any(axis > 0 for axis in open_axes):
            return f"the package feeds inputs of fixed size, and {spec.name} has an open one"
    return None


def name(content: Content) -> str:
    """Return the archive's file name without suffix."""
    return content.stem


def home(content: Content) -> str:
    """Return where README and manifest go: npm packs everything under `package/`."""
    del content
    return HOME


def dependencies(content: Content) -> tuple[Dependency, ...]:
    """Return the runtime."""
    runtime = _runtime(content)
    return (
        Dependency(
            name=runtime.package,
            version=runtime.version,
            purl=runtime.purl,
            licence=runtime.licence,
        ),
    )


def files(content: Content) -> dict[str, bytes]:
    """Return sources, types, demo page and assets."""
    inside = {
        "package.json": _package_json(content),
        "spec.js": _spec(content),
        "golden.js": _golden(content),
        "assets.js": render("web", "assets.js", names=sorted(content.assets)),
        "runtime.js": render("web", _runtime(content).template),
        **{file: render("web", file) for file in COPIED},
        **{file: _facing(content, file) for file in ("index.js", "index.d.ts")},
        **_demo(content),
        **{f"assets/{asset}": data for asset, data in content.assets.items()},
    }
    return {f"{HOME}{path}": data for path, data in inside.items()}


def npm_name(content: Content) -> str:
    """Return the package's name on npm, never that of a module of Node.js."""
    kebab = content.names.kebab
    return f"{kebab}-model" if kebab in NODE_MODULES else kebab


def _runtime(content: Content) -> Runtime:
    return RUNTIMES[content.first.artifact.format]


def _class_name(content: Content) -> str:
    return "Classifier" if content.is_classifier else "Predictor"


def _title(content: Content) -> str:
    return f"{content.card.name} {content.version}"


def _js(value: object) -> str:
    """Return `value` as a JavaScript literal, ASCII; floats as they round-trip."""
    return json.dumps(value, indent=2, allow_nan=False)


def _package_json(content: Content) -> bytes:
    runtime = _runtime(content)
    described = {
        "name": npm_name(content),
        "version": content.version,
        "description": content.card.description,
        "license": _licence(content.card.licence),
        "type": "module",
        "exports": {
            ".": {"types": "./index.d.ts", "default": "./index.js"},
            "./assets/*": "./assets/*",
            "./demo/*": "./demo/*",
            "./package.json": "./package.json",
        },
        "types": "./index.d.ts",
        "files": ["*.js", "*.d.ts", "*.json", "assets", "demo"],
        "sideEffects": ["./demo/demo.js"],
        "peerDependencies": {runtime.package: runtime.version},
    }
    return f"{json.dumps(described, indent=2)}\n".encode()


def _licence(licence: str) -> str:
    """Return what npm takes: an SPDX expression, or where else to look."""
    if not licence:
        return "UNLICENSED"
    part = r"\(*[A-Za-z0-9.+-]+\)*"
    is_spdx = re.fullmatch(rf"{part}( (AND|OR|WITH) {part})*", licence)
    return licence if is_spdx else "SEE LICENSE IN README.md"


def _spec(content: Content) -> bytes:
    return render(
        "web",
        "spec.js",
        takes_image=_js(content.takes_image),
        has_labels=_js(LABELS in content.assets),
        by_quality=_js([variant.name for variant in content.by_quality]),
        variants=_js([_variant(variant) for variant in content.variants]),
    )


def _variant(variant: Variant) -> dict[str, object]:
    return {
        "name": variant.name,
        "file": variant.file,
        "sizeBytes": variant.artifact.size_bytes,
        "sha256": variant.artifact.sha256,
        "preprocesses": [_preprocess(each) for each in variant.preprocesses],
        "inputs": [_tensor(spec) for spec in variant.artifact.inputs],
        "outputs": [_tensor(spec) for spec in variant.artifact.outputs],
    }


def _preprocess(preprocess: Preprocess) -> dict[str, object]:
    return preprocess.model_dump(mode="json")


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "shape": spec.shape,
        "dtype": spec.dtype,
        "scale": spec.scale,
        "zeroPoint": spec.zero_point,
    }


def _golden(content: Content) -> bytes:
    golden = {
        variant.name: [
            _sample(sample, is_probe=is_probe) for sample, is_probe in told_apart(variant.golden)
        ]
        for variant in content.variants
    }
    vectors, labels = content.assets[VECTORS], content.assets.get(LABELS)
    digest = None if labels is None else hashlib.sha256(labels).hexdigest()
    return render(
        "web",
        "golden.js",
        golden=_js(golden),
        labels_sha256=_js(digest),
        alike=_js([each.name for each in content.variants if all_alike(each.golden, vectors)]),
    )


def _sample(sample: GoldenSample, *, is_probe: bool) -> dict[str, object]:
    return {
        "image": sample.image,
        "isProbe": is_probe,
        "orientation": sample.orientation,
        "samples": list(map(_place, sample.samples)),
        "inputs": list(map(_place, sample.inputs)),
        "outputs": list(map(_place, sample.outputs)),
        "values": list(map(_place, sample.values)),
        "top": sample.top,
    }


def _place(golden: GoldenTensor) -> dict[str, object]:
    return golden.model_dump(mode="json", include={"dtype", "shape", "offset", "tolerance"})


def _facing(content: Content, file: str) -> bytes:
    """Return what an app sees, for this model's task and input."""
    # A card's name holds no slash, and so nothing that would end a comment.
    return render(
        "web",
        file,
        title=_title(content),
        classifies=content.is_classifier,
        takes_image=content.takes_image,
    )


def _demo(content: Content) -> dict[str, bytes]:
    runtime = _runtime(content)
    imports = {module: f"../../{path}" for module, path in runtime.modules.items()}
    page = render(
        "web",
        "demo/index.html",
        title=html.escape(_title(content)),
        description=html.escape(content.card.description),
        wasm_folder=runtime.wasm,
        import_map=json.dumps({"imports": imports}, indent=2),
        takes_image=content.takes_image,
    )
    script = render(
        "web",
        "demo/demo.js",
        class_name=_class_name(content),
        classifies=content.is_classifier,
        takes_image=content.takes_image,
    )
    made = {
        "demo/index.html": page,
        "demo/demo.js": script,
        "demo/demo.css": render("web", "demo/demo.css"),
    }
    if not content.takes_image:
        made["demo/example.js"] = render("web", "demo/example.js")
    return made


def usage(content: Content) -> str:
    """Return how to add the package to an app, to call it, and to run its self-test."""
    runtime = _runtime(content)
    text = render(
        "web",
        "usage.md",
        package=npm_name(content),
        archive=f"{name(content)}{SUFFIX}",
        runtime=runtime,
        class_name=_class_name(content),
        classifies=content.is_classifier,
        takes_image=content.takes_image,
        inputs=[_in_words(spec) for spec in content.first.artifact.named_inputs],
    )
    return text.decode()


def _in_words(spec: TensorSpec) -> str:
    """Return for example `` `x` 1x49x10 (490 numbers)``; an open batch counts as one."""
    sizes = [abs(size) for size in spec.shape]
    return f"`{spec.name}` {'x'.join(map(str, sizes))} ({math.prod(sizes)} numbers)"
