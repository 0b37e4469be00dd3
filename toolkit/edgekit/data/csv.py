"""Tables of numbers: .csv or .tsv with a header, one sample a line.

Label columns are those named `label`, `target` or `y`, also with a suffix (`target_1`); else the
last column where it holds text; else there are no labels. Text, and whole numbers up to 999, are
classes; other numbers are values. The remaining columns are the inputs, in order. Fields may be
quoted; commas, semicolons or tabs part them; decimals have points.
"""

import csv
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit.core.dataset import Dataset, Sample, numbered
from edgekit.core.tensor import Array
from edgekit.errors import DataError
from edgekit.system import store

SUFFIXES = (".csv", ".tsv")
LABEL = re.compile(r"(label|target|y)(_.*)?", re.IGNORECASE)
MAX_CLASS = 999


class _Table(NamedTuple):
    """Text fields with the lines they stand in, for errors to name."""

    path: Path
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def where(self, row: int, column: int) -> str:
        """Return where a field stands."""
        return f"line {self.lines[row]}, column '{self.names[column]}' of {self.path}"


def matches(ref: str) -> bool:
    """Return whether `ref` names a .csv or .tsv file."""
    return Path(ref).suffix.lower() in SUFFIXES


def open_dataset(ref: str) -> Dataset:
    """Read the table; inputs are `(n, columns)` float64.

    Raises `DataError` for a field that is missing or no number, naming line and column.
    """
    table = _read(Path(ref))
    chosen = _label_columns(table)
    features = [i for i in range(len(table.names)) if i not in chosen]
    if not features:
        raise DataError(f"got only labels in {ref}, expected columns of inputs beside them")
    inputs = np.array([_numbers(table, i) for i in features]).T
    labels, class_names = _labels(table, chosen)

    def read(indices: Array, skip_bad: bool) -> Iterator[Sample | None]:
        del skip_bad  # a field that is no number is an error of the whole table
        yield from ((row,) for row in inputs[indices])

    return Dataset(
        name=ref,
        n=len(inputs),
        labels=labels,
        class_names=class_names,
        fingerprint=store.sha256_file(Path(ref)),
        read=read,
    )


def _read(path: Path) -> _Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=_delimiter(head), strict=True)
            names = tuple(name.strip() for name in next(reader, ()))
            numbered_rows = [(reader.line_num, row) for row in reader if row]
    except FileNotFoundError:
        raise DataError(f"got no file {path}", "check the path after --data") from None
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"got an unreadable table {path}: {error}", "save it as UTF-8") from error
    if "" in names or len(set(names)) < len(names):
        raise DataError(
            f"got columns {', '.join(names)} in {path}, expected a different name for each",
            "name every column in the first line; an index column is to be left out",
        )
    for line, row in numbered_rows:
        if len(row) != len(names):
            raise DataError(
                f"got {len(row)} fields in line {line} of {path}, expected {len(names)}"
            )
    if not numbered_rows:
        raise DataError(f"got no samples in {path}, expected lines below the header")
    return _Table(path, names, [r for _, r in numbered_rows], [n for n, _ in numbered_rows])


def _delimiter(head: str) -> str:
    """Return what parts the header into the most fields."""
    return max(",;\t", key=lambda mark: len(next(csv.reader([head], delimiter=mark), ())))


def _label_columns(table: _Table) -> list[int]:
    named = [i for i, name in enumerate(table.names) if LABEL.fullmatch(name)]
    last = len(table.names) - 1
    if not named and not any(_is_number(row[last]) for row in table.rows):
        return [last]
    return named


def _labels(table: _Table, columns: list[int]) -> tuple[Array | None, tuple[str, ...]]:
    """Return labels and class names: `(n,)` int64 classes, or `(n,)` or `(n, k)` float64 values."""
    if not columns:
        return None, ()
    texts = [row[columns[0]].strip() for row in table.rows]
    if len(columns) == 1 and not any(map(_is_number, texts)):
        if "" in texts:
            raise _missing(table, texts.index(""), columns[0])
        names = sorted(set(texts))
        position = {name: i for i, name in enumerate(names)}
        return np.array([position[text] for text in texts], dtype=np.int64), tuple(names)
    values = np.array([_numbers(table, i) for i in columns]).T
    if len(columns) == 1:
        values = values[:, 0]
        if all(map(str.isdecimal, texts)) and values.max() <= MAX_CLASS:
            return values.astype(np.int64), numbered(int(values.max()) + 1)
    return values, ()


def _numbers(table: _Table, column: int) -> list[float]:
    found = []
    for i, row in enumerate(table.rows):
        if not row[column].strip():
            raise _missing(table, i, column)
        if not _is_number(row[column]):
            raise DataError(
                f"got '{row[column]}' in {table.where(i, column)}, expected a finite number",
                "write classes as text in a column named label, and decimals with a point",
            )
        found.append(float(row[column]))
    return found


def _missing(table: _Table, row: int, column: int) -> DataError:
    return DataError(
        f"got no value in {table.where(row, column)}, expected one in every field",
        "fill the gap, or leave the line out",
    )


def _is_number(text: str) -> bool:
    # Python also reads 1_000 as a number; tables do not mean it so.
    try:
        return "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False
