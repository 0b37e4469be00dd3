"""The real runtime behind the stub of its Android API: tensors come and go through pipes.

`bridge.py RUNTIME MODEL`, with one of edgekit's own runtimes. A message is a line with the number
of tensors, then for each a line `type shape bytes` and its bytes, little-endian. A type of `-`
stands for what the model says: LiteRT's Java API hands over bytes alone.
"""

import sys
from pathlib import Path

import numpy as np

from edgekit import runtimes


def _borders(model):
    """Return type and shape of each input of a .tflite file."""
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(model_path=model).get_input_details()
    return [(each["dtype"], tuple(each["shape"])) for each in details]


def _received(stream, borders):
    first = stream.readline()
    if not first:
        return None
    inputs = []
    for k in range(int(first)):
        dtype, shape, size = stream.readline().decode().split()
        data = stream.read(int(size))
        if dtype == "-":
            kind, sizes = borders[k]
        else:
            kind, sizes = np.dtype(dtype), tuple(map(int, shape.split(",")))
        inputs.append(np.frombuffer(data, kind).reshape(sizes).copy())
    return inputs


def _send(stream, outputs):
    stream.write(f"{len(outputs)}\n".encode())
    for each in outputs:
        data = np.ascontiguousarray(each).tobytes()
        shape = ",".join(map(str, each.shape))
        stream.write(f"{each.dtype.name} {shape} {len(data)}\n".encode() + data)
    stream.flush()


def main(runtime, model):
    # A runtime may print: what goes to the other side must stay alone in its pipe.
    pipe = sys.stdout.buffer
    sys.stdout = sys.stderr
    module = runtimes.open(runtime)
    module.prepare()
    session = module.open_session(str(Path(model)), 1, "optimized")
    borders = _borders(model) if runtime == "litert" else []
    while (inputs := _received(sys.stdin.buffer, borders)) is not None:
        _send(pipe, session.run(inputs))


main(*sys.argv[1:])
