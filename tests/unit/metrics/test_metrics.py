import pytest

from edgekit import metrics
from edgekit.core.card import METRIC_OF, ModelCard
from edgekit.core.scoring import mean, metrics_of
from edgekit.errors import UsageError
from edgekit.metrics import metric_of, open_metric

MINE = """
import numpy as np
NAME, TASK, UNIT, HIGHER_IS_BETTER = "bias", "regression", "value", True
def contributions(outputs, targets, inputs):
    return outputs[0] - targets
"""


def write(folder, text=MINE):
    path = folder / "bias.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", metrics.names())
def test_every_metric_keeps_the_contract_and_its_files_name(name):
    assert open_metric(name, trust=False).name == name


def test_every_task_has_its_own_metric():
    for task, name in METRIC_OF.items():
        assert metric_of(ModelCard(name="m", task=task), trust=False).name == name


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(UsageError) as caught:
        open_metric("acuracy", trust=False)
    assert "did you mean 'accuracy'" in caught.value.hint


def test_a_file_of_the_users_is_run_only_when_trusted(tmp_path):
    path = write(tmp_path, MINE + f"\nopen({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UsageError, match="code to run"):
        open_metric(path, trust=False)
    assert not (tmp_path / "ran").exists()
    found = open_metric(path, trust=True)
    assert (tmp_path / "ran").exists()
    assert (found.name, found.aggregate) == ("bias", mean)
    import numpy as np

    assert metrics_of(found, (np.full(4, 3.0),), np.ones(4), ())[0].value == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NAME = 'x'", "got no TASK, UNIT, HIGHER_IS_BETTER, contributions"),
        (MINE.replace('"regression"', '"ranking"'), "got TASK 'ranking'"),
        (MINE.replace('"value"', '"metres"'), "got UNIT 'metres'"),
        ("raise OSError('no')", "got OSError from"),
        ("def", "got SyntaxError from"),
    ],
)
def test_a_file_that_is_no_metric_is_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        open_metric(write(tmp_path, text), trust=True)


def test_a_missing_file_and_another_tasks_metric(tmp_path):
    with pytest.raises(UsageError, match="got no file"):
        open_metric(str(tmp_path / "none.py"), trust=True)
    with pytest.raises(UsageError, match="got metric mae for regression"):
        metric_of(ModelCard(name="m", metric="mae"), trust=False)
