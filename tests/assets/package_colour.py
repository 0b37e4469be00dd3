"""A net of colour images, 24x20, in both frameworks: for tests of packages."""

CLASSES = 8


def build_keras():
    import keras

    keras.utils.set_random_seed(3)
    image = keras.Input((24, 20, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    x = keras.layers.DepthwiseConv2D(3, activation="relu")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(CLASSES, activation="softmax")(x)
    return keras.Model(image, x)


def build_torch():
    import torch

    torch.manual_seed(3)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(8 * 11 * 9, CLASSES),
    ).eval()
