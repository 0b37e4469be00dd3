"""This machine: starts the runner in a child process and brings its answer back."""

import io
import json
import sys
import zipfile
from pathlib import Path

from edgekit import runtimes
from edgekit.core.measurement import Grade
from edgekit.devices import Answer, Request
from edgekit.errors import RuntimeFailedError, UsageError
from edgekit.system import packages, process, store, traces
from edgekit.system.plugins import ROOT

RUNNER_MAIN = (
    b"import sys\nfrom runtimes.runner import main\n"
    b"if __name__ == '__main__':\n    main(*sys.argv[1:3])\n"
)


def connect(argument: str) -> "Local":
    """Return this machine, which has no other name."""
    if argument:
        raise UsageError(f"got device 'local:{argument}', expected 'local' alone")
    return Local()


def runner_bytes() -> bytes:
    """Return the runner as one self-contained file (a Python zip application), always the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted((ROOT / "runtimes").glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"runtimes/{file.name}"), file.read_bytes())
        archive.writestr(zipfile.ZipInfo("__main__.py"), RUNNER_MAIN)
    return buffer.getvalue()


class Local:
    """This machine, whose figures are a host's."""

    name = "local"
    grade = Grade.HOST

    def run(self, request: Request, folder: Path, limits: process.Limits) -> Answer:
        """Run a file in a child process."""
        # Named before a child is started.
        packages.versions(runtimes.open(request.runtime).PACKAGES)
        names = ("runner.pyz", "request.json", "response.json")
        runner, asked, answer = (folder / name for name in names)
        store.write_bytes(runner, runner_bytes())
        store.write_text(asked, request.to_json())
        answer.unlink(missing_ok=True)
        # Not -I: it would hide packages installed for the user alone.
        # -P keeps the folder's own out.
        argv = [sys.executable, "-P", str(runner), str(asked), str(answer)]
        try:
            process.run_program(argv, limits, {"PYTHONHASHSEED": "0"})
        except process.JobDied as died:
            raise RuntimeFailedError(
                f"got {died.reason} while running {request.model.name} in {request.runtime}",
                "it would end so on a device too: try another recipe or format",
                traces.keep(died.log),
            ) from died
        return _read(answer, request)


def _read(path: Path, request: Request) -> Answer:
    """Read the runner's answer. Raises `RuntimeFailedError` where it is the runtime's error."""
    answer = json.loads(path.read_text())
    if "error" in answer:
        raise RuntimeFailedError(
            f"got an error from {request.runtime} for {request.model.name}: {answer['error']}",
            "check that the file is whole and made for this runtime: edgekit inspect FILE",
        )
    return Answer.model_validate(answer)
