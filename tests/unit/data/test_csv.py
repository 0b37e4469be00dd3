import numpy as np
import pytest

from edgekit.core.dataset import split
from edgekit.data import csv
from edgekit.errors import DataError


def write(folder, text, name="d.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def rows(data):
    return [row.tolist() for (row,) in data.read(np.arange(data.n), False)]


def test_columns_are_inputs_and_text_in_the_last_is_a_class(tmp_path):
    ref = write(tmp_path, "width,height,species\n1,2.5,owl\n-3e2,4,cat\n")
    data = csv.open_dataset(ref)
    assert csv.matches(ref)
    assert rows(data) == [[1, 2.5], [-300, 4]]
    assert (data.labels.tolist(), data.class_names) == ([1, 0], ("cat", "owl"))
    assert data.names_are_given


@pytest.mark.parametrize("name", ["label", "Target", "y"])
def test_a_named_column_is_the_label_wherever_it_stands(tmp_path, name):
    data = csv.open_dataset(write(tmp_path, f"a,{name},b\n1,0,2\n3,2,4\n"))
    assert rows(data) == [[1, 2], [3, 4]]
    assert (data.labels.dtype, data.labels.tolist()) == (np.int64, [0, 2])
    assert (data.class_names, data.names_are_given) == (("0", "1", "2"), False)


@pytest.mark.parametrize("values", [("0.5", "2"), ("1000", "2"), ("-1", "1"), ("1.0", "2.0")])
def test_other_numbers_are_values(tmp_path, values):
    data = csv.open_dataset(write(tmp_path, "a,target\n1,{}\n2,{}\n".format(*values)))
    assert (data.labels.dtype, data.class_names) == (np.float64, ())
    assert data.labels.tolist() == [float(value) for value in values]


def test_several_values_and_no_label_at_all(tmp_path):
    data = csv.open_dataset(write(tmp_path, "a,y_1,y_2\n1,2,3\n4,5,6\n"))
    assert data.labels.tolist() == [[2, 3], [5, 6]]
    plain = csv.open_dataset(write(tmp_path, "a,b\n1,2\n3,4\n"))
    assert plain.labels is None
    assert rows(plain) == [[1, 2], [3, 4]]
    assert len(split(plain, 0).train) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\ufeffa,b,label\n1,2,x\n3,4,y\n", "d.csv"),
        ("a;b;label\r\n1;2;x\r\n3;4;y\r\n", "d.csv"),
        ("a\tb\tlabel\n1\t2\tx\n3\t4\ty\n", "d.tsv"),
        ('"a","b","label"\n"1","2","x"\n\n3,4,"y"\n', "d.CSV"),
        ('"a;1;2;3",b,label\n1,2,x\n3,4,y\n', "d.csv"),
    ],
    ids=["byte order mark", "semicolons", "tabs", "quotes and a blank line", "quoted semicolons"],
)
def test_dialects(tmp_path, text, name):
    data = csv.open_dataset(write(tmp_path, text, name))
    assert rows(data) == [[1, 2], [3, 4]]
    assert data.class_names == ("x", "y")


def test_a_quoted_class_may_hold_the_delimiter_and_a_line_break(tmp_path):
    data = csv.open_dataset(write(tmp_path, 'a,label\n1,"owl, grey"\n2,"two\nlines"\n'))
    assert data.class_names == ("owl, grey", "two\nlines")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,label\n1,2,x\n3,,y\n", "got no value in line 3, column 'b'"),
        ("a,label\n1,x\n2,\n", "got no value in line 3, column 'label'"),
        ("a,label\n1,1\n2,\n", "got no value in line 3, column 'label'"),
        ("a,b,label\n1,2,x\n\n3,NA,y\n", "got 'NA' in line 4, column 'b'"),
        ("a;label\n1,5;x\n", "got '1,5' in line 2, column 'a'"),
        ("a,label\nnan,x\n", "got 'nan' in line 2"),
        ("a,label\n1_0,x\n", "got '1_0' in line 2"),
        ("a,label\n1,2\n1,x\n", "got 'x' in line 3, column 'label'"),
        ("a,label\n1,x,2\n", "got 3 fields in line 2"),
        ("a,a,label\n1,2,x\n", "expected a different name for each"),
        (",a,label\n0,2,x\n", "expected a different name for each"),
        ("a,label\n", "got no samples"),
        ("", "got no samples"),
        ("label\nx\n", "got only labels"),
        ('a,label\n"1"2,x\n', "unreadable"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        csv.open_dataset(write(tmp_path, text))


def test_another_encoding_and_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="unreadable"):
        csv.open_dataset(write(tmp_path, "a,label\n1,größe\n", encoding="latin-1"))
    with pytest.raises(DataError, match="got no file"):
        csv.open_dataset(str(tmp_path / "none.csv"))


def test_the_fingerprint_follows_the_bytes(tmp_path):
    one = csv.open_dataset(write(tmp_path, "a,label\n1,x\n", "a.csv"))
    other = csv.open_dataset(write(tmp_path, "a,label\n2,x\n", "b.csv"))
    assert one.fingerprint != other.fingerprint
