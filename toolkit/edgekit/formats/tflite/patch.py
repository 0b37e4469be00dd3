"""Changing a `.tflite` file without repacking it: every byte of the graph stays what it was.

What fits is overwritten in place. What does not is written in front of the old bytes, as a new root
table that points into them; a flatbuffer's offsets are relative and point forward, so the old bytes
need no change. They move by a multiple of 16, which keeps the alignment of the weights.
"""

import contextlib
import io
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from edgekit.errors import EdgekitError, ExportError, ModelLoadError

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
# Fields of the schema's table Model: what a new root carries over.
VERSION, OPERATOR_CODES, BUFFERS, METADATA, MODEL_FIELDS = 0, 1, 4, 6, 10
OPERATOR_VERSION = 2
# The earliest date that a zip entry can have: the same files give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Labels of a million classes take less; an archive may claim to unpack to anything.
MAX_FILE_BYTES = 1 << 26


@contextlib.contextmanager
def refusing_broken_files() -> Iterator[None]:
    """Turn whatever a parser stumbles over into `ModelLoadError`; also a decorator."""
    try:
        yield
    except EdgekitError:
        raise
    except Exception as error:
        raise ModelLoadError(
            f"got a broken .tflite file: {type(error).__name__}: {error}",
            "it may be truncated; convert it again",
        ) from error


def unpacked(data: bytes) -> Any:
    """Return the file as the schema's object `ModelT`.

    Raises `ModelLoadError` for bytes that are truncated or of another format.
    """
    if data[4:8] != IDENTIFIER:
        raise ModelLoadError(
            "got bytes that are not a .tflite file", "it lacks the mark TFL3 at byte 4"
        )
    from ai_edge_litert import schema_py_generated as schema

    with refusing_broken_files():
        return schema.ModelT.InitFromPackedBuf(data, 0)


def operator_name(code: Any) -> str:
    """Return the name of an operator code: `CONV_2D`, `CUSTOM:name`, or `UNKNOWN:number`."""
    from ai_edge_litert import schema_py_generated as schema

    if code.customCode:
        return f"CUSTOM:{text(code.customCode)}"
    # Files from before 2020 keep the number in the narrow field.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    return str(names.get(number, f"UNKNOWN:{number}"))


def tensor_type(number: int) -> str:
    """Return the name of a tensor type in small letters: `int8`, `int4`, `bfloat16`."""
    from ai_edge_litert import schema_py_generated as schema

    names = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
    return str(names.get(number, f"unknown:{number}")).lower()


def text(value: bytes | str | None) -> str:
    """Return a string of the file, which the generated code leaves as bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def metadata(model: Any) -> dict[str, bytes]:
    """Return each metadata entry of an unpacked model by name."""
    return {
        text(entry.name): b"" if (held := model.buffers[entry.buffer].data) is None else bytes(held)
        for entry in model.metadata or ()
    }


def associated(data: bytes) -> dict[str, bytes]:
    """Return the files of the zip archive at the end of `data`; none where there is no archive.

    Raises `ModelLoadError` for one that unpacks to over 64 MiB.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        return {}
    with archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > MAX_FILE_BYTES:
            raise ModelLoadError(
                f"got {size} bytes of files attached to the model, expected at most "
                f"{MAX_FILE_BYTES}",
                "the archive at the end of the file is not one of labels; remove it",
            )
        return {name: archive.read(name) for name in archive.namelist()}


@refusing_broken_files()
def inlined(data: bytes) -> bytes:
    """Return the file with its weights inside of the flatbuffer, as most writers keep them.

    ai-edge-quantizer may write some behind it, at places counted from the start of the file.
    """
    import numpy as np

    model = unpacked(data)
    outside = [buffer for buffer in model.buffers if buffer.offset > 1]
    if not outside:
        return data
    for buffer in outside:
        weights = data[buffer.offset : buffer.offset + buffer.size]
        if len(weights) != buffer.size:
            raise ModelLoadError("got a .tflite file that ends before its weights", "copy it again")
        buffer.data = np.frombuffer(weights, np.uint8)
        buffer.offset = buffer.size = 0
    return packed(model)


def packed(model: Any) -> bytes:
    """Return an unpacked model as a file."""
    import flatbuffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


@refusing_broken_files()
def patched(
    data: bytes,
    versions: Mapping[int, int],
    entries: Mapping[str, bytes],
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return the file with operator versions by index of their code, and metadata by name.

    `files` replaces the archive at the end; None keeps the one that is there. Raises
    `ModelLoadError` for broken bytes, `ExportError` for a file whose weights lie outside of it.
    """
    model = unpacked(data)
    if any(buffer.offset > 1 for buffer in model.buffers):
        raise ExportError(
            "got a .tflite file with weights behind the flatbuffer, expected them in it",
            "only models over 2 GB are written so; use a smaller one",
        )
    kept = associated(data)
    body = data[: _end(data)]
    body = _overwritten(body, model, versions, entries) or _prefixed(body, model, versions, entries)
    return _with_files(body, kept if files is None else files)


def _end(data: bytes) -> int:
    """Return where the flatbuffer ends and the archive begins."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return min((info.header_offset for info in archive.infolist()), default=len(data))
    except zipfile.BadZipFile:
        return len(data)


def _with_files(body: bytes, files: Mapping[str, bytes]) -> bytes:
    """Append an uncompressed archive, so that a reader can map the files where they lie."""
    if not files:
        return body
    whole = io.BytesIO(body)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, EPOCH)
            # Else this records the system that edgekit runs on.
            info.create_system = 3
            archive.writestr(info, content)
    return whole.getvalue()


def _overwritten(
    body: bytes, model: Any, versions: Mapping[int, int], entries: Mapping[str, bytes]
) -> bytes | None:
    """Return the bytes with everything changed in place, or None where something has no place."""
    changed, root = bytearray(body), _root(body)
    codes, buffers = _tables(root, OPERATOR_CODES), _tables(root, BUFFERS)
    for index, version in versions.items():
        # A field that holds its default, version 1, is usually left out of the file.
        field = codes[index].Offset(_slot(OPERATOR_VERSION))
        if not field:
            return None
        struct.pack_into("<i", changed, codes[index].Pos + field, version)
    named = {text(entry.name): entry.buffer for entry in model.metadata or ()}
    held = metadata(model)
    for name, content in entries.items():
        if not content or len(held.get(name, b"")) != len(content):
            return None
        table = buffers[named[name]]
        start = table.Vector(table.Offset(_slot(0)))
        changed[start : start + len(content)] = content
    return bytes(changed)


def _prefixed(
    body: bytes, model: Any, versions: Mapping[int, int], entries: Mapping[str, bytes]
) -> bytes:
    """Write a new root in front. The builder writes backwards: it goes on where the file begins."""
    from flatbuffers.builder import Builder

    root, padding = _root(body), -len(body) % ALIGNMENT
    if root.Offset(_slot(MODEL_FIELDS)):
        raise ExportError(
            "got a .tflite file with a field that this schema does not know, expected none",
            "install a newer ai-edge-litert",
        )
    builder = Builder(0)
    builder.Bytes = bytearray(body + bytes(padding))
    size = len(builder.Bytes)
    fields = {
        slot: size - root.Indirect(root.Pos + root.Offset(_slot(slot)))
        for slot in range(VERSION + 1, MODEL_FIELDS)
        if root.Offset(_slot(slot))
    }
    codes, buffers, kept = (
        [size - table.Pos for table in _tables(root, slot)]
        for slot in (OPERATOR_CODES, BUFFERS, METADATA)
    )
    for index, version in versions.items():
        codes[index] = _new_code(builder, model.operatorCodes[index], version)
    names = [text(entry.name) for entry in model.metadata or ()]
    kept = [offset for offset, name in zip(kept, names, strict=True) if name not in entries]
    for name, content in entries.items():
        kept.append(_new_entry(builder, name, len(buffers)))
        buffers.append(_new_buffer(builder, content))
    for slot, tables in ((OPERATOR_CODES, codes), (BUFFERS, buffers), (METADATA, kept)):
        fields[slot] = _new_vector(builder, tables)
    builder.StartObject(MODEL_FIELDS)
    builder.PrependUint32Slot(VERSION, model.version, 0)
    for slot, offset in fields.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    builder.minalign = ALIGNMENT
    builder.Finish(builder.EndObject(), file_identifier=IDENTIFIER)
    whole = bytes(builder.Output())
    return whole[: len(whole) - padding]


def _root(body: bytes) -> Any:
    from flatbuffers.table import Table

    return Table(body, struct.unpack_from("<I", body)[0])


def _slot(field: int) -> int:
    """Return where a table's list of fields says at which place a field stands; 0 is nowhere."""
    return 4 + 2 * field


def _tables(root: Any, field: int) -> list[Any]:
    """Return the tables that a field of the root lists."""
    from flatbuffers.table import Table

    place = root.Offset(_slot(field))
    if not place:
        return []
    start = root.Vector(place)
    places = range(start, start + 4 * root.VectorLen(place), 4)
    return [Table(root.Bytes, root.Indirect(at)) for at in places]


def _new_code(builder: Any, code: Any, version: int) -> int:
    from ai_edge_litert import schema_py_generated as schema

    changed = schema.OperatorCodeT()
    vars(changed).update(vars(code), version=version)
    return int(changed.Pack(builder))


def _new_entry(builder: Any, name: str, buffer: int) -> int:
    from ai_edge_litert import schema_py_generated as schema

    entry = schema.MetadataT()
    entry.name, entry.buffer = name, buffer
    return int(entry.Pack(builder))


def _new_buffer(builder: Any, content: bytes) -> int:
    """Write a buffer as the schema wants it, on a multiple of 16; the generated code does not."""
    builder.StartVector(1, len(content), ALIGNMENT)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    data = builder.EndVector()
    builder.StartObject(3)
    builder.PrependUOffsetTRelativeSlot(0, data, 0)
    return int(builder.EndObject())


def _new_vector(builder: Any, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for offset in reversed(tables):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
