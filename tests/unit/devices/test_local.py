"""The real runner on a real file, with LiteRT: it belongs to the base installation."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from edgekit import devices
from edgekit.devices import local
from edgekit.errors import RuntimeFailedError, UsageError
from edgekit.system import process


def request(folder, model, **more):
    rng = np.random.default_rng(0)
    np.save(folder / "in.npy", rng.random((5, 8, 8, 1), dtype=np.float32))
    return devices.Request(
        runtime="litert",
        model=model,
        inputs=(folder / "in.npy",),
        outputs=(folder / "out.npy",),
        **more,
    )


def run(asked, folder):
    return devices.open("local").run(asked, folder, process.Limits(600))


def test_outputs_timings_memory_and_delegation(tmp_path, assets):
    asked = request(tmp_path, assets / "tiny-fp32.tflite", runs=30, warmup=2)
    answer = run(asked, tmp_path)
    outputs = np.load(tmp_path / "out.npy")
    assert outputs.shape == (5, 10)
    assert np.allclose(outputs.sum(axis=1), 1, atol=1e-5)
    latency = answer.latency
    assert 0 < latency.p50_ms <= latency.p90_ms <= latency.p95_ms <= latency.p99_ms
    assert (latency.runs, latency.warmup_runs) == (30, 2)
    assert answer.load_ms > 0
    assert 0 < answer.peak_memory_bytes < 200e6
    assert answer.delegation[0] == answer.delegation[1] > 0
    assert answer.runtime_version.startswith("ai-edge-litert ")


def test_reference_kernels_give_nothing_to_a_delegate_and_the_same_numbers(tmp_path, assets):
    run(request(tmp_path, assets / "tiny-fp32.tflite"), tmp_path)
    optimized = np.load(tmp_path / "out.npy")
    asked = request(tmp_path, assets / "tiny-fp32.tflite", kernels="reference")
    assert run(asked, tmp_path).delegation[0] == 0
    assert np.allclose(optimized, np.load(tmp_path / "out.npy"), atol=1e-6)


def test_a_truncated_file_is_an_error_or_a_crash_but_never_an_answer(tmp_path, assets):
    with pytest.raises(RuntimeFailedError, match=r"truncated\.tflite"):
        run(request(tmp_path, assets / "truncated.tflite"), tmp_path)


def test_the_wrong_input_type_is_an_error(tmp_path, assets):
    with pytest.raises(RuntimeFailedError, match="litert"):
        run(request(tmp_path, assets / "tiny-int8-io8.tflite"), tmp_path)


def test_the_runner_is_one_file_the_same_every_time_and_needs_no_edgekit(tmp_path, assets):
    assert local.runner_bytes() == local.runner_bytes()
    runner = tmp_path / "runner.pyz"
    runner.write_bytes(local.runner_bytes())
    with zipfile.ZipFile(runner) as archive:
        code = b"".join(archive.read(name) for name in archive.namelist())
    assert b"import edgekit" not in code
    assert b"from edgekit" not in code
    asked = tmp_path / "request.json"
    asked.write_text(request(tmp_path, assets / "tiny-fp32.tflite").to_json())
    # A finder that forbids edgekit stands before the runner, which must not notice.
    block = (
        "import sys, runpy\n"
        "class Block:\n"
        "    def find_spec(self, name, *rest):\n"
        "        assert name.split('.')[0] != 'edgekit', name\n"
        "sys.meta_path.insert(0, Block())\n"
        f"sys.argv = ['x', {str(asked)!r}, {str(tmp_path / 'answer.json')!r}]\n"
        f"runpy.run_path({str(runner)!r}, run_name='__main__')\n"
    )
    subprocess.run([sys.executable, "-c", block], cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((tmp_path / "answer.json").read_text())["n"] == 5


def test_this_machine_has_one_name_only():
    with pytest.raises(UsageError, match="device 'local:x'"):
        devices.open("local:x")
    with pytest.raises(UsageError, match="device 'locl'"):
        devices.open("locl")
