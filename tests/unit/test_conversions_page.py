"""docs/conversions.md is what its record says, and the record has every pair."""

import importlib.util
import json
from pathlib import Path

import pytest

from edgekit import formats

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def conversions():
    path = ROOT / "benchmarks" / "conversions.py"
    spec = importlib.util.spec_from_file_location("conversions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def record(conversions):
    return json.loads(conversions.RECORD.read_text())


def test_the_page_is_what_the_record_says(conversions, record):
    assert conversions.PAGE.read_text() == conversions.render(record)


def test_every_kind_of_model_meets_every_format(conversions, record):
    table = conversions.rows(Path("made"), Path("given"))
    assert list(record["conversions"]) == [row.name for row in table]
    for row in table:
        wanted = {f"{form} {recipe}" for form, recipe in conversions.attempts(row)}
        assert set(record["conversions"][row.name]) == wanted, row.name
        assert {pair.split()[0] for pair in wanted} == set(formats.exporters())


def test_a_pair_is_close_or_refused_with_reason_and_remedy_or_not_run_here(record):
    for name, cells in record["conversions"].items():
        for pair, cell in cells.items():
            if cell["outcome"] == "refused":
                assert len(cell["why"]) > 20, (name, pair)
                assert cell["hint"], (name, pair)
            elif cell["outcome"] == "not run here":
                assert formats.exporter(pair.split()[0]).RUNTIME is None
            else:
                assert cell["outcome"] == "parity"
                close = 1e-3 * cell["reference_max_abs"]
                if pair.endswith("fp32"):
                    assert cell["max_abs_difference"] <= close, (name, pair)


def test_int8_of_the_keywords_is_above_mlcommons_own(record):
    found = {row["file"]: row["accuracy"] for row in record["keywords"]}
    assert found["edgekit TFLite int8"] >= 0.91
    assert found["edgekit ExecuTorch int8"] >= 0.91
    assert found["MLCommons' TFLite int8"] == pytest.approx(0.902)


def test_real_files_are_known_by_their_bytes_and_each_cell_is_a_figure_or_a_reason(conversions):
    rows = json.loads(conversions.REAL_FILES.read_text())
    assert len(rows) >= 20
    for row in rows:
        assert len(row["sha256"]) == 64
        assert row["licence"]
        assert row["version"]
        for pair, cell in row["results"].items():
            if cell["outcome"] == "refused":
                assert len(cell["why"]) > 20, (row["file"], pair)
                assert cell["hint"], (row["file"], pair)
            else:
                least = 80 if pair.endswith("fp32") else 0
                assert cell["sqnr_db"] > least, (row["file"], pair)
