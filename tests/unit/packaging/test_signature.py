import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from edgekit.errors import MissingExtraError, UsageError
from edgekit.packaging import signature


def private(path, key=None, passphrase=None):
    key = key or Ed25519PrivateKey.generate()
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    return path


def public(path, key):
    data = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(data)
    return path


def test_what_was_signed_is_valid_and_nothing_else(tmp_path):
    key = signature.read_private_key(private(tmp_path / "key.pem"))
    signed = signature.sign(b"the manifest", key)
    assert signed == signature.sign(b"the manifest", key)
    assert signature.read(signed.to_json().encode()) == signed
    assert signature.is_valid(signed, b"the manifest")
    assert not signature.is_valid(signed, b"the manifest.")
    other = signature.sign(b"the manifest", Ed25519PrivateKey.generate())
    swapped = signed.model_copy(update={"signature": other.signature})
    assert not signature.is_valid(swapped, b"the manifest")


def test_the_public_key_is_read_back_and_its_mark_is_openssls(tmp_path):
    key = Ed25519PrivateKey.generate()
    raw = signature.read_public_key(public(tmp_path / "public.pem", key))
    assert raw == signature.sign(b"x", key).key_bytes()
    argv = ["openssl", "pkey", "-pubin", "-in", tmp_path / "public.pem", "-outform", "DER"]
    done = subprocess.run(argv, capture_output=True, check=False)
    import hashlib

    if done.returncode == 0:
        assert signature.fingerprint(raw) == hashlib.sha256(done.stdout).hexdigest()
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert signature.fingerprint(raw) == hashlib.sha256(der).hexdigest()


def test_a_passphrase_comes_from_the_environment(tmp_path, monkeypatch):
    path = private(tmp_path / "key.pem", passphrase=b"geheim")
    monkeypatch.delenv(signature.PASSPHRASE, raising=False)
    with pytest.raises(UsageError, match="encrypted key") as caught:
        signature.read_private_key(path)
    assert "EDGEKIT_KEY_PASSPHRASE" in caught.value.hint
    monkeypatch.setenv(signature.PASSPHRASE, "wrong")
    with pytest.raises(UsageError, match="cannot be read"):
        signature.read_private_key(path)
    monkeypatch.setenv(signature.PASSPHRASE, "geheim")
    assert signature.sign(b"x", signature.read_private_key(path))


def test_a_passphrase_that_is_not_needed_does_no_harm(tmp_path, monkeypatch):
    monkeypatch.setenv(signature.PASSPHRASE, "geheim")
    assert signature.read_private_key(private(tmp_path / "key.pem"))


def test_wrong_keys_are_refused_by_name(tmp_path):
    other = ec_key(SECP256R1())
    with pytest.raises(UsageError, match="another kind"):
        signature.read_private_key(private(tmp_path / "key.pem", other))
    with pytest.raises(UsageError, match="another kind"):
        signature.read_public_key(public(tmp_path / "public.pem", other))
    with pytest.raises(UsageError, match="private key") as caught:
        signature.read_public_key(private(tmp_path / "key.pem"))
    assert "-pubout" in caught.value.hint
    with pytest.raises(UsageError, match="public key"):
        signature.read_private_key(public(tmp_path / "public.pem", Ed25519PrivateKey.generate()))
    (tmp_path / "junk").write_bytes(b"\xff junk")
    for read in (signature.read_private_key, signature.read_public_key):
        with pytest.raises(UsageError, match="cannot be read"):
            read(tmp_path / "junk")
        with pytest.raises(UsageError, match="no readable key"):
            read(tmp_path / "none")


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b'{"algorithm": "rsa", "public_key": "", "signature": ""}',
     b'{"algorithm": "ed25519", "public_key": "AAAA", "signature": "AAAA"}',
     b'{"algorithm": "ed25519", "public_key": "!", "signature": "\xc3\xa4"}', b"\xff"],
)  # fmt: skip
def test_what_is_no_signature_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        signature.read(text)


def test_without_the_extra_its_name_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(signature.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError) as caught:
        signature.read_private_key(tmp_path / "key.pem")
    assert "edgekit[sign]" in caught.value.hint


def test_the_module_loads_without_cryptography():
    code = "import sys, edgekit.packaging.signature; assert 'cryptography' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
