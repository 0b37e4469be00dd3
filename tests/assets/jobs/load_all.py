"""Loads model files one after another, each in a fork of one process: `load_all.py CASES ANSWERS`.

A fork costs milliseconds where importing a framework costs seconds; what happens to one file is
nothing to the next. `CASES` is a JSON list of `[source kind, ModelSource]`; the answer to each is
the kind of error, its message, or `loaded`.
"""

import json
import os
import resource
import signal
import sys

from edgekit import formats
from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard
from edgekit.errors import EdgekitError

IMPORTS = {
    "keras": ("keras", "h5py"),
    "savedmodel": ("tensorflow",),
    "torch": ("torch", "safetensors"),
    "onnx": ("onnx", "onnxruntime"),
    "tflite": ("ai_edge_litert.interpreter",),
}
CARD = ModelCard(name="m", input_shape=(6, 6, 1))


def load(source, pipe):
    try:
        formats.loader(source.kind).load(source, CARD, trust=False)
        answer = ["loaded", ""]
    except EdgekitError as error:
        answer = [type(error).__name__, error.message]
    except BaseException as error:  # noqa: BLE001 - the end of a process that only reports
        answer = [f"unhandled {type(error).__name__}", str(error)[:300]]
    os.write(pipe, json.dumps(answer).encode()[:60000])
    os._exit(0)


def in_fork(source):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        resource.setrlimit(resource.RLIMIT_DATA, (6 * 2**30, 6 * 2**30))
        load(source, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    # The parent of a real job turns a crash into a ModelLoadError.
    return json.loads(answer) if answer else ["ModelLoadError", f"a crash, status {status}"]


def main(cases, answers):
    with open(cases) as file:
        sources = [ModelSource.model_validate(case) for case in json.load(file)]
    for name in {module for source in sources for module in IMPORTS[source.kind]}:
        __import__(name)
    with open(answers, "w") as file:
        json.dump([in_fork(source) for source in sources], file)


if __name__ == "__main__":
    main(*sys.argv[1:])
