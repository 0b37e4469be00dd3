"""Training a PyTorch model: Adam with cosine decay, early stopping, the best epoch kept."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.artifact import FloatModel
from edgekit.core.card import Training
from edgekit.core.tensor import Array
from edgekit.formats import Fitted
from edgekit.system import process

SUFFIX = ".pt2"

# The largest batch that the saved program takes.
MAX_BATCH = 4096


def fit(
    model: FloatModel,
    train: tuple[Array, Array],
    selection: tuple[Array, Array],
    settings: Training,
    seed: int,
    folder: Path,
) -> Fitted:
    """Train `model` in place and save the best epoch as `folder/model.pt2`, of any batch size.

    `train` and `selection` are (inputs, labels); the best epoch is the one with the highest
    accuracy on `selection`. TensorBoard logs go to `folder/logs`. The module must return class
    probabilities.
    """
    import torch
    from torch.utils.tensorboard import SummaryWriter

    net = model.native
    steps = math.ceil(len(train[1]) / settings.batch_size) * settings.epochs
    optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate, eps=1e-7)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    best, best_epoch, state, epoch = -1.0, 0, None, 0
    with SummaryWriter(str(folder / "logs")) as log:
        for epoch in range(1, settings.epochs + 1):
            order = np.random.default_rng((seed, epoch)).permutation(len(train[1]))
            loss = _epoch(torch, net, train, order, settings.batch_size, optimizer, schedule)
            accuracy = _accuracy(model, *selection)
            log.add_scalar("epoch_loss", loss, epoch)
            log.add_scalar("epoch_val_accuracy", accuracy, epoch)
            process.report(process.Progress(done=epoch, total=settings.epochs, accuracy=accuracy))
            if accuracy > best:
                best, best_epoch, state = accuracy, epoch, copy.deepcopy(net.state_dict())
            if epoch - best_epoch >= settings.patience:
                break
    net.load_state_dict(state)
    net.eval()
    file = folder / f"model{SUFFIX}"
    _save(torch, net, model.inputs[0].shape[1:], file)
    return Fitted(
        file=file,
        epochs_run=epoch,
        best_epoch=best_epoch,
        selection_accuracy=best,
    )


def _epoch(  # noqa: PLR0913, PLR0917 - one step of a loop, spelled out
    torch: Any,
    net: Any,
    train: tuple[Array, Array],
    order: Array,
    batch_size: int,
    optimizer: Any,
    schedule: Any,
) -> float:
    """Train one epoch and return its mean loss."""
    inputs, labels = train
    net.train()
    total = 0.0
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        # Batch normalization has no variance over a single sample.
        if len(chosen) < 2:
            schedule.step()
            continue
        optimizer.zero_grad()
        probabilities = net(torch.from_numpy(inputs[chosen]))
        wanted = torch.from_numpy(labels[chosen])
        # As Keras' cross-entropy on probabilities: clipped by 1e-7 before the logarithm.
        loss = torch.nn.functional.nll_loss(probabilities.clamp(1e-7, 1 - 1e-7).log(), wanted)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += float(loss.detach()) * len(chosen)
    net.eval()
    return total / len(order)


def _accuracy(model: FloatModel, inputs: Array, labels: Array) -> float:
    right = 0
    for start in range(0, len(labels), 256):
        (outputs,) = model.predict((inputs[start : start + 256],))
        right += int((outputs.argmax(1) == labels[start : start + 256]).sum())
    return right / len(labels)


def _save(torch: Any, net: Any, shape: tuple[int, ...], file: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    program = torch.export.export(net, (torch.zeros(2, *shape),), dynamic_shapes=({0: batch},))
    torch.export.save(program, file)
