"""Converts nets that people have to the two mobile runtimes, for the page of conversions.

    python benchmarks/nets.py [--only NAME]     # half an hour on two cores

Weights are seeded, for none can be downloaded; BatchNorm has the statistics of pictures. What is
measured is whether a file computes what its float model does, on inputs that gave int8 no ranges.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit.core.card import ModelCard
from edgekit.pipeline.workspace import Settings, workspace
from edgekit.sources import resolve
from edgekit.sources.model import Model
from edgekit.system import store

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent
FOLDER = ROOT / "build" / "nets"
# A tenth may give int8 its ranges; files are tried on others.
SAMPLES = 700

sys.path[:0] = [str(HERE), str(HERE / "people")]

import conversions  # noqa: E402 - a script beside this one
import keras_applications  # noqa: E402
import transformers_small  # noqa: E402


class Net(NamedTuple):
    """A net: the factory that builds it, its card, and its inputs, samples first."""

    name: str
    ref: str
    card: ModelCard
    inputs: dict[str, np.ndarray]


def nets() -> list[Net]:
    """Return every net of the table."""
    return [*_keras(), *_transformers()]


def _keras() -> list[Net]:
    names = (
        "mobilenet", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "nasnet_mobile",
        "efficientnet_b0", "efficientnet_b1",
    )  # fmt: skip
    size = keras_applications.SIZE
    found = []
    for name in names:
        signed = name in keras_applications.SIGNED
        scale = {"scale": 1 / 127.5, "mean": (1.0,)} if signed else {}
        steps = {"colour": "RGB", "height": size, "width": size, **scale}
        card = ModelCard.model_validate(
            {"name": name, "input_shape": (size, size, 3), "preprocess": steps}
        )
        ref = f"{HERE / 'people' / 'keras_applications.py'}:{name}"
        pictures = keras_applications.pictures(SAMPLES)
        found.append(Net(f"keras.applications {name}", ref, card, {"inputs": pictures}))
    return found


def _transformers() -> list[Net]:
    size, pictures = transformers_small.SIZE, transformers_small.pictures(SAMPLES, seed=99)
    seen = ("resnet", "mobilenet_v2", "mobilevit", "convnext", "vit", "swin", "segformer")
    images = {"input_shape": (size, size, 3)}
    found = [_torch(name, images, {"inputs": pictures.numpy()}) for name in seen]
    rng = np.random.default_rng(0)
    tokens = transformers_small.TOKENS
    ids = rng.integers(0, transformers_small.WORDS, (SAMPLES, tokens))
    mask = (np.arange(tokens) < rng.integers(3, tokens + 1, (SAMPLES, 1))).astype(np.int64)
    words = {"input_shapes": ((tokens,), (tokens,)), "input_dtypes": ("int64", "int64"),
             "preprocess": {"dtype": "int64"}}  # fmt: skip
    found.append(
        _torch("distilbert", words, {"inputs_input_ids": ids, "inputs_attention_mask": mask})
    )
    sound = (transformers_small.MELS, transformers_small.FRAMES)
    heard = rng.normal(size=(SAMPLES, *sound)).astype(np.float32)
    return [*found, _torch("whisper", {"input_shape": sound}, {"inputs": heard})]


def _torch(name: str, declared: dict[str, object], inputs: dict[str, np.ndarray]) -> Net:
    card = ModelCard.model_validate({"name": f"hf-{name.replace('_', '-')}", **declared})
    ref = f"{HERE / 'people' / 'transformers_small.py'}:{name}"
    return Net(f"transformers {name}", ref, card, inputs)


def cells(net: Net) -> dict[str, conversions.Cell]:
    """Convert one net; return what came out, by `format recipe`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    data = FOLDER / f"{net.card.name}.npz"
    np.savez(data, **net.inputs)
    row = conversions.Row(net.name, net.ref, str(data))
    model, found = Model(resolve.resolve(net.ref), net.card), {}
    with workspace(Settings(latency_runs=1), data=str(data)) as work:
        for form, recipe in conversions.NET_COLUMNS:
            found[f"{form} {recipe}"] = conversions.cell(row, model, form, recipe, work)
            print(f"{net.name} -> {form} {recipe}: {found[f'{form} {recipe}']}", flush=True)
    return found


def main() -> None:
    """Convert all nets, one after the other, and write the record and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="nets whose name holds this")
    given = parser.parse_args()
    known = json.loads(conversions.NETS.read_text()) if conversions.NETS.exists() else {}
    every = nets()
    for net in every:
        if not given.only or given.only in net.name:
            known[net.name] = cells(net)
            ordered = {each.name: known[each.name] for each in every if each.name in known}
            text = json.dumps(ordered, indent=1).replace(f"{ROOT}/", "")
            store.write_text(conversions.NETS, text + "\n")
    page = conversions.render(json.loads(conversions.RECORD.read_text()))
    store.write_text(conversions.PAGE, page)


if __name__ == "__main__":
    main()
