"""What the tests of references share."""

import pytest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return a function that puts files into a cache as huggingface_hub lays it out."""
    constants = pytest.importorskip("huggingface_hub.constants")
    root = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(root))
    # A test must fail, not wait, if anything asks the network.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")

    def put(files, commit="0123456789abcdef0123456789abcdef01234567"):
        repo = root / "models--owner--name"
        for number, (name, data) in enumerate(files.items()):
            blob = repo / "blobs" / f"{number:040x}"
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(data)
            link = repo / "snapshots" / commit / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(blob)
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / "main").write_text(commit)

    return put
