import pytest

from edgekit.core.card import ModelCard
from edgekit.errors import ModelLoadError, UsageError
from edgekit.sources import cards, resolve
from edgekit.system import store


def test_a_zoo_name_is_a_factory_with_the_cards_arguments():
    source = resolve.resolve("mobilenet", framework="torch")
    assert source.factory == "build"
    assert source.arguments == {"shape": [32, 32, 1], "classes": 10}
    assert not source.is_trained
    assert cards.card_of(source).name == "mobilenet"


def test_a_zoo_name_needs_a_framework():
    with pytest.raises(UsageError, match="no framework"):
        resolve.resolve("mobilenet")
    with pytest.raises(UsageError, match="framework 'keas'"):
        resolve.resolve("mobilenet", framework="keas")


@pytest.mark.parametrize(
    ("imports", "framework"),
    [
        ("import torch", "torch"),
        ("from tensorflow import keras", "keras"),
        ("import keras.layers", "keras"),
    ],
)
def test_a_factorys_framework_shows_in_its_imports(tmp_path, imports, framework):
    path = tmp_path / "net.py"
    path.write_text(f"{imports}\ndef make(): ...\n")
    assert resolve.resolve(f"{path}:make").framework == framework


def test_a_file_that_imports_both_or_neither_needs_to_be_told(tmp_path):
    path = tmp_path / "net.py"
    for text in ("import torch, keras", "x = 1"):
        path.write_text(text)
        with pytest.raises(UsageError, match="imported in"):
            resolve.resolve(f"{path}:make")
    assert resolve.resolve(f"{path}:make", framework="torch").framework == "torch"


def test_a_factory_has_no_hash_before_what_it_reads_is_known(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("import torch")
    assert resolve.resolve(f"{path}:make").sha256 == ""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.bin", b"x", "unknown kind"),
        ("m.keras", b"", "empty file"),
        ("m.keras", None, "got no file"),
    ],
)
def test_files_that_are_no_models(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelLoadError, match=message):
        resolve.resolve(str(path))


def test_folders_and_python_files_without_a_factory(tmp_path):
    with pytest.raises(ModelLoadError, match="got a folder"):
        resolve.resolve(str(tmp_path))
    (tmp_path / "net.py").write_text("import torch")
    with pytest.raises(UsageError, match="no factory"):
        resolve.resolve(str(tmp_path / "net.py"))


def test_a_misspelt_zoo_name_gets_a_suggestion():
    with pytest.raises(ModelLoadError) as caught:
        resolve.resolve("mobilnet")
    assert "did you mean 'mobilenet'" in caught.value.hint


def test_the_card_beside_a_file_is_found_and_a_wrong_one_is_explained(tmp_path):
    model = tmp_path / "m.keras"
    model.write_bytes(b"x")
    source = resolve.resolve(str(model))
    assert cards.card_of(source) is None
    store.write_text(cards.card_path(model), ModelCard(name="mine").to_json())
    assert cards.card_of(source).name == "mine"
    store.write_text(cards.card_path(model), '{"name": "mine", "lables": []}')
    with pytest.raises(UsageError, match="lables: unknown field; did you mean 'labels'"):
        cards.card_of(source)
