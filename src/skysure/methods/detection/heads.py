"""The head of a detector: features of regions to existence, class, box and host, with dropout.

All layers here have dropout, and nothing before them has: posterior samples run this head alone. A sample is one
function: one set of masks for all regions of an image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from skysure.methods.dropout import Dropout
from skysure.methods.likelihoods import Gaussian

from .boxes import decode, decode_points, edge_covariance
from .settings import DetectorSettings

BOX, HOST = Gaussian(4), Gaussian(2)
Hidden = dict[str, Tensor]
"""Regions before the head: "features" (object, region, feature), "references" (object, region, 4), "anchor" and "valid"
(object, region): the number of the anchor at its position, and whether it is a region at all."""


@dataclass(frozen=True)
class Raw:
    """Outputs of a head, by region.

    Parameters
    ----------
    existence : Tensor, shape (...)
        Logit of the probability to be a source.
    classes : Tensor, shape (..., class)
        Logits of the classes given that it is one.
    box : Tensor, shape (..., 8)
        Means and log variances of the code of the box.
    host : Tensor, shape (..., 4), or None
        Means and log variances of the code of the host.
    """

    existence: Float[Tensor, "*region"]
    classes: Float[Tensor, "*region class"]
    box: Float[Tensor, "*region 8"]
    host: Float[Tensor, "*region 4"] | None

    @classmethod
    def of(cls, outputs: Float[Tensor, "*region output"], settings: DetectorSettings) -> Raw:
        """Divide the outputs of a head."""
        existence, classes, box, host = outputs.split([1, settings.classes, 8, 4 * settings.hosts], -1)
        return cls(existence[..., 0], classes, box, host if settings.hosts else None)


@dataclass(frozen=True)
class Regions:
    """What a head says of regions.

    Parameters
    ----------
    existence : Tensor, shape (...)
        Probability to be a source; 0 for a region that is none.
    classes : Tensor, shape (..., class)
        Probabilities of the classes given that it is one.
    boxes : Tensor, shape (..., 4)
        Edges [pixel], inside the image.
    covariance : Tensor, shape (..., 4, 4)
        Covariance of the edges [pixel²], of the noise alone.
    hosts, host_covariance : Tensor, shapes (..., 2) and (..., 2, 2), or None
        Positions of host galaxies [pixel] and their covariance [pixel²].
    """

    existence: Float[Tensor, "*region"]
    classes: Float[Tensor, "*region class"]
    boxes: Float[Tensor, "*region 4"]
    covariance: Float[Tensor, "*region 4 4"]
    hosts: Float[Tensor, "*region 2"] | None
    host_covariance: Float[Tensor, "*region 2 2"] | None


class Head(nn.Module):
    """Two dense layers with dropout on features of a region, for one or several anchors there.

    Parameters
    ----------
    features : int
    anchors : int
        Anchors of a position, each with its own outputs.
    settings : DetectorSettings
    prior : float
        Existence that the untrained head gives to everything.
    """

    def __init__(self, features: int, anchors: int, settings: DetectorSettings, prior: float) -> None:
        super().__init__()
        self.anchors, self.outputs = anchors, settings.outputs
        first, last = nn.Linear(features, features), nn.Linear(features, anchors * settings.outputs)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        with torch.no_grad():
            last.bias.view(anchors, -1)[:, 0] = math.log(prior / (1 - prior))
        if settings.rate:
            first, last = (Dropout(layer, settings.rate, learned=settings.learned_rate) for layer in (first, last))
        self.layers = nn.Sequential(first, nn.ReLU(), last)

    def forward(self, hidden: Hidden) -> Float[Tensor, "object region output"]:
        """Compute the outputs of the anchor of each region."""
        outputs = self.layers(hidden["features"]).unflatten(-1, (self.anchors, self.outputs))
        index = hidden["anchor"][..., None, None].expand(-1, -1, 1, self.outputs)
        return outputs.gather(2, index)[:, :, 0]

    def all_anchors(self, features: Float[Tensor, "object position feature"]) -> Float[Tensor, "object region output"]:
        """Compute the outputs of all anchors of each position."""
        return self.layers(features).unflatten(-1, (self.anchors, self.outputs)).flatten(1, 2)


def describe_regions(
    raw: Raw,
    references: Float[Tensor, "*region 4"],
    valid: Bool[Tensor, "*region"],
    size: tuple[int, int],
) -> Regions:
    """Turn the outputs of a head into probabilities and boxes of an image of `size` (rows, columns)."""
    mean, log_variance = BOX.parameters(raw.box)
    boxes = decode(mean, references)
    covariance = edge_covariance(log_variance.exp(), boxes, references)
    hosts = host_covariance = None
    if raw.host is not None:
        host_mean, host_log_variance = HOST.parameters(raw.host)
        hosts, host_covariance = decode_points(host_mean, host_log_variance.exp(), references)
    return Regions(
        torch.where(valid, raw.existence.sigmoid(), 0.0),
        raw.classes.softmax(-1),
        clip(boxes, size),
        covariance,
        hosts,
        host_covariance,
    )


def clip(boxes: Float[Tensor, "*region 4"], size: tuple[int, int]) -> Float[Tensor, "*region 4"]:
    """Clip boxes to an image of `size` (rows, columns)."""
    rows, columns = size
    return torch.minimum(boxes.clamp(min=0), boxes.new_tensor([columns, rows, columns, rows]))


def take(
    values: Float[Tensor, "object box value"], index: Int64[Tensor, "object region"]
) -> Float[Tensor, "object region value"]:
    """Take the values of boxes by their numbers in each image."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))
