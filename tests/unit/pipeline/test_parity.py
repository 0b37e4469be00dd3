from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgekit.core.artifact import Parity
from edgekit.core.recipe import Recipe
from edgekit.errors import ExportError
from edgekit.pipeline import parity

INT8 = Recipe(name="int8", method="static", weight="int8", activation="int8")
RNG = np.random.default_rng(0)
FLOATS = RNG.normal(size=(8, 10)).astype(np.float32)


def noisy(scale):
    return FLOATS + RNG.normal(size=FLOATS.shape).astype(np.float32) * scale


def made(tmp_path: Path):
    return SimpleNamespace(file=tmp_path / "model.pte", output_names=("scores",))


def found(shortfall="", inputs_from="data"):
    return Parity(
        samples=8, max_abs_difference=1, reference_max_abs=1, inputs_from=inputs_from,
        shortfall=shortfall,
    )  # fmt: skip


def test_without_a_graph_that_was_run_there_is_nothing_to_hold_a_file_to(tmp_path):
    parity._check_kernels([noisy(0.5)], (FLOATS,), made(tmp_path))


def test_a_file_that_keeps_less_than_its_graph_is_the_kernels_fault(tmp_path):
    np.save(tmp_path / "converted_output-0.npy", noisy(0.05)[:4])

    with pytest.raises(ExportError, match=r"output scores keeps \S+ dB, where the graph keeps"):
        parity._check_kernels([noisy(0.5)], (FLOATS,), made(tmp_path))


def test_other_roundings_of_a_graph_that_keeps_as_little_are_none(tmp_path):
    np.save(tmp_path / "converted_output-0.npy", noisy(0.4))

    parity._check_kernels([noisy(0.4)], (FLOATS,), made(tmp_path))


def test_what_nobody_would_miss_is_not_held_against_the_kernels(tmp_path):
    np.save(tmp_path / "converted_output-0.npy", noisy(1e-6))

    parity._check_kernels([noisy(1e-3)], (FLOATS,), made(tmp_path))


def test_a_promise_kept_is_none_to_allow():
    parity.check_promise(found(), INT8, allow_loss=False)
    parity.check_promise(None, INT8, allow_loss=False)


def test_a_shortfall_is_the_error_unless_it_is_allowed():
    with pytest.raises(ExportError, match="output x has noise") as caught:
        parity.check_promise(found("output x has noise"), INT8, allow_loss=False)
    assert "--allow-loss" in caught.value.hint
    assert "--data" not in caught.value.hint
    parity.check_promise(found("output x has noise"), INT8, allow_loss=True)


def test_on_noise_the_hint_asks_for_data_too():
    with pytest.raises(ExportError) as caught:
        parity.check_promise(found("output x has noise", "noise"), INT8, allow_loss=False)
    assert "give --data" in caught.value.hint
