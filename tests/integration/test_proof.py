"""A file that does not compute what its model computes is never written as good."""

import json

import numpy as np
import pytest

STRICT = """
description = "as int8, and what no int8 file keeps"
method = "static"
weight = "int8"
activation = "int8"
granularity = "per-channel"
min_sqnr_db = 190
"""

WORDS = """
import torch
from torch import nn


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 5)

    def forward(self, ids):
        words = self.table(ids)
        # Without two words that differ there is nothing to divide by.
        return self.head((words / (words - words.mean(1, keepdim=True)).norm()).sum(1))


def build():
    torch.manual_seed(0)
    return Words()
"""

WORDS_CARD = """
name = "words"
input_shapes = [[12]]
input_dtypes = ["int64"]
"""


@pytest.fixture
def strict(tmp_path):
    """Return the environment of a user who has a recipe that nothing can keep."""
    folder = tmp_path / "home" / "recipes"
    folder.mkdir(parents=True)
    (folder / "strict.toml").write_text(STRICT)
    return {"EDGEKIT_HOME": str(tmp_path / "home")}


def convert(edgekit, tiny, card, env, *more):
    model, name = tiny
    return edgekit(
        "convert", model, "--card", card, "-t", name, "--data", "digits", *more, env=env
    )  # fmt: skip


def test_a_recipe_that_fails_leaves_the_others_standing(edgekit, tiny, card, strict):
    done = convert(edgekit, tiny, card, strict, "-q", "strict", "-q", "fp32", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [f["artifact"]["recipe"]["name"] for f in found["files"]] == ["fp32"]
    (failure,) = found["failures"]
    assert failure["recipe"] == "strict"
    assert "expected at least 190 dB" in failure["error"]["message"]
    assert not list(edgekit.cwd.glob("*strict*"))


def test_one_that_fails_and_was_asked_for_alone_is_the_error(edgekit, tiny, card, strict):
    done = convert(edgekit, tiny, card, strict, "-q", "strict")

    assert done.returncode == 5
    assert "output " in done.stderr
    assert "--allow-loss" in done.stderr
    assert not list(edgekit.cwd.glob("tiny*"))


def test_an_allowed_loss_is_kept_by_who_allowed_it_and_said(edgekit, tiny, card, strict, own_cache):
    kept = convert(edgekit, tiny, card, strict, "-q", "strict", "--allow-loss")
    assert kept.returncode == 0, kept.stderr
    assert "note: kept by --allow-loss: output " in kept.stdout
    file = next(path for path in edgekit.cwd.glob("tiny-strict.*") if path.suffix != ".json")
    done = edgekit(
        "validate", file.name, "-t", tiny[1], "--data", "digits", "--baseline", tiny[0],
        "--card", card, "--json", env=strict,
    )  # fmt: skip
    (verdict,) = json.loads(done.stdout)["run"]["verdicts"]
    assert {c["name"]: c["status"] for c in verdict["checks"]}["parity"] == "undecided"

    again = convert(edgekit, tiny, card, strict, "-q", "strict")
    assert again.returncode == 5


@pytest.mark.torch
def test_data_prove_a_file_where_there_are_some_and_noise_is_ids_that_exist(edgekit):
    (edgekit.cwd / "net.py").write_text(WORDS)
    (edgekit.cwd / "card.toml").write_text(WORDS_CARD)
    ids = np.random.default_rng(0).integers(0, 50, (40, 12))
    np.savez(edgekit.cwd / "ids.npz", inputs=ids)
    told = []
    for more in ((), ("--data", "ids.npz")):
        done = edgekit(
            "convert", "net.py:build", "--card", "card.toml", "-t", "executorch", "--json", *more
        )
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout)["files"][0]["artifact"]["parity"])
    assert [parity["inputs_from"] for parity in told] == ["noise", "data"]
    assert all(parity["sqnr_db"] > 80 for parity in told)


@pytest.mark.torch
def test_noise_that_means_nothing_to_a_model_leads_to_its_data(edgekit):
    (edgekit.cwd / "net.py").write_text(
        "import torch\n\n\nclass Roots(torch.nn.Module):\n"
        "    def forward(self, x):\n        return torch.sqrt(x)\n\n\ndef build():\n"
        "    return Roots()\n"
    )
    np.savez(edgekit.cwd / "rows.npz", inputs=np.random.default_rng(0).uniform(0, 9, (40, 6)))
    words = ("convert", "net.py:build", "--input", "6", "-t", "executorch")

    refused = edgekit(*words)
    assert refused.returncode == 5
    assert "output output is NaN in the float model itself" in refused.stderr
    assert "give --data" in refused.stderr

    assert edgekit(*words, "--data", "rows.npz").returncode == 0


@pytest.mark.torch
def test_too_few_samples_for_one_recipe_stop_no_other(edgekit, assets):
    np.savez(edgekit.cwd / "few.npz", inputs=np.random.default_rng(0).uniform(0, 9, (40, 8, 8)))
    done = edgekit(
        "convert", f"{assets}/tiny_torch.py:build", "--card", assets / "tiny.card.toml",
        "-t", "executorch", "-q", "fp32", "-q", "int8", "--data", "few.npz", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [f["artifact"]["recipe"]["name"] for f in found["files"]] == ["fp32"]
    assert "calibration samples" in found["failures"][0]["error"]["message"]


@pytest.mark.torch
def test_ids_that_a_table_has_no_rows_for_are_the_datas_fault(edgekit):
    (edgekit.cwd / "net.py").write_text(WORDS)
    (edgekit.cwd / "card.toml").write_text(WORDS_CARD)
    np.savez(edgekit.cwd / "ids.npz", inputs=np.full((40, 12), 99))

    done = edgekit(
        "convert", "net.py:build", "--card", "card.toml", "-t", "executorch", "--data", "ids.npz"
    )

    assert done.returncode == 2, done.stderr
    assert "expected 0 to 49" in done.stderr
