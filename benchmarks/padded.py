"""The zoo's PyTorch nets, padded as Keras' `same` pads: below and right, where the stride is 2.

The zoo pads all sides alike, as PyTorch people do, and so computes something slightly else than its
Keras twin. These compute the same.
"""

import importlib.util
from pathlib import Path

from torch import nn

ZOO = Path(__file__).parents[1] / "models"


def mobilenet(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Return mobilenet with Keras' padding."""
    return _padded(_build("mobilenet", shape, classes))


def resnet8(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Return resnet8 with Keras' padding."""
    return _padded(_build("resnet8", shape, classes))


def _build(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    spec = importlib.util.spec_from_file_location(f"zoo_{name}", ZOO / name / "torch.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net: nn.Module = module.build(shape, classes)
    return net


def _padded(module: nn.Module) -> nn.Module:
    """Replace, in place, every strided convolution that pads all sides."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.stride == (2, 2) and child.padding == (1, 1):
            child.padding = (0, 0)
            setattr(module, name, nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), child))
        else:
            _padded(child)
    return module
