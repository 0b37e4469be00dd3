"""mobilenet in Keras."""

import keras
from keras import KerasTensor, layers

# (filters, stride) of each depthwise-separable block.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1))


def _normalized(x: KerasTensor) -> KerasTensor:
    return layers.ReLU(6.0)(layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x))


def build(shape: tuple[int, int, int] = (32, 32, 1), classes: int = 10) -> keras.Model:
    """Return the untrained net: images `shape` (NHWC) in, class probabilities out."""
    image = keras.Input(shape, name="image")
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False)(image)
    x = _normalized(x)
    for filters, stride in BLOCKS:
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
        x = _normalized(x)
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = _normalized(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.1)(x)
    x = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="mobilenet")
