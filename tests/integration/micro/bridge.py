"""The far end of bridge.cpp: the true TensorFlow Lite Micro, of PyPI's tflite-micro.

Reads the names of the operators added, the arena's size and the model; then inputs, for ever.
Numbers are 32 bits, little-endian; texts have their length before them.
"""

import contextlib
import os
import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
from tflite_micro.python.tflite_micro import runtime

from edgekit.formats.tflite import file as tflite_file
from edgekit.packaging.packagers.microcontroller.operators import METHODS


def number():
    data = sys.stdin.buffer.read(4)
    return struct.unpack("<I", data)[0] if len(data) == 4 else sys.exit(0)


def answer(*numbers):
    sys.stdout.buffer.write(struct.pack(f"<{len(numbers)}I", *numbers))
    sys.stdout.buffer.flush()


def operators(model):
    """Return the methods that the true resolver would look for."""
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model)
        file.flush()
        return {METHODS[op] for op in tflite_file.read(Path(file.name)).op_histogram}


def details(get):
    found = []
    with contextlib.suppress(IndexError, ValueError):
        while True:
            found.append(get(len(found)))
    return found


def size_of(detail):
    return int(np.prod(detail["shape"])) * np.dtype(detail["dtype"]).itemsize


def used(interpreter):
    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        interpreter.print_allocations()
        os.dup2(saved, 2)
        file.seek(0)
        return int(file.read().split(b"allocation total ")[1].split()[0])


def main():
    names = set(sys.stdin.buffer.read(number()).decode().split())
    arena = number()
    model = sys.stdin.buffer.read(number())
    if operators(model) - names:
        answer(1)
        return
    try:
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena)
    except RuntimeError:
        answer(1)
        return
    inputs = details(interpreter.get_input_details)
    outputs = details(interpreter.get_output_details)
    sizes = [[size_of(each) for each in side] for side in (inputs, outputs)]
    answer(0, used(interpreter), *(n for side in sizes for n in (len(side), *side)))
    while True:
        for i, (detail, size) in enumerate(zip(inputs, sizes[0], strict=True)):
            data = sys.stdin.buffer.read(size)
            if len(data) < size:
                return
            values = np.frombuffer(data, detail["dtype"]).reshape(detail["shape"])
            interpreter.set_input(values, i)
        interpreter.invoke()
        answer(0)
        for i in range(len(outputs)):
            sys.stdout.buffer.write(interpreter.get_output(i).tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
