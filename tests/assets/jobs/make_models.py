"""Saves one tiny model in every kind of file, for tests: `make_models.py keras|torch FOLDER`."""

import os
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def keras_files():
    import keras

    keras.utils.set_random_seed(0)
    net = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    net.save("tiny.keras")
    net.save("tiny.h5")
    net.export("tiny_saved", verbose=False)
    empty = keras.Input((0, 4))
    keras.Model(empty, keras.layers.Dense(3)(empty)).save("zero.keras")
    pixel = keras.Input((4,))
    doubled = keras.layers.Lambda(lambda x: x * 2.0, name="doubling")(pixel)
    keras.Model(pixel, doubled).save("lambda.keras")
    keras.Model(pixel, doubled).save("lambda.h5")


def torch_files():
    import safetensors.torch
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3), nn.Softmax(1)).eval()
    example = torch.zeros(1, 1, 6, 6)
    torch.export.save(torch.export.export(net, (example,)), "tiny.pt2")
    traced = torch.jit.trace(net, example)
    traced.save("tiny.torchscript")
    state = net.state_dict()
    torch.save(state, "tiny.pth")
    torch.save({"state_dict": {f"net.{k}": v for k, v in state.items()}, "epoch": 1}, "tiny.ckpt")
    safetensors.torch.save_file(state, "tiny.safetensors")
    with zipfile.ZipFile("tiny.mar", "w") as archive:
        manifest = '{"model": {"serializedFile": "tiny.torchscript", "handler": "h.py"}}'
        archive.writestr("MAR-INF/MANIFEST.json", manifest)
        archive.write("tiny.torchscript")
        archive.writestr("h.py", "open('ran', 'w')\n")
    torch.onnx.export(net, (example,), "tiny.onnx", dynamo=False, opset_version=13)
    empty = torch.export.export(nn.Linear(4, 3), (torch.zeros(1, 0, 4),))
    torch.export.save(empty, "zero.pt2")


if __name__ == "__main__":
    os.chdir(sys.argv[2])
    {"keras": keras_files, "torch": torch_files}[sys.argv[1]]()
