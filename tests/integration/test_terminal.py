"""The main job on a real terminal, narrow and wide, as a person would type it."""

import pytest
import terminal

pytestmark = pytest.mark.tf

JOB = """
targets = ["tflite"]
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
def screens(request, tmp_path_factory):
    """Return the folder, and what the terminal showed of each verb."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "edgekit.toml").write_text(JOB)
    env = {"EDGEKIT_CACHE": str(folder / "cache")}

    def run(*words):
        return terminal.edgekit(*words, columns=request.param, cwd=folder, env=env)

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
