import make
import pytest

from edgekit.core.run import Failure
from edgekit.core.table import choice_lines, full_table, interval, size


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (53_936, "53.9 kB"), (272_104, "272 kB"),
     (20_000_000, "20 MB"), (5e9, "5000 MB")],
)  # fmt: skip
def test_size(size_bytes, text):
    assert size(size_bytes) == text


def test_interval():
    assert interval(0.371, -0.5, 1.2) == "+0.37 [-0.50, +1.20]"
    assert interval(1, None, None) == "+1.00"


def test_a_row_has_a_cell_for_every_column_and_target():
    targets = [make.target(), make.target(id="phone", formats=("executorch",))]
    failure = Failure(
        model="m", format="executorch", recipe="fp16", error={"kind": "ExportError", "message": "x"}
    )
    run = make.run(targets=targets).model_copy(update={"failures": (failure,)})
    table = full_table(run)
    assert {len(row) for row in table.rows} == {len(table.columns)}
    assert table.columns[-2:] == ("board", "phone")
    assert table.rows[0][3] == "ok"
    assert table.rows[1][3] == "export failed"


def test_smaller_compares_with_the_same_models_fp32_of_that_format():
    fp32 = make.artifact(
        sha256="b" * 64, size_bytes=4000, recipe=make.RECIPES["fp32"], path="m.tflite"
    )
    table = full_table(make.run(artifacts=[fp32, make.artifact()]))
    assert [row[5] for row in table.rows] == ["1.00x", "4.00x"]


def test_choices_name_the_file_or_say_why_there_is_none():
    good, bad = make.target(), make.target({"size_bytes": make.limit(max=1)}, id="tiny")
    lines = choice_lines(make.run(targets=[good, bad]))
    assert lines[0].startswith("board: artifacts/m-int8.tflite (1 kB), pass")
    assert lines[1] == "tiny: none; no file passed"
