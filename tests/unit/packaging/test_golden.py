import io

import make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps

from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess, upright
from edgekit.core.tensor import TensorSpec, dequantize, quantize
from edgekit.packaging import golden
from edgekit.packaging.nouns import VECTORS

DTYPES = st.sampled_from(["float32", "float16", "int8", "uint8", "int16", "int32", "int64"])


@given(
    st.lists(
        DTYPES.flatmap(
            lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=0, max_dims=4, max_side=5))
        ),
        max_size=6,
    )
)
def test_any_arrays_come_out_again_bit_for_bit_and_aligned(values):
    assets = golden.Assets()
    tensors = [assets.tensor(each, 0.0) for each in values]
    vectors = assets.files()[VECTORS]
    for each, tensor in zip(values, tensors, strict=True):
        found = tensor.array(vectors)
        assert found.dtype == each.dtype
        assert found.shape == each.shape
        assert found.tobytes() == np.ascontiguousarray(each).tobytes()
        assert tensor.offset % 8 == 0
        assert tensor.size_bytes == each.nbytes


def test_byte_order_and_strides_of_the_machine_do_not_matter():
    assets = golden.Assets()
    tensor = assets.tensor(np.arange(6, dtype=">i4").reshape(2, 3).T, 0.0)
    assert tensor.array(assets.files()[VECTORS]).tolist() == [[0, 3], [1, 4], [2, 5]]


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_pictures_come_out_again_as_they_were(pixels):
    assets = golden.Assets()
    name = assets.image(pixels)
    assert (np.asarray(Image.open(io.BytesIO(assets.files()[name]))) == pixels).all()
    assert assets.image(pixels) == name


def image_samples(made=None, n=3):
    made = made or make.tiny_artifact()
    kept, assets = make.kept(made, n), golden.Assets()
    preprocesses = (made.card.preprocess_for(made.layout),)
    return golden.samples_of(kept, made, preprocesses, assets), assets.files(), preprocesses[0]


@pytest.mark.parametrize("recipe", ["fp32", "int8-io8"])
def test_each_stage_starts_from_the_golden_result_of_the_one_before(recipe):
    made = make.tiny_artifact(recipe=recipe)
    found, files, preprocess = image_samples(made)
    vectors = files[VECTORS]
    for sample in found:
        pixels = np.asarray(Image.open(io.BytesIO(files[sample.image])))
        assert (pixels == sample.samples[0].array(vectors)).all()
        turned = upright(pixels, sample.orientation)
        fed = quantize(preprocess.apply(turned[None]), made.inputs[0])
        assert (fed == sample.inputs[0].array(vectors)).all()
    tolerance = {"fp32": 1e-6, "int8-io8": 0.0}[recipe]
    assert {s.inputs[0].tolerance for s in found} == {tolerance}
    assert {s.samples[0].tolerance for s in found} == {2.0}


def test_the_last_is_a_colour_probe_that_no_model_was_asked_about():
    found, files, _ = image_samples()
    assert len(found) == 4
    assert all(sample.outputs for sample in found[:-1])
    assert found[-1].outputs == ()
    probe = found[-1].samples[0].array(files[VECTORS])
    # It lies on its side, so that a package that ignores orientation is found out.
    assert found[-1].orientation == 6
    assert probe.shape == (*golden.PROBE_SIZE[::-1], 3)
    channels = [probe[..., i].astype(int) for i in range(3)]
    for i, j in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(channels[i] - channels[j]).mean() > 30


def test_the_probe_of_an_exact_size_has_it():
    card = ModelCard(name="m", preprocess=Preprocess(colour="RGB", height=5, width=7))
    for layout, shape in (("NHWC", (1, 5, 7, 3)), ("NCHW", (1, 3, 5, 7))):
        spec = TensorSpec(name="x", shape=shape, dtype="float32")
        made = make.artifact(card=card, inputs=(spec,), layout=layout)
        preprocess = card.preprocess_for(layout)
        probe = golden._probe(made, preprocess, golden.Assets())
        assert probe.samples[0].shape == (7, 5, 3)
        assert probe.inputs[0].shape == shape


def test_rows_of_numbers_have_no_picture_and_no_probe():
    rows = np.arange(12, dtype=np.float64).reshape(2, 6)
    preprocess = Preprocess(scale=0.5)
    kept = {
        "sample_0": rows[0], "sample_1": rows[1],
        "inputs": preprocess.apply(rows), "outputs": np.ones((2, 1), np.float32),
    }  # fmt: skip
    spec = TensorSpec(name="x", shape=(1, 6), dtype="float32")
    made = make.artifact(inputs=(spec,), outputs=(spec,))
    found = golden.samples_of(kept, made, (preprocess,), golden.Assets())
    assert [s.image for s in found] == [None, None]
    assert found[0].samples[0].dtype == "float32"
    assert found[0].samples[0].shape == (6,)


def test_only_as_many_samples_as_stay_small(monkeypatch):
    monkeypatch.setattr(golden, "VECTOR_BYTES", 1000)
    found, files, _ = image_samples(n=8)
    assert 1 <= len(found) - 1 < 8
    probe = sum(t.size_bytes for t in (*found[-1].samples, *found[-1].inputs))
    assert len(files[VECTORS]) < 1100 + probe


@pytest.mark.parametrize(
    ("values", "recipe", "tolerance"),
    [
        (np.zeros(3, np.int8), "int8-io8", 3.0),
        (np.zeros(3, np.float32), "fp32", 1e-7),
        (np.array([-20.0, 1], np.float32), "fp32", 2e-4),
        (np.ones(3, np.float32), "fp16", 5e-3),
        (np.array([0.2, 0.0], np.float32), "int8", 0.01),
        (np.array([20.0, 20.2], np.float32), "int8", 0.101),
        (np.array([2.0, 0.0], np.float32), "unknown", 0.01),
    ],
)
def test_tolerances_go_by_what_computes(values, recipe, tolerance):
    assert golden.output_tolerance(values, recipe) == pytest.approx(tolerance)


def test_quantized_outputs_come_with_their_values_and_class():
    made = make.tiny_artifact(recipe="int8-io8")
    found, files, _ = image_samples(made)
    vectors = files[VECTORS]
    for sample in found[:-1]:
        real = dequantize(sample.outputs[0].array(vectors), made.outputs[0])
        assert (real == sample.values[0].array(vectors)).all()
        assert sample.top == real[0].argmax()
    assert (found[-1].values, found[-1].top) == ((), None)


def test_float_outputs_are_their_own_values():
    found, _, _ = image_samples(make.tiny_artifact(recipe="fp32"))
    assert all(sample.values == () for sample in found)
    assert all(sample.top is not None for sample in found[:-1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_is_what_pillow_makes_of_exif(orientation):
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    exif, stored = Image.Exif(), io.BytesIO()
    exif[274] = orientation
    Image.fromarray(pixels).save(stored, "PNG", exif=exif)
    with Image.open(stored) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert (upright(pixels, orientation) == expected).all()
