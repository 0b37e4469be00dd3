"""The one reader and writer of runs."""

import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from edgekit.core.problems import in_words, wrong_fields
from edgekit.core.run import SCHEMA_VERSION, Run
from edgekit.errors import UsageError
from edgekit.system import store

AGAIN = "run the job again with this version of edgekit"


def read_run(folder: Path) -> Run:
    """Read a run's record. Raises `UsageError` for one that is broken or from another version."""
    path = folder / "run.json"
    try:
        run = Run.from_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"got an unreadable record {path}: {error.strerror}", AGAIN) from error
    except ValidationError as error:
        wrong = wrong_fields(error, Run)
        raise UsageError(in_words(wrong, f"the record {path}"), AGAIN) from error
    if run.schema_version != SCHEMA_VERSION:
        raise UsageError(
            f"got schema version {run.schema_version} in {path}, expected {SCHEMA_VERSION}", AGAIN
        )
    return run


def discard(folder: Path) -> None:
    """Remove the folder of a run that did not end."""
    if not (folder / "run.json").exists():
        shutil.rmtree(folder, ignore_errors=True)


def new_run_folder(parent: Path) -> Path:
    """Make and return a folder for one run; its name sorts by time and is nobody else's."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = parent / f"{stamp}-{secrets.token_hex(3)}"
    with store.writing(folder):
        folder.mkdir(parents=True)
    return folder


def find_run(ref: str, parent: Path = Path("runs")) -> Path:
    """Return the folder of a run: a path to it, its id, `latest`, or a folder of runs: its latest.

    Raises `UsageError` where there is no such run.
    """
    among = parent if ref == "latest" else Path(ref)
    finished = sorted(path.parent for path in among.glob("*/run.json"))
    if finished:
        return finished[-1]
    for candidate in (Path(ref), parent / ref):
        folder = candidate.parent if candidate.name == "run.json" else candidate
        if (folder / "run.json").is_file():
            return folder
    raise UsageError(
        f"got run '{ref}', expected a folder with a run.json in it",
        f"name its folder, or the folder that runs are written to (`output` in edgekit.toml); "
        f"'latest' is looked for in {parent.resolve()}",
    )
