"""This machine: starts the runner in a child process and brings its answer back."""

import importlib.util
import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from edgekit.core.measurement import Grade
from edgekit.errors import RuntimeFailedError
from edgekit.system import process, store
from edgekit.system.packages import missing
from edgekit.system.plugins import ROOT

GRADE = Grade.HOST

# What each runtime needs installed, so that its absence is named before a child is started.
NEEDS = {
    "litert": ("ai_edge_litert",),
    "executorch": ("torch", "executorch"),
    "onnxruntime": ("onnxruntime",),
    "torchscript": ("torch",),
}

RUNNER_MAIN = (
    b"import sys\nfrom runtimes.runner import main\n"
    b"if __name__ == '__main__':\n    main(*sys.argv[1:3])\n"
)


def runner_bytes() -> bytes:
    """Return the runner as one self-contained file (a Python zip application), always the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted((ROOT / "runtimes").glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"runtimes/{file.name}"), file.read_bytes())
        archive.writestr(zipfile.ZipInfo("__main__.py"), RUNNER_MAIN)
    return buffer.getvalue()


def measure(request: dict[str, Any], folder: Path, seconds: float = 6 * 3600) -> dict[str, Any]:
    """Run the runner on `request` in `folder` and return its response.

    Raises `MissingExtraError` for a runtime that is not installed, and `RuntimeFailedError` where
    the file is refused, crashes or takes longer than `seconds`.
    """
    for module in NEEDS.get(request["runtime"], ()):
        if importlib.util.find_spec(module) is None:
            raise missing(module)
    runner, asked, answer = (folder / n for n in ("runner.pyz", "request.json", "response.json"))
    store.write_bytes(runner, runner_bytes())
    store.write_text(asked, json.dumps(request))
    answer.unlink(missing_ok=True)
    # Not -I: it would hide packages installed for the user alone. -P keeps the folder's own out.
    argv = [sys.executable, "-P", str(runner), str(asked), str(answer)]
    name = Path(request["model"]).name
    try:
        process.run_program(argv, process.Limits(seconds=seconds), {"PYTHONHASHSEED": "0"})
    except process.JobDied as died:
        raise RuntimeFailedError(
            f"got {died.reason} while running {name} in {request['runtime']}",
            died.log.strip()[-600:] or "the file converts, but would crash on a device too",
        ) from died
    response: dict[str, Any] = json.loads(answer.read_text())
    if "error" in response:
        raise RuntimeFailedError(
            f"got an error from {request['runtime']} for {name}: {response['error']}",
            "check that the file is whole and made for this runtime: edgekit inspect FILE",
        )
    return response
