import io
import zipfile

import make
import numpy as np
import pytest

from edgekit import store
from edgekit.core.package import Manifest
from edgekit.errors import UsageError
from edgekit.package import package


@pytest.fixture
def finished(tmp_path):
    """Return a run whose one artifact and golden vectors lie in its folder."""
    data = b"model bytes"
    artifact = make.artifact(sha256=store.sha256_bytes(data), size_bytes=len(data))
    store.write_bytes(tmp_path / artifact.path, data)
    golden = tmp_path / "golden" / "g.npz"
    golden.parent.mkdir()
    np.savez(golden, inputs=np.ones((8, 2)), outputs=np.ones((8, 2)))
    measured = make.measurement(
        artifact_sha256=artifact.sha256, golden="g.npz", golden_sha256=store.sha256_file(golden)
    )
    return make.run(artifacts=[artifact], measurements=[measured]), tmp_path


def build(finished, output, **choice):
    run, folder = finished
    chosen = {"target": "board", "artifact": None, **choice}
    return package(run, folder, folder / output, kind=None, **chosen)[0]


def test_two_builds_are_the_same_bytes(finished):
    assert build(finished, "one").sha256 == build(finished, "two").sha256


def test_the_manifest_describes_every_file(finished):
    made = build(finished, "out")
    with zipfile.ZipFile(made.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = Manifest.from_json(files.pop("manifest.json"))
    assert manifest == made.manifest
    assert manifest.files == {name: store.sha256_bytes(data) for name, data in files.items()}
    assert manifest.labels == ("a", "b")
    assert manifest.inputs[0].in_words == "float32 1x2, plain values"
    assert manifest.golden.samples == 8
    assert len(np.load(io.BytesIO(files["golden_vectors.npz"]))["inputs"]) == 8
    assert manifest.verdict.status == "pass"


def test_a_file_that_changed_since_the_run_is_refused(finished):
    run, folder = finished
    (folder / run.artifacts[0].path).write_bytes(b"other bytes")
    with pytest.raises(UsageError, match="other bytes"):
        build(finished, "out")


def test_golden_vectors_that_changed_or_went_are_refused(finished):
    _, folder = finished
    (folder / "golden" / "g.npz").write_bytes(b"junk")
    with pytest.raises(UsageError, match="other bytes"):
        build(finished, "out")
    (folder / "golden" / "g.npz").unlink()
    with pytest.raises(UsageError, match="got no file"):
        build(finished, "out")


def test_unknown_targets_and_artifacts_get_suggestions(finished):
    with pytest.raises(UsageError) as caught:
        build(finished, "out", target="bord")
    assert "did you mean 'board'" in caught.value.hint
    with pytest.raises(UsageError, match="no artifact 'x'"):
        build(finished, "out", artifact="x")


def test_nothing_that_failed_is_packaged_unasked(finished):
    run, folder = finished
    tiny = make.target({"size_bytes": make.limit(max=1)})
    failed = make.run(targets=[tiny], artifacts=run.artifacts, measurements=run.measurements)
    with pytest.raises(UsageError, match="no file to package"):
        build((failed, folder), "out")
    assert (
        build((failed, folder), "out", artifact="m-int8.tflite").manifest.verdict.status == "fail"
    )
