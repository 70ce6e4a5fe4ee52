"""Training of `lensing`: the likelihood of the true parameters, on images that are new in every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.data.sources import VALIDATION, Source
from skysure.errors import InputError
from skysure.training import State, copy_to_cpu, fit, prefixed
from skysure.training.streams import EpochBatches, is_endless

from .encoding import Batch, encode, true_values, turn
from .images import LensImages
from .networks import LensModel, network
from .parameters import NAMES
from .rates import choose_rate
from .settings import Settings
from .simulator import BLOCK


def train(
    source: Source, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part, and yield a State after every epoch.

    Raises
    ------
    InputError
        Where a training or validation image lacks a true parameter.
    """
    model = network(settings, source.schema)
    validation = [encode_cut(chunk, settings.size) for chunk in source.chunks(VALIDATION)]
    require_truth(validation, VALIDATION)
    model.adapt({name: torch.cat([batch[name] for batch in validation]) for name in ("truth", "scalars")})

    def batches(part: str, epoch: int) -> Any:
        if part == VALIDATION:
            return validation
        return epoch_batches(source, settings, epoch)

    total = settings.per_epoch * settings.epochs if is_endless(source) else len(source.index().ids)
    states = fit(
        model, batches, nll, settings.optimisation,
        objects=total, seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip
    for now in states:
        yield with_chosen_rate(now, model, validation) if now.done and settings.choose_rate else now


def epoch_batches(source: Source, settings: Settings, epoch: int) -> EpochBatches:
    """Give the batches of an epoch."""
    return EpochBatches(
        source, partial(encode_cut, size=settings.size), turn, epoch, settings.seed,
        per_epoch=settings.per_epoch, batch=settings.batch, uses=settings.uses, block=BLOCK,
    )  # fmt: skip


def encode_cut(images: LensImages, size: int) -> Batch:
    """Encode labelled images cut to the size of the network; a function that other processes can be sent."""
    return encode_labelled(images.cut(size))


def with_chosen_rate(state: State, model: LensModel, validation: list[Batch]) -> State:
    """Give the last state with the dropout rate that the validation part chooses for its best weights."""
    model.load_state_dict(state.weights)
    choose_rate(model, validation)
    return replace(state, tensors=state.tensors | prefixed(copy_to_cpu(model.state_dict()), "best."))


def nll(model: nn.Module, batch: Batch) -> Tensor:
    """Negative log-likelihood of the true parameters of each image, summed over the members, shape (object,)."""
    return model(batch)


def encode_labelled(images: LensImages) -> Batch:
    """Give a batch with "truth": the parameters as the network predicts them, lengths in pixels."""
    return encode(images) | {"truth": true_values(images).float()}


def require_truth(batches: list[Batch], part: str) -> None:
    """Raise InputError where there is no image, or one lacks a true parameter."""
    if not batches or not all(torch.isfinite(batch["truth"]).all() for batch in batches):
        raise InputError(
            f"images of the {part} part without true parameters" if batches else f"no images in the {part} part",
            ", ".join(NAMES), "observed lenses, whose parameters are not known",
            "train on simulated images: skysure train lensing",
        )  # fmt: skip
