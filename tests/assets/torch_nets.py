"""Small nets, each with what an export may stumble over, and the inputs they take."""

import torch
from torch import nn


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()
    )


class Pooled(nn.Module):
    """Convolutions, and a mean that drops its dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = _block(3, 8), nn.Linear(8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, 5)`."""
        return torch.softmax(self.head(self.body(image).mean([2, 3])), -1)


class Recurrent(nn.Module):
    """An LSTM over three steps."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.head = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 4)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        """Return `(n, 4)`."""
        return self.head(self.cells(steps)[0][:, -1])


class Attention(nn.Module):
    """A block of a vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 16, 4, 4), nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, 5)`."""
        tokens = self.patches(image).flatten(2).transpose(1, 2)
        seen = self.norm(tokens)
        tokens = tokens + self.attention(seen, seen, seen, need_weights=False)[0]
        return self.head(tokens.mean(1))


class Two(nn.Module):
    """An image and six numbers in, five scores and two out."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.numbers = _block(3, 8), nn.Linear(6, 8)
        self.first, self.second = nn.Linear(8, 5), nn.Linear(8, 2)

    def forward(self, image: torch.Tensor, numbers: torch.Tensor) -> list[torch.Tensor]:
        """Return `(n, 5)` and `(n, 2)`."""
        both = self.body(image).mean([2, 3]) + torch.relu(self.numbers(numbers))
        return [self.first(both), self.second(both)]


class Words(nn.Module):
    """Numbers of words in."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 8), nn.Linear(8, 4)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return `(n, 4)`."""
        return self.head(self.table(words).mean(1))


class Inverse(nn.Module):
    """Has an operator that ExecuTorch does not know, in a layer of its own."""

    class Solve(nn.Module):
        """Inverts a matrix."""

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            """Return the inverse."""
            return torch.linalg.inv(values)

    def __init__(self) -> None:
        super().__init__()
        self.solve = Inverse.Solve()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return `(n, 3, 3)`."""
        return self.solve(values)


class Branching(nn.Module):
    """Asks a value, which no exported graph can."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return `(n, 4)`."""
        return values if values.sum() > 0 else -values


def sequential() -> nn.Module:
    """Return a bare `nn.Sequential`, whose children are named by numbers."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(8, 4),
    )  # fmt: skip


IMAGE = (3, 16, 16)
NETS = {
    "pooled": (Pooled, (IMAGE,)),
    "sequential": (sequential, (IMAGE,)),
    "recurrent": (Recurrent, ((3, 6),)),
    "attention": (Attention, (IMAGE,)),
    "two": (Two, (IMAGE, (6,))),
    "words": (Words, ((6,),)),
    "inverse": (Inverse, ((3, 3),)),
    "branching": (Branching, ((4,),)),
}
