"""Opening a session of ONNX Runtime, and writing what its optimizers leave."""

from pathlib import Path

import numpy as np
import pytest

from edgekit.formats.onnx.session import Optimized, open_session

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

TOOLKIT = Path(__file__).parents[4] / "toolkit"


def product():
    """Return a model of x @ w + b, whose two nodes ONNX Runtime makes one `Gemm` of."""
    helper = onnx.helper
    weights = [
        onnx.numpy_helper.from_array(np.full(shape, 2, np.float32), name)
        for name, shape in (("w", (3, 2)), ("b", (2,)))
    ]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"])]
    nodes.append(helper.make_node("Add", ["m", "b"], ["y"]))
    inputs, outputs = (
        [helper.make_tensor_value_info(name, 1, shape)]
        for name, shape in (("x", [1, 3]), ("y", [1, 2]))
    )
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def test_a_model_runs_from_its_bytes_and_from_its_file(tmp_path):
    (tmp_path / "m.onnx").write_bytes(product())
    for model in (product(), tmp_path / "m.onnx"):
        (found,) = open_session(model).run(None, {"x": np.ones((1, 3), np.float32)})
        assert found.tolist() == [[8, 8]]


@pytest.mark.parametrize(
    ("without", "ops"), [((), ["Gemm"]), (("MatMulAddFusion",), ["MatMul", "Add"])]
)
def test_what_the_optimizers_leave_is_written(tmp_path, without, ops):
    file = tmp_path / "out.onnx"
    open_session(product(), Optimized(file, "BASIC", without))
    assert [node.op_type for node in onnx.load(file).graph.node] == ops


def test_settings_of_the_session_are_taken(tmp_path):
    file = tmp_path / "out.ort"
    entries = {"session.save_model_format": "ORT"}
    open_session(product(), Optimized(file, "EXTENDED", entries=entries))
    assert file.read_bytes()[4:8] == b"ORTM"


def test_nothing_is_reported_to_anyone(monkeypatch):
    asked = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: asked.append("off"))
    open_session(product())
    assert asked == ["off"]


def test_sessions_are_opened_here_and_on_the_board_only():
    found = {
        path.relative_to(TOOLKIT / "edgekit").as_posix()
        for path in TOOLKIT.rglob("*.py")
        if "templates" not in path.parts and "SessionOptions(" in path.read_text()
    }
    assert found == {"formats/onnx/session.py", "runtimes/onnxruntime.py"}
