"""Packages changed as a careless hand or a forger would change them."""

import json
import random

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edgekit.packaging import bundle
from edgekit.system import store


def says(found, name=None):
    return [each.says for each in found.findings if name in {None, each.name}]


def answers(found):
    return {check.name: check.status for check in found.checks}


def rewrite(path, change, target=None):
    """Write the archive again after `change(files)`."""
    files = bundle.unpack(path)
    change(files)
    target = target or path
    target.write_bytes(bundle.pack(files, path.suffix))
    return target


def rebuilt(path, change, **update):
    """Change files of a zip and make the manifest agree with them, as a forger would."""

    def all_of_it(files):
        change(files)
        listed = {n: store.sha256_bytes(d) for n, d in files.items() if n != "manifest.json"}
        manifest = json.loads(files["manifest.json"])
        variant = manifest["variants"][0]
        model = files[variant["file"]]
        variant["sha256"], variant["size_bytes"] = store.sha256_bytes(model), len(model)
        variant["verdict"]["artifact_sha256"] = variant["sha256"]
        manifest |= {"files": listed, **update}
        files["manifest.json"] = json.dumps(manifest).encode()

    return rewrite(path, all_of_it)


def edited(path, edit):
    """Change the manifest alone."""

    def change(files):
        manifest = json.loads(files["manifest.json"])
        edit(manifest)
        files["manifest.json"] = json.dumps(manifest).encode()

    return rewrite(path, change)


def unpacked(path, folder):
    for name, data in bundle.unpack(path).items():
        store.write_bytes(folder / name, data)
    return folder


def public(path, key):
    data = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(data)
    return path


VALUES = (None, -1, 0, 10**30, 1e308, "", "../x", "\x00", [], {}, True, [[1]], "a" * 10_000)


def odd_manifests(package, path, n):
    """Write the package `n` times to `path`, each time with another odd value in its manifest."""
    rng = random.Random(11)
    whole = bundle.unpack(package)
    paths = list(_places(json.loads(whole["manifest.json"])))
    for _ in range(n):
        manifest = json.loads(whole["manifest.json"])
        _put(manifest, rng.choice(paths), rng.choice(VALUES))
        changed = {**whole, "manifest.json": json.dumps(manifest).encode()}
        path.write_bytes(bundle.pack(changed, path.suffix))
        yield path


def _places(tree, path=()):
    """Yield the path of every value in a JSON document."""
    found = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in found:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def _put(tree, path, value):
    *parents, last = path
    for key in parents:
        tree = tree[key]
    tree[last] = value
