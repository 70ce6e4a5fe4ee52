"""The network of Charnock and Moss 2017 (ApJL 837, L28; arXiv:1606.07442), model A, as far as it is not a mistake.

Theirs: LSTM layers of 16 and 16 units, forwards; dropout of 0.5 after each, drawn anew at every step and off when it
predicts; a dense layer at every step, the mean of its outputs over the steps, softmax. Inputs as they come: days since
the first point, fluxes, errors, right ascension, declination, Galactic reddening, host redshift. A band that was not
observed is filled with a random number between its neighbours, in five copies of every light curve; their results are
those of all copies, ours is their mean. Adam, batches of ten, 200 epochs.

Corrected: their network for early light curves cut one copy in five, at the place of another object, so that most of
what it saw was whole; here light curves are cut at the epoch asked for before they are filled. Asked for all epochs at
once (`at_epoch = "all"`, the curves of a report), a band that a night lacks is filled from later nights, as in theirs.
Their last epoch was scored on the objects that
the architecture was chosen by; here the best epoch on validation objects is scored on others. The mean of the dense
outputs is the dense layer of the mean state, which is how it is computed. They pad in front under a mask, we behind:
for a network that runs forwards it is the same. Our learning rate falls as a cosine, theirs stayed.
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
        self.layers = nn.ModuleList(nn.LSTM(read, wrote, batch_first=True) for read, wrote in pairwise(widths))
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
        """Take nothing: inputs are read as they come."""

    def versions(self, nights: Nights, seed: int) -> list[Nights]:
        """Give the copies of the light curves, filled at random."""
        return [filled(nights, seed, copy) for copy in range(COPIES)]


def filled(nights: Nights, seed: int, copy: int) -> Nights:
    """Fill what was not measured with random numbers between the neighbours of the same band.

    Before the first and after the last measurement the nearest is copied; a band without any is 0, flux and error.
    The numbers belong to the object, the night and the copy: the same in any chunk.

    Examples
    --------
    Table 1 of the paper: three nights in griz, and no i in the second; i2 is drawn between i1 and i3.

    >>> from skysure.data.lightcurves import LightCurves
    >>> from skysure.applications.supernovae.batches import group_by_night
    >>> table = {"id": ["sn"] * 11, "time": [1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3], "band": [*"griz", *"grz", *"griz"],
    ...          "flux": [11, 21, 31, 41, 12, 22, 42, 13, 23, 33, 43], "flux_error": [1.0] * 11}
    >>> nights = group_by_night(LightCurves.from_table(table, zero_point=27.5), "griz", Settings())
    >>> for copy in range(COPIES):
    ...     i1, i2, i3 = filled(nights, 0, copy).flux[:, 2]
    ...     assert 31 == i1 < i2 < i3 == 33
    """
    night, bands = np.arange(len(nights.time)), nights.flux.shape[1]
    first, end = nights.offsets[:-1][nights.owner], nights.offsets[1:][nights.owner] - 1
    rows = nights.trigger.view(np.int64)[nights.owner] + (night - first)
    u = uniform(keys(seed, torch.tensor([copy]), torch.from_numpy(rows)), 0, 2 * bands)[0].numpy()
    filled = {"flux": nights.flux.copy(), "flux_error": nights.flux_error.copy()}
    for k in range(bands):
        seen = nights.measured[:, k]
        before = np.maximum.accumulate(np.where(seen, night, -1))
        after = np.minimum.accumulate(np.where(seen, night, len(night))[::-1])[::-1]
        left = np.where(before >= first, before, after)
        right = np.where(after <= end, after, left)
        some = (left <= end) & ~seen
        for j, values in enumerate(filled.values()):
            low, high = values[left[some], k], values[right[some], k]
            values[~seen, k] = 0.0
            values[some, k] = low + u[some, j * bands + k] * (high - low)
    return replace(nights, **filled)
