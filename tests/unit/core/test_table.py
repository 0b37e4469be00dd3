import make
import pytest

from edgekit.core.measurement import Metric
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


def metric(**update):
    known = {"name": "accuracy", "value": 0.974, "unit": "fraction", "n": 500}
    return Metric(**{**known, **update})


def cells(*metrics):
    table = full_table(make.run(measurements=[make.measurement(metrics=metrics)]))
    return dict(zip(table.columns, table.rows[0], strict=True))


def test_accuracy_stands_under_its_name():
    row = cells(metric(), make.drop(0.371, -0.5, 1.2), metric(name="agreement"))
    assert row["accuracy"] == row["agreement"] == "97.40 %"
    assert row["drop (points)"] == "+0.37 [-0.50, +1.20]"


def test_another_metric_stands_with_its_name_and_units():
    drop = metric(name="rmse_drop", value=2.1, low=1.05, high=3.2, unit="percent")
    snr = metric(name="snr", value=41.234, unit="dB")
    row = cells(metric(name="rmse", value=0.01234, unit="value"), drop, snr)
    assert row["metric"] == "rmse 0.01234"
    assert row["drop"] == "+2.10 [+1.05, +3.20] %"
    assert row["agreement"] == "41.23 dB"
    drop = metric(name="r2_drop", value=0.00012, low=-0.001, high=0.003, unit="value")
    assert cells(metric(name="r2", unit="value"), drop)["drop"] == "+0.00012 [-0.001, +0.003]"
