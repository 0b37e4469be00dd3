import contextlib
import json
import zipfile

import make
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tamper import answers, edited, odd_manifests, public, rewrite, says, unpacked

from edgekit.errors import ModelLoadError
from edgekit.packaging import bundle, packagers
from edgekit.packaging.nouns import Manifest
from edgekit.packaging.verify import verify
from edgekit.system import store

KINDS = packagers.names()


@pytest.fixture
def package(tmp_path):
    return make.packed("zip", tmp_path)


def test_a_package_as_made_is_right_in_every_stage(package):
    found = verify(package, run=True)
    assert not found.findings
    assert answers(found) == {
        "archive": "ok", "files": "ok", "manifest": "ok", "signature": "open", "verdict": "ok",
        "decode": "ok", "preprocess": "ok", "inference": "ok", "result": "ok",
    }  # fmt: skip
    assert found.sha256 == store.sha256_file(package)
    assert found.in_words() == "passed"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_right_as_archive_and_as_folder(kind, tmp_path):
    path = make.packed(kind, tmp_path, key=Ed25519PrivateKey.generate())
    assert not verify(path).findings
    found = verify(unpacked(path, tmp_path / "folder"))
    assert not found.findings
    assert answers(found)["signature"] == "ok"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["archive", "folder"])
def test_every_file_of_every_kind_is_watched(kind, place, tmp_path):
    path = make.packed(kind, tmp_path, key=Ed25519PrivateKey.generate())
    whole = bundle.unpack(path)
    other = tmp_path / (f"other{path.suffix}" if place == "archive" else "other")
    if place == "folder":
        unpacked(path, other)
    for name in whole:
        changed = {**whole, name: whole[name] + b" "}
        removed = {n: d for n, d in whole.items() if n != name}
        for files in (changed, removed):
            if place == "archive":
                other.write_bytes(bundle.pack(files, path.suffix))
            elif files is changed:
                (other / name).write_bytes(changed[name])
            else:
                (other / name).unlink()
            if name.endswith("manifest.sig.json") and files is removed:
                assert answers(verify(other))["signature"] == "open"
                continue
            try:
                assert verify(other).findings, name
            except ModelLoadError as error:
                assert "manifest.json" in error.message, name
        if place == "folder":
            (other / name).write_bytes(whole[name])


def test_a_changed_file_is_named(package):
    rewrite(package, lambda files: files.update({"labels.txt": b"other\n"}))
    assert "changed: labels.txt" in says(verify(package), "files")


def test_an_added_file_is_named(package):
    rewrite(package, lambda files: files.update({"docs/evil.sh": b"rm"}))
    assert says(verify(package)) == ["added: docs/evil.sh"]


def test_a_removed_file_is_named(package):
    rewrite(package, lambda files: files.pop("golden/00.png"))
    found = verify(package)
    assert "removed: golden/00.png" in says(found, "files")
    assert "golden sample 0: no golden/00.png" in says(found, "manifest")[0]


def test_nothing_hides_between_the_files(package):
    data = package.read_bytes()
    package.write_bytes(data + b"more")
    assert verify(package).findings
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in bundle.unpack(write_back(package, data)).items():
            archive.writestr(name, content)
    assert "packed again" in says(verify(package), "archive")[0]


def write_back(package, data):
    path = package.with_name("whole.zip")
    path.write_bytes(data)
    return path


def test_a_signature_of_the_given_key_is_right(tmp_path):
    key = Ed25519PrivateKey.generate()
    path = make.packed("zip", tmp_path, key=key)
    found = verify(path, key=public(tmp_path / "public.pem", key))
    assert not found.findings
    assert [c.says[:16] for c in found.checks if c.name == "signature"] == ["by the given key"]


def test_another_keys_signature_is_right_alone_and_wrong_for_the_given_key(tmp_path):
    path = make.packed("zip", tmp_path, key=Ed25519PrivateKey.generate())
    assert not verify(path).findings
    found = verify(path, key=public(tmp_path / "public.pem", Ed25519PrivateKey.generate()))
    assert "by another key" in says(found, "signature")[0]


def test_a_swapped_signature_is_wrong_with_and_without_a_key(tmp_path):
    key = Ed25519PrivateKey.generate()
    path = make.packed("zip", tmp_path / "a", key=key)
    other = bundle.unpack(make.packed("zip", tmp_path / "b", key=key, why="another"))
    rewrite(path, lambda f: f.update({"manifest.sig.json": other["manifest.sig.json"]}))
    assert "not of this manifest.json" in says(verify(path), "signature")[0]
    found = verify(path, key=public(tmp_path / "public.pem", key))
    assert "not of this manifest.json" in says(found, "signature")[0]


def test_no_signature_or_a_broken_one_is_wrong_for_a_key(package, tmp_path):
    key = public(tmp_path / "public.pem", Ed25519PrivateKey.generate())
    assert "not signed" in says(verify(package, key=key), "signature")[0]
    rewrite(package, lambda files: files.update({"manifest.sig.json": b"{}"}))
    for given in (None, key):
        assert "cannot be read" in says(verify(package, key=given), "signature")[0]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_path_that_leaves_the_folder_is_unreadable(package, name):
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(ModelLoadError, match="leaves the folder"):
        verify(package)


def test_a_link_out_of_an_unpacked_folder_is_unreadable(package, tmp_path):
    folder = unpacked(package, tmp_path / "folder")
    (folder / "labels.txt").unlink()
    (folder / "labels.txt").symlink_to("/etc/hostname")
    with pytest.raises(ModelLoadError, match="is a link"):
        verify(folder)


def test_a_package_of_a_failed_run_is_a_finding(tmp_path):
    found = verify(make.packed("zip", tmp_path, failed=True), run=True)
    assert says(found, "verdict")[0] == "tiny-fp32.tflite failed for board: size_bytes"
    assert "--allow-failed" in says(found, "verdict")[1]
    assert answers(found)["inference"] == "ok"


def test_a_manifest_that_hides_the_failure_is_a_finding(tmp_path):
    path = make.packed("zip", tmp_path, failed=True)
    edited(path, lambda m: m.update({"status": "pass", "failed_allowed": False}))
    found = verify(path)
    assert "the verdict says otherwise" in says(found, "manifest")[0]
    assert "failed for board" in says(found, "verdict")[0]


BROKEN = {
    "no such file": lambda m: m["variants"][0].update({"file": "none.tflite"}),
    "another sha256": lambda m: m["variants"][0].update({"sha256": "0" * 64}),
    "the record says 1": lambda m: m["variants"][0].update({"size_bytes": 1}),
    "another file or target": lambda m: m.update({"target": "other"}),
    "verdict says otherwise": lambda m: m.update({"status": "undecided"}),
    "not the list of labels": lambda m: (
        m.update({"labels": ["x"] * 10}), m["card"].update({"labels": ["x"] * 10})
    ),
    "not the card's": lambda m: m.update({"licence": "MIT"}),
    "labels for outputs": lambda m: m["variants"][0]["outputs"][0]["spec"].update(
        {"shape": [1, 9]}
    ),
    "inputs, outputs and": lambda m: m["variants"][0].update({"preprocesses": []}),
    "no golden vectors": lambda m: m["variants"][0].update({"golden": []}),
    "not one array": lambda m: m["variants"][0]["golden"][0].update({"inputs": []}),
    "array that is not in": lambda m: m["variants"][0]["golden"][0]["inputs"][0].update(
        {"offset": 10**9}
    ),
    "sample 1: an array": lambda m: m["variants"][0]["golden"][1]["inputs"][0].update(
        {"shape": [-1, -64]}
    ),
    "sample 2: an array": lambda m: m["variants"][0]["golden"][2]["outputs"][0].update(
        {"dtype": "object"}
    ),
    "no ../x.png": lambda m: m["variants"][0]["golden"][0].update({"image": "../x.png"}),
    "vectors overlap": lambda m: m["variants"][0].update(
        {"golden": m["variants"][0]["golden"] * 2}
    ),
    "lists itself": lambda m: m["files"].update({"manifest.json": "0" * 64}),
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_a_manifest_that_contradicts_itself_or_the_files_is_a_finding(package, text):
    edited(package, BROKEN[text])
    assert text in " ".join(says(verify(package, run=True)))


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update({"schema_version": 3}),
        lambda m: m.update({"kind": "toaster"}),
        lambda m: m.update({"kind": "../zip"}),
        lambda m: m.update({"variants": []}),
        lambda m: m.pop("files"),
        lambda m: m.update({"surprise": 1}),
        lambda m: m["variants"][0]["preprocesses"][0].update({"std": [0]}),
    ],
)
def test_a_manifest_that_is_not_known_is_unreadable(package, edit):
    edited(package, edit)
    with pytest.raises(ModelLoadError, match=r"manifest\.json|of kind"):
        verify(package)


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"\xff", b"null"])
def test_a_manifest_that_is_none_is_unreadable(package, data):
    rewrite(package, lambda files: files.update({"manifest.json": data}))
    with pytest.raises(ModelLoadError, match="cannot be read"):
        verify(package)


def test_one_manifest_is_looked_for_nearest_to_the_root(package):
    rewrite(package, lambda files: files.update({"deep/manifest.json": b"{}"}))
    assert says(verify(package)) == ["added: deep/manifest.json"]

    def two(files):
        data = files.pop("manifest.json")
        files |= {"a/manifest.json": data, "deep/manifest.json": data}

    rewrite(package, two)
    with pytest.raises(ModelLoadError, match=r"got 2 manifest\.json"):
        verify(package)
    rewrite(package, lambda files: [files.pop(n) for n in list(files) if "manifest" in n])
    with pytest.raises(ModelLoadError, match=r"got no manifest\.json"):
        verify(package)


def test_a_folder_above_the_unpacked_one_is_as_good(package, tmp_path):
    unpacked(package, tmp_path / "above" / "folder")
    assert not verify(tmp_path / "above").findings


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_the_archives_top_folder_is_as_good(kind, tmp_path):
    path = make.packed(kind, tmp_path)
    tops = {name.split("/")[0] for name in bundle.unpack(path)}
    top = tops.pop() if len(tops) == 1 else "."  # as npm leaves its own out
    unpacked(path, tmp_path / "folder")
    assert not verify(tmp_path / "folder" / top).findings


def test_a_terminal_does_not_obey_a_package(package):
    edited(package, lambda m: m.update({"target": "\x1b[31mred\u202e"}))
    shown = " ".join(check.says for check in verify(package).checks)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_what_is_not_there_or_no_package_is_unreadable(tmp_path):
    with pytest.raises(ModelLoadError, match="no package"):
        verify(tmp_path / "none.zip")
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(ModelLoadError, match="unreadable"):
        verify(tmp_path / "x.zip")


def test_the_verb_exits_with_0_1_and_4(package, edgekit):
    done = edgekit("verify", package, "--run")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "passed"
    done = edgekit("verify", package, "--json")
    answer = json.loads(done.stdout)
    assert answer["ok"]
    assert answer["findings"] == []
    rewrite(package, lambda files: files.update({"more": b""}))
    done = edgekit("verify", package)
    assert done.returncode == 1
    assert "files        FAILED    added: more" in done.stdout
    done = edgekit("verify", package, "--json")
    assert json.loads(done.stdout)["findings"][0]["says"] == "added: more"
    package.write_bytes(b"no zip")
    assert edgekit("verify", package).returncode == 4
    assert "error" in json.loads(edgekit("verify", package, "--json").stdout)


def test_the_manifest_repeats_what_is_embedded(package):
    manifest = Manifest.from_json(bundle.unpack(package)["manifest.json"])
    assert manifest.provenance.data_sha256 == "d" * 64
    assert manifest.provenance.source_sha256 == "5" * 64
    assert {"README.md", "sbom.cdx.json", "labels.txt"} <= set(manifest.files)


def test_whatever_stands_in_a_manifest_is_answered(package, tmp_path):
    answered = 0
    for path in odd_manifests(package, tmp_path / "odd.zip", 250):
        with contextlib.suppress(ModelLoadError):
            answered += not verify(path).findings
    assert answered >= 8
