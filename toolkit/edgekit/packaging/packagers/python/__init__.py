"""A Python wheel for boards: the model behind a small API and `python -m NAME`.

The door of `packagers` calls it. It never runs pip, and its sources never import edgekit.
"""

import base64
import csv
import hashlib
import io
import json
import re

from edgekit.core.artifact import Artifact
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.packaging.nouns import (
    LABELS,
    VECTORS,
    Content,
    Dependency,
    Variant,
    all_alike,
    told_apart,
)
from edgekit.packaging.render import ROOT, render

SUFFIX = ".whl"
# What is not carried is refused below, with the reason.
FORMATS: tuple[str, ...] = ()
TAKES = ("image", "tensors")

REQUIRES_PYTHON = ">=3.9"
COPIED = ("__main__", "decode", "model", "preprocess", "selftest", "spec")
RUNTIMES = {"tflite": "litert", "onnx": "onnx", "ort": "onnx"}
# 32-bit ARM has no ai-edge-litert (google-ai-edge/LiteRT issue 6043), and the tflite-runtime that
# it has (tensorflow issue 60835) is built for the older numpy.
REQUIRES = {
    "litert": (
        'ai-edge-litert>=1.0.1; platform_machine != "armv7l"',
        'tflite-runtime>=2.12; platform_machine == "armv7l"',
        'numpy<2; platform_machine == "armv7l"',
    ),
    "onnx": ("onnxruntime>=1.19",),
}
ALSO_REQUIRES = ("numpy>=1.23", "pillow>=9.1")
# Each with the version that edgekit's own tests run.
LITERT = ("ai-edge-litert", "2.3.0", "Apache-2.0")
ONNXRUNTIME = ("onnxruntime", "1.32.0", "MIT")
ALWAYS = (("numpy", "2.4.6", "BSD-3-Clause"), ("pillow", "13.0.0", "MIT-CMU"))
# Packages beside which this one will stand: it must not overwrite them.
TAKEN = {"pip", "setuptools", "wheel", "pillow", "packaging", "protobuf", "google", "flatbuffers"}
TAKEN |= {"ai_edge_litert", "tflite_runtime", "sympy", "mpmath", "tqdm", "coloredlogs"}


def refusal(artifact: Artifact) -> str | None:
    """Return why a file has no runtime that a board would install, or None where it has."""
    if artifact.format in RUNTIMES:
        return None
    if artifact.format.startswith("executorch"):
        return (
            "ExecuTorch's Python binding needs all of PyTorch, gigabytes on a board: take the "
            "model's .tflite or .onnx file"
        )
    return f"it runs {', '.join(RUNTIMES)}, not {artifact.format}"


def name(content: Content) -> str:
    """Return the wheel's file name without suffix, as PEP 427 wants it."""
    return f"{module(content)}-{version(content)}-py3-none-any"


def module(content: Content) -> str:
    """Return the name of the module, which is also the distribution's."""
    snake = content.names.snake
    return f"{snake}_model" if snake in TAKEN else snake


def version(content: Content) -> str:
    """Return the version, with target and recipe as its local part (PEP 440)."""
    recipe = "variants" if len(content.variants) > 1 else content.first.name
    place = content.target.id if content.target else content.first.artifact.format
    parts = re.findall(r"[a-z0-9]+", f"{place}-{recipe}".lower())
    # A part of digits alone is a number there: 08 and 8 are one version.
    local = ".".join(str(int(part)) if part.isdecimal() else part for part in parts)
    return f"{content.version}+{local}"


def home(content: Content) -> str:
    """Return the folder of the module."""
    return f"{module(content)}/"


def files(content: Content) -> dict[str, bytes]:
    """Return the module and the wheel's own records, all but RECORD."""
    inside, runtime = home(content), RUNTIMES[content.first.artifact.format]
    info = f"{module(content)}-{version(content)}.dist-info"
    sources = {f"{inside}{stem}.py": _source(stem) for stem in COPIED}
    title = f"{_line(content.card.name)} {content.version}"
    return {
        **sources,
        f"{inside}runtime.py": _source(runtime),
        f"{inside}__init__.py": render(
            "python", "__init__.py.j2", title=_in_docstring(title), api=_api(content)
        ),
        f"{inside}spec.json": _json(_spec(content)),
        **{f"{inside}assets/{path}": data for path, data in content.assets.items()},
        f"{info}/METADATA": _metadata(content).encode(),
        f"{info}/WHEEL": _wheel(content).encode(),
    }


def finish(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return RECORD, which lists every file of the wheel with its sha256 and size."""
    (wheel,) = [path for path in files if path.endswith(".dist-info/WHEEL")]
    record = wheel.removesuffix("WHEEL") + "RECORD"
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for path, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        writer.writerow((path, f"sha256={digest}", len(data)))
    writer.writerow((record, "", ""))
    return {record: lines.getvalue().encode()}


def dependencies(content: Content) -> tuple[Dependency, ...]:
    """Return the runtime, numpy and Pillow, in the versions that edgekit's own tests run."""
    runtime = {"litert": LITERT, "onnx": ONNXRUNTIME}[RUNTIMES[content.first.artifact.format]]
    return tuple(
        Dependency(name=name, version=number, purl=f"pkg:pypi/{name}@{number}", licence=licence)
        for name, number, licence in (runtime, *ALWAYS)
    )


def usage(content: Content) -> str:
    """Return how to install the wheel, call it and run its self-test."""
    return render(
        "python",
        "usage.md.j2",
        module=module(content),
        wheel=f"{name(content)}{SUFFIX}",
        runtime=_requires(content)[0].split(">")[0],
        is_classifier=content.is_classifier,
        is_litert=RUNTIMES[content.first.artifact.format] == "litert",
        takes_image=content.takes_image,
        inputs=[
            # As a Python literal, which also keeps the name on one line of the page.
            (ascii(spec.name).replace("`", "\\x60"), _words(spec))
            for spec in content.first.artifact.named_inputs
        ],
        measured=content.first.measured,
        several=len(content.variants) > 1,
    ).decode()


def _words(spec: TensorSpec) -> str:
    return " x ".join("any" if size < 0 else str(size) for size in spec.shape[1:]) or "one number"


def _api(content: Content) -> str:
    return "Classifier" if content.is_classifier else "Predictor"


def _source(stem: str) -> bytes:
    """Return a source file that is the same in every wheel."""
    return (ROOT / "python" / "templates" / f"{stem}.py").read_bytes()


def _json(facts: dict[str, object]) -> bytes:
    # Python writes the shortest decimal that reads back as the same double.
    return (json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _spec(content: Content) -> dict[str, object]:
    lines = content.assets.get(LABELS)
    return {
        "name": content.card.name,
        "version": content.version,
        "task": content.card.task,
        "takes_image": content.takes_image,
        "labels_sha256": hashlib.sha256(lines).hexdigest() if lines else None,
        "by_quality": [variant.name for variant in content.by_quality],
        "variants": [_variant(variant, content) for variant in content.variants],
    }


def _variant(variant: Variant, content: Content) -> dict[str, object]:
    artifact = variant.artifact
    pairs = zip(artifact.named_inputs, variant.preprocesses, strict=True)
    return {
        "name": variant.name,
        "file": variant.file,
        "size_bytes": artifact.size_bytes,
        "sha256": artifact.sha256,
        "is_compared": any(sample.outputs for sample in variant.golden),
        "is_alike": all_alike(variant.golden, content.assets[VECTORS]),
        "inputs": [{**_tensor(spec), "steps": _steps(steps)} for spec, steps in pairs],
        "outputs": [_tensor(spec) for spec in artifact.outputs],
        "golden": [
            {**sample.model_dump(mode="json"), "is_probe": is_probe}
            for sample, is_probe in told_apart(variant.golden)
        ],
    }


def _tensor(spec: TensorSpec) -> dict[str, object]:
    return spec.model_dump(mode="json")


def _steps(preprocess: Preprocess) -> dict[str, object]:
    return preprocess.model_dump(mode="json")


def _requires(content: Content) -> tuple[str, ...]:
    return (*REQUIRES[RUNTIMES[content.first.artifact.format]], *ALSO_REQUIRES)


def _distribution(content: Content) -> str:
    return module(content).replace("_", "-")


def _metadata(content: Content) -> str:
    card = content.card
    summary = _line(card.description) or f"{_line(card.name)}, a model for boards"
    licence = [f"License: {_line(card.licence)}"] if card.licence.strip() else []
    return "\n".join(
        [
            "Metadata-Version: 2.1",
            f"Name: {_distribution(content)}",
            f"Version: {version(content)}",
            f"Summary: {summary[:500]}",
            *licence,
            # Package indexes refuse a file with it: a model is not published by accident.
            "Classifier: Private :: Do Not Upload",
            f"Requires-Python: {REQUIRES_PYTHON}",
            *[f"Requires-Dist: {each}" for each in _requires(content)],
            "Description-Content-Type: text/markdown",
            "",
            f"# {_distribution(content)} {content.version}",
            "",
            "## How to use it",
            "",
            usage(content),
        ]
    )


def _wheel(content: Content) -> str:
    lines = ("Wheel-Version: 1.0", f"Generator: edgekit {content.edgekit_version}")
    return "\n".join((*lines, "Root-Is-Purelib: true", "Tag: py3-none-any", ""))


def _line(text: str) -> str:
    """Return a text on one line, so that it cannot add header fields of its own."""
    return " ".join(text.split())


def _in_docstring(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
