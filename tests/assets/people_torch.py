"""PyTorch nets with one property each that people's nets have and exporters stumble over."""

import dataclasses
from typing import NamedTuple

import torch
from torch import nn


class Shifted(nn.Module):
    """Writes slices of one tensor into another, as shifts of features by hand do."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 12, 3, padding=1)
        self.f = nn.Linear(12 * 10, 6)

    def forward(self, x):
        y = torch.relu_(self.a(x))
        moved = torch.zeros_like(y)
        moved[:, :3, :, 1:] = y[:, :3, :, :-1]
        moved[:, 3:] = y[:, 3:]
        return self.f(torch.relu_(self.b(moved)).mean(3).flatten(1))


class Swished(nn.Module):
    """Hard-swish, Mish and a squeeze-and-excitation gate; 12 channels on maps of 12 by 12."""

    def __init__(self, act=nn.Mish) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 12, 3, 1, 1), nn.BatchNorm2d(12), nn.Hardswish(inplace=True)
        )
        self.a, self.b = nn.Conv2d(12, 12, 3, padding=1), nn.Conv2d(12, 12, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(12, 12, 1), nn.Hardsigmoid())
        self.act, self.f = act(), nn.Linear(12, 6)

    def forward(self, x):
        x = self.stem(x)
        y = self.b(self.act(self.a(x)))
        return self.f((x + y * self.gate(y)).mean([2, 3]))


class Padded(nn.Module):
    """Pads by the word `same` around kernels of even size and large steps."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, (4, 3), padding="same")
        self.b = nn.Conv2d(8, 8, (1, 6), padding="same", dilation=2)
        self.f = nn.Linear(8, 6)

    def forward(self, x):
        return self.f(torch.relu(self.b(torch.relu(self.a(x)))).mean((2, 3)))


class Centred(nn.Module):
    """Normalizes its input in place, part of it through a view."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.f = nn.Conv2d(3, 8, 3), nn.Linear(8, 6)

    def forward(self, x):
        x[:, 0].sub_(0.4)
        x *= 2.0
        return self.f(torch.relu(self.a(x)).mean((2, 3)))


class ChannelsLast(nn.Module):
    """Asks for channels_last inside; its weights lie so too."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.f = nn.Linear(8 * 100, 6)

    def forward(self, x):
        x = self.a(x.contiguous(memory_format=torch.channels_last))
        return self.f(torch.relu(self.b(torch.relu(x))).flatten(1))


class Reparametrized(nn.Module):
    """Weights that are computed from other weights, in the old way and the new."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3))
        self.b = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8))
        self.f = nn.Linear(8, 6)

    def forward(self, x):
        return self.f(torch.relu(self.b(torch.relu(self.a(x)).mean((2, 3)))))


class Bytes(nn.Module):
    """Takes the camera's bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.f = nn.Conv2d(3, 8, 3), nn.Linear(8, 6)

    def forward(self, x):
        return self.f(torch.relu(self.a(x.float() / 127.5 - 1)).mean((2, 3)))


class Scaled(nn.Module):
    """Adds and subtracts with a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.f = nn.Conv2d(3, 6, 3), nn.Linear(6, 6)

    def forward(self, x):
        y = self.a(x)
        y = torch.add(y, torch.relu(y), alpha=3)
        return self.f(torch.sub(y, torch.tanh(y), alpha=2).mean((2, 3)))


class Upsampled(nn.Module):
    """A transposed convolution with batch normalization, then another in two groups."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 8, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.more = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.f = nn.Linear(6, 6)

    def forward(self, x):
        return self.f(self.more(torch.relu(self.norm(self.up(x)))).mean((2, 3)))


NETS = {
    net.__name__.lower(): net
    for net in (
        Shifted, Swished, Padded, Centred, ChannelsLast, Reparametrized, Bytes, Scaled, Upsampled,
    )
}  # fmt: skip


@dataclasses.dataclass
class Scores:
    logits: torch.Tensor
    hidden: torch.Tensor | None = None


class Boxes(NamedTuple):
    scores: Scores
    extra: list | None


class Answering(nn.Module):
    """Answers with a dataclass in a named tuple, of which parts are None."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 4)

    def forward(self, x, mask=None, hidden: bool = False, **more):
        y = self.a(x) if mask is None else self.a(x * mask, **more)
        return Boxes(Scores(y, y if hidden else None), [y.argmax(1), None])


class Stateful(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 4)
        self.register_buffer("past", torch.ones(1, 5))

    def forward(self, x):
        y = self.a(x + self.past)
        self.past.mul_(0.5).add_(x[:1])
        return y


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.last = nn.Linear(5, 4), 0.0

    def forward(self, x):
        self.last = self.a(x) + 0.5 * self.last
        return self.last


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 4)

    def forward(self, x):
        return nn.functional.dropout(self.a(x), 0.1)


class Batched(nn.Module):
    def __init__(self, norm=None) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 4, 2), norm or nn.BatchNorm1d(4, track_running_stats=False), nn.ReLU()
        )
        self.f = nn.Linear(4, 4)

    def forward(self, x):
        return self.f(self.body(x[:, None]).mean(2))


class Chosen(nn.Module):
    """Rows of three tables by token ids."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.kinds = nn.Embedding(30, 8), nn.Embedding(3, 8)
        self.places, self.f = nn.Parameter(torch.randn(40, 8)), nn.Linear(8, 4)

    def forward(self, ids, kinds):
        rows = self.words(ids) + self.kinds(kinds.long()) + self.places[ids]
        return self.f(torch.tanh(rows).mean(1))


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.f = nn.Conv3d(1, 4, 3), nn.Linear(4, 4)

    def forward(self, x):
        return self.f(self.a(x).mean((2, 3, 4)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells, self.f = nn.GRU(5, 4, batch_first=True), nn.Linear(4, 4)

    def forward(self, x):
        return self.f(self.cells(x)[0][:, -1])
