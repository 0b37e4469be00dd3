import math

import make
import numpy as np
import pytest
from pydantic import ValidationError

from edgekit.packaging.golden import Assets
from edgekit.packaging.manifest import manifest
from edgekit.packaging.nouns import (
    VECTORS,
    GoldenSample,
    GoldenTensor,
    Manifest,
    all_alike,
    probe_of,
    real_of,
)


def test_a_golden_tensor_reads_its_part():
    vectors = b"\0" * 8 + np.array([[1, -2], [3, 4]], "<i2").tobytes()
    tensor = GoldenTensor(dtype="int16", shape=(2, 2), offset=8, size_bytes=8, tolerance=0)
    assert tensor.array(vectors).tolist() == [[1, -2], [3, 4]]


def test_the_probe_is_the_last_picture_that_no_model_was_asked_about():
    *real, probe = made = make.content().first.golden
    assert (probe_of(made), real_of(made)) == (probe, tuple(real))
    assert (probe_of(tuple(real)), real_of(tuple(real))) == (None, tuple(real))
    assert (probe_of(()), real_of(())) == (None, ())


def test_of_a_file_that_was_not_run_the_probe_is_still_the_last():
    made = make.content().first.golden
    bare = tuple(sample.model_copy(update={"outputs": ()}) for sample in made)
    assert probe_of(bare) is bare[-1]
    assert real_of(bare) == bare[:-1]
    numbers = tuple(sample.model_copy(update={"image": None}) for sample in bare)
    assert (probe_of(numbers), real_of(numbers)) == (None, numbers)


def alike(*answers, tolerance=1.0):
    """Return whether these outputs, a list of arrays for each sample, are all alike."""
    assets = Assets()
    samples = [
        GoldenSample(
            samples=(), inputs=(), outputs=tuple(assets.tensor(each, tolerance) for each in answer)
        )
        for answer in answers
    ]
    return all_alike(samples, assets.files()[VECTORS])


def test_outputs_are_alike_where_one_answer_passes_for_all_of_them():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        rows = rng.integers(-2, 3, (rng.integers(2, 5), 2)).astype(np.int8)
        # Whole and half numbers are all there is to try.
        answers = np.arange(-4, 4.5, 0.5)
        passes = (abs(rows[:, :, None] - answers) <= 1).all(axis=0).any(axis=-1).all()
        found.append(alike(*([row] for row in rows)))
        assert found[-1] == passes
    assert {*found} == {True, False}


def test_which_sample_comes_first_does_not_tell_whether_they_are_alike():
    middle, low, high = (np.float32([value]) for value in (0, -1, 1))
    assert alike([middle], [low], [high])
    assert alike([low], [middle], [high])
    assert not alike([low], [middle], [np.float32([1.5])])


def test_every_output_of_a_sample_has_to_be_alike():
    same, other = np.zeros((1, 2), np.float32), np.float32([[0, 9]])
    assert alike([same, same], [same, same])
    assert not alike([same, same], [same, other])
    assert not alike([same, same])
    assert not alike([], [])


def test_a_manifest_is_the_same_after_a_round_trip():
    content = make.content(artifacts=[make.tiny_artifact(), make.tiny_artifact(recipe="int8-io8")])
    made = manifest(content, content.assets, ())
    assert Manifest.from_json(made.to_json()) == made
    assert made.schema_version == 2


def test_a_manifest_takes_only_hashes():
    content = make.content()
    made = manifest(content, content.assets, ()).model_dump()
    with pytest.raises(ValidationError):
        Manifest.model_validate({**made, "files": {"a": "no hash"}})


def test_the_best_variant_lost_least_and_then_is_the_smallest():
    artifacts = [make.tiny_artifact(), make.tiny_artifact(recipe="int8-io8")]
    content = make.content(artifacts=artifacts)
    assert content.first.name == "fp32"
    assert [v.name for v in content.by_quality] == ["int8-io8", "fp32"]
    worse = content.variants[1].model_copy(
        update={"measured": make.measurement(metrics=(make.drop(3.0, 2.0, 4.0),))}
    )
    unknown = content.first.model_copy(update={"measured": None})
    changed = content.model_copy(update={"variants": (unknown, worse)})
    assert [v.name for v in changed.by_quality] == ["int8-io8", "fp32"]
    assert math.isinf(unknown.drop)


def test_the_stem_names_model_recipe_target_and_kind():
    assert make.content().stem == "tiny-fp32-board-zip"
    assert make.content(target=None).stem == "tiny-fp32-tflite-zip"
    two = make.content(artifacts=[make.tiny_artifact(), make.tiny_artifact(recipe="int8-io8")])
    assert two.stem == "tiny-variants-board-zip"


def test_a_variant_without_a_verdict_is_not_measured():
    variant = make.content().first
    assert variant.status == "pass"
    assert variant.model_copy(update={"verdict": None}).status == "not_measured"
