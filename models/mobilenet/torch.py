"""mobilenet in PyTorch."""

import torch
from torch import nn

# (filters, stride) of each depthwise-separable block.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1))


def _conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


class MobileNet(nn.Module):
    """Images `(n, c, h, w)` in, class probabilities out."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        blocks, width = [_conv(channels, 32, 3, 2)], 32
        for filters, stride in BLOCKS:
            blocks += [_conv(width, width, 3, stride, width), _conv(width, filters, 1, 1)]
            width = filters
        self.features = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, classes)`, each row summing to 1."""
        # With its dimensions kept, the mean stays in the delegate: one subgraph instead of two.
        x = self.features(image).mean((2, 3), keepdim=True).flatten(1)
        return torch.softmax(self.head(self.dropout(x)), dim=-1)


def build(shape: tuple[int, int, int] = (32, 32, 1), classes: int = 10) -> nn.Module:
    """Return the untrained net for images of `shape`, given as (height, width, channels)."""
    return MobileNet(shape[-1], classes)
