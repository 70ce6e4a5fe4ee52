"""How far back a recurrent layer can learn: the gradient of its last output by what it read long before.

A weight that has to react to an input k steps before the end learns through the derivative ∂h_T / ∂x_(T-k), a product
of k derivatives from state to state. Where states and inputs are near zero these are constant, and

    plain layer (tanh)   W_hhᵏ W_ih
    LSTM                 f ᵏ · i o W_ig,      f = σ(b_f) and so on, where W_hh = 0
    GRU                  zᵏ · (1 - z) W_in,   z = σ(b_z), where W_hh = 0

Either vanishes, or explodes, exponentially (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Pascanu,
Mikolov & Bengio 2013, arXiv:1211.5063). A gate lets the network choose the base, and 1 is among its choices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def gradient_by_lag(
    layer: Callable[[Tensor], tuple[Tensor, Any]], x: Float[Tensor, "object time feature"]
) -> Float[Tensor, "object lag"]:
    """Measure how much the last output still changes with each input: the Frobenius norm of ∂h_T / ∂x_(T-k).

    One pass back: each unit of the last output has a copy of the sequence of its own.

    Parameters
    ----------
    layer : callable
        A recurrent layer with `batch_first`, or anything that gives (outputs, state) of all steps of each object.
    x : Tensor
        Without padding. In float64 the norm is known down to 1e-300, in float32 to 1e-38.

    Returns
    -------
    Tensor
        For lag k = 0 (the last input), 1, ... up to the first input.

    Examples
    --------
    >>> layer = torch.nn.LSTM(3, 8, batch_first=True)
    >>> gradient_by_lag(layer, torch.zeros(2, 50, 3)).shape
    torch.Size([2, 50])
    """
    with torch.no_grad():
        units = layer(x[:1, :1])[0].shape[-1]
    copies = x.detach().repeat_interleave(units, 0).requires_grad_()
    last = layer(copies)[0][:, -1].unflatten(0, (len(x), units))
    (gradient,) = torch.autograd.grad(last.diagonal(dim1=1, dim2=2).sum(), copies)
    return gradient.unflatten(0, (len(x), units)).square().sum((1, 3)).sqrt().flip(1)
