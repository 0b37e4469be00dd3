"""gru in Keras."""

import keras
from keras import layers


def build(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Model:
    """Return the untrained net: images `shape` (NHWC) in, class probabilities out."""
    height, width, channels = shape
    image = keras.Input(shape, name="image")
    x = layers.Reshape((height, width * channels))(image)
    x = layers.GRU(64)(x)
    x = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="gru")
