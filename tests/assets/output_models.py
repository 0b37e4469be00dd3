"""Small seeded nets of each kind, as FloatModels, for the exporters of other formats.

Run as a program it exports one: output_models.py FRAMEWORK NET FORMAT RECIPE FOLDER
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from edgekit import formats
from edgekit.core.artifact import FloatModel, ModelSource
from edgekit.core.card import ModelCard
from edgekit.core.preprocess import Preprocess
from edgekit.core.tensor import TensorSpec
from edgekit.pipeline import recipes
from edgekit.pipeline.plan import base_of

CARDS = {
    "conv": ModelCard(name="conv", preprocess=Preprocess(colour="L")),
    "mask": ModelCard(name="mask", preprocess=Preprocess(colour="L")),
}
CALIBRATION, TEST = slice(0, 100), slice(1000, 1200)


def data(net):
    """Return all samples, images as NHWC, and for digits their labels."""
    if net in {"conv", "mask", "dense"}:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = (digits.images / 16).astype(np.float32)
        images = images.repeat(2, 1).repeat(2, 2)[..., None]
        rows = images.reshape(len(images), -1) if net == "dense" else images
        return (rows,), digits.target
    rng = np.random.default_rng(0)
    shapes = {"two": ((4,), (6,)), "bare": ((4,),)}.get(net, ((12, 5),))
    # Sums of noise: like a measured signal, each step resembles the one before.
    return tuple(rng.normal(size=(1200, *s)).astype(np.float32).cumsum(1) for s in shapes), None


def specs(names, arrays):
    return tuple(
        TensorSpec(name=name, shape=(-1, *array.shape[1:]), dtype="float32")
        for name, array in zip(names[: len(arrays)], arrays, strict=True)
    )


def torch_model(net):
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)

    def block(inputs, outputs, kernel, stride, groups=1):
        return (
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU6(),
        )

    class Pooled(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(5, 16, batch_first=True), nn.Linear(16, 3)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.p, self.q = nn.Linear(4, 5), nn.Linear(11, 3), nn.Linear(11, 2)

        def forward(self, a, b):
            x = torch.cat((torch.relu(self.left(a)), b), 1)
            return self.p(x), self.q(x)

    module = {
        "conv": lambda: nn.Sequential(
            *block(1, 16, 3, 2), *block(16, 16, 3, 1, 16), *block(16, 32, 1, 1),
            *block(32, 32, 3, 2, 32), *block(32, 48, 1, 1), Pooled(), nn.Linear(48, 10),
        ),
        "dense": lambda: nn.Sequential(nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10)),
        "lstm": Recurrent,
        "two": Two,
        "bare": nn.Softplus,
    }[net]()  # fmt: skip
    arrays, labels = data(net)
    if net == "conv":
        arrays = (np.ascontiguousarray(arrays[0].transpose(0, 3, 1, 2)),)
    if labels is not None:
        train(module, arrays[0], labels)
    module.eval()

    def predict(inputs):
        with torch.no_grad():
            found = module(*map(torch.from_numpy, inputs))
        return tuple(t.numpy() for t in (found if isinstance(found, tuple) else (found,)))

    return float_model("torch", module, predict, arrays, "NCHW")


def train(module, images, labels):
    import torch

    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    images, labels = torch.from_numpy(images[:1000]), torch.from_numpy(labels[:1000])
    for _ in range(12):
        for rows in torch.randperm(1000).split(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(images[rows]), labels[rows]).backward()
            optimizer.step()


def keras_model(net):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)

    def block(x, layer):
        return layers.ReLU(6.0)(layers.BatchNormalization()(layer(x)))

    def conv():
        image = keras.Input((16, 16, 1), name="first")
        x = block(image, layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False))
        x = block(x, layers.DepthwiseConv2D(3, padding="same", use_bias=False))
        x = block(x, layers.Conv2D(32, 1, use_bias=False))
        x = layers.GlobalAveragePooling2D()(x)
        return keras.Model(image, layers.Dense(10)(x))

    def mask():
        image = keras.Input((16, 16, 1), name="first")
        x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        return keras.Model(image, layers.Conv2D(2, 1)(x))

    def dense():
        image = keras.Input((256,), name="first")
        x = layers.Dense(32, activation="relu")(image)
        return keras.Model(image, layers.Dense(10)(x))

    def recurrent(layer):
        series = keras.Input((12, 5), name="first")
        return keras.Model(series, layers.Dense(3)(layer(series)))

    def two():
        a, b = keras.Input((4,), name="first"), keras.Input((6,), name="second")
        x = layers.concatenate([layers.Dense(5, activation="relu")(a), b])
        return keras.Model([a, b], [layers.Dense(3)(x), layers.Dense(2)(x)])

    model = {
        "conv": conv,
        "mask": mask,
        "dense": dense,
        "lstm": lambda: recurrent(layers.LSTM(6)),
        "bigru": lambda: recurrent(layers.Bidirectional(layers.GRU(6))),
        "rnn": lambda: recurrent(layers.SimpleRNN(6)),
        "two": two,
    }[net]()
    arrays, labels = data(net)
    if net in {"conv", "dense"}:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(3e-3), loss)
        model.fit(arrays[0][:1000], labels[:1000], batch_size=50, epochs=12, verbose=0)

    def predict(inputs):
        found = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        return tuple(map(np.asarray, found if isinstance(found, list | tuple) else (found,)))

    return float_model("keras", model, predict, arrays, "NHWC")


def float_model(framework, native, predict, arrays, layout):
    source = ModelSource(
        kind=framework, framework=framework, ref="net", path="net.py", sha256="0" * 64
    )
    model = FloatModel(
        source, framework, native,
        inputs=specs(("first", "second"), arrays),
        outputs=specs(("p", "q"), predict(tuple(a[:2] for a in arrays))),
        predict=predict,
        layout=layout,
    )  # fmt: skip
    return model, arrays


def export(model, arrays, net, name, recipe, folder, bases=None):
    """Export, through the file that the wanted one derives from; return path, facts and arrays.

    `bases` keeps such files of this model, by format, for the next export that starts from one.
    """
    exporter = formats.exporter(name)
    chosen = recipes.parse(recipe, calibration_n=100)
    assert exporter.refusal(chosen) is None
    base = base_of(model.hub, name, chosen)
    if base:
        bases = {} if bases is None else bases
        if base not in bases:
            bases[base] = export(model, arrays, net, base, "fp32", folder)
        file, facts, arrays = bases[base]
        source = model.source.model_copy(update={"kind": base, "path": str(file)})
        model = replace(
            model, source=source, hub=base, native=onnx.load(file), layout=facts.layout,
            inputs=facts.inputs, outputs=facts.outputs,
        )  # fmt: skip
    path = folder / f"{net}-{recipe}{exporter.SUFFIX}"
    samples = tuple(a[CALIBRATION] for a in arrays) if chosen.is_calibrated else None
    facts = exporter.export(model, chosen, samples, path, CARDS.get(net, ModelCard(name=net)))
    if facts.layout != model.layout:
        arrays = tuple(a.transpose(0, 3, 1, 2) if a.ndim == 4 else a for a in arrays)
    return path, facts, arrays


if __name__ == "__main__":
    framework, net, name, recipe, folder = sys.argv[1:]
    made = (torch_model if framework == "torch" else keras_model)(net)
    export(*made, net, name, recipe, Path(folder))
