"""One contract for every model of the zoo, in both frameworks."""

import json
import subprocess
import sys

import pytest

from edgekit.sources import cards
from edgekit.system import resources

NAMES = resources.listing("models", cards.CARD_ENTRY)

LOOK = """
import json, sys
from edgekit import formats
from edgekit.sources import cards, resolve
framework, found = sys.argv[1], {}
for name in sys.argv[2:]:
    source = resolve.resolve(name, framework=framework)
    card = cards.card_of(source)
    model = formats.loader(framework).load(source, card, trust=False)
    if framework == "keras":
        count = sum(int(weight.numpy().size) for weight in model.native.trainable_weights)
    else:
        count = sum(weight.numel() for weight in model.native.parameters())
    shapes = [list(model.inputs[0].shape[1:]), list(model.outputs[0].shape[1:])]
    found[name] = [count, *shapes, list(card.sample_shape(framework))]
print(json.dumps(found))
"""


def look(framework):
    argv = [sys.executable, "-c", LOOK, framework, *NAMES]
    return json.loads(subprocess.run(argv, check=True, capture_output=True).stdout.splitlines()[-1])


@pytest.mark.tf
@pytest.mark.torch
def test_both_builders_agree_with_each_other_and_the_card():
    in_keras, in_torch = look("keras"), look("torch")
    for name in NAMES:
        count, (height, width, channels), outputs, of_card = in_keras[name]
        other_count, other_inputs, other_outputs, other_of_card = in_torch[name]
        assert count == other_count, name
        assert [channels, height, width] == other_inputs == other_of_card, name
        assert [height, width, channels] == of_card, name
        assert outputs == other_outputs == [10], name
    assert in_keras["simplenet"][0] == 784 * 64 + 64 + 64 * 10 + 10
    assert in_keras["mobilenet"][0] >= 150_000
