"""Bidirectional layers over padded sequences, in fused kernels.

Padding at the end makes the sequences of a batch equal in length. A forward layer reads it only after the valid points.
A backward layer would read it first: therefore the valid part of each sequence is reversed, the layer runs forwards,
and its outputs are reversed again. torch's packed sequences give the same results, but not in the fused kernel on a
CPU, and take several times as long. Batches of similar lengths keep the padding small.
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
    """Reverse the first `length` points of each sequence; padding stays at the end.

    >>> reverse_sequence(torch.tensor([[[1.0], [2.0], [3.0], [0.0]]]), torch.tensor([3])).flatten()
    tensor([3., 2., 1., 0.])
    """
    index = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
    last = length[:, None] - 1
    return x.gather(1, torch.where(index > last, index, last - index)[..., None].expand_as(x))


def bidirectional(
    forth: Layer, back: Layer, x: Float[Tensor, "object time feature"], length: Int64[Tensor, " object"]
) -> Float[Tensor, "object time unit"]:
    """Run one layer forwards and another backwards over padded sequences; concatenate the outputs, zero at padding.

    Parameters
    ----------
    forth, back : callable x -> (output, state)
        Unidirectional layers with `batch_first`: those of torch, or `TiedDropout` of them.
    x : Tensor
        Padded at the end with any finite numbers.
    length : Tensor
        Number of valid points of each object, which may be zero.

    Returns
    -------
    Tensor
        As the output of a bidirectional layer of torch for the packed sequences.

    Examples
    --------
    >>> forth, back = torch.nn.LSTM(3, 8, batch_first=True), torch.nn.LSTM(3, 8, batch_first=True)
    >>> bidirectional(forth, back, torch.randn(2, 50, 3), torch.tensor([50, 7])).shape
    torch.Size([2, 50, 16])
    """
    output = torch.cat([forth(x)[0], reverse_sequence(back(reverse_sequence(x, length))[0], length)], -1)
    padding = torch.arange(x.shape[1], device=x.device) >= length[:, None]
    return output.masked_fill(padding[..., None], 0.0)
