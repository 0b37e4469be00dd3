import pytest

from edgekit import formats
from edgekit.core.recipe import UNKNOWN, Recipe
from edgekit.errors import UsageError
from edgekit.pipeline import recipes


@pytest.mark.parametrize("name", recipes.known())
def test_every_name_parses_into_itself_and_is_described(name):
    recipe = recipes.parse(name, calibration_n=5, calibration_seed=1)
    assert recipe.name == name
    assert any(recipe.scheme in formats.exporter(each).RECIPES for each in formats.exporters())
    assert recipe.description
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_calibration_is_kept_only_where_it_matters():
    assert recipes.parse("int8", calibration_n=7).calibration_n == 7
    assert recipes.parse("dynamic-int8", calibration_n=7).calibration_n == 0


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UsageError) as caught:
        recipes.parse("int-8")
    assert "did you mean 'int8'" in caught.value.hint


def test_calibration_of_zero_samples_is_refused():
    with pytest.raises(UsageError, match="got 0 calibration samples"):
        recipes.parse("int8", calibration_n=0)


def test_the_largest_batch_is_no_part_of_the_name():
    assert recipes.parse("fp32").batch_max == 1
    assert recipes.parse("fp32", batch_max=8).name == "fp32"
    assert recipes.parse("fp32", batch_max=8).batch_max == 8
    with pytest.raises(UsageError, match="largest batch of 0"):
        recipes.parse("fp32", batch_max=0)


@pytest.fixture
def mine(own_home):
    """Return a function that writes a recipe of the user's own, called `mine`."""

    def write(text):
        path = own_home / "config" / "recipes" / "mine.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text)

    return write


def test_a_recipe_is_one_file_and_exporters_go_by_what_it_says(mine):
    mine('description = "mine"\nmethod = "dynamic"\nweight = "int8"\n')
    recipe = recipes.load("mine")
    assert (recipe.name, recipe.scheme) == ("mine", "dynamic-int8")
    assert "mine" in recipes.known()


def test_a_wrong_recipe_names_every_field(mine):
    mine('method = "dinamic"\nwieght = "int8"\n')
    with pytest.raises(UsageError, match="got 2 wrong fields") as caught:
        recipes.load("mine")
    assert "did you mean 'weight'" in caught.value.message


def test_a_file_made_elsewhere_has_no_known_scheme():
    assert Recipe(name=UNKNOWN, io="int8").scheme == UNKNOWN


def test_a_recipe_cannot_call_itself_by_anothers_name(mine):
    mine('name = "fp32"\nmethod = "dynamic"\nweight = "int8"\n')
    with pytest.raises(UsageError, match="got a name in"):
        recipes.load("mine")


def test_a_name_cannot_lead_out_of_the_folder_of_recipes(mine, own_home):
    mine('method = "dynamic"\nweight = "int8"\n')
    (own_home / "config" / "stray.toml").write_text('method = "dynamic"\n')
    with pytest.raises(UsageError, match="expected a known one"):
        recipes.load("../stray")
