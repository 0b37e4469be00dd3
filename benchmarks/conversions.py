"""Converts every kind of model to every format, and writes docs/conversions.md with what came out.

    make conversions DATA=FOLDER     # about an hour on two cores; FOLDER holds mlperf_tiny/

Each cell is a real conversion: the file is run on real samples and held against the float model, or
it is refused by name, or it can only be made here, not run. Anything else ends the command. What
was found is kept in docs/conversions.json; a test holds the page to it, and repeats some cells.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit import formats
from edgekit.core.card import ModelCard
from edgekit.core.measurement import Measurement
from edgekit.errors import ExportError, MissingExtraError, ModelLoadError
from edgekit.pipeline import recipes
from edgekit.pipeline.convert import Conversions
from edgekit.pipeline.measure import Bench
from edgekit.pipeline.plan import check_possible
from edgekit.pipeline.train import train
from edgekit.pipeline.validate import subjects
from edgekit.pipeline.workspace import Settings, Workspace, workspace
from edgekit.sources import cards, resolve
from edgekit.sources.model import Model
from edgekit.system import store

ROOT = Path(__file__).parents[1]
PAGE, RECORD = ROOT / "docs" / "conversions.md", ROOT / "docs" / "conversions.json"
BOTH = ("fp32", "int8")
# Written by benchmarks/nets.py.
NETS = ROOT / "docs" / "nets.json"
NET_COLUMNS = tuple((form, name) for form in ("tflite", "executorch") for name in BOTH)
# Written by benchmarks/people/real_files.py.
REAL_FILES = ROOT / "docs" / "real_files.json"
ZOO = ("simplenet", "mobilenet", "resnet8", "vit", "gru")
SAMPLES = 64
EPOCHS = 15

# What a cell may be; a conversion that ends otherwise ends the command.
REFUSALS = (ExportError, MissingExtraError, ModelLoadError)


Cell = dict[str, object]
Record = dict[str, Any]


class Row(NamedTuple):
    """One model file: what it is, where it lies, and the real samples it is tried on.

    Other ways to the same weights are tried by fp32 alone: what int8 costs is the model's.
    """

    name: str
    ref: str
    data: str | None
    weights: str | None = None
    recipes: tuple[str, ...] = ("fp32",)


def rows(folder: Path, real: Path) -> tuple[Row, ...]:
    """Return every row of the table; `folder` holds what was made, `real` what was given."""
    made = [
        Row(f"{kind}, {name}", str(folder / f"{name}{end}"), "digits", recipes=BOTH)
        for kind, end in (("Keras 3 `.keras`", ".keras"), ("PyTorch `.pt2`", ".pt2"))
        for name in ZOO
    ]
    factory = f"{ROOT / 'models' / 'simplenet' / 'torch.py'}:build"
    made += [
        Row(f"PyTorch `file.py:factory`, `{end}` weights, simplenet", factory, "digits",
            str(folder / f"simplenet{end}"))
        for end in (".pth", ".safetensors", ".ckpt")
    ]  # fmt: skip
    files = (
        ("Keras 3 `.h5`, simplenet", "simplenet.h5"),
        ("SavedModel served by version, simplenet", "served"),
        ("TorchScript, traced, simplenet", "simplenet.torchscript"),
        ("TorchScript, scripted, resnet8", "resnet8-script.pt"),
        ("TorchServe `.mar`, simplenet", "simplenet.mar"),
        ("ONNX 20, torch.onnx dynamo, resnet8", "resnet8-dynamo.onnx"),
        ("ONNX 11, torch.onnx legacy, resnet8", "resnet8-legacy.onnx"),
        ("ONNX 15, tf2onnx, resnet8", "resnet8-tf2onnx.onnx"),
    )
    made += [Row(name, str(folder / file), "digits") for name, file in files]
    vectors = str(folder / "digits-vectors.npz")
    made.append(Row("ONNX 17, skl2onnx, MLP", str(folder / "mlp-sklearn.onnx"), vectors))
    made += [
        Row("Keras 3, two inputs and outputs", str(folder / "two.keras"), None),
        Row("PyTorch, two inputs and outputs", str(folder / "two.pt2"), None),
    ]
    tiny, words = real / "mlperf_tiny", str(real / "mlperf_tiny" / "kws_mfcc_test.npz")
    made += [
        Row("Keras 3 `.keras`, MLPerf keywords", str(tiny / "kws.keras"), words, recipes=BOTH),
        Row("Keras 2 SavedModel, MLPerf keywords", str(tiny / "kws_savedmodel_keras2"), words),
        Row("Keras 2 `.h5`, MLPerf wakeword", str(tiny / "streaming_wakeword_keras2.h5"), None),
        Row("Keras 2 `.h5`, MLPerf anomalies", str(tiny / "anomaly_detection_keras2.h5"), None),
        Row(
            "TFLite, MLPerf keywords",
            str(tiny / "kws_reference_float32.tflite"),
            words,
            recipes=BOTH,
        ),
    ]
    return tuple(made)


def make_sources(folder: Path) -> None:
    """Train the zoo in both frameworks, and write the other kinds of files from it."""
    for framework, suffix in (("keras", ".keras"), ("torch", ".pt2")):
        with workspace(Settings(), data="digits") as work:
            for name in ZOO:
                source = resolve.resolve(name, framework=framework)
                card = cards.card_of(source)
                assert card
                training = card.training.model_copy(update={"epochs": EPOCHS})
                model = Model(source, card.model_copy(update={"training": training}))
                train(model, folder / f"{name}{suffix}", work)
        script = Path(__file__).with_name("conversion_sources.py")
        subprocess.run([sys.executable, str(script), framework, str(folder)], check=True)


def model_of(row: Row) -> Model:
    """Return a row's model with its card."""
    weights = Path(row.weights) if row.weights else None
    source = resolve.resolve(row.ref, weights=weights)
    return Model(source, cards.card_of(source) or ModelCard(name="model"))


def cells(row: Row, todo: list[tuple[str, str]]) -> dict[str, Cell]:
    """Convert one row to formats by recipes; return what came out, by `format recipe`."""
    model, found = model_of(row), {}
    with workspace(Settings(latency_runs=1), data=row.data) as work:
        for form, recipe in todo:
            found[f"{form} {recipe}"] = cell(row, model, form, recipe, work)
            print(f"{row.name} -> {form} {recipe}: {found[f'{form} {recipe}']}", flush=True)
    return found


def cell(row: Row, model: Model, form: str, recipe: str, work: Workspace) -> Cell:
    """Convert one model to one format and return what came out."""
    chosen = recipes.parse(recipe, calibration_n=SAMPLES)
    try:
        check_possible(model.source, form, chosen)
        made = Conversions.of(work).convert(model, form, chosen)
        if formats.exporter(form).RUNTIME is None:
            return {"outcome": "not run here", "size_bytes": made.artifact.size_bytes}
        if row.data is None:
            assert made.artifact.parity
            return {"outcome": "parity", **_noise(made.artifact.parity.model_dump())}
        bench = Bench.of(work, SAMPLES)
        _, reference = bench.baseline(model)
        measured = bench.measure(made.artifact, made.path, reference)
    except REFUSALS as error:
        return {"outcome": "refused", "why": error.message, "hint": error.hint}
    if measured.error:
        raise SystemExit(f"{row.name} to {form}: {measured.error.message}")
    metrics = {metric.name: metric.value for metric in measured.metrics}
    return {
        "outcome": "parity",
        "max_abs_difference": metrics["max_abs_difference"],
        "reference_max_abs": float(max(np.abs(values).max() for values in reference)),
        "agreement": metrics.get("agreement"),
        "snr_db": metrics.get("snr"),
        "samples": measured.n,
        "of": "real samples",
    }


def _noise(parity: Cell) -> Cell:
    kept = ("max_abs_difference", "reference_max_abs", "agreement", "samples")
    return {**{name: parity[name] for name in kept}, "of": "noise"}


def attempts(row: Row) -> list[tuple[str, str]]:
    """Return every format by the row's recipes; one that has no fp32 is refused by name."""
    return [
        (form, name)
        for form in formats.exporters()
        for name in row.recipes
        if name == "fp32" or _has(form, name)
    ]


def _has(form: str, recipe: str) -> bool:
    refusal = formats.exporter(form).refusal(recipes.parse(recipe, calibration_n=1))
    return refusal is None


def keywords(real: Path) -> list[Cell]:
    """Return the accuracy on all 1,000 utterances of edgekit's files and of MLCommons' own.

    There are no other utterances: 100 of these, without their labels, also give int8 its ranges.
    """
    tiny, found = real / "mlperf_tiny", []
    with tempfile.TemporaryDirectory() as folder:
        for part in ("train", "test"):
            Path(folder, f"{part}.npz").symlink_to((tiny / "kws_mfcc_test.npz").resolve())
        with workspace(Settings(latency_runs=1), data=folder) as work:
            model = model_of(Row("", str(tiny / "kws.keras"), None))
            bench, conversions = Bench.of(work), Conversions.of(work)
            floats, _ = bench.baseline(model)
            found.append(_score("float, `kws.keras`", floats, (tiny / "kws.keras").stat().st_size))
            recipe = recipes.parse("int8", calibration_n=100)
            for form, label in (("tflite", "TFLite"), ("executorch", "ExecuTorch")):
                made = conversions.convert(model, form, recipe)
                measured = bench.measure(made.artifact, made.path, None)
                size = made.artifact.size_bytes
                found.append(_score(f"edgekit {label} int8", measured, size))
            for name in ("float32", "int8"):
                (given,) = subjects(str(tiny / f"kws_reference_{name}.tflite"), None, Path())
                fed = given.artifact.model_copy(update={"card": model.card})
                measured = bench.measure(fed, given.file, None)
                size = given.artifact.size_bytes
                found.append(_score(f"MLCommons' TFLite {name}", measured, size))
    return found


def _score(label: str, measured: Measurement, size_bytes: int) -> Cell:
    metric = measured.metric("accuracy")
    assert metric, measured.error
    bounds = {"low": metric.low, "high": metric.high, "n": metric.n}
    return {"file": label, "accuracy": metric.value, **bounds, "size_bytes": size_bytes}


def render(record: Record) -> str:
    """Return the page for a record: `conversions` by row and `format recipe`, and `keywords`."""
    lines = [
        "# Conversions",
        "",
        "Made by `make conversions DATA=FOLDER` from `benchmarks/conversions.py`; a test holds",
        "this page to `conversions.json` and repeats some of its cells. Each figure is the",
        f"largest difference from the float model on {SAMPLES} real samples (`noise`: on 8 of",
        "seeded noise, for want of real ones), and the share of samples with the same answer.",
        "",
    ]
    refusals: dict[str, int] = {}
    table = record["conversions"]
    for recipe in ("fp32", "int8"):
        columns = [
            form for form in formats.exporters()
            if any(f"{form} {recipe}" in cells for cells in table.values())
        ]  # fmt: skip
        lines += [f"## {recipe}", "", "| model | " + " | ".join(f"`{c}`" for c in columns) + " |"]
        lines.append("| --- |" + " --- |" * len(columns))
        for name, cells in table.items():
            texts = [_text(cells.get(f"{form} {recipe}"), refusals) for form in columns]
            lines.append(f"| {name} | " + " | ".join(texts) + " |")
        lines.append("")
    lines += ["## Why a pair is refused", ""]
    lines += [f"{number}. {why}" for why, number in refusals.items()]
    lines += ["", "## MLPerf Tiny keyword spotting, all 1,000 utterances", ""]
    lines += ["100 of them, without their labels, gave int8 its ranges: there are no others.", ""]
    lines += ["| file | accuracy | 95 % interval | size |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {row['file']} | {100 * row['accuracy']:.1f} % | {100 * row['low']:.1f} to "
        f"{100 * row['high']:.1f} % | {row['size_bytes']:,} bytes |"
        for row in record["keywords"]
    ]
    if NETS.exists():
        lines += nets(json.loads(NETS.read_text()))
    if REAL_FILES.exists():
        lines += real_files(json.loads(REAL_FILES.read_text()))
    return "\n".join(lines) + "\n"


def nets(table: Record) -> list[str]:
    """Return the page's section on nets that people have, a line for each."""
    lines = [
        "",
        "## Nets that people have",
        "",
        "By `benchmarks/nets.py`: seeded weights, BatchNorm statistics of pictures. Each figure is",
        f"the ratio of signal to noise of the worst output on {SAMPLES} inputs that gave int8 no",
        "ranges. 20 dB is an error of a tenth of the signal. Weights that were never trained pass",
        "roundings on, larger from layer to layer: of `mobilenet` TensorFlow's own int8 converter",
        "keeps 8.0 dB (16 inputs), as much as edgekit's; trained nets keep more.",
        "",
        "| net | " + " | ".join(f"`{form}` {recipe}" for form, recipe in NET_COLUMNS) + " |",
        "| --- |" + " --- |" * len(NET_COLUMNS),
    ]
    refusals: dict[str, int] = {}
    for name, found in table.items():
        texts = [_net_text(found[f"{form} {recipe}"], refusals) for form, recipe in NET_COLUMNS]
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return [*lines, "", *(f"{number}. {why}" for why, number in refusals.items())]


def _net_text(cell: Cell, refusals: dict[str, int]) -> str:
    if cell["outcome"] == "refused":
        return _text(cell, refusals)
    ratio = cell["snr_db"]
    return "the same" if ratio is None else f"{float(str(ratio)):.0f} dB"


def real_files(rows: list[Record]) -> list[str]:
    """Return the page's section on files of public packages, a line for each and each format."""
    columns = ("fp32", "fp16", "dynamic-int8", "int8")
    lines = [
        "",
        "## Real files",
        "",
        "Model files as public packages ship them, by `benchmarks/people/real_files.py`. Each",
        "figure is the least signal to quantization noise ratio of any output against what the",
        "file itself answers in its own runtime, on 10 real inputs, and how often the answer is",
        "the same. A `.tflite` file is quantized, and becomes no other format. Sums of all files",
        "are in `real_files.json`.",
        "",
        "| file | of | fed with | to | " + " | ".join(columns) + " |",
        "| --- |" + " --- |" * (len(columns) + 3),
    ]
    refusals: dict[str, int] = {}
    for row in rows:
        about = f"{row['package']} {row['version']}, {row['licence']}"
        for form in dict.fromkeys(pair.split()[0] for pair in row["results"]):
            if Path(row["file"]).suffix == ".tflite" != f".{form}":
                continue
            texts = [_real_text(row["results"].get(f"{form} {c}"), refusals) for c in columns]
            name = Path(row["file"]).name
            lines.append(f"| `{name}` | {about} | {row['fed']} | `{form}` | {' | '.join(texts)} |")
    lines += ["", *(f"{number}. {why}" for why, number in refusals.items())]
    return lines


def _real_text(cell: Cell | None, refusals: dict[str, int]) -> str:
    if cell is None or cell["outcome"] != "made":
        return _text(cell, refusals)
    same = cell["agreement"]
    text = "the same" if cell["sqnr_db"] == 200 else f"{float(str(cell['sqnr_db'])):.0f} dB"
    return text if same is None else f"{text}, {100 * float(str(same)):.0f} % same"


def _text(cell: Cell | None, refusals: dict[str, int]) -> str:
    if cell is None:
        return "-"
    if cell["outcome"] == "refused":
        why = " ".join(f"{cell['why']}; {cell['hint']}".split())
        return f"refused ({refusals.setdefault(why, len(refusals) + 1)})"
    if cell["outcome"] == "not run here":
        return "made, not run here"
    same = (
        "" if cell["agreement"] is None else f", {100 * float(str(cell['agreement'])):.1f} % same"
    )
    noise = ", noise" if cell["of"] == "noise" else ""
    return f"{float(str(cell['max_abs_difference'])):.1g}{same}{noise}"


def main() -> None:
    """Make the sources, convert everything, two at a time, and write page and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "conversions")
    parser.add_argument("--only", help="rows whose name holds this")
    parser.add_argument("--missing", action="store_true", help="pairs that the record lacks")
    given = parser.parse_args()
    if not (given.folder / "mlp-sklearn.onnx").exists():
        make_sources(given.folder)
    table = [r for r in rows(given.folder, given.data) if not given.only or given.only in r.name]
    record: Record = json.loads(RECORD.read_text()) if RECORD.exists() else {"conversions": {}}
    known = record["conversions"]

    def convert_row(row: Row) -> dict[str, Cell]:
        kept = known.get(row.name, {}) if given.missing else {}
        todo = [pair for pair in attempts(row) if " ".join(pair) not in kept]
        found = {**kept, **cells(row, todo)}
        return {" ".join(pair): found[" ".join(pair)] for pair in attempts(row)}

    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(convert_row, table)
        fresh = dict(zip([row.name for row in table], answers, strict=True))
    everything = [row.name for row in rows(given.folder, given.data)]
    known.update(fresh)
    record["conversions"] = {name: known[name] for name in everything if name in known}
    if not given.only:
        record["keywords"] = keywords(given.data)
    store.write_text(RECORD, json.dumps(_anonymous(record, given), indent=1) + "\n")
    store.write_text(PAGE, render(json.loads(RECORD.read_text())))


def _anonymous(record: Record, given: argparse.Namespace) -> Record:
    """Leave out of the reasons where things lay on this machine."""
    text = json.dumps(record)
    for folder in (given.folder.resolve(), given.folder, given.data.resolve(), given.data, ROOT):
        text = text.replace(f"{folder}/", "")
    found: Record = json.loads(text)
    return found


if __name__ == "__main__":
    main()
