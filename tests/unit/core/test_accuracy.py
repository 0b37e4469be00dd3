import numpy as np
import pytest

from edgekit.core.accuracy import classification, paired_classification, predictions
from edgekit.errors import DataError


def one_hot(classes, n=3):
    return np.eye(n, dtype=np.float32)[classes]


def by_name(metrics):
    return {metric.name: metric for metric in metrics}


def test_flips_drop_and_agreement_by_hand():
    labels = np.array([0, 1, 2, 0, 1])
    float_says, file_says = [0, 1, 2, 1, 1], [0, 2, 2, 0, 0]
    found = by_name(paired_classification(one_hot(file_says), one_hot(float_says), labels))
    assert found["right_to_wrong"].value == 2
    assert found["wrong_to_right"].value == 1
    assert found["accuracy_drop"].value == pytest.approx(20.0)
    assert found["agreement"].value == pytest.approx(2 / 5)
    assert found["accuracy"].value == pytest.approx(3 / 5)


def test_the_worst_class_is_named_with_its_n():
    labels = np.repeat([0, 1], 20)
    wrong = labels.copy()
    wrong[20:25] = 0
    found = by_name(
        paired_classification(one_hot(wrong), one_hot(labels), labels, ("cat", "dog", "owl"))
    )
    worst = found["worst_class_drop"]
    assert (worst.detail, worst.n, worst.value) == ("dog", 20, 25.0)


def test_a_class_of_few_samples_is_not_called_the_worst():
    labels = np.array([0] * 20 + [1])
    got = np.array([0] * 21)
    found = by_name(paired_classification(one_hot(got), one_hot(labels), labels))
    assert found["worst_class_drop"].detail == "0"


def test_nan_is_never_right():
    outputs = one_hot([0, 1])
    outputs[0, 0] = np.nan
    assert predictions(outputs).tolist() == [-1, 1]
    assert classification(outputs, np.array([0, 1]))[0].value == 0.5


def test_outputs_that_are_no_row_of_scores_are_refused():
    assert predictions(np.eye(3).reshape(3, 1, 1, 3)).tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="4x4x3"):
        predictions(np.zeros((2, 4, 4, 3)))


def test_labels_beyond_the_outputs_are_refused():
    with pytest.raises(DataError, match="got label 3"):
        classification(one_hot([0, 1]), np.array([0, 3]))
    with pytest.raises(DataError, match="2 outputs, expected 3"):
        classification(one_hot([0, 1]), np.array([0, 1, 2]))
