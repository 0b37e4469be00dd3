"""resnet8 in Keras."""

import keras
from keras import KerasTensor, layers

# (filters, stride) of each residual block.
BLOCKS = ((16, 1), (32, 2), (64, 2))


def _conv(x: KerasTensor, filters: int, stride: int) -> KerasTensor:
    x = layers.Conv2D(filters, 3, strides=stride, padding="same")(x)
    return layers.BatchNormalization(epsilon=1e-5, momentum=0.9)(x)


def _block(x: KerasTensor, filters: int, stride: int) -> KerasTensor:
    y = layers.ReLU()(_conv(x, filters, stride))
    y = _conv(y, filters, 1)
    if stride != 1:
        x = layers.Conv2D(filters, 1, strides=stride)(x)
    return layers.ReLU()(layers.Add()([x, y]))


def build(shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10) -> keras.Model:
    """Return the untrained net: images `shape` (NHWC) in, class probabilities out."""
    image = keras.Input(shape, name="image")
    x = layers.ReLU()(_conv(image, 16, 1))
    for filters, stride in BLOCKS:
        x = _block(x, filters, stride)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="resnet8")
