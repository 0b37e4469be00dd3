"""Every verb on a real terminal, narrow and wide, as a person would type it."""

import json
import re
import subprocess
import sys

import pytest
import terminal

pytestmark = pytest.mark.tf

JOB = """
targets = ["tflite", "web", "cortex-m7"]
recipes = ["fp32", "int8"]
latency_runs = 20
output = "job"
[data]
source = "digits"
calibration = 20
[[models]]
source = "simplenet"
framework = "keras"
train = { epochs = 1 }
[[packages]]
kind = "zip"
target = "tflite"
"""


@pytest.fixture(scope="module", params=[80, 200])
def columns(request):
    """Return how wide the terminal is."""
    return request.param


@pytest.fixture(scope="module")
def screens(columns, tmp_path_factory):
    """Return the folder, and what the terminal showed of each verb of a job."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "edgekit.toml").write_text(JOB)
    env = {"EDGEKIT_CACHE": str(folder / "cache")}

    def run(*words):
        return terminal.edgekit(*words, columns=columns, cwd=folder, env=env)

    return folder, {
        "train": run(
            *"train simplenet --framework keras --data digits --epochs 2 -o net.keras".split()
        ),
        "convert": run(
            *"convert net.keras -t tflite -q fp32 -q int8 --data digits --calibration 20".split()
        ),
        "validate": run(
            *"validate simplenet-int8.tflite -t tflite --data digits --baseline net.keras".split()
        ),
        "run": run("run"),
        "package": run(*"package job --for zip -t tflite -o packages".split()),
    }


@pytest.mark.parametrize("verb", ["train", "convert", "validate", "run", "package"])
def test_every_verb_ends_well_and_names_the_next(screens, verb):
    _, shown = screens
    assert shown[verb].code == 0, shown[verb].text
    assert "next: edgekit " in shown[verb].text
    assert "Traceback" not in shown[verb].text


def test_each_step_stays_on_the_screen_with_its_time(screens):
    _, shown = screens
    steps = {
        "train": ["train simplenet (keras) ("],
        "convert": ["convert simplenet tflite fp32 (", "convert simplenet tflite int8 ("],
        "validate": [
            "float outputs of simplenet (keras) (",
            "validate simplenet tflite int8 (litert, optimized) (",
        ],
        "run": ["train simplenet (keras) (", "convert simplenet tflite int8 ("],
        "package": ["package zip for tflite ("],
    }
    for verb, wanted in steps.items():
        lines = shown[verb].lines
        for step in wanted:
            (line,) = [each for each in lines if each.startswith(step)]
            assert line.endswith(" s)")


def test_nothing_of_the_live_bar_is_left(screens):
    _, shown = screens
    for each in shown.values():
        assert not [line for line in each.lines if "0/?" in line or "━" in line]


def test_what_was_written_is_named_and_there(screens):
    folder, shown = screens
    assert "wrote net.keras: accuracy " in shown["train"].text
    assert "wrote simplenet-fp32.tflite: " in shown["convert"].text
    assert "wrote simplenet-int8.tflite: " in shown["convert"].text
    for name in ("net.keras", "simplenet-fp32.tflite", "simplenet-int8.tflite"):
        assert (folder / name).is_file()
    assert "run.json" in shown["validate"].text
    assert list((folder / "packages").glob("*.zip"))


def test_the_run_answers_which_file_to_ship(screens):
    _, shown = screens
    lines = shown["run"].lines
    assert "tflite" in lines[lines.index("which file to ship:") + 1]


@pytest.mark.parametrize("verb", ["train", "convert", "validate", "run", "package"])
def test_no_line_of_a_job_is_wider_than_the_terminal(screens, columns, verb):
    assert len(screens[1][verb].widest) <= columns


@pytest.mark.parametrize("columns", [80], indirect=True, scope="module")
def test_what_was_done_stays_after_ctrl_c(screens, columns):
    folder, _ = screens
    (folder / "more.toml").write_text(JOB.replace('"job"', '"more"'))
    shown = terminal.edgekit(
        "run", "more.toml", columns=columns, cwd=folder, interrupt_at="train simplenet (keras) ("
    )
    assert shown.code == 130
    assert [line for line in shown.lines if line.startswith("train simplenet (keras) (")]
    assert shown.lines[-1] == "interrupted: nothing half-written was left"
    assert not [line for line in shown.lines if "━" in line]


# Run many verbs in one process, each on the same terminal: most of a verb's time is its imports.
DRIVER = """
import json, sys
from edgekit.cli import app
for words in json.load(open("verbs.json")):
    print("@@", flush=True)
    sys.argv = ["edgekit", *words]
    print("exit code", app._run(words), flush=True)
"""

DEEP = "a-folder-with-a-very-long-name/" * 4
ODD = "odd\x1b[31m [b]name\u202e.tflite"
VERBS = (
    "--version|doctor|models|targets|targets show pixel-8|targets show cortex-m7|"
    "targets show nothing|targets check {assets}/wrong_target.toml|targets check mine.toml|"
    "inspect {assets}/tiny-fp32.tflite|inspect ODD|"
    "inspect {assets}/truncated.tflite|inspect net.keras|inspect nothing|"
    "train simplenet --framework keras --data digits --dry-run|train nothing|"
    "convert simplenet -t tflite -t pixel-8 -q int8 --dry-run|convert nothing -t tflite|"
    "run --dry-run|run nothing.toml|validate nothing.tflite -t tflite|validate job|"
    "report job|report nothing|report job -o {deep}report.md|report job -o report.json -f json|"
    "package job --for zip -t tflite -o packages|package job -t pixel-8|package nothing|"
    "verify {package}|verify {package} --run|verify edgekit.toml|frobnicate"
)


@pytest.fixture(scope="module")
def verbs(screens, assets):
    """Return the folder of the finished job, with a list of verbs and a driver to run them."""
    folder, _ = screens
    (folder / DEEP).mkdir(parents=True)
    tiny = assets / "tiny-fp32.tflite"
    (folder / ODD).write_bytes(tiny.read_bytes())
    (folder / "mine.toml").write_text('id = "mine"\ndevice = "Mine"\nformats = ["tflite"]\n')
    (package,) = (folder / "packages").glob("*.zip")
    names = {"assets": assets, "deep": DEEP, "package": package.relative_to(folder)}
    lines = VERBS.format(**names).split("|")
    words = [[ODD if word == "ODD" else word for word in line.split()] for line in lines]
    (folder / "verbs.json").write_text(json.dumps(words))
    return folder, lines


def sections(text):
    """Return what each verb printed; times differ from run to run."""
    return re.sub(r"\(\d+\.\d s\)", "", text).split("@@\n")[1:]


def squeezed(text):
    return re.sub(r"\s", "", text.replace("\\\n", ""))


def cells(line):
    """Return what stands in a line of piped output: a sentence, or the cells of a table."""
    if line.startswith("| "):
        return line.strip("| ").split(" | ")
    return re.split(r" {2,}", line.strip())


@pytest.fixture(scope="module")
def piped(verbs):
    """Return what all the verbs write to a pipe."""
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=verbs[0], text=True, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("narrower", [False, True])
def test_every_verb_fits_and_shows_all_that_it_writes_to_a_pipe(verbs, piped, columns, narrower):
    folder, lines = verbs
    columns = columns // 2 if narrower else columns
    shown = terminal.python("-c", DRIVER, columns=columns, cwd=folder)
    assert len(shown.widest) <= columns, shown.widest
    assert "\x1b[31m" not in shown.written.decode() + piped
    whole, fitted = sections(piped), sections(shown.text)
    assert len(whole) == len(fitted) == len(lines)
    for verb, written, screen in zip(lines, whole, fitted, strict=True):
        text = squeezed(screen)
        for line in written.splitlines():
            for cell in cells(line):
                holds = set(cell) - {"-", "─"}
                assert not holds or squeezed(cell) in text, (verb, cell, screen)


@pytest.mark.parametrize(
    "words", ["doctor --json", "targets schema", "report job -f json", "run --dry-run --json"]
)
def test_documents_keep_their_lines(screens, columns, words):
    shown = terminal.edgekit(*words.split(), columns=columns, cwd=screens[0])
    assert json.loads(shown.written.decode())
