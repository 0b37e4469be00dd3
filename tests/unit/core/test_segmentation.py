import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.scoring import metrics_of, paired
from edgekit.core.segmentation import overlaps
from edgekit.errors import DataError
from edgekit.metrics import open_metric

MIOU = open_metric("miou", trust=False)
MASKS = np.random.default_rng(0).integers(0, 3, (40, 6, 5), dtype=np.uint8)


def scores(masks, classes=3):
    return np.eye(classes, dtype=np.float32)[masks]


def miou(outputs, masks):
    return metrics_of(MIOU, (outputs,), masks, ())[0].value


def test_by_hand():
    wanted = np.array([[[0, 0, 1, 1]]])
    got = np.array([[[0, 1, 1, 1]]])
    assert overlaps(scores(got), wanted).tolist() == [[[1, 2], [1, 3], [2, 2]]]
    assert miou(scores(got), wanted) == pytest.approx((1 / 2 + 2 / 3) / 2)


@given(st.integers(0, 2**32 - 1))
def test_it_is_the_textbooks_over_all_pixels(seed):
    rng = np.random.default_rng(seed)
    wanted, got = rng.integers(0, 4, (2, 35, 3, 4))
    wanted[rng.random(wanted.shape) < 0.1] = 255
    kept = wanted != 255
    each = [
        ((got == c) & (wanted == c)).sum() / (((got == c) & kept) | (wanted == c)).sum()
        for c in np.unique(wanted[kept])
    ]
    assert miou(scores(got, 4), wanted) == pytest.approx(np.mean(each))


def test_scores_come_in_either_layout_or_as_classes():
    wrong = np.where(MASKS == 2, 0, MASKS)
    figures = {
        miou(outputs, MASKS)
        for outputs in (scores(wrong), scores(wrong).transpose(0, 3, 1, 2), wrong.astype(float))
    }
    assert len(figures) == 1
    assert miou(scores(MASKS), MASKS) == 1


def test_a_pixel_that_is_not_a_number_is_no_class():
    outputs = scores(MASKS)
    outputs[0, 0, 0, 1] = np.nan
    assert miou(outputs, MASKS) < 1


def test_a_class_that_no_mask_holds_is_left_out():
    masks = np.minimum(MASKS, 1)
    stray = masks.copy()
    stray[0, 0, 0] = 2
    assert 0.99 < miou(scores(stray), masks) < 1


def test_agreement_and_the_worst_class():
    wrong = MASKS.copy()
    wrong[:20][MASKS[:20] == 2] = 0
    found = {
        m.name: m
        for m in paired(MIOU, (scores(wrong),), (scores(MASKS),), MASKS, (), ("a", "b", "c"))
    }
    assert list(found)[:4] == ["miou", "miou_drop", "agreement", "worst_class_drop"]
    assert found["agreement"].value == pytest.approx((wrong == MASKS).mean())
    worst = found["worst_class_drop"]
    assert (worst.detail, worst.n, worst.unit) == ("c", 40, "points")
    assert worst.value == pytest.approx(100 * (1 - (MASKS[20:] == 2).sum() / (MASKS == 2).sum()))
    assert worst.low < worst.value < worst.high
    assert found["miou_drop"].value > 0


def test_a_class_of_few_masks_is_not_called_the_worst():
    masks = np.zeros((40, 2, 2), np.uint8)
    masks[:9, 0] = 1
    found = {m.name: m for m in paired(MIOU, (scores(masks * 0),), (scores(masks),), masks, ())}
    assert found["worst_class_drop"].detail == "0"


@pytest.mark.parametrize(
    ("outputs", "masks", "message"),
    [
        (scores(MASKS)[:, :3], MASKS, "for masks of 6x5 pixels"),
        (scores(MASKS), None, "got no labels"),
        (scores(MASKS), MASKS / 2, "float64 labels"),
        (scores(MASKS)[..., :2], MASKS, "got class 2"),
        (np.ones((4, 4, 4, 4)), np.ones((4, 4, 4), int), "for masks of 4x4 pixels"),
    ],
    ids=["size", "no masks", "values", "classes", "either layout"],
)
def test_what_does_not_fit_is_refused(outputs, masks, message):
    with pytest.raises(DataError, match=message):
        overlaps(outputs, masks)
