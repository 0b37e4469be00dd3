"""vit in Keras."""

import keras
from keras import layers

PATCH = 7
WIDTH = 64
HEADS = 4
BLOCKS = 2


def _block(x: keras.KerasTensor) -> keras.KerasTensor:
    """Attention and a two-layer net, each after normalization and beside a shortcut."""
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = x + layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(2 * WIDTH, activation="gelu")(y)
    return x + layers.Dense(WIDTH)(y)


def build(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> keras.Model:
    """Return the untrained net: images `shape` (NHWC) in, class probabilities out."""
    image = keras.Input(shape, name="image")
    x = layers.Conv2D(WIDTH, PATCH, PATCH)(image)
    # A convolution over the grid of patches tells each of them where it is.
    x = x + layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Reshape((-1, WIDTH))(x)
    for _ in range(BLOCKS):
        x = _block(x)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    x = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="vit")
