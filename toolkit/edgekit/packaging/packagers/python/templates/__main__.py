"""The command line: `python -m NAME FILE...`, `python -m NAME --self-test`.

Exit codes: 0 all went well, 1 a file could not be used or the self-test failed, 2 wrong usage,
3 the runtime is not installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .model import Classifier, Predictor
from .selftest import self_test
from .spec import Variant, spec

FAILED, USAGE, NO_RUNTIME = 1, 2, 3
IS_CLASSIFIER = spec().takes_image and spec().task == "classification"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    wish = parser.parse_args(arguments)
    try:
        spec().variant(wish.variant)
    except ValueError as error:
        parser.error(str(error))
    if not wish.files and not wish.self_test and not wish.variants:
        parser.error("got no file, expected at least one, or --self-test")
    if wish.variants:
        return _list_variants(wish.json)
    try:
        return _self_test(wish) if wish.self_test else _files(wish)
    except ModuleNotFoundError as error:
        _complain(str(error))
        return NO_RUNTIME


def _parser() -> argparse.ArgumentParser:
    takes = "an image: PNG, JPEG, BMP or WebP" if spec().takes_image else VALUES
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}",
        description=f"{spec().name} {spec().version}".replace("%", "%%"),
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=takes)
    parser.add_argument(
        "--self-test", action="store_true", help="check this device, stage by stage"
    )
    parser.add_argument("--variants", action="store_true", help="list the model files")
    parser.add_argument("--variant", metavar="NAME", help="use this model file, not the default")
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help="CPU threads to use")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    if IS_CLASSIFIER:
        parser.add_argument(
            "--top", type=_count, default=5, metavar="N", help="classes to print, 5 by default"
        )
    return parser


VALUES = "samples: .npy, .npz (an array for each input) or .json (a list, or one under each input)"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1 on")
    return int(text)


def _list_variants(as_json: bool) -> int:
    def fact(variant: Variant) -> dict:
        return {"name": variant.name, "file": variant.file, "size_bytes": variant.size_bytes}

    facts = [fact(variant) for variant in spec().variants]
    if as_json:
        _print_json(facts)
    for each in [] if as_json else facts:
        _print(f"{each['name']:16} {each['size_bytes']:>12,} bytes  {each['file']}")
    return 0


def _self_test(wish: argparse.Namespace) -> int:
    report = self_test(wish.variant, wish.threads)
    if wish.json:
        findings = [finding._asdict() for finding in report.findings]
        _print_json({"passed": report.passed, "failed": report.failed, "findings": findings})
    else:
        _print(report.text)
    return 0 if report.passed else FAILED


def _files(wish: argparse.Namespace) -> int:
    """Run the model on each file; one that cannot be used is named, and the others are run."""
    kind = Classifier if IS_CLASSIFIER else Predictor
    model = kind(wish.variant, wish.threads)
    code, answers = 0, []
    for path in wish.files:
        try:
            answers += _classified(model, path, wish) if IS_CLASSIFIER else _predicted(model, path)
        except (OSError, ValueError) as error:
            _complain(f"{path}: {error.strerror if isinstance(error, OSError) else error}")
            code = FAILED
            continue
        if not wish.json:
            _show(answers)
            answers = []
    if wish.json:
        _print_json(answers)
    return code


def _classified(model: Any, path: Path, wish: argparse.Namespace) -> list[dict]:
    found = model.classify(path, wish.top)
    return [{"file": str(path), "predictions": [prediction._asdict() for prediction in found]}]


def _predicted(model: Any, path: Path) -> list[dict]:
    samples = [(path,)] if spec().takes_image else _samples(path, model.variant)
    answers = []
    for number, sample in enumerate(samples):
        outputs = model.predict(*sample)
        named = zip(model.variant.outputs, outputs)
        facts = [{"name": tensor.name, "values": values} for tensor, values in named]
        answers.append({"file": str(path), "sample": number, "outputs": facts})
    return answers


def _samples(path: Path, variant: Variant) -> list[tuple[Any, ...]]:
    """Return the samples in a file: one, or several along a first axis of their own."""
    arrays = _arrays(path, variant)
    ranks = [len(tensor.sample_shape) for tensor in variant.inputs]
    if all(array.ndim == rank for array, rank in zip(arrays, ranks)):
        return [tuple(arrays)]
    counts = {len(array) if array.ndim else 0 for array in arrays}
    if len(counts) > 1:
        raise ValueError(f"got {sorted(counts)} samples for the inputs, expected as many of each")
    return list(zip(*arrays))


def _arrays(path: Path, variant: Variant) -> list[Any]:
    """Return one array for each input. Nothing in the file is run: no pickles."""
    if path.suffix == ".json":
        found = json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            found = dict(archive)
    elif path.suffix == ".npy":
        found = np.load(path, allow_pickle=False)
    else:
        raise ValueError(
            f"got a file of kind {path.suffix or 'none'!r}, expected .npy, .npz, .json"
        )
    if isinstance(found, dict):
        found = variant.ordered(found)
    elif len(variant.inputs) == 1:
        found = [found]
    else:
        names = ", ".join(tensor.name for tensor in variant.inputs)
        raise ValueError(f"got one array, expected one for each of {names}")
    arrays = [np.asarray(each) for each in found]
    if any(array.dtype.kind not in "iufb" for array in arrays):
        raise ValueError("got values that are not numbers in rows of equal length")
    return arrays


def _show(answers: list[dict]) -> None:
    for answer in answers:
        for found in answer.get("predictions", ()):
            _print(f"{answer['file']}\t{found['score']:.6g}\t{found['label']}")
        for found in answer.get("outputs", ()):
            values = np.array2string(found["values"], threshold=64, precision=6, separator=", ")
            _print(f"{answer['file']}\t{answer['sample']}\t{found['name']}\t{values}")


def _print_json(document: Any) -> None:
    _print(json.dumps(document, ensure_ascii=False, default=lambda values: values.tolist()))


def _print(text: str) -> None:
    # A terminal may not have every letter that a label has.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _complain(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
