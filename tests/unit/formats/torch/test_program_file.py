import json
import zipfile

import pytest

from edgekit.errors import ModelLoadError
from edgekit.formats.torch import program_file

GRAPH = {"nodes": [{"target": "torch.ops.aten.linear.default"}, {"target": "_operator.getitem"}],
         "shape": {"expr_str": "Symbol('s40', positive=True, integer=True)"}}  # fmt: skip
CONFIG = {"config": {"w": {"path_name": "weight_0", "use_pickle": False}}}


def write(path, graph=None, config=None, **members):
    files = {
        "m/models/model.json": json.dumps(graph or GRAPH),
        "m/data/weights/model_weights_config.json": json.dumps(config or CONFIG),
        "m/data/weights/weight_0": b"\0" * 4,
        "m/data/sample_inputs/model.pt": b"",
        "m/.data/version": "3",
        **members,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_plain_data_passes(tmp_path):
    program_file.check(write(tmp_path / "m.pt2"))


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('x')",
        "exec(chr(105)+chr(109))",
        "(lambda: 1)()",
        "s0.__class__",
        "[x for x in y]",
        "Symbol('a b; c')",
    ],
)
def test_code_in_an_expression(tmp_path, expression):
    with pytest.raises(ModelLoadError, match="code where a shape belongs"):
        program_file.check(write(tmp_path / "m.pt2", {"expr_str": expression}))


@pytest.mark.parametrize("expression", ["s0", "2*s0 + 1", "Max(1, s0)", "FloorDiv(s0, 2)", "-s1"])
def test_arithmetic_in_an_expression(tmp_path, expression):
    program_file.check(write(tmp_path / "m.pt2", {"expr_str": expression}))


@pytest.mark.parametrize(
    "target", ["torch.os.system", "torch.hub.load", "_operator.call", "_operator.methodcaller"]
)
def test_calls_to_anything_but_operators(tmp_path, target):
    with pytest.raises(ModelLoadError, match="no operator"):
        program_file.check(write(tmp_path / "m.pt2", {"nodes": [{"target": target}]}))


@pytest.mark.parametrize(
    "member",
    [
        "m/data/aotinductor/model/x.so",
        "serialized_exported_program.json",
        "m/data/constants/opaque_obj_0",
        "m/data/constants/custom_obj_0",
        "m/../x",
    ],
)
def test_members_that_are_no_plain_data(tmp_path, member):
    with pytest.raises(ModelLoadError, match="not plain data"):
        program_file.check(write(tmp_path / "m.pt2", **{member: b"x"}))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"path_name": "opaque_obj_0", "use_pickle": False}, "no tensor"),
        ({"path_name": "weight_0", "use_pickle": True}, "pickled weights"),
    ],
)
def test_configs_that_point_to_pickles(tmp_path, entry, message):
    with pytest.raises(ModelLoadError, match=message):
        program_file.check(write(tmp_path / "m.pt2", config={"config": {"w": entry}}))


def test_two_members_of_one_name(tmp_path):
    path = write(tmp_path / "m.pt2")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("m/models/model.json", "{}")
    with pytest.raises(ModelLoadError, match="one name"):
        program_file.check(path)
