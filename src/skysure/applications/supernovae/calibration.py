"""Calibration of a supernova classifier: for each stage of a light curve, on the calibration part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.data.sources import CALIBRATION, TRAIN
from skysure.errors import InputError
from skysure.methods.calibration import VectorScaling, cross_fit

from .batches import Nights
from .forecasts.prediction import calibrate_forecasts
from .forecasts.surprise import Surprise
from .inference import answers, surprise_of
from .networks import STAGES, Classifier
from .settings import Query
from .training import labelled

SAMPLES = 100
"""Posterior samples that the calibration is fitted on."""
WIDTHS = (1.0, 0.3, 0.1, 0.0)
"""Widths of the priors of the scaling, from that for another survey to no scaling at all."""


def calibrate(model: Classifier, source: Any) -> None:
    """Fit scaling and prediction sets on the calibration part, and novelty on the training part where there is one.

    Each object gives one row a stage: its last night in the last stage, a random one in those before. How far the
    scaling may go is decided by all stages together, on objects held back: a network that is nearly calibrated is
    best left alone, one that comes to another survey is not. After a training with `redshifting` the calibration part
    has copies too, which stand for the far objects that are to be classified; see `redshifting`.

    Raises
    ------
    Fault
        Where the calibration part has no labelled light curve, or those of one class only.
    """
    copies = model.settings.redshifting if has(source, TRAIN) else 0  # a survey calibrated on later is taken as it is
    given, truth = labelled(source, CALIBRATION, model, copies)
    if len(np.unique(truth)) == 1:
        raise InputError(
            f"all {len(truth)} light curves to calibrate on are {model.classes[truth[0]]}", "several classes",
            "a sample selected by class: the probabilities would all become its own",
            "add labelled objects of the other classes, simulated ones if need be",
        )  # fmt: skip
    learned = rows_of(model, *labelled(source, TRAIN, model, copies), samples=2) if has(source, TRAIN) else None
    if model.horizons is not None:
        calibrate_forecasts(model, given)
    rows = rows_of(model, given, truth, SAMPLES, surprise_of(model, given))
    classes = len(model.classes)
    width = best_width(rows, classes)
    unseen = held_back(rows, classes, width)
    for k, stage in enumerate(model.stages):
        if learned is not None and (mine := learned.stage == k).sum() > 1:
            stage.distance.fit(learned.summary[mine], learned.truth[mine])
        mine = rows.stage == k
        if not mine.any():
            continue
        label, device = rows.truth[mine], stage.scaling.scale.device
        scaling = VectorScaling(classes, width).fit(rows.logits[:, mine], label)
        stage.scaling.load_state_dict(scaling.state_dict())
        stage.sets.fit(rows.columns[mine].to(device), 1 - unseen[mine].gather(1, label[:, None]).to(device))
        stage.calibrate_novelty(rows.summary[mine], rows.surprise[mine])


@dataclass(frozen=True)
class Rows:
    """Answers for one night of each object and stage, and their truth."""

    stage: Tensor
    truth: Tensor
    logits: Tensor
    summary: Tensor
    surprise: Tensor
    columns: Tensor


def rows_of(
    model: Classifier, given: Nights, truth: np.ndarray, samples: int, surprise: Surprise | None = None
) -> Rows:
    """Run the network over one night of each object in each stage that it reaches."""
    generator = torch.Generator().manual_seed(model.settings.seed)
    found = list(answers(model, given, Query(samples=samples), partial(one_a_stage, generator=generator), surprise))
    return Rows(
        torch.from_numpy(np.concatenate([a.stage for a in found])),
        torch.from_numpy(np.concatenate([truth[a.owner] for a in found])),
        torch.cat([a.logits for a in found], 1).cpu(),
        torch.cat([a.summary for a in found]).cpu(),
        torch.cat([a.surprise for a in found]).cpu(),
        torch.cat([a.columns for a in found]).cpu(),
    )


def best_width(rows: Rows, classes: int) -> float:
    """Choose the width of the priors by the likelihood of rows that were held back, on every tenth sample."""
    few = replace(rows, logits=rows.logits[::10])

    def likelihood(width: float) -> float:
        return float(held_back(few, classes, width).gather(1, rows.truth[:, None]).log().sum())

    return max(WIDTHS, key=likelihood)


def held_back(rows: Rows, classes: int, width: float) -> Tensor:
    """Give probabilities of rows, each by a scaling of its stage that has not seen it, shape (row, class)."""
    found = torch.empty(len(rows.truth), classes, dtype=torch.float64)
    for k in rows.stage.unique():
        mine = rows.stage == k
        found[mine] = cross_fit(partial(VectorScaling, classes, width), rows.logits[:, mine], rows.truth[mine])
    return found


def one_a_stage(time: Tensor, there: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose a random night of each object in each stage, the last one in the last; the first of an object never."""
    night = torch.arange(time.shape[1], device=time.device)
    open_to = there & (time > -0.5) & (night > 0)
    stage = torch.bucketize(time, torch.tensor(STAGES, device=time.device), right=True)
    lot = torch.rand(time.shape, generator=generator).to(time.device)
    lot = torch.where(stage == len(STAGES), 1.0 + night, lot)
    rows, nights = [], []
    for k in range(len(STAGES) + 1):
        mine = open_to & (stage == k)
        some = torch.nonzero(mine.any(1))[:, 0]
        rows.append(some)
        nights.append(torch.where(mine, lot, -1.0).argmax(1)[some])
    return torch.cat(rows), torch.cat(nights)


def has(source: Any, part: str) -> bool:
    """Whether a source has objects in a part."""
    return next(iter(source.chunks(part)), None) is not None
