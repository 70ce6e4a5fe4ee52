"""The part before the first random layer, computed once for class probabilities, surprise and forecasts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .batches import Batch, Nights, tensors
from .networks import Classifier


@dataclass(frozen=True)
class Encoded:
    """A batch of light curves and the deterministic part of each network.

    Parameters
    ----------
    objects : ndarray of int, shape (object,)
        Indices of the objects.
    batch : dict of Tensor
        Padded light curves.
    states : list of dict of Tensor
        What each network computes before its first random layer, at all nights; see `Network.prefix`.
    """

    objects: np.ndarray
    batch: Batch
    states: list[Batch]


def encode(model: Classifier, nights: Nights, objects: np.ndarray) -> Encoded:
    """Run the deterministic part of each network over some objects."""
    device = model.frequency.device
    batch = {name: values.to(device) for name, values in tensors(nights[objects]).items()}
    with torch.no_grad():
        return Encoded(objects, batch, [network.prefix(batch) for network in model.networks])
