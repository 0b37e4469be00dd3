import os
import subprocess
import sys
import time
from types import SimpleNamespace

import make
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edgekit.errors import UsageError
from edgekit.packaging import bundle, packagers
from edgekit.packaging.choose import Wish, wishes
from edgekit.packaging.nouns import Manifest
from edgekit.packaging.package import package, write
from edgekit.pipeline import recipes
from edgekit.system import store

RECIPES = recipes.shipped()

KINDS = packagers.names()
ZIP = packagers.load("zip")


class Made:
    """A run with files that were never computed: `(name, recipe, size, drop)` each."""

    def __init__(self, folder, *files, targets=None, **artifact):
        self.folder = folder
        artifacts, measured = [], []
        for name, recipe, size, drop in files:
            made, figures = self._file(name, recipe, size, drop, artifact)
            artifacts.append(made)
            measured.append(figures)
        targets = targets or [make.target({"accuracy_drop_points": make.limit(max=2)})]
        self.run = make.run(targets, artifacts, measured)

    def _file(self, name, recipe, size, drop, update):
        data = name.encode().ljust(size, b".")
        known = {"card": make.tiny_card("m", ("a", "b"), 2)}
        made = make.artifact(
            **{
                **known,
                "path": f"artifacts/{name}",
                "format": "executorch" if name.endswith(".pte") else "tflite",
                "recipe": RECIPES[recipe],
                "sha256": store.sha256_bytes(data),
                "size_bytes": size,
                "source": make.source(sha256="5" * 64),
                **update,
            }
        )
        store.write_bytes(self.folder / made.path, data)
        golden = self.folder / "golden" / f"{name}.npz"
        golden.parent.mkdir(exist_ok=True)
        self._keep(golden)
        metrics = (make.drop(drop, drop - 0.5, drop + 0.5),) if drop is not None else ()
        figures = make.measurement(
            artifact_sha256=made.sha256,
            metrics=metrics,
            golden=golden.name,
            golden_sha256=store.sha256_file(golden),
            input_names=("x",),
            data_sha256="d" * 64,
            data="d",
        )
        return made, figures

    def _keep(self, golden, **more):
        pictures = np.full((8, 8), 3, np.uint8)
        scores = np.ones((2, 2), np.float32)
        preprocess = make.tiny_card().preprocess
        fed = preprocess.apply(np.stack([pictures, pictures]))
        np.savez(golden, sample_0=pictures, sample_1=pictures, inputs=fed, outputs=scores, **more)

    def package(self, target="board", kind="zip", **choice):
        wish = Wish(kind, next((t for t in self.run.targets if t.id == target), None))
        return package(self.run, self.folder, self.folder / "out", wish, **choice)


@pytest.fixture
def three(tmp_path):
    return Made(
        tmp_path,
        ("m-fp32.tflite", "fp32", 400, 0.0),
        ("m-int8.tflite", "int8", 100, 0.4),
        ("m-dynamic-int8.tflite", "dynamic-int8", 120, 0.2),
        ("m-int8-io8.tflite", "int8-io8", 90, 5.0),
    )


def test_the_smallest_that_passed_is_taken_and_says_why(three):
    manifest = three.package().manifest
    assert manifest.variants[0].file == "m-int8.tflite"
    assert manifest.why == "smallest of 3 that did not fail"
    assert manifest.status == "pass"
    assert (manifest.target, manifest.failed_allowed) == ("board", False)


def test_one_that_passed_goes_before_a_smaller_one_with_open_checks(tmp_path):
    made = Made(tmp_path, ("a.tflite", "fp32", 400, 0.0), ("b.tflite", "int8", 100, 1.8))
    manifest = made.package().manifest
    assert manifest.variants[0].recipe == "fp32"


def test_open_checks_stand_in_the_reason(tmp_path):
    made = Made(tmp_path, ("b.tflite", "int8", 100, 1.8))
    assert "still open: accuracy_drop" in made.package().manifest.why


def test_of_two_alike_the_first_of_the_run_is_taken_every_time(tmp_path):
    made = Made(tmp_path, ("a.tflite", "int8", 100, 0.0), ("b.tflite", "fp32", 100, 0.0))
    assert {made.package().manifest.variants[0].recipe for _ in range(3)} == {"int8"}


def narrow(monkeypatch, **update):
    kind = SimpleNamespace(**{**vars(ZIP), **update})
    load = packagers.load
    monkeypatch.setattr(packagers, "load", lambda name: kind if name == "zip" else load(name))


def test_what_the_packager_cannot_carry_is_passed_over_and_said(three, monkeypatch):
    narrow(monkeypatch, refusal=lambda a: "too clever" if a.recipe.name == "int8" else None)
    manifest = three.package().manifest
    assert manifest.variants[0].recipe == "dynamic-int8"
    assert manifest.why == (
        "smallest of 2 that did not fail; m tflite int8 cannot be carried: too clever"
    )


def test_a_format_that_the_kind_does_not_run_is_passed_over(tmp_path, monkeypatch):
    target = make.target(formats=("tflite", "executorch"))
    files = ("m-int8.pte", "int8", 100, 0.0), ("m-fp32.tflite", "fp32", 400, 0.0)
    made = Made(tmp_path, *files, targets=[target])
    narrow(monkeypatch, FORMATS=("tflite",))
    manifest = made.package().manifest
    assert manifest.variants[0].file == "m-fp32.tflite"
    assert "cannot be carried: it runs tflite, not executorch" in manifest.why


def test_nothing_that_can_be_carried_is_refused_with_the_reason(three, monkeypatch):
    narrow(monkeypatch, refusal=lambda _: "no")
    with pytest.raises(UsageError, match="cannot be carried: no"):
        three.package()
    with pytest.raises(UsageError, match="m tflite int8 for a package of kind zip: no"):
        three.package(artifact="m-int8.tflite")


def test_what_failed_is_refused_unless_allowed_and_then_it_says_so(three):
    with pytest.raises(UsageError, match="which failed for board: accuracy_drop") as caught:
        three.package(artifact="m-int8-io8.tflite")
    assert "--allow-failed" in caught.value.hint
    manifest = three.package(artifact="m-int8-io8.tflite", allow_failed=True).manifest
    assert manifest.failed_allowed
    assert manifest.status == "fail"
    assert manifest.why.startswith("chosen by --artifact")


def test_where_all_failed_the_least_failed_is_taken_only_if_allowed(tmp_path):
    strict = make.target({
        "accuracy_drop_points": make.limit(max=2), "size_bytes": make.limit(max=150),
    })  # fmt: skip
    files = ("a.tflite", "fp32", 400, 5.0), ("b.tflite", "int8", 200, 0.0)
    made = Made(tmp_path, *files, targets=[strict])
    with pytest.raises(UsageError, match="no file to package for board: no file passed"):
        made.package()
    found = made.package(allow_failed=True)
    assert found.manifest.variants[0].recipe == "int8"
    assert "fewest failed checks" in found.manifest.why
    files = bundle.unpack(made.folder / "out" / "m-int8-board-zip.zip")
    assert b"DO NOT SHIP" in files["README.md"]


def test_variants_are_those_of_the_format_that_did_not_fail(three):
    made = three.package(variants=True)
    files = [v.file for v in made.manifest.variants]
    assert files == ["m-int8.tflite", "m-dynamic-int8.tflite", "m-fp32.tflite"]
    assert made.path.endswith("m-variants-board-zip.zip")
    golden = [s.image for v in made.manifest.variants for s in v.golden]
    assert set(golden) == {"golden/00.png", "golden/01.png"}


def test_a_named_artifact_needs_no_target(three):
    made = three.package(target=None, artifact="m-fp32.tflite")
    assert made.manifest.target is None
    assert made.manifest.status == "not_measured"
    with pytest.raises(UsageError, match="neither a target nor an artifact"):
        three.package(target=None)
    with pytest.raises(UsageError) as caught:
        three.package(artifact="m-int.tflite")
    assert "did you mean 'm-int8.tflite'" in caught.value.hint


def test_labels_that_do_not_match_the_outputs_are_refused(tmp_path):
    card = make.tiny_card("m", ("a", "b", "c"), 3)
    made = Made(tmp_path, ("a.tflite", "int8", 100, 0.0), card=card)
    with pytest.raises(UsageError, match="got 3 labels for 2 outputs"):
        made.package()


@pytest.mark.parametrize("label", ["", "two\nlines", "a\u2028b", "c\r", "d\n"])
def test_a_label_that_is_no_line_is_refused(tmp_path, label):
    card = make.tiny_card("m", ("a", label), 2)
    made = Made(tmp_path, ("a.tflite", "int8", 100, 0.0), card=card)
    with pytest.raises(UsageError, match="expected one line"):
        made.package()


def test_a_run_of_an_older_edgekit_is_refused(tmp_path):
    made = Made(tmp_path, ("a.tflite", "int8", 100, 0.0))
    golden = tmp_path / "golden" / "a.tflite.npz"
    np.savez(golden, inputs=np.ones((1, 8, 8, 1)), outputs=np.ones((1, 2)))
    measured = made.run.measurements[0]
    measured = measured.model_copy(update={"golden_sha256": store.sha256_file(golden)})
    made.run = made.run.model_copy(update={"measurements": (measured,)})
    with pytest.raises(UsageError, match="without the samples") as caught:
        made.package()
    assert "older edgekit" in caught.value.hint


def test_a_file_or_vectors_that_changed_since_the_run_are_refused(three):
    golden = three.folder / "golden" / "m-int8.tflite.npz"
    whole = golden.read_bytes()
    golden.write_bytes(b"junk")
    with pytest.raises(UsageError, match="other bytes"):
        three.package()
    golden.write_bytes(whole)
    (three.folder / "artifacts" / "m-int8.tflite").write_bytes(b"other")
    with pytest.raises(UsageError, match="other bytes"):
        three.package()
    golden.unlink()
    with pytest.raises(UsageError, match="got no file"):
        three.package()


def test_each_target_gets_its_own_best(tmp_path):
    small = make.target({"size_bytes": make.limit(max=150)}, id="small")
    exact = make.target({"accuracy_drop_points": make.limit(max=0.6)}, id="exact")
    files = ("a.tflite", "fp32", 400, 0.0), ("b.tflite", "int8", 100, 1.8)
    made = Made(tmp_path, *files, targets=[small, exact])
    recipes = {t: made.package(t).manifest.variants[0].recipe for t in ("small", "exact")}
    assert recipes == {"small": "int8", "exact": "fp32"}


def pairs(run, kinds=(), targets=()):
    return [(w.kind, w.target and w.target.id) for w in wishes(run, kinds, targets)]


def test_which_packages_are_asked_for():
    run = make.run([make.target(id="a"), make.target(id="b"), make.target(id="c")])
    assert pairs(run) == [("zip", "a"), ("zip", "b"), ("zip", "c")]
    assert pairs(run, targets=("b", "c")) == [("zip", "b"), ("zip", "c")]
    assert pairs(run, ("zip",)) == [("zip", "a"), ("zip", "b"), ("zip", "c")]
    assert pairs(run, ("zip",), ("b",)) == [("zip", "b")]
    elsewhere = make.run([make.target(id="a", packager="x"), make.target(id="b", packager="y")])
    assert pairs(elsewhere, ("zip",)) == [("zip", None)]
    alone = make.run([make.target(id="a", packager="x")])
    assert pairs(alone, ("zip",)) == [("zip", "a")]
    with pytest.raises(UsageError) as caught:
        pairs(run, targets=("d",))
    assert "judged for" in caught.value.message
    with pytest.raises(UsageError, match="--for 'zipp'") as caught:
        pairs(run, ("zipp",))
    assert "'zip'" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        pairs(run, ("iOS",))
    assert "'apple'" in caught.value.hint
    assert pairs(run, ("zip", "zip"), ("b", "b")) == [("zip", "b")]


def test_files_of_two_models_are_no_rivals(tmp_path):
    made = Made(tmp_path, ("a.tflite", "int8", 100, 0.0), ("b.tflite", "fp32", 400, 0.0))
    artifacts = [
        artifact.model_copy(update={"card": make.tiny_card(name, ("a", "b"), 2)})
        for artifact, name in zip(made.run.artifacts, ("alpha", "beta"), strict=True)
    ]
    made.run = made.run.model_copy(update={"artifacts": tuple(artifacts)})
    with pytest.raises(UsageError, match="2 models") as caught:
        made.package()
    assert "alpha, beta" in caught.value.hint
    assert made.package(model="beta").manifest.name == "beta"
    with pytest.raises(UsageError, match="'bet'") as caught:
        made.package(model="bet")
    assert "'beta'" in caught.value.hint


def test_what_the_kind_cannot_feed_is_refused(monkeypatch):
    from edgekit.packaging.package import _check_taken

    content = make.content(takes_image=False)
    taker = SimpleNamespace(TAKES=("image", "tensors"))
    with pytest.raises(UsageError, match="not 8 bits a channel"):
        _check_taken(content, taker)
    _check_taken(make.content(), taker)
    with pytest.raises(UsageError, match="takes image, expected tensors"):
        _check_taken(make.content(), SimpleNamespace(TAKES=("tensors",)))


CODE = """
import os, sys
os.umask(int(sys.argv[2], 8))
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import make
for kind in sys.argv[3:]:
    print(kind, make.sha256_of(kind, Path(kind)))
"""


def built(folder, umask, **environment):
    """Return the sha256 of a package of each kind, made by another process."""
    folder.mkdir()
    argv = [sys.executable, "-c", CODE, str(make.ASSETS.parent / "unit"), umask, *KINDS]
    done = subprocess.run(
        argv, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twice")
    first = built(folder / "one", "022", TZ="UTC", USER="anna", PYTHONHASHSEED="1")
    time.sleep(2.1)  # zip and tar count in seconds, zip in two
    more = {"USER": "bert", "LOGNAME": "bert", "PYTHONHASHSEED": "2", "LANG": "C"}
    home = str(folder / "home")
    second = built(folder / "two", "077", TZ="Asia/Tokyo", HOME=home, SOURCE_DATE_EPOCH="1", **more)
    return first, second


@pytest.mark.parametrize("kind", KINDS)
def test_days_folders_and_users_change_nothing(kind, twice):
    first, second = twice
    assert first[kind] == second[kind]
    assert len(first[kind]) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_another_year_changes_nothing(kind, tmp_path, monkeypatch):
    first = make.sha256_of(kind, tmp_path / "one")
    shift = 3 * 365 * 86400
    now, local, utc = time.time, time.localtime, time.gmtime
    monkeypatch.setattr(time, "time", lambda: now() + shift)
    for name, real in (("localtime", local), ("gmtime", utc)):
        later = lambda s=None, real=real: real(now() + shift if s is None else s)  # noqa: E731
        monkeypatch.setattr(time, name, later)
    assert make.sha256_of(kind, tmp_path / "two") == first


@pytest.mark.parametrize("kind", KINDS)
def test_odd_names_and_many_labels_give_whole_packages(kind, tmp_path):
    from edgekit.packaging.verify import verify

    odd = make.packed(kind, tmp_path, name=make.ODD_NAME, labels=make.ODD_LABELS)
    many = make.packed(kind, tmp_path, classes=10_000)
    for path in (odd, many):
        assert not verify(path).findings
    lines = [d for n, d in bundle.unpack(many).items() if n.endswith("labels.txt")]
    assert lines
    assert len(lines[0].decode().splitlines()) == 10_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_asset_is_in_every_kind_as_it_is(kind):
    content = make.content_for(kind)
    files = packagers.load(kind).files(content)
    for name, data in content.assets.items():
        found = [d for n, d in files.items() if f"/{n}".endswith(f"/{name}")]
        assert data in found, name
        assert set(found) == {data}, name


def test_signing_adds_one_file_and_changes_none(three):
    plain = bundle.unpack(three.folder / three.package().path)
    key = Ed25519PrivateKey.generate()
    made = three.package(key=key)
    signed = bundle.unpack(three.folder / made.path)
    assert {n: d for n, d in signed.items() if n != "manifest.sig.json"} == plain
    assert three.package(key=key).sha256 == made.sha256


def test_the_manifest_lists_every_file_but_itself(tmp_path):
    made = write(make.content(), ZIP, tmp_path)
    files = bundle.unpack(tmp_path / "tiny-fp32-board-zip.zip")
    manifest = Manifest.from_json(files.pop("manifest.json"))
    assert manifest == made.manifest
    assert manifest.files == {name: store.sha256_bytes(data) for name, data in files.items()}


def test_the_verb_signs_and_says_what_it_wrote(three, edgekit):
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store.write_bytes(three.folder / "key.pem", pem)
    store.write_text(three.folder / "run.json", three.run.to_json())
    key_file = three.folder / "key.pem"
    done = edgekit("package", three.folder, "--for", "zip", "-t", "board", "--sign", key_file)
    assert done.returncode == 0, done.stderr
    assert "wrote packages/m-int8-board-zip.zip" in done.stdout
    shown = edgekit("verify", "packages/m-int8-board-zip.zip")
    assert shown.returncode == 0
    assert "whole since it was signed by key" in shown.stdout
    done = edgekit("package", three.folder, "-t", "board", "--sign", three.folder / "none.pem")
    assert done.returncode == 2
    assert "openssl genpkey" in done.stderr
