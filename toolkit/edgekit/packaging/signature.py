"""Signatures: ed25519 over the bytes of a package's manifest, which holds every file's hash.

The public key stands beside the signature, so that anybody can check that nothing changed; that
the key is the maker's own, only who has the key from elsewhere can check.
"""

import base64
import binascii
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from edgekit.core.noun import Noun
from edgekit.errors import UsageError
from edgekit.system.packages import missing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNATURE = "manifest.sig.json"
PASSPHRASE = "EDGEKIT_KEY_PASSPHRASE"  # noqa: S105 - the name of the variable

MAKE_ONE = "make one: openssl genpkey -algorithm ed25519 -out key.pem"
GIVE_PUBLIC = "give the public key: openssl pkey -in key.pem -pubout -out public.pem"


class Signature(Noun):
    """What `manifest.sig.json` holds: the raw 32-byte public key and the signature, in base64."""

    algorithm: Literal["ed25519"] = "ed25519"
    public_key: str
    signature: str

    def key_bytes(self) -> bytes:
        """Return the raw public key. Raises `ValueError` for what is no base64 of 32 bytes."""
        return _decoded(self.public_key, 32)

    def signature_bytes(self) -> bytes:
        """Return the raw signature. Raises `ValueError` for what is no base64 of 64 bytes."""
        return _decoded(self.signature, 64)


def _decoded(text: str, size: int) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if len(data) != size:
        msg = f"{len(data)} bytes, expected {size}"
        raise ValueError(msg)
    # The last letter has bits to spare: only one way to write the same bytes is taken.
    if base64.b64encode(data).decode() != text:
        msg = "not written as edgekit writes it"
        raise ValueError(msg)
    return data


def read_private_key(path: Path) -> "Ed25519PrivateKey":
    """Read the key to sign with: PEM, PKCS #8, encrypted or not.

    The passphrase is taken from the environment, never from the command line, where others see it.
    Raises `UsageError` for another kind of key or a wrong passphrase.
    """
    _need()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(path, MAKE_ONE)
    if b"PUBLIC KEY" in data:
        raise UsageError(
            f"got a public key in {path}, expected a private one to sign with", MAKE_ONE
        )
    try:
        try:
            key = load_pem_private_key(data, None)
        except TypeError:  # so says the library of an encrypted key
            key = load_pem_private_key(data, _passphrase(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"got {path}, which cannot be read as a private key: {error}",
            f"for an encrypted key correct {PASSPHRASE}; else {MAKE_ONE}",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"got a key of another kind in {path}, expected ed25519", MAKE_ONE)
    return key


def _passphrase(path: Path) -> bytes:
    value = os.environ.get(PASSPHRASE)
    if not value:
        raise UsageError(
            f"got the encrypted key {path} and no passphrase",
            f"set the environment variable {PASSPHRASE}",
        )
    return value.encode()


def read_public_key(path: Path) -> bytes:
    """Return the raw public key of a PEM file. Raises `UsageError` for any other key."""
    _need()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _read(path, "give the public key that the package's maker sent you")
    if b"PRIVATE KEY" in data:
        raise UsageError(f"got a private key in {path}, expected a public one", GIVE_PUBLIC)
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"got {path}, which cannot be read as a public key: {error}", GIVE_PUBLIC
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"got a key of another kind in {path}, expected ed25519", GIVE_PUBLIC)
    return key.public_bytes_raw()


def _read(path: Path, hint: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"got no readable key {path}: {error.strerror}", hint) from error


def sign(data: bytes, key: "Ed25519PrivateKey") -> Signature:
    """Sign `data`. The same data and key give the same signature."""
    return Signature(
        public_key=base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        signature=base64.b64encode(key.sign(data)).decode(),
    )


def read(text: bytes) -> Signature:
    """Read a signature file. Raises `ValueError` for what is none."""
    try:
        found = Signature.from_json(text)
    except ValidationError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    found.key_bytes()
    found.signature_bytes()
    # It is in no list of hashes: nothing else may stand in it.
    if found.to_json().encode() != text:
        msg = "not written as edgekit writes it"
        raise ValueError(msg)
    return found


def is_valid(found: Signature, data: bytes) -> bool:
    """Whether the signature's own key made it over exactly these bytes."""
    _need()
    from cryptography.exceptions import InvalidSignature

    try:
        _public(found.key_bytes()).verify(found.signature_bytes(), data)
    except InvalidSignature:
        return False
    return True


def _public(raw: bytes) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)


def fingerprint(raw: bytes) -> str:
    """Return the sha256 of a public key as `openssl pkey -pubin -outform DER` writes it."""
    # RFC 8410: the same 12 bytes stand before every ed25519 key.
    return hashlib.sha256(bytes.fromhex("302a300506032b6570032100") + raw).hexdigest()


def _need() -> None:
    if importlib.util.find_spec("cryptography") is None:
        raise missing("cryptography")
