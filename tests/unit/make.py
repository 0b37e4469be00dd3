"""Nouns for tests, with only what a test cares about spelt out."""

import functools
import hashlib
from pathlib import Path

import numpy as np

from edgekit.core.artifact import Artifact, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.measurement import Grade, Latency, Measurement, Metric
from edgekit.core.preprocess import Preprocess
from edgekit.core.run import ModelRecord, Run
from edgekit.core.target import Budgets, Limit, Target
from edgekit.core.tensor import TensorSpec, quantize
from edgekit.core.verdict import judge
from edgekit.packaging import arena, golden, packagers
from edgekit.packaging.naming import names_of
from edgekit.packaging.nouns import Content, Variant
from edgekit.packaging.package import write
from edgekit.pipeline import recipes

RECIPES = recipes.shipped()


def source(**update):
    known = {"kind": "keras", "framework": "keras", "ref": "m.keras", "path": "/m.keras"}
    return ModelSource(**{**known, "sha256": "s" * 64, **update})


def artifact(**update):
    spec = TensorSpec(name="x", shape=(1, 2), dtype="float32")
    known = {
        "path": "artifacts/m-int8.tflite",
        "format": "tflite",
        "size_bytes": 1000,
        "sha256": "a" * 64,
        "recipe": RECIPES["int8"],
        "source": source(),
        "inputs": (spec,),
        "outputs": (spec,),
        "op_histogram": {"CONV_2D": 2},
        "card": ModelCard(name="m", labels=("a", "b"), classes=2),
    }
    return Artifact(**{**known, **update})


def drop(value, low, high, n=500):
    return Metric(name="accuracy_drop", value=value, low=low, high=high, unit="points", n=n)


def measurement(**update):
    known = {
        "artifact_sha256": "a" * 64,
        "runtime": "litert",
        "runtime_version": "1",
        "metrics": (drop(0.1, -0.5, 0.7),),
        "latency": Latency(
            p50_ms=1, p90_ms=2, p95_ms=3, p99_ms=4, runs=10, warmup_runs=1, threads=1
        ),
        "peak_memory_bytes": 5000,
        "n": 500,
    }
    return Measurement(**{**known, **update})


def limit(**bound):
    return Limit(**bound, source="a test")


def target(budgets=None, **update):
    known = {"id": "board", "device": "Board", "formats": ("tflite",)}
    return Target(**{**known, "budgets": Budgets(**(budgets or {})), **update})


def run(targets=(), artifacts=(), measurements=()):
    targets, artifacts = tuple(targets or [target()]), tuple(artifacts or [artifact()])
    measurements = tuple(measurements or [measurement()])
    verdicts = [judge(t, a, measurements) for t in targets for a in artifacts]
    return Run(
        id="r1",
        name="test",
        command="edgekit run",
        created="2026-01-01T00:00:00+00:00",
        edgekit_version="0",
        seed=0,
        models=(ModelRecord(source=source(), card=ModelCard(name="m")),),
        artifacts=artifacts,
        measurements=measurements,
        targets=targets,
        verdicts=tuple(verdicts),
    )


DEVICE = Grade.DEVICE

ASSETS = Path(__file__).parents[1] / "assets"
TINY = {
    ("tflite", "fp32"): "tiny-fp32.tflite",
    ("tflite", "int8-io8"): "tiny-int8-io8.tflite",
    ("executorch", "fp32"): "tiny-fp32.pte",
}
# The borders of the int8 file.
STEPS = {"image": (0.003921568859368563, -128), "scores": (0.00390625, -128)}
ODD_NAME = 'Über "класс" 数 $x'
ODD_LABELS = (
    "class", 'say "hi" $x', "it's \\n", "数字", "naïve café", "🙂 ${a} #{b}", "<b>&amp;", "fun",
    "| `x` |", "*/ }}",
)  # fmt: skip


def tiny_artifact(form="tflite", recipe="fp32", *, classes=10, **update):
    """Return one of the tiny nets in tests/assets, with `classes` outputs in its record."""
    data = tiny_bytes(form, recipe, classes)
    layout = "NCHW" if form == "executorch" else "NHWC"
    shape = (1, 1, 8, 8) if layout == "NCHW" else (1, 8, 8, 1)
    dtype, borders = "float32", {"image": {}, "scores": {}}
    if recipe == "int8-io8":
        dtype = "int8"
        borders = {k: {"scale": s, "zero_point": z} for k, (s, z) in STEPS.items()}
    known = {
        "path": f"artifacts/{TINY[form, recipe]}",
        "format": form,
        "recipe": RECIPES[recipe],
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "layout": layout,
        "source": source(sha256="5" * 64),
        "inputs": (TensorSpec(name="image", shape=shape, dtype=dtype, **borders["image"]),),
        "outputs": (TensorSpec(name="y", shape=(1, classes), dtype=dtype, **borders["scores"]),),
        "op_histogram": {
            **dict.fromkeys(("CONV_2D", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX"), 1),
            **({"PAD": 1} if classes > 10 and form == "tflite" else {}),
        },
        "tools": {"tensorflow": "2.21.0"},
        "card": tiny_card(classes=classes),
    }
    return artifact(**{**known, **update})


def tiny_card(name="tiny", labels=(), classes=10, **update):
    known = {"licence": "Apache-2.0", "data_licence": "free for tests", "description": "A net."}
    preprocess = Preprocess(colour="L", height=8, width=8, fit="crop", scale=1 / 255)
    if labels:
        known["labels"] = tuple(labels)
    return ModelCard(name=name, classes=classes, preprocess=preprocess, **{**known, **update})


def kept(made, n=3):
    """Return what `measure` keeps of the first `n` samples: they before, at and behind the file."""
    rng = np.random.default_rng(7)
    pictures = rng.integers(0, 256, (n, 11, 9), dtype=np.uint8)
    preprocess = made.card.preprocess_for(made.layout)
    inputs = quantize(preprocess.apply(pictures), made.inputs[0])
    scores = rng.random((n, made.outputs[0].shape[-1])).astype(np.float32)
    outputs = _scores(made, inputs) if made.format == "tflite" else None
    if outputs is None:
        outputs = quantize(scores, made.outputs[0])
    found = {"inputs": inputs, "outputs": outputs}
    return {**found, **{f"sample_{k}": picture for k, picture in enumerate(pictures)}}


def _scores(made, inputs):
    """Return what the tiny net in LiteRT, which edgekit always has, makes of the inputs."""
    from ai_edge_litert.interpreter import Interpreter

    classes = made.outputs[0].shape[-1]
    net = Interpreter(model_content=tiny_bytes("tflite", made.recipe.name, classes))
    net.allocate_tensors()
    (fed,), (given,) = net.get_input_details(), net.get_output_details()
    rows = []
    for one in inputs:
        net.set_tensor(fed["index"], one[None])
        net.invoke()
        rows.append(net.get_tensor(given["index"]))
    return np.concatenate(rows)


@functools.cache
def tiny_bytes(form, recipe, classes=10):
    """Return a tiny net's file; as TFLite with as many outputs as asked for, the others zero."""
    data = (ASSETS / TINY[form, recipe]).read_bytes()
    return _widened(data, classes) if classes > 10 and form == "tflite" else data


def _widened(data, classes):
    """Add an operator PAD behind the ten outputs."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    last = graph.tensors[graph.outputs[0]]
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.array([[0, 0], [0, classes - 10]], "<i4").tobytes(), np.uint8)
    model.buffers.append(buffer)
    paddings, wide = schema.TensorT(), schema.TensorT()
    paddings.shape, paddings.type, paddings.name = [2, 2], schema.TensorType.INT32, b"paddings"
    paddings.buffer = len(model.buffers) - 1
    wide.shape, wide.type, wide.name = [1, classes], last.type, b"wide"
    wide.quantization = last.quantization
    graph.tensors += [paddings, wide]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.PAD
    code.version = 2 if last.type == schema.TensorType.INT8 else 1
    model.operatorCodes.append(code)
    pad = schema.OperatorT()
    pad.opcodeIndex = len(model.operatorCodes) - 1
    pad.builtinOptionsType, pad.builtinOptions = (
        schema.BuiltinOptions.PadOptions,
        schema.PadOptionsT(),
    )
    pad.inputs = [graph.outputs[0], len(graph.tensors) - 2]
    pad.outputs = [len(graph.tensors) - 1]
    graph.operators.append(pad)
    graph.outputs = pad.outputs
    model.signatureDefs = []
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def content(kind="zip", artifacts=None, *, failed=False, **update):
    """Return the content of a package of tiny nets, with no framework and no run."""
    artifacts = artifacts or [tiny_artifact()]
    tight = target({"size_bytes": limit(max=1 if failed else 10**6)}, id="board")
    names = names_of(artifacts[0].card.name)
    assets, vectors, variants = {}, golden.Assets(), []
    for made in artifacts:
        file = f"{names.snake}-{made.recipe.name}{Path(made.path).suffix}"
        classes = made.outputs[0].shape[-1]
        assets[file] = tiny_bytes(made.format, made.recipe.name, classes)
        preprocesses = (made.card.preprocess_for(made.layout),)
        measured = measurement(artifact_sha256=made.sha256, data="d", data_sha256="d" * 64)
        variants.append(
            Variant(
                name=made.recipe.name,
                file=file,
                files=(file,),
                artifact=made,
                preprocesses=preprocesses,
                measured=measured,
                verdict=judge(tight, made, [measured]),
                golden=golden.samples_of(kept(made), made, preprocesses, vectors),
            )
        )
    card = artifacts[0].card
    if card.labels:
        assets["labels.txt"] = "".join(f"{label}\n" for label in card.labels).encode()
    known = {
        "kind": kind,
        "names": names,
        "version": card.version,
        "card": card,
        "labels": card.labels,
        "target": tight,
        "why": "a test",
        "failed_allowed": failed,
        "created": "2026-01-01T00:00:00+00:00",
        "edgekit_version": "0",
        "variants": tuple(variants),
        "takes_image": True,
        "assets": {**assets, **vectors.files()},
    }
    return Content(**{**known, **update})


def content_for(kind, *, classes=10, name="tiny", labels=(), **update):
    """Return content that packages of `kind` can carry; labels are made up where none are given."""
    packager = packagers.load(kind)
    labels = tuple(labels) or tuple(f"class {i}" for i in range(classes))
    for form, recipe in TINY:
        made = tiny_artifact(form, recipe, classes=classes)
        made = made.model_copy(update={"card": tiny_card(name, labels, classes)})
        if form in (packager.FORMATS or (form,)) and packager.refusal(made) is None:
            found = content(kind, [made], **update)
            return arena.measured(found) if isinstance(packager, packagers.Allocating) else found
    msg = f"no tiny net for packages of kind {kind}: add one to make.TINY"
    raise AssertionError(msg)


def packed(kind, output, key=None, **update):
    """Write a package of `kind` and return its path."""
    made = write(content_for(kind, **update), packagers.load(kind), output, key)
    return Path(made.path)


def sha256_of(kind, output):
    """Write a package of `kind` and return its sha256."""
    return hashlib.sha256(packed(kind, output).read_bytes()).hexdigest()
