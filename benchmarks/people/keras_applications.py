"""The small nets of keras.applications as factories, with seeded weights: none is downloaded.

Their BatchNorm statistics are those of one forward pass over pictures, as after training; without
that, activations die out over the depth, and what int8 costs would not be seen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

SIZE = 96
CLASSES = 10
# As each was trained: in -1 to 1, or bytes that the net scales itself.
SIGNED = ("mobilenet", "mobilenet_v2", "nasnet_mobile")


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Return `n` seeded crops of scikit-learn's two photographs, `(n, 96, 96, 3)` uint8."""
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(seed)
    photos = load_sample_images().images
    crops = []
    for _ in range(n):
        photo, step = photos[rng.integers(len(photos))], int(rng.integers(1, 5))
        top = rng.integers(photo.shape[0] - SIZE * step + 1)
        left = rng.integers(photo.shape[1] - SIZE * step + 1)
        crops.append(photo[top : top + SIZE * step : step, left : left + SIZE * step : step])
    return np.stack(crops)


def _warm(model: Any, *, signed: bool) -> Any:
    """Give every BatchNorm the statistics of one batch of pictures."""
    import keras

    layers = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]  # noqa: SLF001 - nested layers too
    usual = [layer.momentum for layer in layers]
    values = pictures(32, seed=1).astype(np.float32)
    for layer in layers:
        layer.momentum = 0.0
    model(values / 127.5 - 1 if signed else values, training=True)
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum
    return model


def _build(name: str) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    make: dict[str, Callable[..., Any]] = {
        "mobilenet": keras.applications.MobileNet,
        "mobilenet_v2": keras.applications.MobileNetV2,
        "mobilenet_v3_small": keras.applications.MobileNetV3Small,
        "mobilenet_v3_large": keras.applications.MobileNetV3Large,
        "nasnet_mobile": keras.applications.NASNetMobile,
        "efficientnet_b0": keras.applications.EfficientNetB0,
        "efficientnet_b1": keras.applications.EfficientNetB1,
    }
    shape = (SIZE, SIZE, 3)
    net = make[name](input_shape=shape, weights=None, classes=CLASSES, classifier_activation=None)
    return _warm(net, signed=name in SIGNED)


def mobilenet() -> Any:
    """Return MobileNet."""
    return _build("mobilenet")


def mobilenet_v2() -> Any:
    """Return MobileNetV2."""
    return _build("mobilenet_v2")


def mobilenet_v3_small() -> Any:
    """Return MobileNetV3 Small: hard-swish, squeeze and excitation."""
    return _build("mobilenet_v3_small")


def mobilenet_v3_large() -> Any:
    """Return MobileNetV3 Large."""
    return _build("mobilenet_v3_large")


def nasnet_mobile() -> Any:
    """Return NASNetMobile."""
    return _build("nasnet_mobile")


def efficientnet_b0() -> Any:
    """Return EfficientNet B0: it scales and normalizes its bytes itself."""
    return _build("efficientnet_b0")


def efficientnet_b1() -> Any:
    """Return EfficientNet B1."""
    return _build("efficientnet_b1")
