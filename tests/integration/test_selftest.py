"""Packages that are run: each is loaded by its runtime in a child process."""

import make
import numpy as np
import pytest
from tamper import answers, edited, odd_manifests, rebuilt, rewrite, says

from edgekit.errors import ModelLoadError
from edgekit.packaging import selftest
from edgekit.packaging.verify import verify


@pytest.fixture
def package(tmp_path):
    return make.packed("zip", tmp_path)


def test_only_run_finds_a_changed_model_behind_a_manifest_that_agrees(package):
    other = (make.ASSETS / make.TINY["tflite", "fp32"]).read_bytes()
    at = other.index(np.float32(session_weight(other)).tobytes())

    def flip(files):
        data = bytearray(files["tiny-fp32.tflite"])
        data[at + 3] ^= 0x40
        files["tiny-fp32.tflite"] = bytes(data)

    rebuilt(package, flip)
    assert not verify(package).findings
    found = verify(package, run=True)
    assert {check.name for check in found.findings} == {"inference"}
    assert "differs by" in says(found)[0] or "shape" in says(found)[0]


def session_weight(data):
    """Return a large weight of the tiny net: any change of its exponent shows."""
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_content=data)
    # Tensors without memory cannot be read: what can be is in the file, and the same every time.
    for detail in [d for d in net.get_tensor_details() if len(d["shape"]) >= 2]:
        try:
            values = net.get_tensor(detail["index"])
        except ValueError:
            continue
        for value in values.ravel():
            if (
                values.dtype == np.float32
                and 0.05 < abs(value) < 1
                and (data.count(np.float32(value).tobytes()) == 1)
            ):
                return value
    raise AssertionError


def test_run_names_the_stage_that_differs(tmp_path):
    swapped = make.packed("zip", tmp_path / "a")

    def probe(files):
        from io import BytesIO

        from PIL import Image

        name = max(n for n in files if n.endswith(".png"))
        with Image.open(BytesIO(files[name])) as image:
            turned = Image.fromarray(np.asarray(image)[..., ::-1])
        buffer = BytesIO()
        turned.save(buffer, "PNG")
        files[name] = buffer.getvalue()

    found = verify(rebuilt(swapped, probe), run=True)
    assert [(c.name, c.says.split(" differs")[0]) for c in found.findings] == [
        ("decode", "tiny-fp32.tflite: sample 3")
    ]
    mean = make.packed("zip", tmp_path / "b")
    edited(mean, lambda m: m["variants"][0]["preprocesses"][0].update({"mean": [0.5]}))
    found = verify(mean, run=True)
    assert [c.name for c in found.findings] == ["preprocess"]
    assert "differs by 0.5, allowed 1e-06" in says(found)[0]


def test_nothing_is_run_of_a_package_that_is_not_whole(package, monkeypatch):
    rewrite(package, lambda files: files.update({"tiny-fp32.tflite": b"evil"}))
    monkeypatch.setattr(selftest, "inference", lambda *_: pytest.fail("it was run"))
    monkeypatch.setattr(selftest, "pure_stages", lambda *_: pytest.fail("it was run"))
    found = verify(package, run=True)
    assert answers(found)["run"] == "open"
    assert found.findings


def test_a_model_that_crashes_its_runtime_is_a_finding(package):
    rebuilt(package, lambda files: files.update({"tiny-fp32.tflite": b"\x1c\0\0\0TFL3" * 50}))
    found = verify(package, run=True)
    assert [check.name for check in found.findings] == ["inference"]


def test_a_format_that_does_not_run_here_is_named(package):
    edited(package, lambda m: m["variants"][0].update({"format": "coreml"}))
    found = verify(package, run=True)
    assert "coreml files do not run here" in next(
        check.says for check in found.checks if check.name == "inference"
    )
    edited(package, lambda m: m["variants"][0].update({"format": "x"}))
    assert "format 'x'" in says(verify(package, run=True), "inference")[0]


def test_outputs_that_were_never_made_are_not_compared(package):
    def never_run(manifest):
        variant = manifest["variants"][0]
        variant["runtime"] = "not run"
        for sample in variant["golden"]:
            sample["outputs"] = []

    edited(package, never_run)
    found = verify(package, run=True)
    assert not found.findings
    assert "not compared" in next(c.says for c in found.checks if c.name == "inference")


@pytest.mark.parametrize("taken", [slice(0, None), slice(1, 2)], ids=["all", "one"])
def test_outputs_that_were_taken_out_are_found(package, taken):
    edited(
        package, lambda m: [s.update({"outputs": []}) for s in m["variants"][0]["golden"][taken]]
    )
    found = verify(package, run=True)
    assert "no outputs, though the file was run" in found.findings[0].says


def test_golden_outputs_that_are_all_alike_are_said_to_prove_little(package):
    def same(manifest):
        golden = manifest["variants"][0]["golden"]
        for sample in golden[:-1]:
            sample["outputs"][0]["tolerance"] = 1.0

    edited(package, same)
    found = verify(package, run=True)
    assert answers(found)["inference"] == "open"
    inference = next(check for check in found.checks if check.name == "inference")
    assert "another model could pass too" in inference.says


def test_whatever_stands_in_a_manifest_that_is_right_can_be_run(package, tmp_path):
    runs = 0
    for path in odd_manifests(package, tmp_path / "odd.zip", 250):
        try:
            found = verify(path)
        except ModelLoadError:
            continue
        if not found.findings:
            runs += 1
            verify(path, run=True)
        if runs == 8:
            break
    assert runs == 8
