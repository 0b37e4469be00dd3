"""The whole job from one file; interrupted, twice at once, and on a full disk."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S

JOB = """
name = "small"
targets = ["tflite", "executorch", "pixel-8", "cortex-m7"]
recipes = ["fp32", "int8"]
latency_runs = 20
[data]
source = "digits"
calibration = 50
[[models]]
source = "simplenet"
framework = "keras"
train = { epochs = 3 }
[[models]]
source = "simplenet"
framework = "torch"
train = { epochs = 3 }
[[packages]]
kind = "zip"
target = "pixel-8"
"""

pytestmark = [pytest.mark.tf, pytest.mark.torch]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run the job once for the tests of this file."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "edgekit.toml").write_text(JOB)
    argv = [sys.executable, "-m", "edgekit", "run", "--json"]
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode in {0, 1}, done.stderr
    return folder, json.loads(done.stdout)


def test_both_models_learn_and_int8_keeps_it(finished):
    _, answer = finished
    run = answer["run"]
    assert not run["failures"]
    for model in run["models"]:
        assert model["baseline"]["metrics"][0]["value"] > 0.8
        assert model["card"]["trained"]["epochs_run"] == 3
    for measured in run["measurements"]:
        drop = next(m for m in measured["metrics"] if m["name"] == "accuracy_drop")
        assert drop["value"] < 2
        assert measured["latency"]["runs"] == 20
        assert measured["peak_memory_bytes"] > 0


def test_a_microcontroller_gets_reference_kernels(finished):
    _, answer = finished
    kernels = {(m["runtime"], m["kernels"]) for m in answer["run"]["measurements"]}
    assert kernels == {
        ("litert", "optimized"),
        ("litert", "reference"),
        ("executorch", "optimized"),
    }


def test_report_and_package_come_from_the_record_alone(finished, edgekit):
    folder, answer = finished
    run_folder = folder / answer["folder"]
    shown = edgekit("report", run_folder, "--format", "markdown")
    assert shown.stdout.strip() == (run_folder / "report.md").read_text().strip()
    made = edgekit("package", run_folder, "--for", "zip", "-t", "pixel-8", "-o", "out", "--json")
    (package,) = json.loads(made.stdout)["packages"]
    shipped = next((run_folder / "packages").glob("*.zip"))
    assert shipped.read_bytes() == (edgekit.cwd / package["path"]).read_bytes()


def test_golden_vectors_come_out_of_the_packaged_file_again(finished, edgekit):
    folder, answer = finished
    shipped = next((folder / answer["folder"] / "packages").glob("*.zip"))
    found = json.loads(edgekit("verify", shipped, "--run", "--json").stdout)
    stages = {each["name"]: each["status"] for each in found["checks"]}
    assert found["ok"]
    assert [stages[name] for name in ("decode", "preprocess", "inference")] == ["ok"] * 3


def test_a_run_can_be_validated_again_for_another_target(finished, edgekit):
    folder, answer = finished
    done = edgekit(
        "validate", folder / answer["folder"], "-t", "raspberry-pi-5", "--data", "digits", "--json"
    )
    run = json.loads(done.stdout)["run"]
    assert len(run["artifacts"]) == len(run["verdicts"]) == 4
    first = {m["artifact_sha256"]: m["metrics"] for m in answer["run"]["measurements"]
             if m["kernels"] == "optimized"}  # fmt: skip
    assert {m["artifact_sha256"]: m["metrics"] for m in run["measurements"]} == first


def test_a_test_part_that_holds_training_samples_is_refused(finished, edgekit):
    folder, answer = finished
    done = edgekit(
        "validate", folder / answer["folder"], "-t", "tflite", "--data", "digits", "--seed", 1
    )
    assert done.returncode == 2
    assert "trained on this data split by seed 0" in done.stderr


def hear_interrupts():
    """Undo, in a child, what a shell does to its background jobs: it has them ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(edgekit, assets, card, cache, output):
    argv = [
        sys.executable, "-m", "edgekit", "convert", f"{assets}/tiny_torch.py:build", "--card", card,
        "-t", "executorch", "-q", "int8", "--data", "digits", "-o", output,
    ]  # fmt: skip
    return subprocess.Popen(
        [*map(str, argv)], cwd=edgekit.cwd, env={**os.environ, "EDGEKIT_CACHE": str(cache)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(edgekit, assets, card, tmp_path, number, until):
    cache = tmp_path / "cache"
    process = start(edgekit, assets, card, cache, tmp_path / "out")
    until(lambda: list(cache.glob("tmp/*/export/*")), "an export that has begun")
    process.send_signal(number)
    _, text = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, text
    assert "interrupted" in text
    assert not (tmp_path / "out").exists()
    assert not list((cache / "tmp").iterdir())
    assert not (cache / "artifacts").exists()


def children_of(process):
    """Return the process's children, as folders of /proc."""
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, check=False, text=True
    )
    return [Path("/proc", pid) for pid in found.stdout.split()]


@pytest.mark.usefixtures("own_cache")
def test_an_interrupted_run_leaves_no_run_and_no_children(tmp_path, until):
    (tmp_path / "edgekit.toml").write_text(JOB)
    process = subprocess.Popen(
        [sys.executable, "-m", "edgekit", "run"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    until(lambda: list(tmp_path.glob("runs/*")), "the run's folder")
    children = until(lambda: children_of(process), "a child that works for the run")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130
    assert not list(tmp_path.glob("runs/*"))
    assert not [child for child in children if child.exists()]


def test_two_runs_at_once_do_not_harm_each_other(edgekit, assets, card, tmp_path):
    both = [start(edgekit, assets, card, tmp_path / "cache", tmp_path / "out") for _ in range(2)]
    texts = [process.communicate(timeout=PATIENCE_S) for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["tiny-int8.pte", "tiny-int8.pte.artifact.json"]
    record = json.loads((tmp_path / "out" / names[1]).read_text())
    assert record["size_bytes"] == (tmp_path / "out" / names[0]).stat().st_size


def test_a_full_disk_removes_what_was_half_written(edgekit, assets, card, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        done = edgekit(
            "convert", f"{assets}/tiny_torch.py:build", "--card", card, "-t", "executorch",
            "-o", small,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "full disk" in done.stderr
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_full_cache_disk_is_named_too(edgekit, assets, card, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        done = edgekit(
            "convert", f"{assets}/tiny_keras.py:build", "--card", card, "-t", "tflite",
            "-q", "int8", "--data", "digits", env={"EDGEKIT_CACHE": str(small)},
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "full disk" in done.stderr
        assert not list((small / "tmp").iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
