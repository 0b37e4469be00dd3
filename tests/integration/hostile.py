"""Broken and hostile copies of tiny model files, made by rule, for test_hostile_inputs."""

import io
import pickle
import zipfile

# What people really have in place of a model: a page that says 404, a pointer of Git LFS.
PAGE = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n"
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def broken(name, data, rng):
    """Yield (name, bytes) of copies that no reader may take for a model."""
    stem, suffix = name.split(".", 1)
    yield f"{stem}-empty.{suffix}", b""
    yield f"{stem}-byte.{suffix}", data[:1]
    for fraction in FRACTIONS:
        yield f"{stem}-cut{fraction}.{suffix}", data[: int(len(data) * fraction)]
    yield f"{stem}-page.{suffix}", PAGE
    yield f"{stem}-pointer.{suffix}", POINTER
    for length in (8, 100, 4096):
        yield f"{stem}-noise{length}.{suffix}", rng.bytes(length)
    yield f"{stem}-zeros.{suffix}", bytes(4096)
    yield f"{stem}-flipped.{suffix}", bytes(byte ^ 0xFF for byte in data[:64]) + data[64:]
    yield f"{stem}-shuffled.{suffix}", bytes(rng.permutation(list(data[:50_000])).astype("uint8"))


def renamed(files):
    """Yield every file under the suffix of the next ones, where that makes it another kind."""
    names = sorted(files)
    for place, name in enumerate(names):
        for step in range(1, 7):
            other = names[(place + step) % len(names)]
            suffix = other.split(".", 1)[1]
            if not same_kind(name.split(".", 1)[1], suffix):
                yield f"was-{name.replace('.', '-')}.{suffix}", files[name]


def same_kind(one, other):
    """Return whether a file may as well have the other suffix."""
    torch = {"pth", "ckpt", "torchscript", "mar", "safetensors", "pt2"}
    return one == other or {one, other} <= torch


class Payload:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def trapped(name, data, payload):
    """Yield zip files with a trap added to an honest one."""
    stem, suffix = name.split(".", 1)
    for trap, member in (
        ("up", "../../escaped"),
        ("root", "/tmp/escaped"),
        ("drive", "C:\\escaped"),
        ("twice", first_member(data)),
    ):
        yield f"{stem}-{trap}.{suffix}", added(data, {member: b"x"})
    yield f"{stem}-bomb.{suffix}", added(data, {"bomb.bin": bytes(300 * 2**20)})
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    yield f"{stem}-directory.{suffix}", data[:-64] + bytes(byte ^ 0xFF for byte in data[-64:])
    yield f"{stem}-link.{suffix}", added(data, {link: b"/etc/passwd"})
    poisoned = pickle.dumps({"state_dict": Payload(payload)})
    if suffix in {"pth", "ckpt", "torchscript"}:
        yield f"{stem}-pickle.{suffix}", replaced(data, ".pkl", poisoned)
        yield f"{stem}-bare.{suffix}", poisoned
    if suffix == "mar":
        yield f"{stem}-pickle.{suffix}", replaced(data, ".torchscript", poisoned)


def first_member(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()[0]


def added(data, members):
    """Return the zip with more members."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        for member, content in members.items():
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def replaced(data, ending, content):
    """Return the zip with other bytes in the members of that ending, or with one more of it."""
    buffer, found = io.BytesIO(), False
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            is_it = name.endswith(ending)
            found = found or is_it
            new.writestr(name, content if is_it else old.read(name))
        if not found:
            new.writestr(f"archive/data{ending}", content)
    return buffer.getvalue()
