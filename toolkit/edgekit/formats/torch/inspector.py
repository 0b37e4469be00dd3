"""What PyTorch saves, listed as the archives they are: nothing in them is unpickled.

Exported programs, weights and checkpoints old and new, TorchServe's `.mar`, and TorchScript under
any of their suffixes.
"""

import io
import json
import math
import pickletools
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

from edgekit.core.artifact import FloatModel
from edgekit.core.facts import Facts
from edgekit.core.tensor import TensorSpec
from edgekit.errors import EdgekitError, ModelLoadError
from edgekit.formats.torch import program_file, weights_file
from edgekit.formats.torchscript import file as script_file
from edgekit.formats.torchscript import inspector as script
from edgekit.formats.torchscript import pickles
from edgekit.system import archive

SUFFIXES = (".pt2", *weights_file.SUFFIXES)

# ScalarType in torch's schema of exported programs.
DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
    34: "uint32", 35: "uint64",
}  # fmt: skip
# What the archive of before PyTorch 1.6 is: magic number, version, system, object, storages' names.
LEGACY_PICKLES = 5
MAX_HEADER_BYTES = 100 * 2**20


def inspect(path: Path) -> Facts:
    """Return the members, and every global that unpickling the file would look up.

    Of an exported program also inputs, outputs and operators, of weights how many there are.
    """
    try:
        if path.suffix.lower() == ".pt2":
            return _program(path)
        with weights_file.opened(path) as (stream, label):
            facts = _weights(stream, label)
    except EdgekitError:
        raise
    except Exception as error:  # a hostile archive can make the readers raise anything
        raise ModelLoadError(
            f"got a file that is no whole PyTorch archive: {path}: {error}", "it may be truncated"
        ) from error
    if path.suffix.lower() != ".mar":
        return facts
    inner = label.removeprefix(f"{path}: ")
    more = {**facts.more, "archive": "TorchServe", "serialized_file": inner}
    return facts.model_copy(update={"more": more})


def _weights(stream: BinaryIO, label: str) -> Facts:
    if label.lower().endswith(".safetensors"):
        return _safetensors(stream)
    if script_file.is_script(stream):
        return script.describe(stream, label)
    if not archive.is_zip(stream):
        return _legacy(stream)
    archive.check_stream(stream, label)
    with zipfile.ZipFile(stream) as opened:
        names = opened.namelist()
        held = [opened.read(name) for name in names if name.endswith(".pkl")]
    return _pickled(held, {"members": len(names)})


def _pickled(held: list[bytes], more: dict[str, int]) -> Facts:
    """Return what these pickles would look up, and how many tensors they name."""
    looked_up = set().union(*(pickles.globals_of(io.BytesIO(data)) for data in held))
    shapes = []
    for data in held:
        reader = pickles.Inert(io.BytesIO(data))
        reader.load()
        shapes += reader.shapes
    return Facts(
        format="torch",
        more={
            **more,
            "tensors": len(shapes),
            "elements": pickles.elements(shapes),
            "pickle_globals": tuple(sorted(looked_up)),
        },
    )


def _legacy(stream: BinaryIO) -> Facts:
    """Read the pickles one after the other that older files begin with; raw bytes follow."""
    held = []
    for _ in range(LEGACY_PICKLES):
        start = stream.tell()
        for _ in pickletools.genops(stream):
            pass
        end = stream.tell()
        stream.seek(start)
        held.append(stream.read(end - start))
    return _pickled(held, {"pickles": len(held)})


def _safetensors(stream: BinaryIO) -> Facts:
    """Read the header, which is JSON: names, types and shapes."""
    size = int.from_bytes(stream.read(8), "little")
    if size > MAX_HEADER_BYTES:
        msg = f"a header of {size} bytes"
        raise ValueError(msg)
    header = json.loads(stream.read(size))
    header.pop("__metadata__", None)
    types = Counter(str(tensor["dtype"]) for tensor in header.values())
    return Facts(
        format="safetensors",
        more={
            "tensors": len(header),
            "elements": sum(math.prod(tensor["shape"]) for tensor in header.values()),
            "tensor_types": dict(sorted(types.items())),
        },
    )


def _program(path: Path) -> Facts:
    """Read an exported program's graph, which is JSON."""
    with zipfile.ZipFile(path) as opened:
        names = opened.namelist()
        looked_up: set[str] = set()
        for name in names:
            if name.endswith(".pkl"):
                looked_up |= pickles.globals_of(io.BytesIO(opened.read(name)))
        graphs = [name for name in names if name.endswith("models/model.json")]
        document = _graph(opened, graphs[0]) if graphs else {}
    more = {"members": len(names), "pickle_globals": tuple(sorted(looked_up))}
    if not document:
        return Facts(format="torch", more=more)
    module = document["graph_module"]
    graph, signature = module["graph"], module["signature"]
    calls = Counter(str(node["target"]).removeprefix("torch.ops.") for node in graph["nodes"])
    return Facts(
        format="torch",
        inputs=_borders(signature["input_specs"], "user_input", graph),
        outputs=_borders(signature["output_specs"], "user_output", graph),
        operators=dict(sorted(calls.items())),
        more={**more, "saved_by": f"torch {document.get('torch_version', 'unknown')}"},
    )


def _graph(opened: zipfile.ZipFile, name: str) -> Any:
    with opened.open(name) as member:
        # What is longer than allowed is cut off, and then is no JSON.
        return json.loads(member.read(program_file.MAX_JSON_BYTES))


def _borders(specs: Any, side: str, graph: Any) -> tuple[TensorSpec, ...]:
    """Return the tensors among a signature's user inputs or outputs; an open size is -1."""
    arguments = [spec[side]["arg"] for spec in specs if side in spec]
    names = [argument["as_tensor"]["name"] for argument in arguments if "as_tensor" in argument]
    found = []
    for name in names:
        tensor = graph["tensor_values"][name]
        shape = tuple(size.get("as_int", -1) for size in tensor["sizes"])
        found.append(TensorSpec(name=name, shape=shape, dtype=DTYPES[tensor["dtype"]]))
    return tuple(found)


def describe(model: FloatModel) -> Facts:
    """Return the I/O, layers and parameters of a module that is alive in this process.

    Parameters are counted as Keras does: with the statistics that BatchNorm keeps.
    """
    module = model.native
    held = (*module.parameters(), *module.buffers())
    leaves = [type(part).__name__ for part in module.modules() if not list(part.children())]
    return Facts(
        format="torch",
        inputs=model.inputs,
        outputs=model.outputs,
        more={
            "layers": dict(sorted(Counter(leaves).items())),
            "parameters": sum(each.numel() for each in held if each.is_floating_point()),
        },
    )
