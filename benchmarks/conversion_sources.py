"""Makes one small, seeded model file of every kind that edgekit reads.

    python benchmarks/conversion_sources.py keras|torch FOLDER

`FOLDER` already holds the zoo, trained (`<name>.keras`, `<name>.pt2`, with their cards); each
framework runs in its own process.
"""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np

MODELS = Path(__file__).parents[1] / "models"


def keras_files(folder: Path) -> None:
    """Write what TensorFlow people have: `.h5`, a served SavedModel, ONNX by tf2onnx."""
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(0)
    net = keras.saving.load_model(folder / "simplenet.keras", compile=False)
    net.save(folder / "simplenet.h5")
    _card(folder, "simplenet.keras", "simplenet.h5")
    untrained = keras.models.clone_model(net)
    untrained.export(folder / "served" / "1", verbose=False)
    net.export(folder / "served" / "2", verbose=False)
    _card(folder, "simplenet.keras", "served")
    resnet = keras.saving.load_model(folder / "resnet8.keras", compile=False)
    signature = [tf.TensorSpec((1, *resnet.input_shape[1:]), tf.float32, name="image")]
    function = tf.function(lambda x: resnet(x, training=False), input_signature=signature)
    tf2onnx.convert.from_function(
        function,
        input_signature=signature,
        opset=15,
        output_path=folder / "resnet8-tf2onnx.onnx",
    )
    _card(folder, "resnet8.keras", "resnet8-tf2onnx.onnx", layout="NHWC")
    _two_borders(keras).save(folder / "two.keras")


def _two_borders(keras: object) -> object:
    """Return a net of two inputs and two outputs."""
    layers = keras.layers  # type: ignore[attr-defined]
    image, facts = keras.Input((12, 12, 3), name="image"), keras.Input((6,), name="facts")  # type: ignore[attr-defined]
    x = layers.Conv2D(8, 3, activation="relu")(image)
    x = layers.concatenate([layers.GlobalAveragePooling2D()(x), facts])
    first = layers.Dense(4, activation="softmax", name="kind")(x)
    second = layers.Dense(1, name="amount")(x)
    return keras.Model([image, facts], [first, second])  # type: ignore[attr-defined]


def torch_files(folder: Path) -> None:
    """Write what PyTorch people have: weights of all kinds, TorchScript, an archive, ONNX."""
    import safetensors.torch
    import torch

    torch.manual_seed(0)
    net = _rebuilt(torch, folder, "simplenet")
    state = net.state_dict()
    torch.save(state, folder / "simplenet.pth")
    safetensors.torch.save_file(state, folder / "simplenet.safetensors")
    lightning = {
        "state_dict": {f"model.{name}": value for name, value in state.items()},
        "pytorch-lightning_version": "2.5.0",
        "epoch": 5,
        "global_step": 100,
        "hyper_parameters": {"learning_rate": 0.002},
    }
    torch.save(lightning, folder / "simplenet.ckpt")
    example = torch.zeros(1, 1, 28, 28)
    torch.jit.trace(net, example).save(folder / "simplenet.torchscript")
    torch.jit.script(_rebuilt(torch, folder, "resnet8")).save(folder / "resnet8-script.pt")
    _archive(folder)
    resnet = _rebuilt(torch, folder, "resnet8")
    image = torch.zeros(1, 3, 32, 32)
    torch.onnx.export(
        resnet,
        (image,),
        folder / "resnet8-dynamo.onnx",
        dynamo=True,
        opset_version=20,
        external_data=False,
    )
    torch.onnx.export(
        resnet, (image,), folder / "resnet8-legacy.onnx", dynamo=False, opset_version=11
    )
    for file in ("simplenet.torchscript", "simplenet.mar"):
        _card(folder, "simplenet.pt2", file)
    for file in ("resnet8-script.pt", "resnet8-dynamo.onnx", "resnet8-legacy.onnx"):
        _card(folder, "resnet8.pt2", file)
    _two_torch(torch, folder)
    _sklearn(folder)


def _rebuilt(torch: object, folder: Path, name: str) -> object:
    """Return the zoo's module with the weights that its trained `.pt2` holds."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"zoo_{name}", MODELS / name / "torch.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shape = (32, 32, 3) if name == "resnet8" else (28, 28, 1)
    net = module.build(shape, 10)
    net.load_state_dict(torch.export.load(folder / f"{name}.pt2").state_dict)  # type: ignore[attr-defined]
    return net.eval()


def _archive(folder: Path) -> None:
    """Write a TorchServe archive around the TorchScript file; its handler must never run."""
    manifest = (
        '{"runtime": "python", "model": {"modelName": "simplenet", "modelVersion": "1.0", '
        '"serializedFile": "simplenet.torchscript", "handler": "handler.py"}}'
    )
    with zipfile.ZipFile(folder / "simplenet.mar", "w") as archive:
        archive.writestr("MAR-INF/MANIFEST.json", manifest)
        archive.write(folder / "simplenet.torchscript", "simplenet.torchscript")
        archive.writestr("handler.py", "raise SystemExit('the handler ran')\n")


def _two_torch(torch: object, folder: Path) -> None:
    nn = torch.nn  # type: ignore[attr-defined]

    class Two(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.kind, self.amount = nn.Linear(14, 4), nn.Linear(14, 1)

        def forward(self, image: object, facts: object) -> tuple[object, object]:
            x = torch.relu(self.conv(image)).mean((2, 3))  # type: ignore[attr-defined]
            x = torch.cat([x, facts], 1)  # type: ignore[attr-defined]
            return torch.softmax(self.kind(x), 1), self.amount(x)  # type: ignore[attr-defined]

    example = (torch.zeros(1, 3, 12, 12), torch.zeros(1, 6))  # type: ignore[attr-defined]
    torch.export.save(torch.export.export(Two().eval(), example), folder / "two.pt2")  # type: ignore[attr-defined]


def _sklearn(folder: Path) -> None:
    """Write scikit-learn's own net on its own digits, as skl2onnx gives it, and the data."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    digits = load_digits()
    inputs, labels = (digits.data / 16).astype(np.float32), digits.target
    np.savez(folder / "digits-vectors.npz", inputs=inputs, labels=labels)
    net = MLPClassifier((32,), max_iter=60, random_state=0).fit(inputs[::2], labels[::2])
    model = to_onnx(net, inputs[:1], options={"zipmap": False}, target_opset=17)
    (folder / "mlp-sklearn.onnx").write_bytes(model.SerializeToString())


def _card(folder: Path, source: str, file: str, layout: str | None = None) -> None:
    """Copy the card of the model that `file` was made from."""
    card = json.loads((folder / f"{source}.card.json").read_text())
    (folder / f"{file}.card.json").write_text(json.dumps({**card, "layout": layout}))


if __name__ == "__main__":
    {"keras": keras_files, "torch": torch_files}[sys.argv[1]](Path(sys.argv[2]))
