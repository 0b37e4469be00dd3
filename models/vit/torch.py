"""vit in PyTorch."""

import torch
from torch import nn

PATCH = 7
WIDTH = 64
HEADS = 4
BLOCKS = 2


class Block(nn.Module):
    """Attention and a two-layer net, each after normalization and beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.second = nn.LayerNorm(WIDTH, eps=1e-6)
        self.net = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return tokens `(n, tokens, WIDTH)`, as they came."""
        y = self.first(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.net(self.second(x))


class ViT(nn.Module):
    """Images `(n, c, h, w)` in, class probabilities out."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, WIDTH, PATCH, PATCH)
        # A convolution over the grid of patches tells each of them where it is.
        self.position = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH)
        self.blocks = nn.Sequential(*[Block() for _ in range(BLOCKS)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return `(n, classes)`, each row summing to 1."""
        x = self.patches(image)
        x = (x + self.position(x)).flatten(2).transpose(1, 2)
        x = self.norm(self.blocks(x)).mean(1)
        return torch.softmax(self.head(x), dim=-1)


def build(shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10) -> nn.Module:
    """Return the untrained net for images of `shape`, given as (height, width, channels)."""
    return ViT(shape[-1], classes)
