"""What is refused before a figure could be wrong, with a real file and no framework."""

import make
import numpy as np
import pytest

from edgekit.core.artifact import ModelSource
from edgekit.core.card import ModelCard, Trained
from edgekit.core.dataset import Dataset
from edgekit.core.run import ModelRecord
from edgekit.core.tensor import TensorSpec
from edgekit.pipeline.labels import labels_of
from edgekit.pipeline.samples import Samples
from edgekit.system import store


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.random((100, 8, 8, 1), dtype=np.float32)
    np.savez(tmp_path / "d.npz", inputs=inputs, labels=np.arange(100) % 10)
    return tmp_path / "d.npz"


@pytest.fixture
def recorded(tmp_path, assets):
    """Return a function that writes a run of the tiny file, made from a given source."""

    def write(source, card=None):
        card = card or ModelCard(name="m")
        content = (assets / "tiny-fp32.tflite").read_bytes()
        borders = [
            (TensorSpec(name="x", shape=shape, dtype="float32"),)
            for shape in ((1, 8, 8, 1), (1, 10))
        ]
        artifact = make.artifact(
            sha256=store.sha256_bytes(content),
            source=source,
            inputs=borders[0],
            outputs=borders[1],
            card=card,
        )
        measured = make.measurement(artifact_sha256=artifact.sha256)
        run = make.run(artifacts=[artifact], measurements=[measured])
        run = run.model_copy(update={"models": (ModelRecord(source=source, card=card),)})
        folder = tmp_path / "run"
        store.write_bytes(folder / artifact.path, content)
        store.write_text(folder / "run.json", run.to_json())
        return folder

    return write


def factory_source(path):
    return ModelSource(
        kind="torch", framework="torch", ref="x", path=str(path), sha256="0" * 64, factory="build"
    )


def test_a_record_cannot_name_code_to_run(edgekit, recorded, data, tmp_path):
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    folder = recorded(factory_source(evil))
    done = edgekit("validate", folder, "-t", "tflite", "--data", data)
    assert done.returncode == 2, done.stderr
    assert "names code to run" in done.stderr
    assert not (tmp_path / "ran").exists()
    assert not list((tmp_path / "runs").iterdir())


def test_a_swapped_artifact_is_refused(edgekit, recorded, data, tmp_path):
    folder = recorded(factory_source(tmp_path / "x.py"))
    (folder / "artifacts" / "m-int8.tflite").write_bytes(b"other")
    done = edgekit("validate", folder, "-t", "tflite", "--data", data)
    assert done.returncode == 2
    assert "other bytes" in done.stderr


@pytest.mark.parametrize("field", ["path", "name"])
def test_a_record_cannot_leave_its_folder(edgekit, recorded, data, tmp_path, field):
    folder = recorded(factory_source(tmp_path / "x.py"))
    text = (folder / "run.json").read_text()
    swap = {"path": ("artifacts/m-int8.tflite", "artifacts/../../x"), "name": ('"int8"', '"../x"')}
    store.write_text(folder / "run.json", text.replace(*swap[field]))
    assert edgekit("report", folder).returncode == 2


def test_other_classes_than_the_models_are_refused(edgekit, assets, data, tmp_path):
    with np.load(data) as arrays:
        np.savez(tmp_path / "named.npz", **arrays, class_names=[f"c{i}" for i in range(10)])
    card = ModelCard(name="m", labels=tuple(f"other{i}" for i in range(10)), classes=10)
    store.write_text(tmp_path / "m.json", card.to_json())
    done = edgekit(
        "validate", assets / "tiny-fp32.tflite", "-t", "tflite", "--data", "named.npz",
        "--card", "m.json",
    )  # fmt: skip
    assert done.returncode == 2
    assert "expected some of the model's, other0" in done.stderr


def test_classes_are_matched_by_name_not_by_number(tmp_path):
    names = ("red", "green", "blue")
    data = Dataset("d", 3, np.arange(3), ("blue", "green", "red"), "f", lambda i, s: iter(()))
    np.save(tmp_path / "l.npy", np.array([0, 1, 2, 0]))
    np.save(tmp_path / "i.npy", np.zeros((4, 1)))
    samples = Samples((tmp_path / "i.npy",), tmp_path / "l.npy", 4)
    card = ModelCard(name="m", labels=names, classes=3)
    assert labels_of(samples, card, data).tolist() == [2, 1, 0, 2]
    assert labels_of(samples, None, data).tolist() == [0, 1, 2, 0]


def test_a_test_part_seen_in_training_is_refused(edgekit, assets, data, tmp_path):
    from edgekit.data import open_dataset

    trained = Trained(
        data="d.npz", data_sha256=open_dataset(str(data)).fingerprint, seed=5, epochs_run=1,
        best_epoch=1, selection_accuracy=1.0, samples=1, versions={},
    )  # fmt: skip
    store.write_text(tmp_path / "m.json", ModelCard(name="m", trained=trained).to_json())
    command = ["validate", assets / "tiny-fp32.tflite", "-t", "tflite", "--data", data,
               "--card", "m.json"]  # fmt: skip
    done = edgekit(*command)
    assert done.returncode == 2
    assert "give --seed 5" in done.stderr
    assert edgekit(*command, "--seed", 5).returncode == 0


def test_samples_of_another_shape_are_a_data_error(edgekit, assets, tmp_path):
    np.savez(tmp_path / "d.npz", inputs=np.zeros((50, 9, 9, 1)), labels=np.arange(50) % 10)
    done = edgekit("validate", assets / "tiny-fp32.tflite", "-t", "tflite", "--data", "d.npz")
    assert done.returncode == 2
    assert "expected (8, 8, 1)" in done.stderr
    assert "no card" in done.stderr


def test_two_targets_of_one_id_are_refused(edgekit, assets, data, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('id="x"\ndevice="X"\nformats=["tflite"]\n')
    done = edgekit(
        "validate", assets / "tiny-fp32.tflite", "-t", "a.toml", "-t", "b.toml", "--data", data
    )
    assert done.returncode == 2
    assert "two targets with the id x" in done.stderr
