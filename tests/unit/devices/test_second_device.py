"""A second device, written as one new file: nothing else has to change for it."""

import json

import numpy as np
import pytest

from edgekit import devices
from edgekit.core.measurement import Grade
from edgekit.pipeline import steps, targets
from edgekit.pipeline.measure import Bench
from edgekit.pipeline.validate import subjects
from edgekit.pipeline.workspace import Settings, workspace

# It computes for real, on this machine, and says that it is a board ten times as slow.
BOARD = """
from edgekit import devices
from edgekit.core.measurement import Grade

def connect(argument):
    return Board(argument)

class Board:
    grade = Grade.DEVICE

    def __init__(self, argument):
        self.name = f"board:{argument}"

    def run(self, request, folder, limits):
        answer = devices.open("local").run(request, folder, limits)
        latency = answer.latency.model_dump()
        slow = {name: 10 * value for name, value in latency.items() if name.endswith("_ms")}
        update = {"host": "a board", "latency": answer.latency.model_copy(update=slow)}
        return answer.model_copy(update=update)
"""
TARGET = """
id = "mine"
device = "My board"
formats = ["tflite"]
[budgets.latency_p95_ms]
max = 1e6
source = "a test"
"""


@pytest.fixture
def measured(tmp_path, assets, monkeypatch):
    """Return the run of a real file on this machine and on the board."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "board.py").write_text(BOARD)
    monkeypatch.setattr(devices, "__path__", [*devices.__path__, str(tmp_path / "plugins")])
    (tmp_path / "mine.toml").write_text(TARGET)
    rng = np.random.default_rng(0)
    inputs = rng.random((60, 8, 8, 1), dtype=np.float32)
    np.savez(tmp_path / "d.npz", inputs=inputs, labels=np.arange(60) % 10)
    found, profiles = steps.Findings(), (targets.load(str(tmp_path / "mine.toml")),)
    settings = Settings(latency_runs=20, devices=("local", "board:7"))
    (subject,) = subjects(str(assets / "tiny-fp32.tflite"), None, tmp_path)
    artifact = subject.artifact.model_copy(update={"path": "artifacts/tiny.tflite"})
    with workspace(settings, data=str(tmp_path / "d.npz")) as work:
        bench = Bench.of(work)
        found.artifacts.append(artifact)
        found.files[artifact.sha256] = subject.file
        steps.measure_one(artifact, None, profiles, bench, found, tmp_path)
        return steps.record(tmp_path, found, profiles, bench, name="two", command="a test")


def test_both_places_are_recorded_by_name_and_grade(measured, tmp_path):
    assert [(m.device, m.grade, m.host == "a board") for m in measured.measurements] == [
        ("local", Grade.HOST, False),
        ("board:7", Grade.DEVICE, True),
    ]
    kept = json.loads((tmp_path / "run.json").read_text())["measurements"]
    assert [each["device"] for each in kept] == ["local", "board:7"]


def test_the_boards_own_latency_is_what_the_verdict_is_from(measured):
    (verdict,) = measured.verdicts
    (latency,) = [check for check in verdict.checks if check.name == "latency_p95_ms"]
    assert latency.grade is Grade.DEVICE
    assert latency.got == measured.measurements[1].latency.p95_ms
    assert verdict.status == "pass"


def test_golden_vectors_are_kept_once(measured):
    assert [m.golden is not None for m in measured.measurements] == [True, False]
