"""TFLite Model Metadata: what a reader such as MediaPipe must know, inside the `.tflite` file.

The schema is metadata_schema.fbs, identifier M001. It stands in a buffer that the model lists as
`TFLITE_METADATA`; the labels are a file in an uncompressed zip archive at the end.
"""

from typing import Any, TypedDict

import numpy as np

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.errors import ExportError, ModelLoadError
from edgekit.formats.tflite.patch import (
    associated,
    metadata,
    operator_name,
    patched,
    refusing_broken_files,
    tensor_type,
    text,
    unpacked,
)

ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS_FILE = "labels.txt"
# The first release of the schema: none of the fields written here is younger.
MIN_PARSER_VERSION = "1.0.0"

# The texts of a card that it holds.
TEXTS = ("name", "version", "description", "intended_use", "licence")

# Numbers of the schema. In a union the type takes one field and the value the next.
FEATURE, IMAGE = 1, 2
NORMALIZATION = 1
TENSOR_AXIS_LABELS = 2
COLOURS = {"RGB": 1, "L": 2, "BGR": 0}
COLOUR_NAMES = {0: "UNKNOWN", 1: "RGB", 2: "GRAYSCALE"}
BRIGHTEST_PIXEL = 255
PROBABILITIES = {"SOFTMAX", "LOGISTIC"}


@refusing_broken_files()
class TensorMetadata(TypedDict):
    """What the metadata says of one tensor. `content` is `image`, `feature` or None."""

    name: str
    description: str
    content: str | None
    colour: str | None
    mean: list[float]
    std: list[float]
    max: list[float]
    min: list[float]
    files: list[str]


class ModelMetadata(TypedDict):
    """What the metadata says of a model. `labels` are those of the first output."""

    name: str
    description: str
    version: str
    author: str
    licence: str
    min_parser_version: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    labels: list[str]


def embedded(data: bytes, card: ModelCard, version: str = "", author: str = "") -> bytes:
    """Return the file with the card's facts as metadata, in place of any that it had.

    Preprocessing is written where the file has one input, labels where the first output has one
    value for each. Colour and size are written only for an image as readers expect it, NHWC. An
    archive at the end keeps the files that are not written anew. Raises `ExportError` for a card
    that the format cannot express, `ModelLoadError` for broken bytes.
    """
    model = unpacked(data)
    graph = model.subgraphs[0]
    files = associated(data)
    files.pop(LABELS_FILE, None)
    if labels := _labels(card, graph):
        files[LABELS_FILE] = labels
    described = _Writer().model(card, model, version, author)
    return patched(data, {}, {ENTRY: described}, files)


def read(data: bytes) -> ModelMetadata | None:
    """Return the metadata as plain data, or None where the file has none.

    Raises `ModelLoadError` for broken metadata.
    """
    held = metadata(unpacked(data)).get(ENTRY)
    if not held:
        return None
    if held[4:8] != IDENTIFIER:
        raise ModelLoadError(
            "got model metadata of another schema, expected the mark M001 at byte 4",
            "convert the model again",
        )
    with refusing_broken_files():
        return _Reader(held).model(associated(data))


def normalization(preprocess: Preprocess) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std in the units of a sample (a pixel from 0 to 255).

    edgekit computes `(x * scale - mean) / std`, the metadata says `(x - mean) / std`; dividing
    both by `scale` makes them equal. Both have the same length. Raises `ExportError` for scale 0.
    """
    if preprocess.scale == 0:
        raise ExportError(
            "got scale 0 in the card's preprocess, expected another value: no input reaches the "
            "model",
            "correct the card's preprocess",
        )
    count = max(len(preprocess.mean), len(preprocess.std))
    mean, std = (
        tuple(value / preprocess.scale for value in values * (count // len(values)))
        for values in (preprocess.mean, preprocess.std)
    )
    return mean, std


def _labels(card: ModelCard, graph: Any) -> bytes:
    """Return the labels, one a line, where the first output has one value for each."""
    if not card.labels or not _has_labels(card, graph):
        return b""
    broken = [label for label in card.labels if "\n" in label or "\r" in label or not label]
    if broken:
        raise ExportError(
            f"got the label {broken[0]!r}, expected one line that is not empty",
            "correct the card's labels: the file holds one a line",
        )
    return "".join(f"{label}\n" for label in card.labels).encode()


def _has_labels(card: ModelCard, graph: Any) -> bool:
    shape = graph.tensors[graph.outputs[0]].shape
    return (
        bool(card.labels) and shape is not None and len(shape) > 0 and shape[-1] == len(card.labels)
    )


def _is_image(tensor: Any, preprocess: Preprocess) -> bool:
    """Whether the tensor is an image in NHWC order, with as many channels as its colour has."""
    shape = () if tensor.shape is None else tuple(tensor.shape)
    channels = 1 if preprocess.colour == "L" else 3
    return preprocess.colour is not None and len(shape) == 4 and shape[3] == channels


def _integer_range(tensor: Any) -> tuple[list[float], list[float]]:
    """Return the smallest and largest element of an integer tensor; none for other types."""
    name = tensor_type(tensor.type)
    if not name.startswith(("int", "uint")) or name not in np.sctypeDict:
        return [], []
    info = np.iinfo(name)
    return [float(info.min)], [float(info.max)]


def _makes_probabilities(model: Any, graph: Any, tensor: int) -> bool:
    """Whether the tensor comes out of softmax or sigmoid, also where it is dequantized behind."""
    for operator in graph.operators or ():
        if tensor in operator.outputs:
            name = operator_name(model.operatorCodes[operator.opcodeIndex])
            behind = name == "DEQUANTIZE" and operator.inputs[0] != tensor
            return name in PROBABILITIES or (
                behind and _makes_probabilities(model, graph, operator.inputs[0])
            )
    return False


class _Writer:
    """Writes the tables of the schema; a table is a list of its fields, by number."""

    def __init__(self) -> None:
        from flatbuffers.builder import Builder

        self._builder = Builder(1024)

    def model(self, card: ModelCard, model: Any, version: str, author: str) -> bytes:
        graph = model.subgraphs[0]
        inputs = [self._input(card, graph, index) for index in graph.inputs]
        outputs = [self._output(card, model, index) for index in graph.outputs]
        described = "\n".join(part for part in (card.description, card.intended_use) if part)
        subgraph = self._table(offsets={2: self._tables(inputs), 3: self._tables(outputs)})
        root = self._table(
            offsets={
                0: self._text(card.name),
                1: self._text(described),
                2: self._text(version),
                3: self._tables([subgraph]),
                4: self._text(author),
                5: self._text(card.licence),
                7: self._text(MIN_PARSER_VERSION),
            }
        )
        self._builder.Finish(root, file_identifier=IDENTIFIER)
        return bytes(self._builder.Output())

    def _input(self, card: ModelCard, graph: Any, index: int) -> int:
        tensor, preprocess = graph.tensors[index], card.preprocess
        low, high = _integer_range(tensor)
        if len(graph.inputs) > 1:
            return self._tensor(tensor, self._content(FEATURE, {}), {5: self._stats(low, high)})
        mean, std = normalization(preprocess)
        content = self._content(FEATURE, {})
        if _is_image(tensor, preprocess):
            content = self._content(IMAGE, {0: COLOURS[str(preprocess.colour)]})
            ends = [
                sorted(((0 - m) / s, (BRIGHTEST_PIXEL - m) / s))
                for m, s in zip(mean, std, strict=True)
            ]
            low, high = (low, high) if low else ([e[0] for e in ends], [e[1] for e in ends])
        options = self._table(offsets={0: self._floats(mean), 1: self._floats(std)})
        unit = self._table(small={0: NORMALIZATION}, offsets={1: options})
        fields = {4: self._tables([unit]), 5: self._stats(low, high)}
        return self._tensor(tensor, content, fields)

    def _output(self, card: ModelCard, model: Any, index: int) -> int:
        graph = model.subgraphs[0]
        tensor = graph.tensors[index]
        low, high = _integer_range(tensor)
        if not low and _makes_probabilities(model, graph, index):
            low, high = [0.0], [1.0]
        files = 0
        if index == graph.outputs[0] and _has_labels(card, graph):
            name = self._text(LABELS_FILE)
            about = self._text("What each value of the last axis stands for.")
            files = self._tables(
                [self._table(small={2: TENSOR_AXIS_LABELS}, offsets={0: name, 1: about})]
            )
        fields = {5: self._stats(low, high), 6: files}
        return self._tensor(tensor, self._content(FEATURE, {}), fields)

    def _tensor(self, tensor: Any, content: int, fields: dict[int, int]) -> int:
        name = self._text(text(tensor.name))
        return self._table(offsets={0: name, 3: content, **fields})

    def _content(self, kind: int, properties: dict[int, int]) -> int:
        held = self._table(small=properties)
        return self._table(small={0: kind}, offsets={1: held})

    def _stats(self, low: list[float], high: list[float]) -> int:
        if not low:
            return 0
        return self._table(offsets={0: self._floats(high), 1: self._floats(low)})

    def _floats(self, values: Any) -> int:
        return int(self._builder.CreateNumpyVector(np.array(values, "<f4")))

    def _text(self, value: str) -> int:
        return int(self._builder.CreateString(value)) if value else 0

    def _tables(self, tables: list[int]) -> int:
        self._builder.StartVector(4, len(tables), 4)
        for offset in reversed(tables):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _table(
        self, small: dict[int, int] | None = None, offsets: dict[int, int] | None = None
    ) -> int:
        """Write a table of bytes and references; one that is 0 is left out."""
        small, offsets = small or {}, offsets or {}
        self._builder.StartObject(max((*small, *offsets), default=-1) + 1)
        for field, offset in offsets.items():
            self._builder.PrependUOffsetTRelativeSlot(field, offset, 0)
        for field, value in small.items():
            self._builder.PrependUint8Slot(field, value, 0)
        return int(self._builder.EndObject())


class _Reader:
    """Reads the tables of the schema, by number of field."""

    def __init__(self, data: bytes) -> None:
        from flatbuffers import encode, packer
        from flatbuffers.table import Table

        self._root = Table(data, encode.Get(packer.uoffset, data, 0))

    def model(self, files: dict[str, bytes]) -> ModelMetadata:
        root = self._root
        subgraphs = self._tables(root, 3)
        inputs, outputs = (
            [self._tensor(t) for t in self._tables(subgraphs[0], slot)] if subgraphs else []
            for slot in (2, 3)
        )
        listed = outputs[0]["files"] if outputs else []
        labels = next((files[name] for name in listed if name in files), b"")
        return {
            "name": self._text(root, 0),
            "description": self._text(root, 1),
            "version": self._text(root, 2),
            "author": self._text(root, 4),
            "licence": self._text(root, 5),
            "min_parser_version": self._text(root, 7),
            "inputs": inputs,
            "outputs": outputs,
            "labels": [line.removesuffix("\r") for line in labels.decode().split("\n") if line],
        }

    def _tensor(self, tensor: Any) -> TensorMetadata:
        content = self._table(tensor, 3)
        kind = self._small(content, 0) if content else 0
        image = self._table(content, 1) if content and kind == IMAGE else None
        options = [
            self._table(unit, 1)
            for unit in self._tables(tensor, 4)
            if self._small(unit, 0) == NORMALIZATION
        ]
        normal = options[0] if options else None
        stats = self._table(tensor, 5)
        return {
            "name": self._text(tensor, 0),
            "description": self._text(tensor, 1),
            "content": {FEATURE: "feature", IMAGE: "image"}.get(kind),
            "colour": COLOUR_NAMES.get(self._small(image, 0)) if image else None,
            "mean": self._floats(normal, 0),
            "std": self._floats(normal, 1),
            "max": self._floats(stats, 0),
            "min": self._floats(stats, 1),
            "files": [self._text(file, 0) for file in self._tables(tensor, 6)],
        }

    def _place(self, table: Any, field: int) -> int:
        """Return where the field stands from the table's beginning; 0 where it is left out."""
        return int(table.Offset(4 + 2 * field)) if table else 0

    def _text(self, table: Any, field: int) -> str:
        place = self._place(table, field)
        return table.String(table.Pos + place).decode() if place else ""

    def _small(self, table: Any, field: int) -> int:
        place = self._place(table, field)
        return int(table.Bytes[table.Pos + place]) if place else 0

    def _table(self, table: Any, field: int) -> Any:
        from flatbuffers.table import Table

        place = self._place(table, field)
        return Table(table.Bytes, table.Indirect(table.Pos + place)) if place else None

    def _tables(self, table: Any, field: int) -> list[Any]:
        from flatbuffers.table import Table

        place = self._place(table, field)
        if not place:
            return []
        start = table.Vector(place)
        places = range(start, start + 4 * table.VectorLen(place), 4)
        return [Table(table.Bytes, table.Indirect(at)) for at in places]

    def _floats(self, table: Any, field: int) -> list[float]:
        place = self._place(table, field)
        if not place:
            return []
        start, count = table.Vector(place), table.VectorLen(place)
        return [float(v) for v in np.frombuffer(table.Bytes, "<f4", count, start)]
