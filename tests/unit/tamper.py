"""Packages changed as a careless hand or a forger would change them."""

import json

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
