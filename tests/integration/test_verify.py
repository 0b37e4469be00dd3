"""Every kind of package, of every finished run, held to its own proof."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packages_made import ODD_NAME, edgekit, package

from edgekit.errors import ModelLoadError
from edgekit.packaging import bundle, packagers
from edgekit.packaging.verify import verify
from edgekit.pipeline.runs import read_run
from edgekit.system import store

pytestmark = [pytest.mark.tf, pytest.mark.torch]

KINDS = packagers.names()
RUNS = ("demo_run", "colour_run", "plain_run")
STAGES = {"decode", "preprocess", "inference"}


def for_kind(run, kind):
    """Return a target of the run for packages of `kind`: its own, or any."""
    mine = [target.id for target in read_run(run).targets if target.packager == kind]
    return (mine or ["pixel-8"])[0]


def check(path, *more, code=0):
    return edgekit("verify", path, *more, code=code)


def rewrite(path, change):
    files = bundle.unpack(path)
    change(files)
    path.write_bytes(bundle.pack(files, path.suffix))


@pytest.fixture(scope="module", params=[(run, kind) for run in RUNS for kind in KINDS], ids=str)
def made(request, tmp_path_factory):
    """Return one package of a run, of a kind that can carry it."""
    run, kind = request.param
    folder, output = request.getfixturevalue(run), tmp_path_factory.mktemp("packages")
    argv = ["package", folder, "--for", kind, "-t", for_kind(folder, kind), "-o", output]
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", *map(str, argv), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    answer = json.loads(done.stdout)
    if done.returncode == 2 and ("package it --for zip" in done.stderr or "runs" in done.stderr):
        pytest.skip(answer["error"]["message"])
    assert done.returncode == 0, done.stderr
    return Path(answer["packages"][0]["path"])


def test_it_is_right_as_packed_and_as_unpacked_and_computes_the_same(made, tmp_path):
    found = check(made, "--run")
    stages = {each["name"]: each["says"] for each in found["checks"] if each["name"] in STAGES}
    assert found["ok"]
    is_image = "decode" in stages
    assert is_image == ("plain" not in made.name)
    assert "8 samples" in stages["inference"]
    assert ("9 samples" if is_image else "8 samples") in stages["preprocess"]
    for name, data in bundle.unpack(made).items():
        store.write_bytes(tmp_path / name, data)
    assert not verify(tmp_path).findings


def test_a_changed_byte_anywhere_is_found(made, tmp_path):
    whole = bundle.unpack(made)
    other = tmp_path / made.name
    model = next(n for n in whole if n.endswith((".tflite", ".pte", ".onnx")))
    for name in {model, *list(whole)[:: max(1, len(whole) // 5)]}:
        if name.endswith("manifest.json"):  # only a signature vouches for it
            continue
        data = bytearray(whole[name] or b"x")
        data[len(data) // 2] ^= 1
        other.write_bytes(bundle.pack({**whole, name: bytes(data)}, made.suffix))
        try:
            said = " ".join(each.says for each in verify(other).findings)
        except ModelLoadError as error:
            said = error.message
        assert Path(name).name in said


def test_a_failed_file_is_packaged_only_when_allowed_and_found(demo_run, tmp_path):
    run = read_run(demo_run)
    failed = next(v for v in run.verdicts if v.status == "fail")
    file = Path(run.artifact(failed.artifact_sha256).path).name
    argv = ["package", demo_run, "--for", "zip", "-t", failed.target, "--artifact", file]
    refused = edgekit(*argv, "-o", tmp_path, code=2)
    assert "--allow-failed" in refused["error"]["hint"]
    path = package(demo_run, "zip", failed.target, tmp_path, "--artifact", file, "--allow-failed")
    found = check(path, code=1)
    assert any(f"failed for {failed.target}" in each["says"] for each in found["findings"])


def test_a_signed_package_holds_for_its_key_alone(demo_run, tmp_path):
    keys = []
    for name in ("one", "two"):
        key, public = tmp_path / f"{name}.pem", tmp_path / f"{name}-public.pem"
        make_key(key, public)
        keys.append((key, public))
    path = package(demo_run, "zip", "pixel-8", tmp_path, "--sign", keys[0][0])
    assert check(path, "--key", keys[0][1])["ok"]
    found = check(path, "--key", keys[1][1], code=1)
    assert "by another key" in found["findings"][0]["says"]
    rewrite(path, lambda files: files.pop("manifest.sig.json"))
    assert check(path)["ok"]
    assert "not signed" in check(path, "--key", keys[0][1], code=1)["findings"][0]["says"]


def make_key(key, public):
    """Make a pair as the documentation says, or as openssl would."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    made = Ed25519PrivateKey.generate()
    key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    spki = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    public.write_bytes(spki)


def test_run_finds_another_model_behind_a_manifest_that_agrees(plain_run, tmp_path):
    file = "plain-fp32.tflite"
    path = package(plain_run, "zip", "raspberry-pi-4", tmp_path, "--artifact", file)
    files = bundle.unpack(path)
    other = bytearray(files[file])
    # Some weights get other exponents, and it stays a model.
    weights = np.frombuffer(bytes(other[: len(other) // 4 * 4]), "<u4")
    floats = [i for i, w in enumerate(weights) if 0x3D << 24 <= w < 0x3F << 24]
    for at in floats[len(floats) // 4 : len(floats) // 2]:
        other[4 * at + 3] ^= 0x40
    files[file] = bytes(other)
    manifest = json.loads(files["manifest.json"])
    variant = manifest["variants"][0]
    variant["sha256"] = manifest["files"][file] = store.sha256_bytes(files[file])
    variant["verdict"]["artifact_sha256"] = variant["sha256"]
    files["manifest.json"] = json.dumps(manifest).encode()
    path.write_bytes(bundle.pack(files, ".zip"))
    assert check(path)["ok"]
    found = check(path, "--run", code=1)
    assert [each["name"] for each in found["findings"]] == ["inference"]


def test_variants_are_all_held_to_their_own_vectors(demo_run, tmp_path):
    path = package(demo_run, "zip", "raspberry-pi-4", tmp_path, "--variants")
    found = check(path, "--run")
    assert found["ok"]
    run = [each["says"] for each in found["checks"] if each["name"] == "inference"]
    assert len(run) > 1
    assert len({says.split(":")[0] for says in run}) == len(run)


def test_odd_names_reach_the_readme_and_nothing_else(colour_run, tmp_path):
    path = package(colour_run, "zip", "pixel-8", tmp_path)
    files = bundle.unpack(path)
    assert all(name.isascii() for name in files)
    readme = files["README.md"].decode()
    assert readme.startswith(f"# {ODD_NAME} 2.3.4\n")
    assert "&lt;b&gt;&amp;amp;" in readme
    assert "Model: Apache-2.0. Data: CC0-1.0." in readme


def test_two_users_get_the_same_package(demo_run, tmp_path):
    made = {
        package(demo_run, "zip", "pixel-8", tmp_path / name).read_bytes() for name in ("a", "b")
    }
    assert len(made) == 1
