"""The runner: loads a model file, times it, and runs it on samples. It runs on the device.

    python edgekit-runner.pyz REQUEST.json RESPONSE.json

The request names the runtime, the model file, one .npy file of preprocessed samples per input
(samples first, each stored with its batch dimension of 1 left out), and one path per output to
write. The response has timings, memory and versions, or the error. Arrays are judged elsewhere.
"""

import gc
import json
import os
import platform
import signal
import sys
import time
import traceback

import numpy as np

from . import open as open_runtime


def main(request_path, response_path):
    """Answer one request; the error, if any, is the answer too."""
    _die_with_parent()
    with open(request_path) as file:
        request = json.load(file)
    try:
        response = _serve(request)
    except Exception as error:
        traceback.print_exc()
        response = {"error": f"{type(error).__name__}: {error}"}
    with open(response_path + ".part", "w") as file:
        json.dump(response, file)
    os.replace(response_path + ".part", response_path)


def _die_with_parent():
    """Where the system can (Linux), end when whoever asked is gone."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _serve(request):
    runtime = open_runtime(request["runtime"])
    runtime.prepare()
    samples = [np.load(path, mmap_mode="r") for path in request["inputs"]]
    baseline = _settle()
    start = time.perf_counter_ns()
    session = runtime.open_session(
        request["model"], request.get("threads", 1), request.get("kernels", "optimized")
    )
    load_ms = _since_ms(start)
    response = {
        "runtime_version": runtime.version(),
        "host": host(),
        "cpu_flags": cpu_flags(),
        "load_ms": load_ms,
        **_time(session, samples, request),
        "peak_memory_bytes": _peak_above(baseline),
        "delegation": session.delegation(),
    }
    response["n"] = _evaluate(session, samples, request)
    return response


def _sample(samples, index):
    return [np.ascontiguousarray(values[index : index + 1]) for values in samples]


def _time(session, samples, request):
    """Time single-sample inference: first run, warm-up, then up to `runs` within `seconds`."""
    few = [_sample(samples, i) for i in range(min(8, len(samples[0])))]
    start = time.perf_counter_ns()
    session.run(few[0])
    first_run_ms = _since_ms(start)
    runs, warmup = request.get("runs", 0), request.get("warmup", 0)
    if runs < 1:
        return {"first_run_ms": first_run_ms}
    for i in range(warmup):
        session.run(few[i % len(few)])
    gc.collect()
    gc.disable()
    times, deadline = [], time.perf_counter() + request.get("seconds", 10)
    for i in range(runs):
        inputs = few[i % len(few)]
        start = time.perf_counter_ns()
        session.run(inputs)
        times.append(_since_ms(start))
        if time.perf_counter() > deadline and len(times) >= 20:
            break
    gc.enable()
    percentiles = np.percentile(times, [50, 90, 95, 99])
    latency = dict(zip(("p50_ms", "p90_ms", "p95_ms", "p99_ms"), map(float, percentiles)))
    latency.update(runs=len(times), warmup_runs=warmup, threads=request.get("threads", 1))
    return {"first_run_ms": first_run_ms, "latency": latency}


def _evaluate(session, samples, request):
    """Run every sample and write the outputs, one .npy file each, without holding them all."""
    files = []
    n = len(samples[0]) if request.get("outputs") else 0
    for i in range(n):
        outputs = session.run(_sample(samples, i))
        if not files:
            if len(outputs) != len(request["outputs"]):
                raise ValueError(f"{len(outputs)} outputs, expected {len(request['outputs'])}")
            files = [
                _new_rows(path, value.dtype, (n, *value.shape[1:]))
                for path, value in zip(request["outputs"], outputs)
            ]
        for file, value in zip(files, outputs):
            file[i] = value[0]
    for file in files:
        file.flush()
    return n


def _new_rows(path, dtype, shape):
    """Map a new .npy file whose room is taken: writing to a full disk would kill the process."""
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
    return rows


def _since_ms(start_ns):
    return (time.perf_counter_ns() - start_ns) / 1e6


def _settle():
    """Return resident memory before a model is loaded, and forget the peak so far."""
    gc.collect()
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return None
    return _status_bytes("VmRSS")


def _peak_above(baseline):
    if baseline is None:
        return None
    peak = _status_bytes("VmHWM")
    return None if peak is None else max(0, peak - baseline)


def _status_bytes(field):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return None


def host():
    """Return in words which machine this is."""
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.lower().startswith(("model name", "hardware")):
                    cpu = line.split(":", 1)[1].strip()
                    break
    except OSError:
        pass
    return f"{cpu} x{os.cpu_count()}, {platform.system()} {platform.machine()}"


def cpu_flags():
    """Return what the processor can, as the system names it."""
    # A part of the architecture; not every system lists it.
    found = {"asimd"} if platform.machine() in ("arm64", "aarch64") else set()
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip().lower() in ("flags", "features"):
                    found.update(value.split())
    except OSError:
        pass
    return sorted(found)
