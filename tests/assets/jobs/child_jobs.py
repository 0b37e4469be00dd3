"""Jobs that end in every way a job can end."""

import os
import signal
import time

from edgekit.core.noun import Noun
from edgekit.errors import DataError
from edgekit.system import process


class Said(Noun):
    words: tuple[str | None, ...] = ()
    size_bytes: int = 0


def echo(said: Said) -> Said:
    print("chatter on stdout must not be taken for an answer")
    process.report(process.Progress(done=1, total=2))
    return said


def refuse(said: Said) -> Said:
    raise DataError("got nothing", "give something")


def crash(said: Said) -> Said:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(said: Said) -> Said:
    time.sleep(600)


def eat(said: Said) -> Said:
    return Said(size_bytes=len(bytearray(said.size_bytes)))


def bug(said: Said) -> Said:
    return {}["absent"]


def leave(said: Said) -> Said:
    os._exit(3)


def fork(said: Said) -> Said:
    """Leave behind a process that holds the answer's pipe open."""
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    return said


def fork_and_leave(said: Said) -> Said:
    fork(said)
    os._exit(3)


def full(said: Said) -> Said:
    with open("/dev/full", "w") as file:
        file.write("x")
        file.flush()


def lie(said: Said) -> Said:
    return process.Progress(done=1)
