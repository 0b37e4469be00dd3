"""resnet8 in PyTorch."""

import torch
from torch import nn

# (filters, stride) of each residual block.
BLOCKS = ((16, 1), (32, 2), (64, 2))


def _conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is a 1x1 convolution where the size changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(inputs, outputs, stride)
        self.second = _conv(outputs, outputs, 1)
        shortcut = nn.Conv2d(inputs, outputs, 1, stride)
        self.shortcut = shortcut if stride != 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output, `(n, outputs, h / stride, w / stride)`."""
        return torch.relu(self.shortcut(x) + self.second(torch.relu(self.first(x))))


class ResNet8(nn.Module):
    """Images `(n, c, h, w)` in, class probabilities out."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = _conv(channels, 16, 1)
        blocks, width = [], 16
        for filters, stride in BLOCKS:
            blocks.append(Block(width, filters, stride))
            width = filters
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, classes)`, each row summing to 1."""
        x = self.blocks(torch.relu(self.stem(image)))
        # With its dimensions kept, the mean stays in the delegate: one subgraph instead of two.
        x = x.mean((2, 3), keepdim=True).flatten(1)
        return torch.softmax(self.head(x), dim=-1)


def build(shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10) -> nn.Module:
    """Return the untrained net for images of `shape`, given as (height, width, channels)."""
    return ResNet8(shape[-1], classes)
