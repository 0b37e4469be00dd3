"""A Swift package for Apple's platforms: the model, its preprocessing as code, and a self-test.

The door of `packagers` calls it. It never runs a Swift compiler.
"""

import re

from edgekit.core.artifact import Artifact
from edgekit.core.tensor import TensorSpec
from edgekit.packaging.nouns import Content, Dependency
from edgekit.packaging.packagers.apple.runtimes import RUNTIMES, Runtime
from edgekit.packaging.packagers.apple.tables import string, variants_file
from edgekit.packaging.render import render

SUFFIX = ".zip"
FORMATS: tuple[str, ...] = tuple(RUNTIMES)
TAKES: tuple[str, ...] = ("image", "tensors")

DTYPES = ("float32", "uint8", "int8", "int16", "int32", "int64")
SHARED = (
    "Assets", "LoadedModel", "ModelTensor", "Pixels", "Preprocess", "Resize", "Variant",
)  # fmt: skip
# Modules that Apple's systems or these sources bring: a module called like one of them, in
# whatever case, cannot be imported beside it.
TAKEN = frozenset(
    """
    accelerate accessibility accounts arkit assets automator avfoundation avkit callkit carbon
    carplay charts classifier cloudkit cocoa combine compression contacts coreaudio coredata
    coregraphics coreimage corelocation coremedia coremotion coretext corevideo cryptokit darwin
    dispatch eventkit finding gamekit gameplaykit healthkit homekit imageio iokit libc mapkit maps
    mediaplayer messages metal metalkit modeltensor modelerror musickit naturallanguage network
    objectivec oslog passkit pdfkit photos pixels predictor quartz quartzcore quicklook
    realitykit runtime safariservices scenekit security selftest sensorkit shazamkit siri
    soundanalysis speech spritekit storekit swiftdata swiftui system tabulardata tensorspec
    testing translation uikit usernotifications variant variants videotoolbox vision watchkit
    weatherkit webkit widgetkit xctest
    """.split()  # noqa: SIM905 - a line each would be two pages
)


def refusal(artifact: Artifact) -> str | None:
    """Return why the Swift code cannot run this file, or None."""
    odd = [spec.dtype for spec in (*artifact.inputs, *artifact.outputs) if spec.dtype not in DTYPES]
    if odd:
        return f"its Swift code knows {', '.join(DTYPES)}, not {odd[0]}"
    several = len(artifact.inputs) > 1 or len(artifact.outputs) > 1
    if several and artifact.format == "tflite":
        return (
            "LiteRT's Swift API counts inputs and outputs as the signature does, and the record "
            "counts them as the graph does: with more than one of either they could be mixed up"
        )
    if not artifact.format.startswith("executorch") and _open_sizes(artifact.outputs):
        return (
            "an output has a size that is not fixed, and the runtime's Swift API does not tell it"
        )
    return None


def _open_sizes(specs: tuple[TensorSpec, ...]) -> bool:
    return any(-1 in spec.shape[1:] for spec in specs)


def module(content: Content) -> str:
    """Return what the Swift module is called: never like a module of Apple's."""
    pascal = content.names.pascal
    return f"{pascal}Model" if pascal.lower() in TAKEN else pascal


def name(content: Content) -> str:
    """Return the archive's file name without suffix."""
    return content.stem


def home(content: Content) -> str:
    """Return where README and manifest go: the Swift package's own folder."""
    return f"{module(content)}/"


def dependencies(content: Content) -> tuple[Dependency, ...]:
    """Return the runtime that `Package.swift` names; Core ML is a part of the system."""
    dependency = _runtime(content).dependency
    return (dependency,) if dependency else ()


def files(content: Content) -> dict[str, bytes]:
    """Return the Swift package: sources, resources and the test."""
    base, sources = home(content), f"{home(content)}Sources/{module(content)}"
    made = {f"{base}Package.swift": _package_file(content)}
    made |= {f"{sources}/{file}.swift": render("apple", f"{file}.swift") for file in SHARED}
    made |= {f"{sources}/{file}": data for file, data in _own_sources(content).items()}
    made[f"{base}Tests/{module(content)}Tests/SelfTestTests.swift"] = render(
        "apple", "SelfTestTests.swift", module=module(content)
    )
    return made | {f"{sources}/Resources/{path}": data for path, data in content.assets.items()}


def usage(content: Content) -> str:
    """Return how to add the package to an app, call it, and run its self-test."""
    first = content.first
    text = render(
        "apple",
        "usage.md",
        module=module(content),
        entry=entry(content),
        runtime=_runtime(content),
        takes_image=content.takes_image,
        made_by=first.artifact.tools.get("executorch"),
        ran=first.measured is not None and not first.measured.error,
        inputs=[
            (comment(spec.name), ", ".join(map(str, spec.shape[1:])))
            for spec in first.artifact.named_inputs
        ],
        variants=[f"`{variant.name}`" for variant in content.variants],
        last=string(content.variants[-1].name),
    )
    return text.decode()


def entry(content: Content) -> str:
    """Return the class that an app calls."""
    return "Classifier" if content.is_classifier else "Predictor"


def comment(text: str) -> str:
    """Return text that stays on its line in a Swift comment."""
    return re.sub(r"[^ -~]", "?", text)


def _runtime(content: Content) -> Runtime:
    return RUNTIMES[content.first.artifact.format]


def _own_sources(content: Content) -> dict[str, bytes]:
    """Return the sources that depend on what the model takes and gives."""
    runtime = _runtime(content)
    takes_image = content.takes_image
    made = {
        "Runtime.swift": render("apple", f"{runtime.source}.swift"),
        "SelfTest.swift": render("apple", "SelfTest.swift", takes_image=takes_image),
        "SelfTestStages.swift": render(
            "apple", "SelfTestStages.swift", is_classifier=content.is_classifier
        ),
        "Variants.swift": variants_file(content),
    }
    if takes_image:
        made["ImageDecoding.swift"] = render("apple", "ImageDecoding.swift")
    if entry(content) == "Classifier":
        made["Classifier.swift"] = render("apple", "Classifier.swift")
        made["Scores.swift"] = render("apple", "Scores.swift")
    else:
        source = "ImagePredictor" if takes_image else "TensorPredictor"
        made["Predictor.swift"] = render("apple", f"{source}.swift")
    return made


def _package_file(content: Content) -> bytes:
    runtime = _runtime(content)
    return render(
        "apple",
        "Package.swift",
        module=module(content),
        ios=runtime.ios,
        macos=runtime.macos,
        dependency=runtime.source_package,
        products=runtime.products,
        load_all=runtime.load_all,
        resources=_resources(content),
    )


def _resources(content: Content) -> list[str]:
    """Return what lies directly in `Resources`: files, and folders as wholes."""
    tops = {path.split("/")[0] for path in content.assets}
    for top in tops:
        # File names are made of the model's ASCII name and the recipe's; a literal is safe.
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", top), string(top)
    return sorted(tops)
