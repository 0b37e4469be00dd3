from pathlib import Path

import pytest

from edgekit.errors import UsageError
from edgekit.pipeline import config

ROOT = Path(__file__).parents[3]

GOOD = """
targets = ["tflite"]
[data]
source = "digits"
[[models]]
source = "mobilenet"
"""


def write(tmp_path, text):
    path = tmp_path / "edgekit.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["edgekit.toml", "benchmarks/fashion_mnist.toml"])
def test_the_projects_own_files_are_valid(name):
    assert config.read(ROOT / name).models


def test_defaults(tmp_path):
    found = config.read(write(tmp_path, GOOD))
    assert found.recipes == ("fp32", "int8")
    assert found.data.calibration == 100


def test_all_wrong_fields_at_once(tmp_path):
    text = 'seed = -1\ntargets = []\nrecipies = ["int8"]\n[data]\n[[models]]\nframework = "jax"\n'
    with pytest.raises(UsageError) as caught:
        config.read(write(tmp_path, text))
    for place in ("seed", "targets", "recipies", "data.source", "models.0.source",
                  "models.0.framework"):  # fmt: skip
        assert f"  {place}: " in caught.value.message
    assert "did you mean 'recipes'" in caught.value.message


def test_all_unknown_names_at_once(tmp_path):
    text = GOOD.replace('"tflite"', '"tflit"') + '[[packages]]\nkind = "zipp"\ntarget = "x"\n'
    with pytest.raises(UsageError) as caught:
        config.read(write(tmp_path, 'recipes = ["int9"]\nreports = ["pdf"]\n' + text))
    for name in ("tflit", "int9", "pdf", "zipp", "x"):
        assert f"unknown name '{name}'" in caught.value.message


def test_calibration_of_zero_and_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"data\.calibration"):
        config.read(write(tmp_path, GOOD.replace("[data]", "[data]\ncalibration = 0")))
    with pytest.raises(UsageError, match="got no file"):
        config.read(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="must be TOML|unreadable"):
        config.read(write(tmp_path, "= 3"))
