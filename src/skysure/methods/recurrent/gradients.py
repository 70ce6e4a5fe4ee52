"""How far back a recurrent layer can learn: the gradient of its last output with respect to earlier inputs.

The response to an input k steps before the end is learned through the derivative ∂h_T / ∂x_(T-k), a product of k
derivatives from state to state. Near zero states and inputs these are constant, and

    plain layer (tanh)   W_hhᵏ W_ih
    LSTM                 f ᵏ · i o W_ig,      f = σ(b_f) and so on, where W_hh = 0
    GRU                  zᵏ · (1 - z) W_in,   z = σ(b_z), where W_hh = 0

Each vanishes or explodes exponentially (Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735; Pascanu,
Mikolov & Bengio 2013, arXiv:1211.5063). A gate lets the network learn the base, which may be close to 1.
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
    """Measure the dependence of the last output on each input: the Frobenius norm of ∂h_T / ∂x_(T-k).

    One backward pass: the sequence is copied for each unit of the last output.

    Parameters
    ----------
    layer : callable
        A recurrent layer with `batch_first`, or another function that returns (outputs of all steps, state).
    x : Tensor
        Without padding. Norms are accurate down to 1e-300 in float64, 1e-38 in float32.

    Returns
    -------
    Tensor
        At lag k = 0 (the last input), 1, ... up to the first input.

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
