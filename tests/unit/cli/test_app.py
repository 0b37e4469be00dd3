"""The command line without any framework: help, errors, exit codes, what is imported."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

VERBS = "train convert validate run report package verify inspect targets models doctor".split()
HEAVY = {"numpy", "tensorflow", "torch", "keras", "PIL", "pydantic", "ai_edge_litert", "rich"}


def imported(*arguments):
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from edgekit.cli.app import _run\n"
        f"code = _run({list(arguments)!r})\n"
        "print(code, *sorted(set(sys.modules) - before), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.splitlines()[-1].split()
    return int(code), set(modules), done.stdout


def roots(modules, depth=1):
    return {".".join(name.split(".")[:depth]) for name in modules}


def test_help_imports_neither_numpy_nor_any_framework():
    code, modules, text = imported("--help")
    assert code == 0
    assert not roots(modules) & HEAVY
    assert all(verb in text for verb in VERBS)


def test_help_takes_little_cpu_for_it_loads_little():
    _, modules, _ = imported("--help")
    foreign = roots(modules) - sys.stdlib_module_names
    assert foreign <= {"edgekit", "typer", "shellingham", "annotated_doc"}
    own = roots((name for name in modules if name.count(".")), depth=2)
    rooms = {name.split(".")[1] for name in own if name.startswith("edgekit.")}
    assert rooms <= {"cli", "core", "errors", "packaging", "reports", "system"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(edgekit, verb):
    done = edgekit(verb, "--help")
    assert done.returncode == 0
    assert "Example: edgekit " in done.stdout
    assert "--json" in done.stdout


def test_inspect_does_not_import_tensorflow(assets):
    _, modules, _ = imported("inspect", str(assets / "tiny-fp32.tflite"))
    assert "tensorflow" not in roots(modules)
    path = repr(str(assets / "tiny-fp32.tflite"))
    job = f"inspection.describe(inspection._File(path={path}, kind='tflite'))"
    code = (
        f"import sys; from edgekit.formats import inspection; {job}; "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["convert", "m.keras", "--target", "tflite"], 4, "no file m.keras", "check the path"),
        (["convert", "mobilnet", "-t", "tflite"], 4, "no file mobilnet", "mean 'mobilenet'"),
        (["convert", "mobilenet", "-t", "tflit"], 2, "target 'tflit'", "did you mean 'tflite'"),
        (["convert", "mobilenet", "-t", "tflite", "-q", "int-8"], 2, "'int-8'", "mean 'int8'"),
        (["convert", "mobilenet", "-t", "tflite", "-q", "int8", "--calibration", "0"], 2,
         "got 0 calibration samples", "--calibration 100"),
        (["convert", "mobilenet"], 2, "--target", "convert --help"),
        (["convert", "mobilenet", "-t", "coreml", "-q", "int8"], 5,
         "got recipe int8 for coreml", "another recipe"),
        (["trane"], 2, "No such command", "--help"),
        (["report", "nowhere"], 2, "got run 'nowhere'", "edgekit.toml"),
        (["inspect", "none.tflite"], 4, "got no file", "check the path"),
        (["targets", "show", "pixle-8"], 2, "target 'pixle-8'", "did you mean 'pixel-8'"),
        (["train", "mobilenet", "--framework", "keras", "-o", "x.pt2"], 2, "ending in .keras", ""),
        (["run", "none.toml"], 2, "got no file none.toml", "edgekit run FILE"),
    ],
)  # fmt: skip
def test_one_clear_error_and_the_right_code(edgekit, arguments, code, message, hint):
    done = edgekit(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1


def test_an_error_with_json_is_one_document(edgekit):
    done = edgekit("targets", "show", "nothing", "--json")
    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["exit_code"], done.returncode) == ("UsageError", 2, 2)


def test_a_truncated_file_is_refused(edgekit, assets):
    done = edgekit("inspect", assets / "truncated.tflite")
    assert done.returncode == 4, done.stderr
    assert "broken .tflite" in done.stderr


@pytest.mark.parametrize("verb", ["targets", "models", "doctor"])
def test_lists_come_as_json_too(edgekit, verb):
    assert json.loads(edgekit(verb, "--json").stdout)
    assert "next: " in edgekit(verb).stdout


def test_a_dry_run_does_nothing(edgekit, tmp_path):
    done = edgekit("convert", "mobilenet", "-t", "pixel-8", "-q", "int8", "--dry-run", "--json")
    plan = json.loads(done.stdout)
    made = [(each["model"], each["format"], each["recipe"]) for each in plan["would_convert"]]
    assert made == [("mobilenet", "tflite", "int8"), ("mobilenet", "executorch", "int8")]
    done = edgekit("train", "mobilenet", "--framework", "torch", "--dry-run")
    assert "would train on digits" in done.stdout
    assert not list(tmp_path.iterdir())


def test_version(edgekit):
    assert edgekit("--version").stdout.startswith("edgekit ")


def test_the_shell_completes_targets():
    asked = {
        "_EDGEKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": "edgekit convert m --target pix",
        "COMP_CWORD": "4",
    }
    done = subprocess.run(
        [sys.executable, "-m", "edgekit"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pixel-8" in done.stdout


def test_a_target_of_ones_own_is_checked(edgekit, assets, tmp_path):
    done = edgekit("targets", "check", assets / "wrong_target.toml")
    assert done.returncode == 2
    assert "got 5 wrong fields" in done.stderr
    (tmp_path / "mine.toml").write_text('id="mine"\ndevice="Mine"\nformats=["tflite"]\n')
    assert edgekit("targets", "check", "mine.toml").returncode == 0
    assert json.loads(edgekit("targets", "schema").stdout)["title"] == "Target"


@pytest.mark.parametrize(("given", "said"), [("0", "greater than or equal to 1"), ("x", "integer")])
def test_a_wrong_value_of_an_option_is_named_with_what_was_got(edgekit, given, said):
    done = edgekit("train", "mobilenet", "--framework", "keras", "--epochs", given)
    assert done.returncode == 2
    first, second, hint = done.stderr.splitlines()
    assert first == "error: got 1 wrong field in the command line:"
    assert second.startswith("  --epochs: input should be ")
    assert said in second
    assert second.endswith(f"(got '{given}')")
    assert hint == "hint: see edgekit train --help"


def test_validating_a_file_made_elsewhere(edgekit, assets, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "d.npz",
        inputs=rng.random((60, 8, 8, 1), dtype=np.float32),
        labels=np.arange(60) % 10,
    )
    done = edgekit(
        "validate", assets / "tiny-fp32.tflite", "--target", "tflite", "--data", "d.npz", "--json"
    )
    answer = json.loads(done.stdout)
    assert done.returncode == answer["exit_code"] == 0, done.stderr
    measured = answer["run"]["measurements"][0]
    assert measured["n"] == 20
    assert measured["metrics"][0]["name"] == "accuracy"
    assert (tmp_path / answer["folder"] / "run.json").is_file()
