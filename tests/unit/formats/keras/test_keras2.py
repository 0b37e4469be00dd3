import json

import pytest
from make import source

from edgekit.core.card import ModelCard
from edgekit.errors import MissingExtraError, ModelLoadError
from edgekit.formats.keras import file as keras_file
from edgekit.formats.keras import keras2


def layer(kind, **config):
    return {"class_name": kind, "config": {"name": "it", **config}}


def model(*layers, **more):
    return {"class_name": "Sequential", "config": {"layers": list(layers)}, **more}


def calling(function):
    return layer("TFOpLambda", function=function)


HELD = layer("LSTMCell", units=2)
BYTECODE = {"residual_fn": ["4wA=", None, None], "residual_fn_type": "lambda"}


@pytest.mark.parametrize(
    ("inner", "named"),
    [
        (layer("RNN", cell=layer("ResidualWrapper", cell=HELD, **BYTECODE)), "ResidualWrapper"),
        (layer("RNN", cell=layer("DropoutWrapper", cell=HELD)), "DropoutWrapper"),
        (layer("RNN", cell=layer("DeviceWrapper", cell=HELD)), "DeviceWrapper"),
        (layer("TimeDistributed", layer=layer("Dense", **BYTECODE)), "residual_fn_type=lambda"),
        (layer("Dense", function_type="lambda"), "function_type=lambda"),
        (layer("DenseFeatures"), "DenseFeatures"),
        (layer("Brew"), "Brew"),
        (layer("StringLookup", vocabulary="/etc/words"), "/etc/words"),
        (calling("keras.activations.get"), r"keras\.activations\.get"),
        (calling("keras.activations.deserialize"), r"keras\.activations\.deserialize"),
        (calling("io.write_file"), "io.write_file"),
        (layer("InstanceMethod"), "InstanceMethod"),
    ],
)
def test_what_is_on_no_list_is_refused_by_name(inner, named, tmp_path):
    with pytest.raises(ModelLoadError, match=named) as refused:
        keras2.check(model(inner), tmp_path / "net.h5")
    assert "--trust" in refused.value.hint


def test_layers_that_only_compute_pass_and_how_a_net_was_trained_is_not_looked_at(tmp_path):
    kernel = {"module": "keras.initializers", **layer("GlorotUniform", seed=None)}
    fits = model(
        layer("InputLayer"), layer("Dense", kernel_initializer=kernel, activation="relu"),
        layer("Bidirectional", layer=layer("RNN", cell=layer("StackedRNNCells", cells=[HELD]))),
        layer("StringLookup", vocabulary=["a", "b"]), calling("keras.activations.relu"),
        layer("Conv2D", build={"class_name": "__tuple__", "items": [1, 2]}), calling("nn.relu6"),
        compile_config={"optimizer": {"module": "keras.optimizers", **layer("Adam")}},
    )  # fmt: skip
    keras2.check(fits, tmp_path / "net.h5")


UNKNOWN = ValueError("Unknown layer: 'Brew'. Please ensure you are using a scope")
LAMBDA = ValueError("Unknown layer: 'TFOpLambda'. Please ensure you are using a scope")


def refused(monkeypatch, inner, why, *, trust=False):
    """Return what loading ends with, tf_keras being absent, and what Keras 3 ended with."""
    monkeypatch.setattr(keras_file, "read_config", lambda path: model(inner))
    monkeypatch.setattr(keras2.packages, "installed", lambda name: None)
    first = ModelLoadError("first", "name the code that builds it")
    first.__cause__ = why
    with pytest.raises((ModelLoadError, MissingExtraError)) as caught:
        keras2.load(source(), ModelCard(name="net"), trust=trust, first=first)
    return caught.value, first


@pytest.mark.parametrize("trust", [False, True])
def test_a_class_of_the_authors_own_keeps_the_first_error(trust, monkeypatch):
    found, first = refused(monkeypatch, layer("Brew"), UNKNOWN, trust=trust)
    assert found is first


def test_a_layer_that_only_keras_2_has_asks_for_tf_keras(monkeypatch):
    found, _ = refused(monkeypatch, calling("nn.relu6"), LAMBDA)
    assert isinstance(found, MissingExtraError)
    assert "which can" not in found.message


def test_a_module_is_imported_only_with_trust(monkeypatch):
    brew = {"module": "brewing", **layer("Brew")}
    assert refused(monkeypatch, brew, UNKNOWN)[0].message == "first"
    assert isinstance(refused(monkeypatch, brew, UNKNOWN, trust=True)[0], MissingExtraError)
    with pytest.raises(ModelLoadError, match="module brewing"):
        keras2.check(json.loads(json.dumps(model(brew))), source().path)
