"""MediaPipe reads edgekit's `.tflite` metadata: by its own schema, and by its classifier.

Needs mediapipe (tried with 1.2.2), in this environment or in that of the Python that
`EDGEKIT_MEDIAPIPE_PYTHON` names; skipped without it. Its limits, as it states them: images must be
RGB, with one mean and std for all channels, and inputs uint8 or float32.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from packages_made import ODD_LABELS
from patience import PATIENCE_S
from PIL import Image

from edgekit.core.preprocess import Preprocess
from edgekit.core.run import Run
from edgekit.formats.tflite import metadata as tflite_metadata
from edgekit.runtimes import litert

pytestmark = [pytest.mark.tf, pytest.mark.torch]

PYTHON = os.environ.get("EDGEKIT_MEDIAPIPE_PYTHON", sys.executable)
STEPS = Preprocess(
    colour="RGB", height=24, width=20, fit="stretch", scale=1 / 127.5, mean=(1.0,), std=(1.0,)
)

READ = """
import json, sys
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema
from mediapipe.tasks.metadata import schema_py_generated as tflite

data = open(sys.argv[1], "rb").read()
model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAsModel(data, 0))
(entry,) = [each for each in model.metadata if each.name == b"TFLITE_METADATA"]
held = bytes(model.buffers[entry.buffer].data)
assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(held, 0)
found = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAsModelMetadata(held, 0))
(graph,) = found.subgraphMetadata
(given,), (result,) = graph.inputTensorMetadata, graph.outputTensorMetadata
(unit,), (file,) = given.processUnits, result.associatedFiles
print(json.dumps({
    "name": found.name.decode(),
    "version": found.version.decode(),
    "description": found.description.decode(),
    "licence": found.license.decode(),
    "is_rgb": given.content.contentProperties.colorSpace == schema.ColorSpaceType.RGB,
    "is_normalization": unit.optionsType == schema.ProcessUnitOptions.NormalizationOptions,
    "mean": unit.options.mean.tolist(),
    "std": unit.options.std.tolist(),
    "are_labels": file.type == schema.AssociatedFileType.TENSOR_AXIS_LABELS,
    "file": file.name.decode(),
}))
"""
CLASSIFY = """
import json, sys
import mediapipe
from mediapipe.tasks import python
from mediapipe.tasks.python import vision

base = python.BaseOptions(model_asset_path=sys.argv[1])
with vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base)) as classifier:
    found = classifier.classify(mediapipe.Image.create_from_file(sys.argv[2]))
(head,) = found.classifications
print(json.dumps([[each.index, each.category_name, each.score] for each in head.categories]))
"""


def mediapipe(code, *arguments):
    argv = [PYTHON, "-c", code, *map(str, arguments)]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        argv, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


def answer(code, *arguments):
    done = mediapipe(code, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module", autouse=True)
def installed():
    if mediapipe("import mediapipe.tasks.python").returncode:
        pytest.skip(f"mediapipe is not installed for {PYTHON}")


@pytest.fixture(scope="module")
def artifacts(colour_run):
    """Return the colour run's TFLite files by recipe, with their folder."""
    run = Run.from_json((colour_run / "run.json").read_bytes())
    return {a.recipe.name: (a, colour_run / a.path) for a in run.artifacts if a.format == "tflite"}


def test_its_schema_reads_what_the_card_says(artifacts):
    artifact, path = artifacts["int8"]
    card = artifact.card
    found = answer(READ, path)
    mean, std = tflite_metadata.normalization(card.preprocess)
    np.testing.assert_allclose(found.pop("mean"), mean, rtol=1e-6)
    np.testing.assert_allclose(found.pop("std"), std, rtol=1e-6)
    assert found == {
        "name": card.name,
        "version": card.version,
        "description": f"{card.description}\n{card.intended_use}",
        "licence": card.licence,
        "is_rgb": True,
        "is_normalization": True,
        "are_labels": True,
        "file": "labels.txt",
    }


@pytest.mark.parametrize("recipe", ["fp32", "int8"])
def test_its_classifier_gives_the_labels_and_litert_s_scores(artifacts, tmp_path, recipe):
    """The file gets one mean and std: MediaPipe takes no others."""
    artifact, path = artifacts[recipe]
    card = artifact.card.model_copy(update={"preprocess": STEPS})
    file, picture = tmp_path / "model.tflite", tmp_path / "picture.png"
    file.write_bytes(tflite_metadata.embedded(path.read_bytes(), card, card.version))
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    found = {index: (label, score) for index, label, score in answer(CLASSIFY, file, picture)}
    (scores,) = litert.open_session(str(file), 1, "optimized").run([STEPS.apply(pixels[None])])
    assert {index: label for index, (label, _) in found.items()} == dict(enumerate(ODD_LABELS))
    np.testing.assert_allclose(
        [found[index][1] for index in range(len(ODD_LABELS))], scores[0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("recipe", "words"),
    [("fp32", "Per-channel image normalization"), ("int8-io8", "uint8/float32, got INT8")],
)
def test_its_limits_are_as_documented(artifacts, tmp_path, recipe, words):
    """A release without them may drop the limits from the docs."""
    Image.new("RGB", (20, 24)).save(tmp_path / "picture.png")
    done = mediapipe(CLASSIFY, artifacts[recipe][1], tmp_path / "picture.png")
    assert done.returncode != 0
    assert words in done.stderr
