"""Training of a supernova classifier: cross-entropy at every night and at the last one, on degraded light curves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from skysure.data.lightcurves import LightCurves
from skysure.data.names import require_class_names
from skysure.data.sources import CALIBRATION, TRAIN, VALIDATION
from skysure.errors import InputError
from skysure.training import State, combine, fit

from .batches import Batch, Nights, augment, by_length, group_by_night, targets, tensors
from .forecasts.forecaster import forecast_nll
from .forecasts.later import LaterPoints, draw_later_points
from .members import train_members
from .networks import Classifier, network
from .redshifting import add_redshifted_copies
from .settings import Settings

MIN_LABELLED = 10
"""Labelled objects needed for training and for calibration: fewer cannot calibrate sets of 90 % coverage."""


def train(
    source: Any, settings: Settings, state: State | None = None, *, accelerator: Accelerator | None = None
) -> Iterator[State]:
    """Train on the training part, each epoch with newly degraded light curves; yield one state per epoch.

    Raises
    ------
    InputError
        If fewer than 10 training or calibration objects have a label of the classes, or all have the same, or if the
        name of a class cannot be that of a column.
    """
    model = network(settings, source.schema)
    require_class_names(model.classes)
    require_labels(source, CALIBRATION, model)
    parts = {part: read_labelled(source, part, model, settings.redshifting) for part in (TRAIN, VALIDATION)}
    check_labels(parts[TRAIN][1], TRAIN, model)
    model.adapt(*parts[TRAIN])
    nights, truth = parts[TRAIN]

    def train_member(member: int, before: State | None) -> Iterator[State]:
        seed = combine(settings.seed, member) if member else settings.seed

        def batches(part: str, epoch: int) -> PaddedBatches:
            if part != TRAIN:
                versions, label = make_versions(model, *parts[part])
                targets = draw_targets(versions, settings, np.random.default_rng(settings.seed))
                return make_batches(versions, label, settings.batch, later=targets)
            rng = np.random.default_rng(combine(seed, epoch))
            versions, label = make_versions(model, augment(nights, settings, rng), truth)
            return make_batches(versions, label, settings.batch, rng, draw_targets(versions, settings, rng))

        loss = partial(nll, every_epoch=settings.every_epoch, forecast=settings.forecast)
        return fit(
            model.networks[member], batches, loss, settings.optimisation,
            objects=len(truth), seed=seed, state=before, accelerator=accelerator,
        )  # fmt: skip

    yield from train_members(model, train_member, state)


def read_labelled(source: Any, part: str | None, model: Classifier, copies: int = 0) -> tuple[Nights, np.ndarray]:
    """Give the nights and classes of the labelled objects of a part that can be classified.

    `copies` of each at higher redshifts are added; they do not depend on the chunks of the source.
    """
    selected = []
    for chunk in source.chunks(part):
        truth = of_class(chunk, model)
        if copies:
            chunk = add_redshifted_copies(
                chunk[truth >= 0], copies, survey=model.settings.survey, seed=model.settings.seed
            )
            truth = of_class(chunk, model)
        nights = group_by_night(chunk, model.bands, model.settings)
        use = np.flatnonzero((truth >= 0) & nights.classifiable)
        selected.append((nights[use], truth[use]))
    if not sum(len(truth) for _, truth in selected):
        raise InputError(
            f"no light curve of the part '{part}' has a label of the classes {', '.join(model.classes)}",
            "labelled light curves with a point of S/N > 4 and two nights",
            "other label names, or an unread label column",
            "--classes with the names of your labels, or the label column in [reading]",
        )  # fmt: skip
    return Nights.concat([n for n, _ in selected]), np.concatenate([truth for _, truth in selected])


def require_labels(source: Any, part: str, model: Classifier) -> None:
    """Check that a part has enough labelled objects, reading only as many as needed; an absent part passes.

    Raises
    ------
    InputError
        See `check_labels`.
    """
    truth = np.zeros(0, np.int64)
    for chunk in source.chunks(part):
        usable = group_by_night(chunk, model.bands, model.settings).classifiable
        truth = np.concatenate([truth, of_class(chunk, model)[usable]])
        if (truth >= 0).sum() >= MIN_LABELLED and len(np.unique(truth[truth >= 0])) > 1:
            return
    if len(truth):
        check_labels(truth[truth >= 0], part, model)


def check_labels(truth: np.ndarray, part: str, model: Classifier) -> None:
    """Check that there are enough labelled objects, of several classes.

    Raises
    ------
    InputError
        If they are fewer than 10, or all of one class.
    """
    if len(truth) < MIN_LABELLED:
        raise InputError(
            f"{len(truth)} labelled light curves in the {part} part", f"{MIN_LABELLED} at least, with two nights each",
            f"few objects, or labels other than {', '.join(model.classes)}",
            f"add labelled objects, make the {part} part larger, name your classes (--classes), or give the label "
            "column in [reading]",
        )  # fmt: skip
    if len(np.unique(truth)) == 1:
        raise InputError(
            f"all {len(truth)} labelled light curves of the {part} part are {model.classes[truth[0]]}",
            "several classes", "a sample selected by class: all probabilities would be those of this class",
            "add labelled objects of the other classes, simulated ones if need be",
        )  # fmt: skip


def of_class(curves: LightCurves, model: Classifier) -> np.ndarray:
    """Give the index of the class of each object, -1 if unknown or outside the classes."""
    return targets(curves.objects.get("label", np.full(len(curves), "")), model.classes)


def make_versions(model: Classifier, nights: Nights, truth: np.ndarray) -> tuple[Nights, np.ndarray]:
    """Give the light curves in each version that the network reads, and their classes."""
    versions = model.encoder.versions(nights, model.settings.seed)
    return Nights.concat(versions), np.tile(truth, len(versions))


def draw_targets(nights: Nights, settings: Settings, rng: np.random.Generator) -> LaterPoints:
    """Draw the later points to forecast; none unless the forecaster is trained."""
    return draw_later_points(nights, settings.cuts, rng) if settings.forecast else {}


@dataclass(frozen=True)
class PaddedBatches:
    """Batches of padded light curves with their class as "truth", made on iteration."""

    nights: Nights
    truth: np.ndarray
    parts: list[np.ndarray]
    later: LaterPoints

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Batch]:
        for objects in self.parts:
            arrays = self.later | {"truth": self.truth}
            yield tensors(self.nights[objects]) | {
                name: torch.from_numpy(values[objects]) for name, values in arrays.items()
            }


def make_batches(
    nights: Nights,
    truth: np.ndarray,
    batch: int,
    rng: np.random.Generator | None = None,
    later: LaterPoints | None = None,
) -> PaddedBatches:
    """Batch the objects that can be classified, with their `later` points; shuffled with `rng`."""
    parts = list(by_length(np.where(nights.classifiable, nights.counts, 0), batch, rng))
    return PaddedBatches(nights, truth, parts, later or {})


def nll(model: nn.Module, batch: Batch, every_epoch: float = 0.0, forecast: float = 0.0) -> Tensor:
    """Negative log-likelihood of each object, shape (object,); later points have the weight `forecast`."""
    if not forecast:
        return class_nll(model(batch), batch, every_epoch * model.training)
    logits, ahead = model(batch)
    return class_nll(logits, batch, every_epoch * model.training) + forecast * forecast_nll(ahead, batch)


def class_nll(logits: Tensor, batch: Batch, every_epoch: float) -> Tensor:
    """Negative log-likelihood of the class at the last night, shape (object,).

    `every_epoch` is the weight of the mean over all nights since the trigger.
    """
    objects, length, _ = logits.shape
    truth = batch["truth"].repeat_interleave(length)
    per_night = F.cross_entropy(logits.flatten(0, 1), truth, reduction="none").view(objects, length)
    last = per_night[torch.arange(objects, device=logits.device), batch["nights"] - 1]
    if not every_epoch:
        return last
    night = torch.arange(length, device=logits.device)
    counted = ((night < batch["nights"][:, None]) & (batch["time"] > -0.5)).float()
    mean = (per_night * counted).sum(1) / counted.sum(1).clamp(min=1)
    return (1 - every_epoch) * last + every_epoch * mean
