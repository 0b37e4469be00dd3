import pytest

from edgekit.errors import MissingExtraError, ModelLoadError, UsageError
from edgekit.sources import cards, huggingface, resolve

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_only_model_file_of_a_snapshot(cache):
    cache({"README.md": b"#", "config.json": b"{}", "model.tflite": b"x"})
    path = huggingface.fetch(f"hf:owner/name@{COMMIT}", download=False)
    assert path.name == "model.tflite"
    assert path.read_bytes() == b"x"


def test_a_named_file_among_several(cache):
    cache({"a.tflite": b"a", "deep/b.tflite": b"b"})
    path = huggingface.fetch(f"hf:owner/name/deep/b.tflite@{COMMIT}", download=False)
    assert path.read_bytes() == b"b"


def test_several_files_are_listed_with_the_reference_of_one(cache):
    cache({"a.tflite": b"a", "deep/b.tflite": b"b"})
    with pytest.raises(ModelLoadError, match=r"2 model files.*a\.tflite, deep/b\.tflite") as caught:
        huggingface.fetch(f"hf:owner/name@{COMMIT}", download=False)
    assert f"hf:owner/name/a.tflite@{COMMIT}" in caught.value.hint


def test_a_snapshot_without_a_model(cache):
    cache({"README.md": b"#"})
    with pytest.raises(ModelLoadError, match="no model file") as caught:
        huggingface.fetch(f"hf:owner/name@{COMMIT}", download=False)
    assert ".tflite" in caught.value.hint


@pytest.mark.parametrize("ref", ["hf:owner/other@{}", "hf:owner/name/absent.tflite@{}"])
def test_what_is_not_cached_is_not_downloaded(cache, ref):
    cache({"a.tflite": b"a"})
    with pytest.raises(ModelLoadError, match="not in the local cache") as caught:
        huggingface.fetch(ref.format(COMMIT), download=False)
    assert "--download" in caught.value.hint


def test_with_download_hugging_face_is_asked(cache, monkeypatch):
    cache({"a.tflite": b"a"})
    # Their client asks five times, and waits longer each time.
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(ModelLoadError, match="from Hugging Face: "):
        huggingface.fetch(f"hf:owner/other/x.tflite@{COMMIT}", download=True)


@pytest.mark.parametrize("revision", ["", "@main", "@v1.0", "@0123456", f"@{COMMIT[:39]}G"])
def test_a_revision_that_can_move_is_refused_with_the_one_in_the_cache(cache, revision):
    cache({"a.tflite": b"a"})
    with pytest.raises(UsageError, match="expected a commit") as caught:
        huggingface.fetch(f"hf:owner/name{revision}", download=True)
    if revision in {"", "@main"}:
        assert caught.value.hint == f"pin the one in your cache: hf:owner/name@{COMMIT}"
    else:
        assert "the commits page of owner/name" in caught.value.hint


@pytest.mark.parametrize(
    "ref", ["hf:name@{}", "hf:owner/../x@{}", "hf:owner/name/../x@{}", "hf:owner/name//x@{}"]
)
def test_references_that_are_none(ref):
    with pytest.raises(UsageError):
        huggingface.parse(ref.format(COMMIT))


def test_a_reference_becomes_a_source_that_keeps_its_suffix(cache):
    cache({"model.tflite": b"x"})
    source = resolve.resolve(f"hf:owner/name@{COMMIT}")
    assert source.kind == "tflite"
    assert source.ref == f"hf:owner/name@{COMMIT}"
    assert source.path.endswith(f"{COMMIT}/model.tflite")


def test_timm_names_become_sources(tmp_path):
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"1")
    bare = resolve.resolve("timm:resnet18.a1_in1k")
    given = resolve.resolve("timm:resnet18.a1_in1k", weights=weights, download=True)
    fetched = resolve.resolve("timm:resnet18.a1_in1k", download=True)
    assert (bare.kind, bare.framework) == ("timm", "torch")
    assert bare.arguments == {"name": "resnet18.a1_in1k", "pretrained": False}
    assert not bare.is_trained
    assert given.is_trained
    assert not given.arguments["pretrained"]
    assert fetched.arguments["pretrained"]
    assert len({bare.sha256, given.sha256, fetched.sha256}) == 3
    assert cards.card_of(bare) is None


@pytest.mark.parametrize("ref", ["timm:", "timm:../x", "timm:a b", "timm:hf_hub:x/y"])
def test_timm_names_that_are_none(ref):
    with pytest.raises(UsageError, match="expected timm:NAME"):
        resolve.resolve(ref)


def test_a_missing_package_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="huggingface_hub"):
        huggingface.fetch(f"hf:owner/name@{COMMIT}", download=False)
