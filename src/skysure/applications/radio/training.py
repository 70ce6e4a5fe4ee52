"""Training of `radio`: the loss of the detector, on images that are new in every epoch or on labelled ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from accelerate import Accelerator
from torch import Tensor, nn

from skysure.data.sources import TRAIN, VALIDATION, Source
from skysure.errors import InputError
from skysure.training import State, fit
from skysure.training.streams import EpochBatches, is_endless

from .encoding import Batch, encode_labelled, turn
from .images import RadioImages
from .networks import network
from .settings import Settings
from .simulator import BLOCK


def train(
    source: Source, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part, and yield a State after every epoch.

    Raises
    ------
    InputError
        Where the training or the validation part has no labelled source.
    """
    model, encode = network(settings, source.schema), partial(encode_labelled, settings=settings)
    validation = [batch for chunk in source.chunks(VALIDATION) for batch in split(encode(chunk), settings.batch)]
    require_sources(validation, VALIDATION)

    def batches(part: str, epoch: int) -> Any:
        if part == VALIDATION:
            return validation
        return epoch_batches(source, settings, epoch)

    total = settings.per_epoch * settings.epochs if is_endless(source) else count_labelled(source)
    yield from fit(
        model, batches, loss, settings.optimisation,
        objects=total, seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip


def epoch_batches(source: Source, settings: Settings, epoch: int) -> EpochBatches:
    """Give the batches of an epoch."""
    return EpochBatches(
        source, partial(encode_labelled, settings=settings), turn, epoch, settings.seed,
        per_epoch=settings.per_epoch, batch=settings.batch, uses=settings.uses, block=BLOCK,
    )  # fmt: skip


def loss(model: nn.Module, batch: Batch) -> Tensor:
    """Loss of each image, shape (object,); see `skysure.methods.detection.losses`."""
    return model(batch)


def split(batch: Batch, size: int) -> list[Batch]:
    """Divide a batch into smaller ones."""
    parts = {name: values.split(size) for name, values in batch.items()}
    return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]


def require_sources(batches: list[Batch], part: str) -> None:
    """Raise InputError where no image of a part has a labelled source."""
    if not any(bool(batch["boxes"].isfinite().any()) for batch in batches):
        raise InputError(
            f"no labelled source in the {part} part", "boxes with classes", "images without labels",
            "[reading] labels = FILE, or train on simulated images: skysure train radio",
        )  # fmt: skip


def count_labelled(source: Source) -> int:
    """Number of training images; raises InputError where none has a labelled source."""
    images = sources = 0
    chunk: RadioImages
    for chunk in source.chunks(TRAIN):
        images += len(chunk)
        sources += 0 if chunk.truth is None else len(chunk.truth)
    if not sources:
        require_sources([], TRAIN)
    return images
