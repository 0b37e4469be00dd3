from typing import Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from edgekit.core.noun import Noun
from edgekit.core.problems import in_words, wrong_fields


class Wheel(Noun):
    width: int = Field(default=1, ge=1)
    material: Literal["Rubber", "Wood"] = "Rubber"


class Car(Noun):
    name: str
    spare: Wheel | None = None
    wheels: tuple[Wheel, ...] = Field(default=(Wheel(),), min_length=1)
    by_place: dict[str, Wheel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self):
        if self.name == "cart":
            msg = "got a cart, expected a car"
            raise ValueError(msg)
        if self.name == "tram":
            msg = "trams are no cars"
            raise ValueError(msg)
        return self


def wrong(data, model=Car, **more):
    with pytest.raises(ValidationError) as caught:
        Car.model_validate({"name": "a car", **data})
    return wrong_fields(caught.value, model, **more)


def test_every_wrong_field_is_named_with_what_was_got():
    data = {"name": 3, "spare": {"width": 0}, "wheels": [{}, {"material": "Iron"}]}
    assert wrong(data) == [
        "name: input should be a valid string (got 3)",
        "spare.width: input should be greater than or equal to 1 (got 0)",
        # What is expected is spelt as it has to be written.
        "wheels.1.material: input should be 'Rubber' or 'Wood' (got 'Iron')",
    ]


def test_a_missing_field_has_nothing_that_was_got():
    with pytest.raises(ValidationError) as caught:
        Car.model_validate({})
    assert wrong_fields(caught.value, Car) == ["name: field required"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"spare": {"widht": 1}}, "spare.widht"),
        ({"wheels": [{"widht": 1}]}, "wheels.0.widht"),
        ({"by_place": {"name": {"widht": 1}}}, "by_place.name.widht"),
    ],
)
def test_an_unknown_field_gets_a_suggestion_wherever_it_stands(data, place):
    assert wrong(data) == [f"{place}: unknown field; did you mean 'width'? Known: material, width"]


def test_without_the_model_an_unknown_field_gets_none():
    assert wrong({"nane": 1}, model=None) == ["nane: unknown field"]


def test_a_list_is_not_called_empty_for_its_only_item_being_wrong():
    assert len(wrong({"wheels": [{"width": -1}]})) == 1
    (line,) = wrong({"wheels": []})
    assert line.startswith("wheels: tuple should have at least 1 item")


def test_what_is_wrong_with_the_whole_is_said_of_the_whole():
    assert wrong({"name": "cart"}) == ["file: got a cart, expected a car"]
    assert wrong({"name": "tram"}, whole="--car") == [
        "--car: trams are no cars (got {'name': 'tram'})"
    ]


def test_a_long_value_is_cut_and_says_so():
    (line,) = wrong({"spare": {"width": "x" * 100}})
    assert line.endswith("(got '" + "x" * 59 + "…)")


def test_a_document_is_named_before_its_wrong_fields():
    assert in_words(["a: x"], "x.toml") == "got 1 wrong field in x.toml:\n  a: x"
    assert in_words(["a: x", "b: y"], "x.toml") == "got 2 wrong fields in x.toml:\n  a: x\n  b: y"
