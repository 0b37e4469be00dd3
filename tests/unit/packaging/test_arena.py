import make
import numpy as np
import pytest

from edgekit.errors import RuntimeFailedError, UsageError
from edgekit.formats.tflite import micro
from edgekit.packaging import arena
from edgekit.packaging.nouns import Arena


@pytest.fixture
def answer(monkeypatch):
    """Answer for TensorFlow Lite Micro: golden outputs and `off` more; `asked` has the calls."""
    made = {"off": 0, "asked": []}
    kept = make.kept(make.tiny_artifact(recipe="int8-io8"))

    def run(model, samples, outputs):
        made["asked"].append((model, samples, outputs))
        rows = kept["outputs"].astype(np.int16) + made["off"]
        got = tuple((np.clip(row, -128, 127).astype(np.int8).tobytes(),) for row in rows)
        return micro.Ran("1.dev2-gabc", 100, 60, 40, 1136, got)

    monkeypatch.setattr(micro, "run", run)
    return made


def content(**update):
    made = make.content("microcontroller", [make.tiny_artifact(recipe="int8-io8")])
    variant = made.first.model_copy(update=update)
    return made.model_copy(update={"variants": (variant,)})


def test_each_variant_gets_the_arena_it_was_run_in(answer):
    given = content()
    found = arena.measured(given)
    assert found.first.arena == Arena(
        version="1.dev2-gabc", total=100, head=60, tail=40, size_bytes=1136
    )
    assert found.first.model_copy(update={"arena": None}) == given.first
    ((model, samples, outputs),) = answer["asked"]
    assert model == given.assets[given.first.file]
    inputs = make.kept(given.first.artifact)["inputs"]
    assert samples == tuple((row.tobytes(),) for row in inputs)
    assert outputs == 1


@pytest.mark.parametrize(("off", "is_refused"), [(3, False), (-3, False), (4, True)])
def test_a_file_that_computes_something_else_there_is_refused(answer, off, is_refused):
    answer["off"] = off
    if not is_refused:
        assert arena.measured(content()).first.arena
        return
    with pytest.raises(RuntimeFailedError, match="differ by 4 .* sample 0, expected at most 3"):
        arena.measured(content())


def test_a_file_that_was_not_run_is_refused_unrun(answer):
    bare = [sample.model_copy(update={"outputs": ()}) for sample in content().first.golden]
    with pytest.raises(UsageError, match="no outputs"):
        arena.measured(content(golden=tuple(bare)))
    assert not answer["asked"]
