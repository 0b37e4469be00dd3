import pytest
from pydantic import ValidationError

from edgekit.core.facts import Facts, Inspection
from edgekit.core.tensor import TensorSpec

SPEC = TensorSpec(name="x", shape=(1, -1), dtype="int8", scale=0.5, zero_point=3)
FACTS = Facts(
    format="odd",
    inputs=(SPEC,),
    operators={"Relu": 2},
    more={"members": 3, "labels": ("a", None, 4), "opsets": {"ai.onnx": 17}, "producer": "me"},
)


def test_they_are_the_same_after_a_journey_and_lie_on_one_level_in_the_document():
    found = Inspection(path="m.odd", size_bytes=7, sha256="0" * 64, facts=FACTS)
    assert Inspection.from_json(found.to_json()) == found
    assert found.document() == {
        "path": "m.odd",
        "size_bytes": 7,
        "sha256": "0" * 64,
        "format": "odd",
        "inputs": [SPEC.model_dump(mode="json")],
        "outputs": [],
        "operators": {"Relu": 2},
        "members": 3,
        "labels": ["a", None, 4],
        "opsets": {"ai.onnx": 17},
        "producer": "me",
    }


@pytest.mark.parametrize("name", ["inputs", "format", "path", "sha256"])
def test_what_only_one_format_has_cannot_hide_what_all_have(name):
    with pytest.raises(ValidationError, match=f"got {name} in more"):
        Facts(format="odd", more={name: "x"})


def test_what_is_no_plain_fact_is_refused():
    with pytest.raises(ValidationError):
        Facts(format="odd", more={"deep": {"a": {"b": 1}}})
