"""Options that several verbs share, with their completion."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from edgekit import reports
from edgekit.packaging import packagers
from edgekit.system import resources

RECIPES = resources.listing("recipes", "{name}.toml")


def _targets(incomplete: str) -> list[str]:
    from edgekit.pipeline import targets

    return [name for name in targets.known() if name.startswith(incomplete)]


def _recipes(incomplete: str) -> list[str]:
    return [name for name in RECIPES if name.startswith(incomplete)]


def _models(incomplete: str) -> list[str]:
    from edgekit.sources import cards
    from edgekit.system import resources

    found = resources.listing("models", cards.CARD_ENTRY)
    return [name for name in found if name.startswith(incomplete)]


def _packagers(incomplete: str) -> list[str]:
    return [name for name in packagers.names() if name.startswith(incomplete)]


def _reports(incomplete: str) -> list[str]:
    return [name for name in reports.names() if name.startswith(incomplete)]


Model = Annotated[
    str,
    typer.Argument(
        help="A zoo name, a model file (.keras .h5 .pt2 .onnx .tflite ...), a SavedModel folder, "
        "file.py:factory, hf:owner/name@commit, or timm:NAME.",
        autocompletion=_models,
    ),
]
Inspected = Annotated[
    str,
    typer.Argument(
        help="What convert takes, or a converted file: .tflite .pte .onnx .ort .ptl .mlpackage.",
        autocompletion=_models,
    ),
]
Framework = Annotated[
    str | None,
    typer.Option(help="keras or torch, for a zoo name.", autocompletion=lambda: ["keras", "torch"]),
]
Weights = Annotated[
    Path | None, typer.Option(help="Weights for a zoo name or factory: a state dict, .weights.h5.")
]
Signature = Annotated[
    str | None, typer.Option(help="The signature to take, of a SavedModel that has several.")
]
Card = Annotated[
    Path | None,
    typer.Option(help="A card (TOML or JSON) with preprocess and labels; default: the one beside."),
]
Layout = Annotated[
    Literal["nhwc"] | None,
    typer.Option(
        help="nhwc: --data has images as height, width, channels, and a .tflite file takes them so."
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="One sample's shape, height,width,channels, for a factory; one for each input.",
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch an hf: or timm: model that is not in the cache.")
]
BatchMax = Annotated[
    int, typer.Option(min=1, help="The largest batch the file takes, where the format can.")
]
Data = Annotated[
    str | None,
    typer.Option(
        help="digits, an .npz or .csv file, an idx folder, or a folder with a subfolder a class."
    ),
]
Targets = Annotated[
    list[str],
    typer.Option("--target", "-t", help="A target's id or file; repeats.", autocompletion=_targets),
]
Recipes = Annotated[
    list[str],
    typer.Option(
        "--quantize",
        "-q",
        help=f"{', '.join(RECIPES)}; repeats.",
        autocompletion=_recipes,
    ),
]
Calibration = Annotated[
    int, typer.Option(help="How many calibration samples the representative dataset has.")
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Seed of splits, weights and shuffling.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Allow the model file to run its own code when loaded.")
]
AllowLoss = Annotated[
    bool,
    typer.Option(
        "--allow-loss", help="Keep files that lose more than their recipe promises; rows say so."
    ),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Convert again, and leave the cache alone.")
]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave unreadable images out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads that the runtime may use.")]
PackageKinds = Annotated[
    list[str],
    typer.Option(
        "--for",
        help=f"{', '.join(packagers.names())}; repeats; default: each target's.",
        autocompletion=_packagers,
    ),
]
ReportFormat = Annotated[
    str, typer.Option("--format", "-f", help="The report's format.", autocompletion=_reports)
]
RunRef = Annotated[str, typer.Argument(help="A run's folder, its id, or 'latest'.")]
