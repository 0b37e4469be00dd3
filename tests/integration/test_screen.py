"""What needs no framework on a real terminal: help, and the live lines of a job."""

import re

import pytest
import terminal

from edgekit.cli import targets
from edgekit.cli.app import app

VERBS = "train convert validate run report package verify inspect models doctor".split()
SUBVERBS = ("show", "check", "schema")
HELP = [[], *([verb] for verb in VERBS), ["targets"], *(["targets", sub] for sub in SUBVERBS)]
EXAMPLES = [each.epilog for app in (app, targets.app) for each in app.registered_commands]
DRIVER = f"""
from edgekit.cli import app
for words in {HELP!r}:
    assert app._run([*words, "--help"]) == 0
"""


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_help_fits(columns, tmp_path):
    shown = terminal.python("-c", DRIVER, columns=columns, cwd=tmp_path)
    assert shown.code == 0, shown.text
    assert sum(line.startswith("Usage: edgekit") for line in shown.lines) == len(HELP)
    # Typer lays help out for 50 columns at the least; a terminal of fewer has to break its lines.
    assert len(shown.widest) <= max(columns, 60), shown.widest
    pasted = re.sub(r" \\\n +", " ", shown.text).replace("\\\n", "")
    assert not [example for example in EXAMPLES if example not in pasted]


@pytest.mark.parametrize("columns", [40, 80])
def test_no_arguments_at_all_show_the_help(columns, tmp_path):
    shown = terminal.edgekit(columns=columns, cwd=tmp_path)
    assert shown.code == 2
    assert shown.text.startswith("Usage: edgekit [OPTIONS]")
    assert "error" not in shown.lines[0]
    assert len(shown.widest) <= columns, shown.widest


# Two steps at once with long names, and a warning in between.
JOB = """
import logging, os, signal, sys
from edgekit.cli import console
from edgekit.system.process import Progress
try:
    with console.steps() as step:
        with step("train mobilenet (keras)"):
            pass
        logging.getLogger("edgekit").warning("skipped an unreadable image: %s", "/a/path" * 20)
        with step("convert mobilenet executorch_portable dynamic-int8 [b] (executorch)") as update:
            update(Progress(done=5, total=60000, accuracy=0.973))
            with step("convert mobilenet tflite int8 \\x1b[31mred"):
                if "stop" in sys.argv:
                    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    console.interrupted(as_json=False)
"""


def squeezed(lines):
    return "".join("\n".join(lines).replace("\\\n", "").split())


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_each_running_step_has_one_line_and_leaves_one(columns, tmp_path):
    shown = terminal.python("-c", JOB, columns=columns, cwd=tmp_path)
    assert shown.code == 0, shown.text
    live = [[line for line in frame if line.endswith("0:00:00")] for frame in shown.frames(columns)]
    assert max(map(len, live)) == 2
    left = squeezed(shown.lines)
    assert "0:00:00" not in left
    assert "━" not in left
    assert "/a/path" * 20 in left
    assert "convertmobilenetexecutorch_portabledynamic-int8[b](executorch)(0." in left
    assert r"convertmobilenettfliteint8\x1b[31mred(0." in left
    assert len(shown.widest) <= columns, shown.widest


@pytest.mark.parametrize("columns", [40, 80])
def test_ctrl_c_keeps_the_steps_that_are_done(columns, tmp_path):
    shown = terminal.python("-c", JOB, "stop", columns=columns, cwd=tmp_path)
    left = squeezed(shown.lines)
    assert left.startswith("trainmobilenet(keras)(0.")
    assert left.endswith("interrupted:nothinghalf-writtenwasleft")
    assert "convert" not in left
