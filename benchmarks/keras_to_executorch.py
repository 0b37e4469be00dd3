"""Size and latency of a Keras net in ExecuTorch, against the same net built in PyTorch.

    python benchmarks/keras_to_executorch.py [ROUNDS]

Keras is held against the zoo's PyTorch net, which pads all sides alike, and against that net padded
as Keras pads, which computes the same. The files are timed in turn, in processes of their own; each
round gives a ratio of medians, and the table shows the median of those with least and largest.
"""

import statistics
import sys
from pathlib import Path

import numpy as np

from edgekit import devices
from edgekit.pipeline import recipes
from edgekit.pipeline.convert import Conversions, Converted
from edgekit.pipeline.workspace import Settings, workspace
from edgekit.sources import cards, resolve
from edgekit.sources.model import Model
from edgekit.system import process

NETS = ("mobilenet", "resnet8")
RECIPES = ("fp32", "int8")
RUNS, WARMUP = 1000, 100
PADDED = Path(__file__).with_name("padded.py")


def files(name: str, recipe: str, conversions: Conversions) -> dict[str, Converted]:
    """Return the ExecuTorch file of a net from each framework."""
    zoo = resolve.resolve(name, framework="torch")
    card = cards.card_of(zoo)
    assert card
    # Its hash is that of the net that these arguments make.
    update = {"arguments": zoo.arguments, "sha256": ""}
    padded = resolve.resolve(f"{PADDED}:{name}").model_copy(update=update)
    sources = {"keras": resolve.resolve(name, framework="keras"), "zoo": zoo, "padded": padded}
    chosen = recipes.parse(recipe, calibration_n=100)
    return {
        label: conversions.convert(Model(source, card), "executorch", chosen)
        for label, source in sources.items()
    }


def p50_ms(made: Converted, folder: Path) -> float:
    """Return the median latency of one process, one thread, on noise."""
    shape = (8, *made.artifact.inputs[0].shape[1:])
    np.save(folder / "x.npy", np.random.default_rng(0).random(shape, dtype=np.float32))
    request = devices.Request(
        runtime="executorch",
        model=made.path,
        inputs=(folder / "x.npy",),
        runs=RUNS,
        warmup=WARMUP,
    )
    answer = devices.open("local").run(request, folder, process.Limits())
    assert answer.latency
    return answer.latency.p50_ms


def main() -> None:
    """Print a table in Markdown."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print("| net | recipe | Keras to | size | parts | latency |")
    print("| --- | --- | --- | --- | --- | --- |")
    with workspace(Settings(), data="digits") as work:
        conversions = Conversions.of(work)
        for name in NETS:
            for recipe in RECIPES:
                made = files(name, recipe, conversions)
                times = [
                    {label: p50_ms(file, work.folder) for label, file in made.items()}
                    for _ in range(rounds)
                ]
                for other in ("zoo", "padded"):
                    ratios = [each["keras"] / each[other] for each in times]
                    print(f"| {name} | {recipe} | {_row(other, made, ratios)} |", flush=True)


def _row(other: str, made: dict[str, Converted], ratios: list[float]) -> str:
    pair = made["keras"].artifact, made[other].artifact
    parts = " : ".join(str(each.delegated.subgraphs) for each in pair if each.delegated)
    size = pair[0].size_bytes / pair[1].size_bytes
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    return f"{other} | {size:.3f} | {parts} | {statistics.median(ratios):.3f} ({spread})"


if __name__ == "__main__":
    main()
