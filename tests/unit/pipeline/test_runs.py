import json

import make
import pytest

from edgekit.errors import UsageError
from edgekit.pipeline import runs


def refused(folder):
    with pytest.raises(UsageError) as caught:
        runs.read_run(folder)
    assert "run the job again" in caught.value.hint
    return caught.value.message


def test_a_record_is_read_as_it_was_written(tmp_path):
    made = make.run()
    (tmp_path / "run.json").write_text(made.to_json())
    assert runs.read_run(tmp_path) == made


def test_every_wrong_field_of_a_record_is_named(tmp_path):
    data = json.loads(make.run().to_json())
    data["seed"] = "many"
    data["artifacts"][0]["formt"] = data["artifacts"][0].pop("format")
    (tmp_path / "run.json").write_text(json.dumps(data))
    said = refused(tmp_path)
    assert said.startswith(f"got 3 wrong fields in the record {tmp_path / 'run.json'}:\n")
    assert "\n  seed: " in said
    assert "\n  artifacts.0.format: field required" in said
    assert "\n  artifacts.0.formt: unknown field; did you mean 'format'?" in said


def test_what_is_no_record_is_refused(tmp_path):
    assert "No such file" in refused(tmp_path)
    (tmp_path / "run.json").write_text("{")
    assert "file: invalid JSON" in refused(tmp_path)
    older = {**json.loads(make.run().to_json()), "schema_version": 0}
    (tmp_path / "run.json").write_text(json.dumps(older))
    assert "got schema version 0" in refused(tmp_path)
