"""The network of Charnock and Moss 2017 (ApJL 837, L28; arXiv:1606.07442), model A, with corrections.

Theirs: LSTM layers of 16 and 16 units, forwards; dropout of 0.5 after each, sampled at every step and off in
prediction; a dense layer at every step, the mean of its outputs over the steps, softmax. Raw inputs: days since
the first point, fluxes, errors, right ascension, declination, Galactic reddening, host redshift. A missing band
is filled with a random number between its neighbours, in five copies of every light curve; their results count every
copy, ours average the copies. Adam, batches of ten, 200 epochs.

Corrected: their network for early light curves cut one copy in five, at the index of another object, so most light
curves stayed whole; here light curves are cut at the epoch of the query before they are filled. For all epochs at once
(`at_epoch = "all"`, the curves of a report) a missing band is filled from later nights, as in theirs. Their last epoch
was scored on the objects used to choose the architecture; here the best epoch on validation objects is scored on
others. The mean of the dense outputs equals the dense layer of the mean state, which is computed here. They pad in
front under a mask, we pad behind: equivalent for a forward network. Our learning rate falls as a cosine, theirs is
constant.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.dropout.counter_rng import keys, uniform

from .batches import Batch, Nights
from .settings import Settings

COPIES = 5


class CharnockMoss(nn.Module):
    """LSTM layers over filled nights and the mean of their last states so far."""

    def __init__(self, settings: Settings, bands: int) -> None:
        super().__init__()
        self.with_redshift = settings.redshift != "never"
        self.units = settings.hidden
        widths = [1 + 2 * bands + 3 + self.with_redshift] + [settings.hidden] * settings.layers
        self.layers = nn.ModuleList(nn.LSTM(inputs, outputs, batch_first=True) for inputs, outputs in pairwise(widths))
        self.dropout = nn.Dropout(settings.rate)

    def forward(self, batch: Batch) -> Float[Tensor, "object *night unit"]:
        """Give the mean state of all nights, or until the night "at" of each object."""
        time = batch["time"] - batch["time"][:, :1]
        fixed = torch.cat([batch["position"], batch["redshift"][:, : int(self.with_redshift)]], 1)
        fixed = fixed[:, None].expand(-1, time.shape[1], -1)
        x = torch.cat([time[..., None], batch["flux"], batch["flux_error"], fixed], -1)
        for layer in self.layers:
            x = self.dropout(layer(x)[0])
        count = torch.arange(1, x.shape[1] + 1, device=x.device, dtype=x.dtype)
        mean = x.cumsum(1) / count[:, None]
        return mean[torch.arange(len(x)), batch["at"]] if "at" in batch else mean

    def adapt(self, nights: Nights) -> None:
        """Do nothing: inputs are not scaled."""

    def versions(self, nights: Nights, seed: int) -> list[Nights]:
        """Give copies of the light curves with missing bands filled at random."""
        return [fill_bands(nights, seed, copy) for copy in range(COPIES)]


def fill_bands(nights: Nights, seed: int, copy: int) -> Nights:
    """Fill missing measurements with random numbers between the neighbours in the same band.

    Before the first and after the last measurement the nearest is copied; a band without any is 0, flux and error.
    The numbers depend on the object, the night and the copy alone, not on the chunk.

    Examples
    --------
    Table 1 of the paper: three nights in griz, and no i in the second; i2 is drawn between i1 and i3.

    >>> from skysure.data.lightcurves import LightCurves
    >>> from skysure.applications.supernovae.batches import group_by_night
    >>> table = {"id": ["sn"] * 11, "time": [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3], "band": [*"griz", *"grz", *"griz"],
    ...          "flux": [11, 21, 31, 41, 12, 22, 42, 13, 23, 33, 43], "flux_error": [1.0] * 11}
    >>> nights = group_by_night(LightCurves.from_table(table, zero_point=27.5), "griz", Settings())
    >>> for copy in range(COPIES):
    ...     i1, i2, i3 = fill_bands(nights, 0, copy).flux[:, 2]
    ...     assert 31 == i1 < i2 < i3 == 33
    """
    night, bands = np.arange(len(nights.time)), nights.flux.shape[1]
    first, end = nights.offsets[:-1][nights.owner], nights.offsets[1:][nights.owner] - 1
    rows = nights.trigger.view(np.int64)[nights.owner] + (night - first)
    u = uniform(keys(seed, torch.tensor([copy]), torch.from_numpy(rows)), 0, 2 * bands)[0].numpy()
    filled = {"flux": nights.flux.copy(), "flux_error": nights.flux_error.copy()}
    for k in range(bands):
        measured = nights.measured[:, k]
        before = np.maximum.accumulate(np.where(measured, night, -1))
        after = np.minimum.accumulate(np.where(measured, night, len(night))[::-1])[::-1]
        left = np.where(before >= first, before, after)
        right = np.where(after <= end, after, left)
        gap = (left <= end) & ~measured
        for j, values in enumerate(filled.values()):
            low, high = values[left[gap], k], values[right[gap], k]
            values[~measured, k] = 0.0
            values[gap, k] = low + u[gap, j * bands + k] * (high - low)
    return replace(nights, **filled)
