import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.errors import ExportError, ModelLoadError
from edgekit.formats.tflite import file as tflite_file
from edgekit.formats.tflite import inspector
from edgekit.formats.tflite.metadata import ENTRY, embedded, normalization, read
from edgekit.formats.tflite.patch import IDENTIFIER, _root, _tables, metadata, patched, unpacked

GREY = Preprocess(colour="L", height=8, width=8, scale=1 / 255, mean=(0.5,), std=(0.25,))
DIGITS = tuple("0123456789")


def card(**update):
    known = {"name": "tiny", "labels": DIGITS, "preprocess": GREY}
    return ModelCard(**{**known, **update})


@pytest.fixture
def fp32(assets):
    return (assets / "tiny-fp32.tflite").read_bytes()


@pytest.fixture
def int8(assets):
    return (assets / "tiny-int8-io8.tflite").read_bytes()


def outputs(data, dtype):
    from ai_edge_litert.interpreter import Interpreter

    runtime = Interpreter(model_content=data)
    runtime.allocate_tensors()
    noise = np.random.default_rng(0).integers(-128, 128, (1, 8, 8, 1)).astype(dtype)
    runtime.set_tensor(runtime.get_input_details()[0]["index"], noise)
    runtime.invoke()
    return runtime.get_tensor(runtime.get_output_details()[0]["index"])


def with_tensors(data, change):
    """Return the file with its graph changed by `change`."""
    from flatbuffers.builder import Builder

    model = unpacked(data)
    change(model.subgraphs[0])
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def test_everything_that_the_card_says(fp32):
    told = card(description="Digits.", intended_use="Post codes.", licence="Apache-2.0")
    found = read(embedded(fp32, told, version="3", author="Ada"))
    assert found["name"] == "tiny"
    assert found["description"] == "Digits.\nPost codes."
    assert (found["version"], found["author"], found["licence"]) == ("3", "Ada", "Apache-2.0")
    assert found["min_parser_version"] == "1.0.0"
    assert found["labels"] == list(DIGITS)
    (image,), (scores,) = found["inputs"], found["outputs"]
    assert (image["content"], image["colour"]) == ("image", "GRAYSCALE")
    np.testing.assert_allclose([*image["mean"], *image["std"]], [127.5, 63.75])
    assert (image["min"], image["max"]) == ([-2], [2])
    assert (scores["content"], scores["files"]) == ("feature", ["labels.txt"])
    assert (scores["min"], scores["max"]) == ([0], [1])


def test_an_int8_file_has_the_range_of_its_type_and_the_floats_normalization(int8):
    found = read(embedded(int8, card()))
    for tensor in found["inputs"] + found["outputs"]:
        assert (tensor["min"], tensor["max"]) == ([-128], [127])
    np.testing.assert_allclose(found["inputs"][0]["mean"], [127.5])


@given(
    scale=st.floats(1e-3, 4) | st.floats(-4, -1e-3),
    mean=st.lists(st.floats(-3, 3), min_size=3, max_size=3) | st.just([0.5]),
    std=st.lists(st.floats(0.1, 3), min_size=3, max_size=3) | st.just([0.25]),
)
def test_normalization_is_what_preprocessing_computes(scale, mean, std):
    preprocess = Preprocess(colour="RGB", scale=scale, mean=tuple(mean), std=tuple(std))
    pixels = np.arange(0, 256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    centre, spread = normalization(preprocess)
    assert len(centre) == len(spread)
    expected = preprocess.apply(pixels)
    got = (pixels.astype(np.float64) - np.array(centre)) / np.array(spread)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-3)


def test_scale_0_is_refused(fp32):
    with pytest.raises(ExportError, match="got scale 0"):
        embedded(fp32, card(preprocess=Preprocess(colour="L", scale=0)))


@pytest.mark.parametrize("label", ["two\nlines", "two\rlines", ""])
def test_labels_that_are_no_line_are_refused(fp32, label):
    with pytest.raises(ExportError, match="one line that is not empty"):
        embedded(fp32, card(labels=(label, *DIGITS[1:])))


def test_labels_of_other_scripts(fp32):
    labels = ("猫", "собака", "كلب", "ñandú", "a\u2028b", "e", "f", "g", " h ", "🦆")
    data = embedded(fp32, card(labels=labels))
    assert read(data)["labels"] == list(labels)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (info,) = archive.infolist()
        assert info.compress_type == zipfile.ZIP_STORED
        assert archive.read("labels.txt").decode() == "".join(f"{label}\n" for label in labels)


@pytest.mark.parametrize("labels", [(), ("yes", "no")])
def test_labels_that_do_not_fit_the_output_are_left_out(fp32, labels):
    data = embedded(fp32, card(labels=labels))
    assert read(data)["labels"] == read(data)["outputs"][0]["files"] == []
    assert not zipfile.is_zipfile(io.BytesIO(data))


def test_an_input_that_is_no_image(fp32):
    plain = Preprocess(scale=2, mean=(1,), std=(4,))
    tensor = read(embedded(fp32, card(preprocess=plain)))["inputs"][0]
    assert (tensor["content"], tensor["colour"], tensor["min"]) == ("feature", None, [])
    assert (tensor["mean"], tensor["std"]) == ([0.5], [2])


def test_an_image_with_channels_first_is_not_called_an_image(fp32):
    def turn(graph):
        graph.tensors[graph.inputs[0]].shape = np.array([1, 1, 8, 8], np.int32)

    tensor = read(embedded(with_tensors(fp32, turn), card()))["inputs"][0]
    assert tensor["content"] == "feature"
    np.testing.assert_allclose(tensor["mean"], [127.5])


def test_blue_first_is_no_colour_of_the_format(fp32):
    def widen(graph):
        graph.tensors[graph.inputs[0]].shape = np.array([1, 8, 8, 3], np.int32)

    told = card(preprocess=Preprocess(colour="BGR", mean=(1, 2, 3)))
    tensor = read(embedded(with_tensors(fp32, widen), told))["inputs"][0]
    assert (tensor["content"], tensor["colour"]) == ("image", "UNKNOWN")
    assert (tensor["mean"], tensor["std"]) == ([1, 2, 3], [1, 1, 1])


def test_several_inputs_have_no_normalization_and_only_the_first_output_labels(fp32):
    def double(graph):
        graph.inputs = np.array([*graph.inputs, *graph.inputs], np.int32)
        graph.outputs = np.array([graph.outputs[0], graph.inputs[0]], np.int32)

    found = read(embedded(with_tensors(fp32, double), card()))
    assert [tensor["mean"] for tensor in found["inputs"]] == [[], []]
    assert [tensor["files"] for tensor in found["outputs"]] == [["labels.txt"], []]


def places(data):
    """Return where each buffer's bytes begin."""
    tables = [table for table in _tables(_root(data), 4) if table.Offset(4)]
    return [table.Vector(table.Offset(4)) for table in tables]


@pytest.mark.parametrize("name", ["tiny-fp32.tflite", "tiny-int8-io8.tflite"])
def test_the_graph_is_not_touched(assets, name, tmp_path):
    data = (assets / name).read_bytes()
    done = embedded(data, card())
    assert done == embedded(data, card())
    assert data in done
    before, after = places(data), places(done)
    moved = after[0] - before[0]
    assert moved % 16 == 0
    assert after[:-1] == [place + moved for place in before]
    assert after[-1] % 16 == 0
    dtype = "int8" if "int8" in name else "float32"
    np.testing.assert_array_equal(outputs(data, dtype), outputs(done, dtype))
    (tmp_path / "m.tflite").write_bytes(done)
    (tmp_path / "old.tflite").write_bytes(data)
    new, old = tflite_file.read(tmp_path / "m.tflite"), tflite_file.read(tmp_path / "old.tflite")
    assert new._replace(metadata=None) == old
    assert old.metadata is None
    assert new.metadata["labels"] == list(DIGITS)


def test_metadata_is_replaced_and_other_files_and_entries_stay(fp32):
    first = patched(fp32, {}, {"OTHER": b"kept"}, {"readme.md": b"hello", "labels.txt": b"old\n"})
    done = embedded(embedded(first, card(name="before")), card(name="after"))
    assert read(done)["name"] == "after"
    assert metadata(unpacked(done))["OTHER"] == b"kept"
    assert sum(entry.name == ENTRY.encode() for entry in unpacked(done).metadata) == 1
    with zipfile.ZipFile(io.BytesIO(done)) as archive:
        assert archive.read("readme.md") == b"hello"
        assert sorted(archive.namelist()) == ["labels.txt", "readme.md"]
        assert archive.testzip() is None


def test_inspect_shows_it(fp32, tmp_path):
    (tmp_path / "m.tflite").write_bytes(embedded(fp32, card()))
    facts = inspector.inspect(tmp_path / "m.tflite").more
    assert facts["min_runtime"] == "1.5.0"
    assert facts["metadata"]["labels"] == 10
    assert facts["metadata"]["normalization"] == "(x - [127.5]) / [63.75]"


def test_a_file_without_metadata(fp32):
    assert read(fp32) is None


def test_broken_metadata_is_refused(fp32):
    for content, message in ((b"nonsense", "another schema"), (b"\xff\0\0\0M001", "broken")):
        with pytest.raises(ModelLoadError, match=message):
            read(patched(fp32, {}, {ENTRY: content}))


def test_an_archive_of_any_size_is_not_unpacked(fp32):
    whole = io.BytesIO(embedded(fp32, card(labels=())))
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(1 << 27))
    with pytest.raises(ModelLoadError, match="files attached"):
        read(whole.getvalue())


def test_weights_behind_the_flatbuffer_are_refused(fp32):
    from flatbuffers.builder import Builder

    model = unpacked(fp32)
    model.buffers[1].offset, model.buffers[1].size = 4096, 16
    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    with pytest.raises(ExportError, match="weights behind the flatbuffer"):
        embedded(bytes(builder.Output()), card())


def test_tensor_types_have_their_names(fp32, tmp_path):
    def narrow(graph):
        graph.tensors[1].type = schema.TensorType.INT4
        graph.tensors[2].type = schema.TensorType.BFLOAT16
        graph.tensors[3].type = 99

    (tmp_path / "m.tflite").write_bytes(with_tensors(fp32, narrow))
    types = tflite_file.read(tmp_path / "m.tflite").tensor_types
    assert {"int4", "bfloat16", "unknown:99"} <= set(types)
