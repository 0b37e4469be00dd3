"""A Gradle library module with Kotlin API, and an `.aar` of the model for a Maven repository.

The door of `packagers` calls it. It never runs Gradle or a Kotlin compiler.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from edgekit.core.artifact import Artifact
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging import bundle
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

SUFFIX = ".zip"
FORMATS: tuple[str, ...] = ("tflite", "executorch", "executorch_portable")
TAKES: tuple[str, ...] = ("image", "tensors")

# Reading EXIF from a stream came with API 24; both runtimes ask for 23 (docs/packaging/android.md).
MIN_SDK = 24
COMPILE_SDK = 35

# The file's version of the runtime is that of docs/packaging/android.md, which has the sources.
RUNTIMES = {
    "tflite": Dependency(
        name="com.google.ai.edge.litert:litert",
        version="2.1.5",
        purl="pkg:maven/com.google.ai.edge.litert/litert@2.1.5",
        licence="Apache-2.0",
    ),
    "executorch": Dependency(
        name="org.pytorch:executorch-android",
        version="1.5.1",
        purl="pkg:maven/org.pytorch/executorch-android@1.5.1",
        licence="BSD-3-Clause",
    ),
}
SOURCES = (
    "Assets", "Golden", "Images", "Pixels", "Preprocess", "Quantize", "Resize", "SelfTest", "Spec",
    "Tensor", "Variants",
)  # fmt: skip
DTYPES = ("float32", "int8", "uint8", "int32", "int64")

# Without a package: the build file's namespace says it.
MODULE_MANIFEST = b'<?xml version="1.0" encoding="utf-8"?>\n<manifest />\n'
AAR_MANIFEST = """\
<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="{package}">
    <uses-sdk android:minSdkVersion="{min_sdk}" />
</manifest>
"""
# What Android's Gradle plugin writes into every library: nothing is asked of an app's build.
AAR_METADATA = """\
aarFormatVersion=1.0
aarMetadataVersion=1.0
minCompileSdk=1
minCompileSdkExtension=0
minAndroidGradlePluginVersion=1.0.0
coreLibraryDesugaringEnabled=false
"""
NO_CLASSES = {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\n\r\n"}


class _TensorSpec(NamedTuple):
    """An input or output of a model file, as Kotlin."""

    name: str
    shape: str
    dtype: str
    quantization: str


class _Spec(NamedTuple):
    """How one input is made, as Kotlin."""

    tensor_spec: _TensorSpec
    colour: str
    height: str
    width: str
    fit: str
    interpolation: str
    scale: str
    mean: str
    std: str
    layout: str
    takes: str


class _Golden(NamedTuple):
    """One golden sample, as Kotlin. `real` are its values."""

    image: str
    is_probe: str
    orientation: int
    top: str
    label: str
    real: str
    samples: str
    inputs: str
    outputs: str


class _Variant(NamedTuple):
    """One variant, as Kotlin."""

    name: str
    function: str
    file: str
    size_bytes: int
    sha256: str
    inputs: list[_Spec]
    outputs: list[_TensorSpec]
    golden: list[_Golden]


def refusal(artifact: Artifact) -> str | None:
    """Return why the Kotlin code could not feed or read this file: its types, or its open sizes."""
    for spec in (*artifact.inputs, *artifact.outputs):
        if spec.dtype not in DTYPES:
            return f"{spec.name} is {spec.dtype}, its code has {', '.join(DTYPES)}"
        if -1 in spec.shape[1:]:
            return f"{spec.name} has a size that is not fixed: {spec.in_words()}"
    if any(name.startswith("CUSTOM:Flex") for name in artifact.op_histogram):
        return "it needs operators of TensorFlow itself, which LiteRT for Android does not hold"
    return None


def name(content: Content) -> str:
    """Return the archive's file name without suffix."""
    return content.stem


def home(content: Content) -> str:
    """Return the module's folder."""
    return f"{content.names.kebab}/"


def files(content: Content) -> dict[str, bytes]:
    """Return the module, and a Maven repository with the `.aar` of its assets."""
    module = {
        "build.gradle.kts": _rendered(content, "build.gradle.kts"),
        "consumer-rules.pro": _rendered(content, "consumer-rules.pro"),
        "src/main/AndroidManifest.xml": MODULE_MANIFEST,
        **{_asset_path(content, name): data for name, data in content.assets.items()},
        **_sources(content),
        **_maven(content),
    }
    return {f"{home(content)}{path}": data for path, data in module.items()}


def dependencies(content: Content) -> tuple[Dependency, ...]:
    """Return the runtime, in the version that the code was written for."""
    return (_runtime(content),)


def usage(content: Content) -> str:
    """Return how an app takes the module or the `.aar`, calls it, and tests it."""
    return _rendered(content, "usage.md").decode()


def _runtime(content: Content) -> Dependency:
    return RUNTIMES["tflite" if content.first.artifact.format == "tflite" else "executorch"]


def _sources(content: Content) -> dict[str, bytes]:
    """Return the Kotlin files by their paths in the module."""
    api = "Classifier" if content.is_classifier else "Predictor"
    wanted = [each for each in (*SOURCES, api) if content.takes_image or each != "Images"]
    folder = f"kotlin/dev/edgekit/{content.names.snake}"
    session = "litert" if content.first.artifact.format == "tflite" else "executorch"
    return {
        **{f"src/main/{folder}/{each}.kt": _rendered(content, f"{each}.kt") for each in wanted},
        f"src/main/{folder}/Session.kt": _rendered(content, f"Session.{session}.kt"),
        f"src/androidTest/{folder}/SelfTestOnDevice.kt": _rendered(content, "SelfTestOnDevice.kt"),
    }


def _maven(content: Content) -> dict[str, bytes]:
    """Return a Maven repository's files: the `.aar` of the assets, without code, and its `.pom`."""
    artifact = f"{content.names.kebab}-assets"
    stem = f"maven/dev/edgekit/{artifact}/{content.version}/{artifact}-{content.version}"
    aar = _aar_files(content, _rendered(content, "consumer-rules.pro"))
    return {
        f"{stem}.aar": bundle.pack(aar, ".aar"),
        f"{stem}.pom": _rendered(content, "assets.pom"),
    }


def _rendered(content: Content, template: str) -> bytes:
    runtime = _runtime(content)
    group, artifact = runtime.name.split(":")
    return render(
        "android",
        template,
        package=_package(content),
        folder=content.names.snake,
        artifact=content.names.kebab,
        version=content.version,
        min_sdk=MIN_SDK,
        compile_sdk=COMPILE_SDK,
        format=content.first.artifact.format,
        suffix="tflite" if runtime is RUNTIMES["tflite"] else "pte",
        runtime=f"{runtime.name}:{runtime.version}",
        runtime_group=group,
        runtime_artifact=artifact,
        runtime_version=runtime.version,
        takes_image=content.takes_image,
        is_classifier=content.is_classifier,
        has_labels=LABELS in content.assets,
        labels_sha256=hashlib.sha256(content.assets.get(LABELS, b"")).hexdigest(),
        input_names=[_text(each.name) for each in content.first.artifact.named_inputs],
        alike=_listed(
            _text(each.name)
            for each in content.variants
            if all_alike(each.golden, content.assets[VECTORS])
        ),
        variants=_variants(content),
        by_quality=[_text(each.name) for each in content.by_quality],
    )


def _package(content: Content) -> str:
    """Return the Kotlin package, for example `dev.edgekit.mobilenet`."""
    return f"dev.edgekit.{content.names.snake}"


def _asset_path(content: Content, name: str) -> str:
    """Return where an asset lies in the module, under a folder of its own in every app."""
    return f"src/main/assets/{content.names.snake}/{name}"


def _aar_files(content: Content, rules: bytes) -> dict[str, bytes]:
    """Return an Android library's files: the assets and R8's rules. Its `classes.jar` is empty."""
    manifest = AAR_MANIFEST.format(package=f"{_package(content)}.assets", min_sdk=MIN_SDK)
    return {
        "AndroidManifest.xml": manifest.encode(),
        "META-INF/com/android/build/gradle/aar-metadata.properties": AAR_METADATA.encode(),
        "R.txt": b"",
        "classes.jar": bundle.pack(NO_CLASSES, ".jar"),
        "proguard.txt": rules,
        **{f"assets/{content.names.snake}/{name}": data for name, data in content.assets.items()},
    }


def _variants(content: Content) -> list[_Variant]:
    """Return each variant as Kotlin literals, the default first."""
    return [_variant(content, number, each) for number, each in enumerate(content.variants)]


def _text(value: str) -> str:
    r"""Return a Kotlin string literal, ASCII: `$` and what is not printable are escaped."""
    return '"' + "".join(map(_character, value)) + '"'


def _character(character: str) -> str:
    if character in '"\\$':
        return f"\\{character}"
    if character.isascii() and character.isprintable():
        return character
    units = character.encode("utf-16-be")
    pairs = (units[k : k + 2].hex() for k in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs)


def _variant(content: Content, number: int, variant: Variant) -> _Variant:
    data = content.assets[variant.file]
    specs = zip(variant.preprocesses, variant.artifact.named_inputs, strict=True)
    return _Variant(
        name=_text(variant.name),
        # Not the recipe's name: that may hold what Kotlin has no use for.
        function=f"variant{number}",
        file=_text(variant.file),
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        inputs=[_spec(preprocess, spec) for preprocess, spec in specs],
        outputs=[_tensor_spec(spec) for spec in variant.artifact.outputs],
        golden=[
            _golden(content, sample, is_probe=is_probe)
            for sample, is_probe in told_apart(variant.golden)
        ],
    )


def _spec(preprocess: Preprocess, spec: TensorSpec) -> _Spec:
    return _Spec(
        tensor_spec=_tensor_spec(spec),
        colour=f"Colour.{preprocess.colour}" if preprocess.colour else "null",
        height=str(preprocess.height or "null"),
        width=str(preprocess.width or "null"),
        fit=preprocess.fit.upper(),
        interpolation=preprocess.interpolation.upper(),
        scale=repr(preprocess.scale),
        mean=_listed(map(repr, preprocess.mean)),
        std=_listed(map(repr, preprocess.std)),
        layout=preprocess.layout,
        takes=preprocess.dtype.upper(),
    )


def _tensor_spec(spec: TensorSpec) -> _TensorSpec:
    scaled = spec.scale is not None and spec.zero_point is not None
    return _TensorSpec(
        name=_text(spec.name),
        # An app hands over one sample at a time.
        shape=_listed(1 if size < 0 else size for size in spec.shape),
        dtype=spec.dtype.upper(),
        quantization=f"Quantization({spec.scale!r}, {spec.zero_point})" if scaled else "null",
    )


def _golden(content: Content, sample: GoldenSample, *, is_probe: bool) -> _Golden:
    top = sample.top
    return _Golden(
        image=_text(sample.image) if sample.image else "null",
        is_probe="true" if is_probe else "false",
        orientation=sample.orientation,
        top="null" if top is None else str(top),
        label="null" if top is None else _text(_label(content, top)),
        real=_listed(map(_golden_tensor, sample.values)),
        samples=_listed(map(_golden_tensor, sample.samples)),
        inputs=_listed(map(_golden_tensor, sample.inputs)),
        outputs=_listed(map(_golden_tensor, sample.outputs)),
    )


def _label(content: Content, index: int) -> str:
    return content.labels[index] if index < len(content.labels) else str(index)


def _golden_tensor(golden: GoldenTensor) -> str:
    shape = f"intArrayOf({_listed(golden.shape)})"
    return f"tensor(DType.{golden.dtype.upper()}, {shape}, {golden.offset}, {golden.tolerance!r})"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
