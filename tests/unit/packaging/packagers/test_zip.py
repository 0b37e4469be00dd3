import make

from edgekit.packaging import bundle, packagers

ZIP = packagers.load("zip")


def test_it_takes_any_file_and_holds_the_assets_as_they_are(tmp_path):
    assert ZIP.FORMATS == ZIP.TAKES == ()
    assert ZIP.refusal(make.tiny_artifact()) is None
    content = make.content()
    files = bundle.unpack(make.packed("zip", tmp_path))
    own = {"README.md", "manifest.json", "sbom.cdx.json"}
    assert set(files) == set(ZIP.files(content)) | own | {"labels.txt"}
    assert files["tiny-fp32.tflite"] == content.assets["tiny-fp32.tflite"]


def test_it_is_named_after_model_recipe_and_target(tmp_path):
    assert make.packed("zip", tmp_path).name == "tiny-fp32-board-zip.zip"


def test_it_says_how_to_read_it():
    usage = ZIP.usage(make.content())
    assert "`tiny-fp32.tflite`" in usage
    assert "golden/vectors.bin" in usage
    assert "several model files" not in usage
    assert ZIP.dependencies(make.content()) == ()


def test_it_says_that_there_are_several_files():
    both = [make.tiny_artifact(*each) for each in (("tflite", "fp32"), ("tflite", "int8-io8"))]
    usage = ZIP.usage(make.content(artifacts=both))
    assert "may differ.\n\nThere are several model files" in usage
    assert "first is the default.\n\n`edgekit verify" in usage
