"""Losses of a detector: existence, classes given existence, boxes and hosts given existence; in nat, by image.

Focal loss (Lin et al. 2017, arXiv:1708.02002, eq. 5) is torchvision's: -a_t (1 - p_t)^2 log p_t with p_t the
probability of the truth, a = 0.25 for sources and 0.75 for the background. Its sum over all anchors is divided by the
number of those that belong to sources, the mean over a batch: an image without sources has none. Boxes and hosts: the
negative log-likelihood of a Gaussian whose variances the network gives (Kendall & Gal 2017, arXiv:1703.04977, eq. 5),
which are the noise in boxes that people draw.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from .anchors import IGNORED

PerImage = Float[Tensor, " object"]


def existence_loss(logits: Float[Tensor, "object box"], assigned: Int64[Tensor, "object box"], loss: str) -> PerImage:
    """Focal loss or cross-entropy of the existence, summed over all boxes, per box of a mean image that is a source."""
    is_source = assigned >= 0
    truth = is_source.to(logits.dtype)
    losses = (
        sigmoid_focal_loss(logits, truth)
        if loss == "focal"
        else F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    )
    return torch.where(assigned == IGNORED, 0.0, losses).sum(1) / truth.sum(1).mean().clamp(min=1)


def mean_existence_loss(
    logits: Float[Tensor, "object box"], truth: Bool[Tensor, "object box"], valid: Bool[Tensor, "object box"]
) -> PerImage:
    """Cross-entropy of the existence, the mean over the valid boxes of an image."""
    losses = F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="none")
    return torch.where(valid, losses, 0.0).sum(1) / valid.sum(1).clamp(min=1)


def class_loss(logits: Float[Tensor, "box class"], truth: Float[Tensor, "box class"]) -> Float[Tensor, " box"]:
    """Cross-entropy of class probabilities, which may be those of volunteers: -sum_k t_k log p_k."""
    return -(truth * logits.log_softmax(-1)).sum(-1)


def mean_by_image(losses: Float[Tensor, " box"], images: Int64[Tensor, " box"], count: int) -> PerImage:
    """Mean over the boxes of each image; 0 for an image without."""
    total = losses.new_zeros(count).index_add(0, images, losses)
    return total / torch.bincount(images, minlength=count).clamp(min=1)


def consensus_labels(
    classes: Int64[Tensor, "*source"], level: Float[Tensor, "*source"], count: int
) -> Float[Tensor, "*source class"]:
    """Class probabilities of a label on which a fraction `level` of volunteers agrees; the rest is spread evenly.

    Examples
    --------
    >>> consensus_labels(torch.tensor([1]), torch.tensor([0.8]), 3)
    tensor([[0.1000, 0.8000, 0.1000]])
    """
    others = (1 - level) / max(count - 1, 1)
    return torch.where(F.one_hot(classes, count).bool(), level[..., None], others[..., None])
