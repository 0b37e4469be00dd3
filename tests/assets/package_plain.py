"""A net of rows of six numbers that gives one value, in both frameworks: for tests of packages."""


def build_keras():
    import keras

    keras.utils.set_random_seed(4)
    row = keras.Input((6,))
    x = keras.layers.Dense(16, activation="relu")(row)
    return keras.Model(row, keras.layers.Dense(1)(x))


def build_torch():
    import torch

    torch.manual_seed(4)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)
    ).eval()
