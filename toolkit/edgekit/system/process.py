"""A child process per job: time limit, memory limit, progress, and a crash that is only an error.

The parent calls `call(function, question)`; the child runs this file as its main module, imports
the function, and answers in JSON lines on a pipe of its own, so that what frameworks print cannot
be mistaken for an answer. Question and answer are nouns, checked on the side that reads them. This
module imports the standard library only, and so does a child until its job imports more.
"""

import contextlib
import ctypes
import errno
import faulthandler
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Protocol, Self, TypeVar, get_type_hints

from edgekit.errors import EdgekitError, InternalError, StorageError, from_record
from edgekit.system import traces


class Message(Protocol):
    """What crosses to a child or back: a noun of `core`, or anything else that does this."""

    def to_json(self) -> str:
        """Return the message as JSON."""
        ...

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote. Raises `ValueError` for anything else."""
        ...


Question = TypeVar("Question", bound=Message)
Answer = TypeVar("Answer", bound=Message)

PR_SET_PDEATHSIG = 1
LAST_LINE = 500
BUG_HINT = "a bug in edgekit: report it with the model's layers, and the trace"

# How soon the end of a child is seen whose pipe another process holds open.
POLL_S = 1.0

# A model that wants more than this would take the machine down with it.
MEMORY_BYTES = int(0.8 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


class Progress(NamedTuple):
    """How far a job is: `done` of `total` parts, where it counts them.

    `loaded` says that its model is loaded; `accuracy` is the fraction that training has reached;
    `note` is what the user should know before a long part begins.
    """

    loaded: bool = False
    done: int | None = None
    total: int | None = None
    accuracy: float | None = None
    note: str = ""


class _Reply(NamedTuple):
    """The last line of a child: its answer as JSON, or the record of its error.

    `caused` says that something other than edgekit raised first, whose words the log has.
    """

    value: str = ""
    error: dict[str, str] | None = None
    caused: bool = False


@dataclass(frozen=True)
class Limits:
    """What a child may use: wall-clock seconds, and bytes of private writable memory."""

    seconds: float = 3600
    memory_bytes: int = MEMORY_BYTES


class JobDied(Exception):  # noqa: N818 - it names what happened, and never reaches the user
    """The child ended without an answer: crash, kill, time limit."""

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.log = log


def call(
    function: Callable[[Question], Answer],
    question: Question,
    failure: Callable[[str, str], EdgekitError],
    *,
    limits: Limits | None = None,
    progress: Callable[[Progress], None] | None = None,
    environment: dict[str, str] | None = None,
) -> Answer:
    """Run `function` of a module with `question` in a child process and return its answer.

    An `EdgekitError` in the child is raised here as it was; a crash, a kill or the time limit
    becomes `failure(message, hint)`, with the last line that the child printed. What a framework
    said is kept whole in a file, which the error names as its `trace`.
    """
    answer, answer_fd = os.pipe()
    job = f"{function.__module__}:{function.__qualname__}"
    argv = [sys.executable, "-P", "-m", "edgekit.system.process", job, str(answer_fd)]
    variables = {**os.environ, **_quiet(), **(environment or {})}
    try:
        with _child(argv, limits or Limits(), variables, (answer_fd,), question) as child:
            os.close(answer_fd)
            answer_fd = -1
            result = _listen(child, answer, progress)
            said = child.log() if result.caused else ""
    except JobDied as died:
        said = _last_words(died.log)
        error = failure(f"got {died.reason} in {function.__name__}{said}", "")
        error.trace = traces.keep(died.log)
        raise error from died
    finally:
        os.close(answer)
        if answer_fd >= 0:
            os.close(answer_fd)
    if result.error is not None:
        error = from_record(result.error)
        error.trace = error.trace or traces.keep(said)
        raise error
    kind: type[Answer] = get_type_hints(function)["return"]
    return kind.from_json(result.value)


def _last_words(log: str) -> str:
    """Return `: ` and the last line that a child printed before the list of where it died."""
    lines = log.split("Fatal Python error", maxsplit=1)[0].strip().splitlines()
    return f": {lines[-1][:LAST_LINE]}" if lines else ""


def run_program(argv: list[str], limits: Limits, environment: dict[str, str]) -> None:
    """Run a program to its end within `limits`. Raises `JobDied` unless it exits with 0."""
    with _child(argv, limits, {**os.environ, **environment}, (), None) as child:
        code = child.wait()
        if code != 0:
            raise JobDied(_how_it_ended(code), child.log())


def report(progress: Progress) -> None:
    """Tell the parent from inside a job how far it is; does nothing outside of a job."""
    if _answer_stream is not None:
        _answer_stream.write(json.dumps({"progress": progress._asdict()}) + "\n")
        _answer_stream.flush()


_answer_stream: IO[str] | None = None

_live: set["_Child"] = set()


def kill_all() -> None:
    """Kill every child of this process, whichever thread waits for it. For Ctrl-C."""
    for child in list(_live):
        child.kill()


class _Child:
    def __init__(self, process: subprocess.Popen[bytes], log: Path, limits: Limits) -> None:
        self.process = process
        self.limits = limits
        self.deadline = time.monotonic() + limits.seconds
        self._log = log

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def remaining_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def wait(self) -> int:
        try:
            return self.process.wait(self.remaining_s())
        except subprocess.TimeoutExpired:
            raise JobDied(f"no end within {self.limits.seconds:g} s", self.log()) from None

    def kill(self) -> None:
        # The group, for a job may have children of its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def _child(
    argv: list[str],
    limits: Limits,
    environment: dict[str, str],
    pass_fds: tuple[int, ...],
    question: Message | None,
) -> Iterator[_Child]:
    with tempfile.NamedTemporaryFile(prefix="edgekit-", suffix=".log") as log:
        process = subprocess.Popen(  # noqa: S603 - argv is ours, and no shell is involved
            argv,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        child = _Child(process, Path(log.name), limits)
        _live.add(child)
        try:
            _limit(process.pid, limits.memory_bytes)
            assert process.stdin
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(question.to_json().encode() if question else b"")
                process.stdin.close()
            yield child
        finally:
            child.kill()
            _live.discard(child)


def _limit(pid: int, memory_bytes: int) -> None:
    """Bound a child's private writable memory, where the system can: Linux."""
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _quiet() -> dict[str, str]:
    """Environment for every job: repeatable hashing, framework logs down, no stray downloads.

    The allocator is told to keep what it has: handing every large tensor back to the system cost a
    quarter of the training time.
    """
    return {
        "MALLOC_MMAP_THRESHOLD_": str(2**32),
        "MALLOC_TRIM_THRESHOLD_": str(2**32),
        "PYTHONHASHSEED": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GLOG_minloglevel": "3",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _listen(child: _Child, answer: int, progress: Callable[[Progress], None] | None) -> _Reply:
    """Read JSON lines until one is the reply; pass on those before it, which are progress.

    The pipe's end is not waited for: what the job started may hold it open, and live for ever.
    """
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(answer, selectors.EVENT_READ)
        while True:
            has_ended = child.process.poll() is not None
            if not selector.select(0 if has_ended else min(POLL_S, child.remaining_s())):
                if has_ended:
                    break
                if not child.remaining_s():
                    raise JobDied(f"no end within {child.limits.seconds:g} s", child.log())
                continue
            chunk = os.read(answer, 65536)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "progress" not in message:
                    return _Reply(**message)
                if progress:
                    progress(Progress(**message["progress"]))
    raise JobDied(_how_it_ended(child.wait()), child.log())


def _how_it_ended(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"a crash ({name})" if name != "SIGKILL" else "a kill (SIGKILL, out of memory?)"
    return f"exit code {code}"


def _main(job: str, answer_fd: int) -> None:
    global _answer_stream  # noqa: PLW0603 - one job per process
    _die_with_parent()
    faulthandler.enable()
    # Exporters build millions of small objects that live on: looking for garbage among them at the
    # usual rate took a quarter of the time.
    gc.set_threshold(200_000, 20, 100)
    asked = sys.stdin.read()
    _answer_stream = os.fdopen(answer_fd, "w")
    module, name = job.split(":")
    try:
        reply = _Reply(_answered(getattr(importlib.import_module(module), name), asked))
    except EdgekitError as error:
        traceback.print_exc()
        reply = _Reply(error=error.record(), caused=error.__cause__ is not None)
    except MemoryError:
        limit = InternalError(f"got out of memory in {name}", "the job's limit was reached")
        reply = _Reply(error=limit.record())
    except OSError as error:
        traceback.print_exc()
        reply = _Reply(error=_storage_error(error, name).record())
    except Exception as error:  # noqa: BLE001 - the border of the process: all of it is recorded
        traceback.print_exc()
        bug = InternalError(f"{type(error).__name__} in {name}: {error}", BUG_HINT)
        reply = _Reply(error=bug.record(), caused=True)
    _answer_stream.write(json.dumps(reply._asdict()) + "\n")
    _answer_stream.flush()
    # Frameworks keep threads that can hang or crash at exit; the answer is out, so leave at once.
    sys.stdout.flush()
    os._exit(0)


def _answered(function: Callable[[Question], Answer], asked: str) -> str:
    """Call the job with its question read as the noun that it takes; return the answer as JSON."""
    kinds = get_type_hints(function)
    (question,) = (kind for name, kind in kinds.items() if name != "return")
    return function(question.from_json(asked)).to_json()


def _storage_error(error: OSError, name: str) -> EdgekitError:
    where = f" {error.filename}" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageError(
            f"got a full disk while writing{where} in {name}",
            "free some space; nothing half-written was left",
        )
    return InternalError(f"{type(error).__name__} in {name}: {error}", BUG_HINT)


if __name__ == "__main__":
    # The jobs import this module by its name; both names must be the one that holds the pipe.
    sys.modules["edgekit.system.process"] = sys.modules["__main__"]
    _main(sys.argv[1], int(sys.argv[2]))
