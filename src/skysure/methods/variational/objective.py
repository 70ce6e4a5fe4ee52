"""The KL term of the training objective: KL(q || prior) / N, added to the mean negative log-likelihood.

For each mask, with K inputs dropped independently at rate p, prior length scale l, and N training objects:

    l^2 / (2 N (1 - p)) |W|^2  -  (K / N) H(p),     H(p) = -p log p - (1 - p) log(1 - p)

Gal, Hron and Kendall 2017 (arXiv:1705.07832), eq. 3 and 4, with weights M = W / (1 - p), since kept inputs are scaled
by 1 / (1 - p). The likelihood must include its factor 1/2 (the authors' notebooks leave it out, and double both terms).
K is the number of independent masks (features or channels, not pixels or time steps), and |W|^2 does not include
biases, which are not dropped.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.dropout.layers import Dropout
from skysure.methods.dropout.tied import TiedDropout
from skysure.methods.ensembles import Ensemble


def bernoulli_entropy(rate: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Entropy H(p) of one mask, in nat."""
    return torch.special.entr(rate) + torch.special.entr(1 - rate)


def dropout_kl(
    squared_weights: Float[Tensor, ""],
    rate: Float[Tensor, ""],
    masks: int,
    length_scale: float,
    n: int | float | Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """KL divergence of one layer from its prior, divided by N, up to a constant.

    Parameters
    ----------
    squared_weights : Tensor
        |W|^2, without biases.
    rate : Tensor
        p.
    masks : int
        K, number of inputs that are dropped independently.
    length_scale : float
        l of the prior N(0, 1/l^2).
    n : int, float or Tensor
        N, number of training objects.
    """
    return length_scale**2 * squared_weights / (2 * n * (1 - rate)) - masks / n * bernoulli_entropy(rate)


def kl(model: nn.Module, n: int | float | Float[Tensor, "*member"]) -> Float[Tensor, ""]:
    """Sum `dropout_kl` over all masks of a model: the term to add to the mean negative log-likelihood of a batch.

    For an ensemble it is the sum over its members, as the total loss of independent members is.

    Parameters
    ----------
    model : nn.Module
    n : int, float or Tensor
        Number of training objects (not of a batch); for an ensemble optionally one number for each member.
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
    """Return the `kl` of each member of an ensemble, for n training objects, or one number for each member."""
    per_member = isinstance(n, Tensor) and n.ndim > 0
    return ensemble(n if per_member else None, per_member, lambda member, own: kl(member, own if per_member else n))
