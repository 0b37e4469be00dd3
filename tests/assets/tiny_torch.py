"""A net small enough to be converted in every test."""

import torch
from torch import nn


class Tiny(nn.Module):
    """8x8 grey images in, 10 probabilities out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, 2, 1)
        self.head = nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, 10)`."""
        return torch.softmax(self.head(torch.relu(self.conv(image)).flatten(1)), -1)


def build() -> nn.Module:
    """Return the untrained net."""
    return Tiny()
