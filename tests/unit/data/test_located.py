from pathlib import Path

import pytest

from edgekit import data


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        ("digits", "digits"),
        ("photos", "/jobs/photos"),
        ("csv:t.txt", "csv:/jobs/t.txt"),
        ("csv:/d/t.txt", "csv:/d/t.txt"),
        ("/d/x.npz", "/d/x.npz"),
        ("odd:x.npz", "/jobs/odd:x.npz"),
    ],
)
def test_a_path_moves_with_its_file_and_a_name_does_not(ref, found):
    assert data.located(ref, Path("/jobs")) == found
