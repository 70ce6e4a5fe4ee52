"""Truncated backpropagation through time: memory follows the window, not the sequence.

A long sequence is read window by window. The state goes on from each to the next; its history does not, so that a
gradient reaches back to the beginning of its window (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490, with steps
back as many as steps forward). What lies further back can still be *used*; it cannot be learned to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor


def truncated_bptt(
    layer: Callable[[Tensor, Any], tuple[Tensor, Any]],
    windows: Iterable[Float[Tensor, "object _ feature"]],
    state: Any = None,
) -> Iterator[Float[Tensor, "object _ unit"]]:
    """Run a recurrent layer over a sequence in windows, carrying the state without its history.

    Parameters
    ----------
    layer : callable (window, state) -> (output, state)
        Any one-way layer with `batch_first`. Tied dropout has one mask for all windows inside `noise`.
    windows : iterable of Tensor
        `x.split(window, dim=1)`; or a generator that embeds a part at a time, so that no whole sequence is ever held.
    state : optional
        Where to begin, zero by default.

    Yields
    ------
    Tensor
        The output of each window. Call `backward` on its loss before asking for the next, and its memory is free.

    Examples
    --------
    >>> import torch
    >>> layer, x = torch.nn.GRU(3, 8, batch_first=True), torch.randn(2, 1000, 3)
    >>> for output in truncated_bptt(layer, x.split(100, dim=1)):
    ...     output.square().mean().backward()
    """
    for window in windows:
        output, state = layer(window, state)
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        yield output
