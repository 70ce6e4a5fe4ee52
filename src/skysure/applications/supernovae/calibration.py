"""Calibration of a supernova classifier, separately for each stage of a light curve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skysure.data.sources import CALIBRATION, TRAIN
from skysure.methods.calibration import VectorScaling, cross_fit
from skysure.methods.dropout import counter_rng

from .batches import Nights
from .forecasts.prediction import calibrate_forecasts
from .forecasts.surprise import Surprise
from .inference import outputs_by_batch, surprise_of
from .networks import STAGES, Classifier
from .settings import Query
from .training import check_labels, read_labelled

SAMPLES = 100
"""Posterior samples to which the calibration is fitted."""
WIDTHS = (1.0, 0.3, 0.1)
"""Candidate widths of the priors of the scaling; 0 is no scaling."""


def calibrate(model: Classifier, source: Any) -> None:
    """Fit scaling and prediction sets on the calibration part, and OOD scores on the training part, if present.

    Each object gives one row per stage: its last night in the last stage, a random night in the earlier stages. The
    width of the priors of the scaling is chosen for all stages together by cross-fitting, see `best_width`. After
    training with `redshifting` the calibration part is extended by copies that represent distant objects; see
    `redshifting`.

    Raises
    ------
    InputError
        If the calibration part has fewer than 10 labelled light curves, or only one class.
    """
    copies = model.settings.redshifting if has_part(source, TRAIN) else 0  # without a training part, no copies
    nights, truth = read_labelled(source, CALIBRATION, model, copies)
    check_labels(truth, CALIBRATION, model)
    training_rows = (
        rows_of(model, *read_labelled(source, TRAIN, model, copies), samples=2) if has_part(source, TRAIN) else None
    )
    if model.horizons is not None:
        calibrate_forecasts(model, nights)
    rows = rows_of(model, nights, truth, SAMPLES, surprise_of(model, nights))
    classes = len(model.classes)
    width = best_width(rows, classes)
    held_out = out_of_fold(rows, classes, width)
    for k, stage in enumerate(model.stages):
        if training_rows is not None and (mask := training_rows.stage == k).sum() > 1:
            stage.distance.fit(training_rows.summary[mask], training_rows.truth[mask])
        mask = rows.stage == k
        if not mask.any():
            continue
        label, device = rows.truth[mask], stage.scaling.scale.device
        scaling = VectorScaling(classes, width).fit(rows.logits[:, mask], label)
        stage.scaling.load_state_dict(scaling.state_dict())
        stage.sets.fit(rows.columns[mask].to(device), 1 - held_out[mask].gather(1, label[:, None]).to(device))
        stage.calibrate_novelty(rows.summary[mask], rows.surprise[mask])


@dataclass(frozen=True)
class Rows:
    """Logits of one night of each object and stage, and their true classes."""

    stage: Tensor
    truth: Tensor
    logits: Tensor
    summary: Tensor
    surprise: Tensor
    columns: Tensor
    owner: Tensor


def rows_of(
    model: Classifier, nights: Nights, truth: np.ndarray, samples: int, surprise: Surprise | None = None
) -> Rows:
    """Run the network on one night of each object in each stage that it reaches."""
    choose = partial(one_night_per_stage, trigger=nights.trigger, seed=model.settings.seed)
    parts = list(outputs_by_batch(model, nights, Query(samples=samples), choose, surprise))
    return Rows(
        torch.from_numpy(np.concatenate([a.stage for a in parts])),
        torch.from_numpy(np.concatenate([truth[a.owner] for a in parts])),
        torch.cat([a.logits for a in parts], 1).cpu(),
        torch.cat([a.summary for a in parts]).cpu(),
        torch.cat([a.surprise for a in parts]).cpu(),
        torch.cat([a.columns for a in parts]).cpu(),
        torch.from_numpy(np.concatenate([a.owner for a in parts])),
    )


def best_width(rows: Rows, classes: int) -> float:
    """Choose the width of the priors by cross-fitting, on every tenth sample; 0 applies no scaling.

    A scaling is applied only where its Brier score is no worse and it gains more log-likelihood than twice the standard
    error of the gain over objects; a smaller gain could be chance.
    """
    subset = replace(rows, logits=rows.logits[::10])
    plain = out_of_fold(subset, classes, 0.0)
    gains = {0.0: 0.0}
    for width in WIDTHS:
        scaled = out_of_fold(subset, classes, width)
        gain = sum_by_object(log_likelihood(scaled, rows.truth) - log_likelihood(plain, rows.truth), rows.owner)
        error = float(gain.std() * len(gain) ** 0.5)
        if float(gain.sum()) > 2 * error and brier(scaled, rows.truth) <= brier(plain, rows.truth):
            gains[width] = float(gain.sum())
    return max(gains, key=lambda width: gains[width])


def log_likelihood(probability: Tensor, truth: Tensor) -> Tensor:
    """Log-likelihood of each row [nat]."""
    return probability.gather(1, truth[:, None])[:, 0].clamp(min=1e-300).log()


def brier(probability: Tensor, truth: Tensor) -> float:
    """Mean squared error of probabilities, summed over classes."""
    one_hot = torch.nn.functional.one_hot(truth, probability.shape[1])
    return float((probability - one_hot).square().sum(1).mean())


def sum_by_object(values: Tensor, owner: Tensor) -> Tensor:
    """Sum values over the rows of each object, since these are not independent."""
    _, index = owner.unique(return_inverse=True)
    return values.new_zeros(int(index.max()) + 1).index_add_(0, index, values)


def out_of_fold(rows: Rows, classes: int, width: float) -> Tensor:
    """Give out-of-fold probabilities: each row is scaled by a fit of its stage without it, shape (row, class)."""
    probability = torch.empty(len(rows.truth), classes, dtype=torch.float64)
    for k in rows.stage.unique():
        mask = rows.stage == k
        probability[mask] = cross_fit(partial(VectorScaling, classes, width), rows.logits[:, mask], rows.truth[mask])
    return probability


def one_night_per_stage(
    time: Tensor, mask: Tensor, objects: np.ndarray, *, trigger: np.ndarray, seed: int
) -> tuple[Tensor, Tensor]:
    """Choose a random night of each object in each stage, the last night in the last stage; never its first night.

    The random numbers of an object depend on its `trigger` and the seed alone, not on the other objects.
    """
    night = torch.arange(time.shape[1], device=time.device)
    eligible = mask & (time > -0.5) & (night > 0)
    stage = torch.bucketize(time, torch.tensor(STAGES, device=time.device), right=True)
    keys = counter_rng.keys(seed, torch.zeros(1, dtype=torch.long), torch.from_numpy(trigger[objects].view(np.int64)))
    priority = counter_rng.uniform(keys, 0, time.shape[1])[0].to(time.device)
    priority = torch.where(stage == len(STAGES), 1.0 + night, priority)
    rows, nights = [], []
    for k in range(len(STAGES) + 1):
        in_stage = eligible & (stage == k)
        objects = torch.nonzero(in_stage.any(1))[:, 0]
        rows.append(objects)
        nights.append(torch.where(in_stage, priority, -1.0).argmax(1)[objects])
    return torch.cat(rows), torch.cat(nights)


def has_part(source: Any, part: str) -> bool:
    """Whether a source has objects in a part."""
    return next(iter(source.chunks(part)), None) is not None
