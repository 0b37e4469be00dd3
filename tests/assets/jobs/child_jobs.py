"""Jobs that end in every way a job can end."""

import os
import signal
import time

from edgekit.errors import DataError
from edgekit.system import process


def echo(payload):
    print("chatter on stdout must not be taken for an answer")
    process.report(process.Progress(done=1, total=2))
    return payload


def refuse(payload):
    raise DataError("got nothing", "give something")


def crash(payload):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(payload):
    time.sleep(60)


def eat(payload):
    return {"n": len(bytearray(payload["bytes"]))}


def bug(payload):
    return {}["absent"]


def leave(payload):
    os._exit(3)


def full(payload):
    with open("/dev/full", "w") as file:
        file.write("x")
        file.flush()
