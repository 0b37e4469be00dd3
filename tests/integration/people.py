"""Converting and running small models in this process, by the doors that the command line uses."""

from types import SimpleNamespace

import numpy as np

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.tensor import dequantize, quantize
from edgekit.pipeline import jobs, recipes
from edgekit.sources.open import open_model


def loaded(ref, **options):
    """Return a model as a job loads it."""
    return jobs._load(open_model(str(ref), **options).loading(trust=False, seed=0))


def converted(ref, folder, *names, samples=None, **options):
    """Return, by recipe, a TFLite file of the model as it was exported, with `run` for it."""
    opened, exporter = open_model(str(ref), **options), formats.exporter("tflite")
    model = jobs._load(opened.loading(trust=False, seed=0))
    folder.mkdir(exist_ok=True)
    done = {}
    for name in dict.fromkeys(("fp32", *names)):
        recipe, path = recipes.load(name), folder / f"{name}.tflite"
        if name != "fp32":
            model = formats.loader("tflite").load(_file(folder / "fp32.tflite"), opened.card,
                                                  trust=False)  # fmt: skip
        used = samples if recipe.is_calibrated else None
        exported = exporter.export(model, recipe, used, path, opened.card)
        done[name] = SimpleNamespace(path=path, exported=exported, run=_runner(path, exported))
    return done


def _file(path):
    return ModelSource(kind="tflite", framework="keras", ref=path.name, path=str(path), sha256="")


def _runner(path, exported):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()

    def run(*arrays):
        rows = []
        for sample in zip(*arrays, strict=True):
            for detail, spec, value in zip(inputs, exported.inputs, sample, strict=True):
                interpreter.set_tensor(detail["index"], quantize(value[None], spec))
            interpreter.invoke()
            got = zip(outputs, exported.outputs, strict=True)
            rows.append([dequantize(interpreter.get_tensor(d["index"]), s)[0] for d, s in got])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    return run


def sqnr(got, wanted):
    """Return the signal to quantization noise ratio in decibels."""
    noise = float(np.square(got - wanted).sum())
    return 10 * np.log10(float(np.square(wanted).sum()) / max(noise, 1e-20))
