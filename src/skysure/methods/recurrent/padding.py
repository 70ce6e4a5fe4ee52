"""Padded sequences, read both ways in fused kernels.

Objects of a batch have different lengths, and padding at the end makes them equal. A layer that runs forwards never
sees it before the object has ended. One that runs backwards would see it first: so the valid part of each object is
turned round, the layer runs forwards, and its outputs are turned back. torch's packed sequences give the same results,
but on a CPU they leave the fused kernel, and take several times as long. Batches of objects alike in length keep the
padding small.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Layer = Callable[[Tensor], tuple[Tensor, Any]]


def reverse_sequence(
    x: Float[Tensor, "object time feature"], length: Int64[Tensor, " object"]
) -> Float[Tensor, "object time feature"]:
    """Turn the first `length` points of each object round, and leave its padding where it is.

    >>> reverse_sequence(torch.tensor([[[1.0], [2.0], [3.0], [0.0]]]), torch.tensor([3])).flatten()
    tensor([3., 2., 1., 0.])
    """
    at = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    last = length[:, None] - 1
    return x.gather(1, torch.where(at > last, at, last - at)[..., None].expand_as(x))


def bidirectional(
    forth: Layer, back: Layer, x: Float[Tensor, "object time feature"], length: Int64[Tensor, " object"]
) -> Float[Tensor, "object time unit"]:
    """Run one layer forwards and another backwards over padded sequences; the outputs side by side, zero at padding.

    Parameters
    ----------
    forth, back : callable x -> (output, state)
        One-way layers with `batch_first`: torch's, or `TiedDropout` of them.
    x : Tensor
        Padded at the end; any finite numbers there.
    length : Tensor
        Valid points of each object, from zero on.

    Returns
    -------
    Tensor
        As a two-way layer of torch gives for the packed sequences.

    Examples
    --------
    >>> forth, back = torch.nn.LSTM(3, 8, batch_first=True), torch.nn.LSTM(3, 8, batch_first=True)
    >>> bidirectional(forth, back, torch.randn(2, 50, 3), torch.tensor([50, 7])).shape
    torch.Size([2, 50, 16])
    """
    output = torch.cat([forth(x)[0], reverse_sequence(back(reverse_sequence(x, length))[0], length)], -1)
    padding = torch.arange(x.shape[1], device=x.device) >= length[:, None]
    return output.masked_fill(padding[..., None], 0.0)
