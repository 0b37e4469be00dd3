import pytest

from edgekit.core.recipe import RECIPES, Recipe, parse_recipe
from edgekit.errors import UsageError


@pytest.mark.parametrize("name", RECIPES)
def test_every_name_parses_into_itself_and_is_described(name):
    recipe = parse_recipe(name, calibration_n=5, calibration_seed=1)
    assert recipe.name == name
    assert recipe.description
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_calibration_is_kept_only_where_it_matters():
    assert parse_recipe("int8", calibration_n=7).calibration_n == 7
    assert parse_recipe("dynamic-int8", calibration_n=7).calibration_n == 0


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UsageError) as caught:
        parse_recipe("int-8")
    assert "did you mean 'int8'" in caught.value.hint


def test_calibration_of_zero_samples_is_refused():
    with pytest.raises(UsageError, match="got 0 calibration samples"):
        parse_recipe("int8", calibration_n=0)


def test_the_largest_batch_is_no_part_of_the_name():
    assert parse_recipe("fp32").batch_max == 1
    assert parse_recipe("fp32", batch_max=8).name == "fp32"
    assert parse_recipe("fp32", batch_max=8).batch_max == 8
    with pytest.raises(UsageError, match="largest batch of 0"):
        parse_recipe("fp32", batch_max=0)
