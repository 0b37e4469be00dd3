"""gru in PyTorch."""

import torch
from torch import nn


class Gru(nn.Module):
    """Images `(n, c, h, w)` in, class probabilities out."""

    def __init__(self, row: int, classes: int) -> None:
        super().__init__()
        self.gru = nn.GRU(row, 64, batch_first=True)
        self.head = nn.Linear(64, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, classes)`, each row summing to 1."""
        rows = image.permute(0, 2, 3, 1).flatten(2)
        states, _ = self.gru(rows)
        return torch.softmax(self.head(states[:, -1]), dim=-1)


def build(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> nn.Module:
    """Return the untrained net for images of `shape`, given as (height, width, channels)."""
    _, width, channels = shape
    return Gru(width * channels, classes)
