"""simplenet in Keras."""

import keras
from keras import layers


def build(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Model:
    """Return the untrained net: images `shape` (NHWC) in, class probabilities out."""
    image = keras.Input(shape, name="image")
    x = layers.Flatten()(image)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="simplenet")
