"""Finished runs, and what their files give on this computer."""

from pathlib import Path

import numpy as np

from edgekit import data
from edgekit.core.artifact import Artifact
from edgekit.core.dataset import split
from edgekit.core.run import Run


def samples_of_run(run_folder, variant):
    """Return a run, the measured file, and its test set."""
    made = Run.from_json((run_folder / "run.json").read_text())
    wanted = run_folder / "artifacts" / variant
    artifact = next(a for a in made.artifacts if wanted.name == Path(a.path).name)
    beside = run_folder.parents[1] / made.data
    dataset = data.open_dataset(str(beside) if beside.exists() else made.data)
    return made, artifact, dataset, split(dataset, made.seed).test


def reference(path, artifact: Artifact, images):
    """Return what LiteRT on this computer makes of `images`, uint8."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    rows = []
    for image in images:
        values = artifact.preprocess.apply(image[None])
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        rows.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.array(rows)
