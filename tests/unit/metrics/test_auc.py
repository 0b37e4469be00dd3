import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.scoring import metrics_of, paired
from edgekit.errors import DataError, RuntimeFailedError
from edgekit.metrics import auc, open_metric

AUC = open_metric("auc", trust=False)
LABELLED = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=60
).filter(lambda pairs: len({label for _, label in pairs}) == 2)


@given(LABELLED)
def test_it_counts_pairs_and_ties_half(pairs):
    scores, labels = np.array(pairs).T
    above = np.sign(scores[labels == 1][:, None] - scores[labels == 0][None])
    contributions = np.column_stack([scores, labels]).astype(float)
    got = auc.aggregate(contributions, np.ones((1, len(scores))))
    assert got[0] == pytest.approx((above.mean() + 1) / 2)


@settings(deadline=None)  # the first import takes its time
@given(LABELLED, st.integers(0, 2**32 - 1))
def test_it_is_scikit_learns_weighted_or_not(pairs, seed):
    roc_auc_score = pytest.importorskip("sklearn.metrics").roc_auc_score
    scores, labels = np.array(pairs).T.astype(float)
    weights = np.random.default_rng(seed).integers(1, 4, (2, len(scores))) * 1.0
    got = auc.aggregate(np.column_stack([scores, labels]), weights)
    wanted = [roc_auc_score(labels, scores, sample_weight=row) for row in weights]
    assert got == pytest.approx(wanted)


def test_a_reconstructions_score_is_its_error():
    inputs = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    labels = np.arange(40) % 2
    outputs = inputs + labels[:, None]
    (found,) = metrics_of(AUC, (outputs,), labels, (inputs,))
    assert found.value == 1
    # Twenty of each: what none of twenty shows may still befall three in twenty.
    assert found.low <= 1 - 3 / 20


def test_an_output_of_one_number_is_the_score():
    scores, labels = np.linspace(0, 1, 30)[:, None], np.repeat([0, 1], 15)
    inputs = np.zeros((30, 4))
    assert metrics_of(AUC, (scores,), labels, (inputs,))[0].value == 1
    assert metrics_of(AUC, (-scores,), labels, (inputs,))[0].value == 0
    _, drop, *_ = paired(AUC, (-scores,), (scores,), labels, (inputs,))
    assert (drop.value, drop.unit) == (100, "points")


@pytest.mark.parametrize("anomalies", [1, 9])
def test_few_anomalies_have_no_interval_however_many_are_normal(anomalies):
    labels = np.arange(300) < anomalies
    (found,) = metrics_of(AUC, (labels[:, None] * 1.0,), labels, (np.zeros((300, 4)),))
    assert (found.value, found.low) == (1, None)
    assert f"{anomalies} samples carry the figure" in found.method


@pytest.mark.parametrize("labels", [None, np.zeros(30, int), np.arange(30), np.ones((30, 2))])
def test_labels_other_than_normal_and_anomaly_are_refused(labels):
    with pytest.raises(DataError, match="expected 0 for normal and 1"):
        metrics_of(AUC, (np.zeros((30, 1)),), labels, (np.zeros((30, 4)),))


def test_outputs_that_are_no_score_are_refused():
    labels = np.arange(30) % 2
    with pytest.raises(DataError, match="expected the same shape or one score"):
        metrics_of(AUC, (np.zeros((30, 2)),), labels, (np.zeros((30, 4)),))
    with pytest.raises(RuntimeFailedError, match="got 30 of 30"):
        metrics_of(AUC, (np.full((30, 1), np.nan),), labels, (np.zeros((30, 4)),))
