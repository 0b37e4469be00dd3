"""Training a Keras model: Adam with cosine decay, early stopping, the best epoch kept."""

import math
from pathlib import Path
from typing import Any

from edgekit.core.artifact import FloatModel
from edgekit.core.card import Training
from edgekit.core.tensor import Array
from edgekit.formats import Fitted
from edgekit.system import process

SUFFIX = ".keras"


def fit(
    model: FloatModel,
    train: tuple[Array, Array],
    selection: tuple[Array, Array],
    settings: Training,
    seed: int,
    folder: Path,
) -> Fitted:
    """Train `model` in place and save the best epoch as `folder/model.keras`.

    `train` and `selection` are (inputs, labels); the best epoch is the one with the highest
    accuracy on `selection`. TensorBoard logs go to `folder/logs`.
    """
    import keras

    net, best = model.native, folder / f"model{SUFFIX}"
    steps = math.ceil(len(train[1]) / settings.batch_size) * settings.epochs
    schedule = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    net.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # Compiling for XLA takes longer on a CPU than it saves.
        jit_compile=False,
    )
    history = net.fit(
        *(_batches(keras, *train, settings.batch_size, seed),),
        validation_data=_batches(keras, *selection, 256, None),
        epochs=settings.epochs,
        verbose=0,
        callbacks=[
            _Reporting(settings.epochs),
            keras.callbacks.EarlyStopping("val_accuracy", patience=settings.patience, mode="max"),
            keras.callbacks.ModelCheckpoint(best, "val_accuracy", mode="max", save_best_only=True),
            keras.callbacks.TensorBoard(folder / "logs", write_graph=False),
        ],
    ).history["val_accuracy"]
    chosen = max(range(len(history)), key=history.__getitem__)
    return Fitted(
        file=best,
        epochs_run=len(history),
        best_epoch=chosen + 1,
        selection_accuracy=float(history[chosen]),
    )


def _Reporting(epochs: int) -> Any:  # noqa: N802 - a callback; keras is imported lazily
    import keras

    def tell(epoch: int, logs: dict[str, float]) -> None:
        accuracy = float(logs["val_accuracy"])
        process.report(process.Progress(done=epoch + 1, total=epochs, accuracy=accuracy))

    return keras.callbacks.LambdaCallback(on_epoch_end=tell)


def _batches(keras: Any, inputs: Array, labels: Array, size: int, seed: int | None) -> Any:
    """Return a keras data set over memory-mapped inputs, shuffled anew each epoch by `seed`."""
    import numpy as np

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.epoch = 0
            self.on_epoch_end()

        def __len__(self) -> int:
            return math.ceil(len(labels) / size)

        def __getitem__(self, index: int) -> tuple[Array, Array]:
            chosen = self.order[index * size : (index + 1) * size]
            return inputs[chosen], labels[chosen]

        def on_epoch_end(self) -> None:
            self.order = np.arange(len(labels))
            if seed is not None:
                self.order = np.random.default_rng((seed, self.epoch)).permutation(self.order)
            self.epoch += 1

    return Batches()
