import json
import re
from pathlib import Path

import jsonschema
import pytest

from edgekit import formats
from edgekit.core.target import Target
from edgekit.errors import TargetError, UsageError
from edgekit.pipeline import recipes, targets

RECIPES = recipes.shipped()

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "targets").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_profile_is_valid_named_as_its_file_and_round_trips(path):
    target = targets.load(path.stem)
    assert target.id == path.stem
    assert Target.from_json(target.to_json()) == target
    assert set(target.recipes) <= set(RECIPES)
    for name, limit in target.budgets:
        assert limit is None or len(limit.source) > 20, f"{name} needs a real source"


def test_the_issue_s_targets_are_there():
    wanted = "tflite executorch pixel-8 iphone-15 raspberry-pi-4 raspberry-pi-5 cortex-m7"
    assert set(wanted.split()) <= set(targets.known())


def test_every_format_has_a_target_without_budgets():
    bare = [targets.load(name) for name in targets.known()]
    bare = [target for target in bare if not any(limit for _, limit in target.budgets)]
    assert {f for target in bare for f in target.formats} == set(formats.exporters())


def test_a_format_without_an_exporter_is_no_format(tmp_path):
    (tmp_path / "x.toml").write_text('id = "x"\ndevice = "X"\nformats = ["onyx"]\n')
    with pytest.raises(TargetError, match=r"formats\.0: .*expected one of .*onnx, ort"):
        targets.check(tmp_path / "x.toml")


def test_a_cpu_feature_is_one_that_the_runner_tells(tmp_path):
    text = 'id = "x"\ndevice = "X"\nformats = ["onnx"]\ncpu_features = ["{}"]\n'
    (tmp_path / "x.toml").write_text(text.format("vnni"))
    with pytest.raises(TargetError, match=r"cpu_features\.0: .*expected one of .*avx512_vnni"):
        targets.check(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text(text.format("avx512_vnni"))
    assert targets.check(tmp_path / "x.toml").is_exact


def test_the_committed_schema_is_the_codes():
    committed = json.loads((ROOT / "targets" / "target.schema.json").read_text())
    assert committed == targets.schema(), "run make docs"


def test_the_schema_accepts_a_profile_and_refuses_a_wrong_one():
    schema = targets.schema()
    good = {"id": "x", "device": "X", "formats": ["tflite"]}
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, "formats": ["pdf"]}, schema)


def test_every_wrong_field_is_named(assets):
    with pytest.raises(TargetError) as caught:
        targets.check(assets / "wrong_target.toml")
    text = caught.value.message
    assert "got 5 wrong fields" in text
    for place in ("id", "formats.0", "devise", "budgets.size_bytes.source", "budgets.latency_ms"):
        assert re.search(rf"^  {place}: ", text, re.MULTILINE), place
    assert "did you mean 'device'" in text
    assert "did you mean 'latency_p95_ms'" in text


def test_a_users_profile_is_found_in_their_folder(own_home):
    folder = own_home / "config" / "targets"
    folder.mkdir(parents=True)
    (folder / "my-board.toml").write_text('id="my-board"\ndevice="Mine"\nformats=["tflite"]\n')
    assert targets.load("my-board").device == "Mine"


def test_unknown_and_unreadable(tmp_path):
    with pytest.raises(UsageError) as caught:
        targets.load("pixel8")
    assert "did you mean 'pixel-8'" in caught.value.hint
    with pytest.raises(TargetError, match="got no file"):
        targets.load("nowhere.toml")
    (tmp_path / "x.toml").write_text("id = ")
    with pytest.raises(TargetError, match="unreadable"):
        targets.check(tmp_path / "x.toml")
