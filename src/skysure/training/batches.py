"""Batches of objects that fit into memory, shuffled anew in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from .seeds import combine
from .supervised import Batch


def shuffled_batches(
    parts: Mapping[str, Mapping[str, Tensor]], size: int, seed: int
) -> Callable[[str, int], list[Batch]]:
    """Divide the tensors of each part into batches, as `fit` takes them.

    Parameters
    ----------
    parts : mapping of str to mapping of str to Tensor
        The tensors of the parts "train" and "validation", objects along axis 0.
    size : int
        Objects per batch; the last one may have fewer.
    seed : int
        The order of the objects of the training part derives from it and the epoch; others keep their order.

    Examples
    --------
    >>> batches = shuffled_batches({"validation": {"x": torch.arange(5)}}, size=3, seed=0)
    >>> [batch["x"].tolist() for batch in batches("validation", 7)]
    [[0, 1, 2], [3, 4]]
    """

    def batches(part: str, epoch: int) -> list[Batch]:
        """The batches of a part in an epoch."""
        tensors = parts[part]
        order = torch.arange(len(next(iter(tensors.values()))))
        if part == "train":
            order = torch.from_numpy(np.random.default_rng(combine(seed, epoch)).permutation(len(order)))
        return [{name: tensor[rows] for name, tensor in tensors.items()} for rows in order.split(size)]

    return batches
