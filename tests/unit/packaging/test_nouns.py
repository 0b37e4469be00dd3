import math

import make
import numpy as np
import pytest
from pydantic import ValidationError

from edgekit.packaging.manifest import manifest
from edgekit.packaging.nouns import GoldenTensor, Manifest


def test_a_golden_tensor_reads_its_part():
    vectors = b"\0" * 8 + np.array([[1, -2], [3, 4]], "<i2").tobytes()
    tensor = GoldenTensor(dtype="int16", shape=(2, 2), offset=8, size_bytes=8, tolerance=0)
    assert tensor.array(vectors).tolist() == [[1, -2], [3, 4]]


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
