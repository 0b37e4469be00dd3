import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.accuracy import predictions, within_top
from edgekit.core.scoring import metrics_of, paired
from edgekit.errors import DataError
from edgekit.metrics import open_metric

ACCURACY = open_metric("accuracy", trust=False)
TOP5 = open_metric("top5", trust=False)


def one_hot(classes, n=3):
    return np.eye(n, dtype=np.float32)[classes]


def compare(outputs, reference, labels, names=()):
    return {m.name: m for m in paired(ACCURACY, (outputs,), (reference,), labels, (), names)}


def test_flips_drop_and_agreement_by_hand():
    labels = np.array([0, 1, 2, 0, 1])
    float_says, file_says = [0, 1, 2, 1, 1], [0, 2, 2, 0, 0]
    found = compare(one_hot(file_says), one_hot(float_says), labels)
    assert found["right_to_wrong"].value == 2
    assert found["wrong_to_right"].value == 1
    assert found["accuracy_drop"].value == pytest.approx(20.0)
    assert found["agreement"].value == pytest.approx(2 / 5)
    assert found["accuracy"].value == pytest.approx(3 / 5)


# Bonett and Price's and Wilson's intervals for five lost and three won of 40; records hold these.
def test_classification_keeps_its_exact_intervals():
    labels = np.zeros(40, np.int64)
    float_says, file_says = np.repeat([0, 1], [30, 10]), np.repeat([1, 0, 1], [5, 28, 7])
    found = compare(one_hot(file_says), one_hot(float_says), labels)
    figures = {n: (round(m.low, 4), round(m.value, 4), round(m.high, 4)) for n, m in found.items()
               if m.low is not None}  # fmt: skip
    assert figures == {
        "accuracy": (0.5457, 0.7, 0.8193),
        "accuracy_drop": (-9.9247, 5.0, 19.4485),
        "agreement": (0.6524, 0.8, 0.895),
        "worst_class_drop": (-9.9247, 5.0, 19.4485),
    }
    assert list(found) == [
        "accuracy", "accuracy_drop", "agreement", "right_to_wrong", "wrong_to_right",
        "worst_class_drop", "max_abs_difference", "snr",
    ]  # fmt: skip


def test_the_worst_class_is_named_with_its_n():
    labels = np.repeat([0, 1], 20)
    wrong = labels.copy()
    wrong[20:25] = 0
    worst = compare(one_hot(wrong), one_hot(labels), labels, ("cat", "dog", "owl"))[
        "worst_class_drop"
    ]
    assert (worst.detail, worst.n, worst.value) == ("dog", 20, 25.0)


def test_a_class_of_few_samples_is_not_called_the_worst():
    labels = np.array([0] * 20 + [1])
    got = np.array([0] * 21)
    assert compare(one_hot(got), one_hot(labels), labels)["worst_class_drop"].detail == "0"


def test_nan_is_never_right():
    outputs = one_hot([0, 1])
    outputs[0, 0] = np.nan
    assert predictions(outputs).tolist() == [-1, 1]
    assert metrics_of(ACCURACY, (outputs,), np.array([0, 1]), ())[0].value == 0.5
    six = np.eye(6)
    six[0, 5] = np.nan
    assert within_top(six, np.arange(6), 5).tolist() == [False] + [True] * 5


def test_outputs_that_are_no_row_of_scores_are_refused():
    assert predictions(np.eye(3).reshape(3, 1, 1, 3)).tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="4x4x3"):
        predictions(np.zeros((2, 4, 4, 3)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 3]), "got label 3"),
        (np.array([0, 1, 2]), "2 outputs, expected 3"),
        (np.array([0.0, 1.0]), "float64 labels"),
        (None, "got no labels"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        metrics_of(ACCURACY, (one_hot([0, 1]),), labels, ())


SCORES = st.lists(st.lists(st.integers(-3, 3), min_size=7, max_size=7), min_size=1, max_size=30)


@given(SCORES, st.integers(0, 6))
def test_the_best_of_equal_scores_is_the_first(scores, label):
    outputs, labels = np.array(scores, float), np.full(len(scores), label)
    assert (within_top(outputs, labels, 1) == (predictions(outputs) == labels)).all()
    ranked = np.argsort(-outputs, axis=1, kind="stable")[:, :5]
    assert (within_top(outputs, labels, 5) == (ranked == label).any(axis=1)).all()


def test_five_of_five_are_no_test():
    with pytest.raises(DataError, match="got 5 classes, expected more than 5"):
        metrics_of(TOP5, (np.eye(5),), np.arange(5), ())
