import make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.core.card import ModelCard
from edgekit.core.measurement import ErrorRecord
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.errors import UsageError
from edgekit.packaging import content, golden
from edgekit.system import store


def gathered(folder, made, kept, target=None, **update):
    """Gather a package of one file whose bytes and golden vectors lie in `folder`."""
    path = folder / "golden" / "g.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **kept)
    known = {
        "artifact_sha256": made.sha256, "golden": path.name, "input_names": ("image",),
        "golden_sha256": store.sha256_file(path), "data_sha256": "d" * 64,
    }  # fmt: skip
    run = make.run([target or make.target()], [made], [make.measurement(**{**known, **update})])
    return content.gather(
        run, folder, [made], target, kind="zip", why="a test", failed_allowed=False
    )


@pytest.fixture
def tiny(tmp_path):
    made = make.tiny_artifact()
    store.copy(make.ASSETS / "tiny-fp32.tflite", tmp_path / made.path)
    return made


def test_everything_is_gathered_under_names_of_the_card(tmp_path, tiny):
    card = make.tiny_card(make.ODD_NAME, make.ODD_LABELS)
    made = tiny.model_copy(update={"card": card})
    found = gathered(tmp_path, made, make.kept(made), make.target())
    assert found.names.snake in found.first.file
    assert found.takes_image
    assert found.assets["labels.txt"].decode().split("\n") == [*make.ODD_LABELS, ""]
    assert set(found.assets) == {
        found.first.file, "labels.txt", "golden/vectors.bin",
        *(f"golden/{k:02d}.png" for k in range(4)),
    }  # fmt: skip
    assert found.first.verdict.target == "board"
    assert found.created == "2026-01-01T00:00:00+00:00"


def test_a_model_that_is_a_folder_keeps_its_files(tmp_path):
    folder = tmp_path / "artifacts" / "m.mlpackage"
    store.write_bytes(folder / "Data" / "weights.bin", b"w")
    store.write_bytes(folder / "Manifest.json", b"{}")
    made = make.tiny_artifact(path="artifacts/m.mlpackage", sha256=store.sha256_tree(folder))
    found = gathered(tmp_path, made, make.kept(made))
    assert found.first.file == "tiny-fp32.mlpackage"
    assert found.first.files == (
        "tiny-fp32.mlpackage/Data/weights.bin", "tiny-fp32.mlpackage/Manifest.json",
    )  # fmt: skip
    assert found.assets["tiny-fp32.mlpackage/Data/weights.bin"] == b"w"


def test_verify_knows_the_hash_of_a_folder(tmp_path):
    from edgekit.packaging.verify import _sha256

    names = ("b", "a/c", "a.b", "a/b/d", "A", "a-b/x", "ü")
    for name in names:
        store.write_bytes(tmp_path / name, name.encode())
    assert _sha256({name: name.encode() for name in names}) == store.sha256_tree(tmp_path)


def test_inputs_of_several_get_their_own_preprocess(tmp_path, tiny):
    card = ModelCard(name="m", inputs={"b": Preprocess(scale=2.0)}, preprocess=Preprocess(scale=3))
    made = tiny.model_copy(update={"card": card})
    assert [p.scale for p in content._preprocesses(made, ("a", "b"))] == [3, 2]


def test_a_file_that_was_not_run_has_no_proof(tmp_path, tiny):
    error = ErrorRecord(kind="RuntimeFailedError", message="it crashed")
    with pytest.raises(UsageError, match="it crashed"):
        gathered(tmp_path, tiny, make.kept(tiny), error=error, golden=None)


def test_a_file_that_runs_only_elsewhere_borrows_samples_and_expects_no_output(tmp_path, tiny):
    path = tmp_path / "golden" / "g.npz"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **make.kept(tiny))
    data = b"runs on a phone"
    elsewhere = tiny.model_copy(
        update={
            "path": "artifacts/m.elsewhere", "sha256": store.sha256_bytes(data), "layout": "NCHW",
            "inputs": (TensorSpec(name="x", shape=(1, 1, 8, 8), dtype="float32"),),
        }
    )  # fmt: skip
    store.write_bytes(tmp_path / elsewhere.path, data)
    measured = make.measurement(
        artifact_sha256=tiny.sha256, golden=path.name, golden_sha256=store.sha256_file(path),
        input_names=("image",),
    )  # fmt: skip
    run = make.run(artifacts=[tiny, elsewhere], measurements=[measured])
    made = content.gather(
        run, tmp_path, [elsewhere], None, kind="zip", why="a test", failed_allowed=False
    )
    real, probe = made.first.golden[0], made.first.golden[-1]
    assert made.first.measured is None
    assert made.takes_image
    assert (real.outputs, probe.outputs) == ((), ())
    vectors = made.assets["golden/vectors.bin"]
    pixels, fed = real.samples[0].array(vectors), real.inputs[0].array(vectors)
    preprocess = tiny.card.preprocess_for("NCHW")
    assert np.array_equal(fed, preprocess.apply(pixels[None]))


def test_ten_bit_pictures_are_not_taken_for_pictures(tmp_path, tiny):
    kept = make.kept(tiny)
    for name in ("sample_0", "sample_1", "sample_2"):
        kept[name] = kept[name].astype(np.uint16)
    assert not golden.takes_image(kept, (tiny.card.preprocess,))


@given(st.text(max_size=12))
def test_any_label_is_one_line_or_refused(label):
    try:
        data = content._label_lines(("a", label, "b"))
    except UsageError:
        assert label.splitlines() != [label] or "\0" in label
        return
    assert data.decode().splitlines() == ["a", label, "b"]


@pytest.mark.parametrize(("labels", "fits"), [(10, True), (9, False), (11, False), (0, True)])
def test_a_class_list_must_match_the_outputs(labels, fits):
    card = make.tiny_card("m", [f"c{i}" for i in range(labels)], labels or None)
    if fits:
        content._check_labels(card, make.tiny_artifact())
        return
    with pytest.raises(UsageError, match=f"got {labels} labels for 10 outputs"):
        content._check_labels(card, make.tiny_artifact())
