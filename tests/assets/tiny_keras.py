"""A net small enough to be converted in every test."""

import keras
from keras import layers


def build() -> keras.Model:
    """Return an untrained net: 8x8 grey images in, 10 probabilities out."""
    image = keras.Input((8, 8, 1), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def two_inputs() -> keras.Model:
    """Return a net of two images in, their sum out."""
    images = [keras.Input((8, 8, 1)), keras.Input((8, 8, 1))]
    return keras.Model(images, layers.Add()(images))


def broken() -> keras.Model:
    """Fail as a user's own code may."""
    raise RuntimeError("no weights on this day of the week")
