"""What a training minimises beside the mean negative log-likelihood: KL(q || prior) / N.

For each mask, with K inputs dropped independently at rate p, prior length l, and N training objects:

    l^2 / (2 N (1 - p)) |W|^2  -  (K / N) H(p),     H(p) = -p log p - (1 - p) log(1 - p)

Gal, Hron and Kendall 2017 (arXiv:1705.07832), eq. 3 and 4, where the weights' mean is M = W / (1 - p), since kept
inputs are scaled by 1 / (1 - p). It goes with a likelihood that has its 1/2 (their notebooks leave it out, and double
both factors). K and N come from the layer and the data: K counts masks (features, channels; never pixels or time
steps), and biases are not in |W|^2, since nothing drops them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.dropout.layers import Dropout
from skysure.methods.dropout.tied import TiedDropout
from skysure.methods.ensembles import Ensemble


def bernoulli_entropy(rate: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Entropy H(p) of one mask, in nats."""
    return torch.special.entr(rate) + torch.special.entr(1 - rate)


def dropout_kl(
    squared_weights: Float[Tensor, ""],
    rate: Float[Tensor, ""],
    masks: int,
    length_scale: float,
    n: int | float | Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """KL divergence of one layer from its prior, over N; up to a constant.

    Parameters
    ----------
    squared_weights : Tensor
        |W|^2, without biases.
    rate : Tensor
        p.
    masks : int
        K, inputs dropped independently.
    length_scale : float
        l.
    n : int, float or Tensor
        N, training objects.
    """
    return length_scale**2 * squared_weights / (2 * n * (1 - rate)) - masks / n * bernoulli_entropy(rate)


def kl(model: nn.Module, n: int | float | Float[Tensor, "*member"]) -> Float[Tensor, ""]:
    """Sum `dropout_kl` over all masks of a model: add it to the mean negative log-likelihood of a batch.

    The terms of an ensemble are those of its members, summed: so goes the loss of members that train apart.

    Parameters
    ----------
    model : nn.Module
    n : int, float or Tensor
        Number of training objects (not of a batch). For an ensemble perhaps one for each member.
    """
    parts = [module for module in model.modules() if isinstance(module, (Dropout, TiedDropout, Ensemble))]
    inside = {module for part in parts if isinstance(part, Ensemble) for module in part.network.modules()}
    terms = []
    for part in parts:
        if isinstance(part, Ensemble):
            terms.append(member_kl(part, n).sum())
        elif part not in inside:
            terms += [
                dropout_kl(squares, mask.rate, mask.features, part.length_scale, n)
                for mask, squares in part.squared_weights()
            ]
    return torch.stack(terms).sum() if terms else torch.zeros(())


def member_kl(ensemble: Ensemble, n: int | float | Float[Tensor, "*member"]) -> Float[Tensor, " member"]:
    """Return the `kl` of each member of an ensemble, for n training objects, or its own number for each member."""
    own = isinstance(n, Tensor) and n.ndim > 0
    return ensemble(n if own else None, own, lambda member, each: kl(member, each if own else n))
