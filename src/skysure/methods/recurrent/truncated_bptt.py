"""Truncated backpropagation through time: memory grows with the window, not with the sequence.

A long sequence is processed window by window. The state is passed on to the next window without its gradient, so that
gradients end at the beginning of each window (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490, with equal numbers
of steps forwards and backwards). The network can use earlier inputs, but cannot learn to keep them.
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
    """Run a recurrent layer over a sequence in windows, passing on the state without its gradient.

    Parameters
    ----------
    layer : callable (window, state) -> (output, state)
        A unidirectional layer with `batch_first`. Inside `noise`, tied dropout has one mask for all windows.
    windows : iterable of Tensor
        `x.split(window, dim=1)`; or a generator of windows, so that the whole sequence is never in memory.
    state : optional
        Initial state, zero by default.

    Yields
    ------
    Tensor
        The output of each window. Call `backward` on its loss before the next window, to free the memory.

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
