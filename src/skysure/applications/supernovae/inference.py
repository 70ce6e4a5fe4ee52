"""The networks applied to light curves, batch by batch: one pass of the recurrent layers gives all predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.dropout import masks
from skysure.methods.sampling import sample
from skysure.methods.staged import Stage

from .batches import Batch, Nights, by_length
from .encoding import Encoded, encode
from .forecasts.surprise import Surprise
from .networks import STAGES, Classifier, Network
from .parallel import in_parallel
from .settings import Query


@dataclass(frozen=True)
class Logits:
    """Logits of some nights of some objects, before calibration.

    Parameters
    ----------
    owner : ndarray of int, shape (row,)
        Index of the object.
    days : ndarray, shape (row,)
        Days from the trigger to the night.
    logits : Tensor, shape (sample, row, class)
    summary : Tensor, shape (row, unit)
        Features that the dense layers read.
    columns : Tensor, shape (row, 2)
        Columns whose bins have their own levels of prediction sets: the largest signal-to-noise ratio in a band until
        that night, and the redshift, NaN where unknown.
    surprise : Tensor, shape (row,)
        Mean surprise of the points until then; NaN if not computed, or without points.
    """

    owner: np.ndarray
    days: np.ndarray
    logits: Tensor
    summary: Tensor
    columns: Tensor
    surprise: Tensor

    @property
    def stage(self) -> np.ndarray:
        """Index of the stage of each row, by its days since the trigger."""
        return np.searchsorted(STAGES, self.days, side="right")


Choice = Callable[[Tensor, Tensor, np.ndarray], tuple[Tensor, Tensor]]
"""Which nights to predict: (time, mask of nights, objects of the batch) to rows of the batch and nights.

Batches run on several threads, so that a choice must not depend on the order of calls."""


def surprise_of(model: Classifier, nights: Nights) -> Surprise | None:
    """Prepare the surprise of light curves under forecasts; None for a model without a forecaster."""
    return Surprise(nights) if model.horizons is not None else None


def outputs_by_batch(
    model: Classifier, nights: Nights, query: Query, choose: Choice, surprises: Surprise | None = None
) -> Iterator[Logits]:
    """Run the network over the objects that can be classified, batch by batch.

    Parameters
    ----------
    model : Classifier
    nights : Nights
    query : Query
        Its samples, seed and batch size.
    choose : Choice
    surprises : Surprise, optional
        Of the same light curves; needed for the OOD score of a model that forecasts.
    """
    model.eval()
    versions = model.encoder.versions(nights, query.seed)
    batches = reversed(list(by_length(np.where(nights.classifiable, nights.counts, 0), query.batch)))  # longest first

    def run_batch(model: Classifier, objects: np.ndarray) -> Logits | None:
        encoded = (encode(model, version, objects) for version in versions)
        return outputs_of(model, encoded, query, choose, surprises)

    yield from filter(None, in_parallel(run_batch, model, batches))


def outputs_of(
    model: Classifier, encoded: Iterable[Encoded], query: Query, choose: Choice, surprises: Surprise | None = None
) -> Logits | None:
    """Give the logits of the chosen nights of one batch, whose light curves come in one or several versions.

    None if no night is chosen.
    """
    summaries, logits = [], []
    for version in encoded:
        time, nights = version.batch["time"], version.batch["nights"]
        row, night = choose(time, torch.arange(time.shape[1], device=time.device) < nights[:, None], version.objects)
        if not len(row):
            return None
        for k, (network, state) in enumerate(zip(model.networks, version.states, strict=True)):
            summary, samples = run(network, state, row, night, replace(query, seed=query.seed + k))
            logits.append(samples)
            if not k:
                summaries.append(summary)
        if surprises is not None:
            surprises.measure(model, version)
    owner, summary = version.objects[row.cpu().numpy()], torch.stack(summaries).mean(0)
    surprise = summary.new_full((len(row),), torch.nan)
    if surprises is not None:
        surprise = torch.from_numpy(surprises.until(owner, night.cpu().numpy())).to(summary)
    days = version.batch["time"][row, night].cpu().numpy().astype(np.float64)
    columns = torch.stack([best_snr_so_far(version.batch)[row, night], known_redshift(version.batch)[row]], 1)
    return Logits(owner, days, torch.cat(logits), summary, columns, surprise)


def best_snr_so_far(batch: Batch) -> Float[Tensor, "object night"]:
    """Give the largest signal-to-noise ratio in a band so far."""
    return (batch["flux"] / batch["flux_error"] * batch["measured"]).amax(-1).cummax(1).values


def known_redshift(batch: Batch) -> Float[Tensor, " object"]:
    """Give the redshifts, zero in our Galaxy, NaN if unknown."""
    z, _, has_redshift = batch["redshift"].unbind(-1)
    return torch.where(has_redshift != 0, z, torch.nan)


def run(
    model: Network, state: Batch, row: Tensor, night: Tensor, query: Query
) -> tuple[Float[Tensor, "row unit"], Float[Tensor, "sample row class"]]:
    """Give the features of some nights without dropout, and the logits of posterior samples, one function each."""
    if model.tied:
        with torch.no_grad():
            summary = model.summary(state)[row, night]
        return summary, sample(StochasticHead(model), state, query.samples, query.seed, shared=True)[:, row, night]
    summary = state["summary"][row, night]
    if not masks(model.head):
        with torch.no_grad():
            return summary, model.head(summary)[None]
    return summary, sample(StochasticHead(model), {"summary": summary}, query.samples, query.seed, shared=True)


class StochasticHead(nn.Module):
    """The part of a network after its first random layer, for `sample`."""

    def __init__(self, model: Network) -> None:
        super().__init__()
        self.model = model

    def forward(self, state: Batch) -> Tensor:
        return self.model.suffix(state)


def last(time: Tensor, mask: Tensor, objects: np.ndarray) -> tuple[Tensor, Tensor]:
    """Choose the last night of each object."""
    return torch.arange(len(time), device=time.device), mask.sum(1) - 1


def every(time: Tensor, mask: Tensor, objects: np.ndarray) -> tuple[Tensor, Tensor]:
    """Choose all nights from the trigger on, but not the first of an object."""
    second = torch.arange(time.shape[1], device=time.device) > 0
    return torch.nonzero(mask & (time > -0.5) & second, as_tuple=True)


def in_stages(model: Classifier, outputs: Logits) -> Iterator[tuple[Stage, Tensor]]:
    """Give each stage that has rows, and the indices of its rows."""
    for k in np.unique(outputs.stage):
        yield model.stages[k], torch.from_numpy(np.flatnonzero(outputs.stage == k)).to(outputs.logits.device)


def out_of_distribution(model: Classifier, outputs: Logits, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the OOD percentile of each row, and whether it is out of distribution, shape (row,) each."""
    percentile, is_ood = np.zeros(len(outputs.owner)), np.zeros(len(outputs.owner), bool)
    for stage, rows in in_stages(model, outputs):
        value, exceeds = stage.novelty(outputs.summary[rows], outputs.surprise[rows], level)
        at = rows.cpu().numpy()
        percentile[at], is_ood[at] = value.double().cpu().numpy(), exceeds.cpu().numpy()
    return percentile, is_ood
