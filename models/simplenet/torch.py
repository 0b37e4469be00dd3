"""simplenet in PyTorch."""

import torch
from torch import nn


class SimpleNet(nn.Module):
    """Images `(n, c, h, w)` in, class probabilities out."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, 64)
        self.head = nn.Linear(64, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, classes)`, each row summing to 1."""
        x = torch.relu(self.hidden(image.flatten(1)))
        return torch.softmax(self.head(x), dim=-1)


def build(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> nn.Module:
    """Return the untrained net for images of `shape`, given as (height, width, channels)."""
    height, width, channels = shape
    return SimpleNet(height * width * channels, classes)
