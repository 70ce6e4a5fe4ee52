"""Detections of an image with their uncertainty, after suppression whatever the classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torchvision.ops import nms

from .heads import Regions


@dataclass(frozen=True)
class Candidates:
    """Detections of one image, by falling existence. Boxes are (x0, y0, x1, y1) in pixel edges.

    Parameters
    ----------
    boxes : Tensor, shape (n, 4)
        Edges [pixel]: of one pass, or the mean over the passes in which the source is detected.
    existence : Tensor, shape (n,)
        Probability to be a source, before calibration; the mean over all passes, 0 where it is not detected.
    classes : Tensor, shape (n, class)
        Probabilities of the classes given that it is one.
    covariance : Tensor, shape (n, 4, 4)
        Covariance of the edges [pixel²]: the sum of the next two.
    aleatoric, epistemic : Tensor, shape (n, 4, 4)
        The mean of the covariances of the passes, and the covariance of their boxes (0 for one pass).
    class_aleatoric, class_epistemic : Tensor, shape (n,)
        Mean of the entropies of the passes, and mutual information of class and weights [nat] (0 for one pass).
    existence_error : Tensor, shape (n,)
        Standard deviation of the existence over the passes (0 for one pass).
    passes : Tensor, int, shape (n,)
        Number of passes in which the source is detected.
    hosts, host_covariance : Tensor, shapes (n, 2) and (n, 2, 2), or None
        Positions of host galaxies [pixel], in the coordinates of the boxes, and their covariance [pixel²].
    host_epistemic : Tensor, shape (n, 2, 2), or None
        The part of `host_covariance` between the passes.
    features : Tensor, shape (n, feature)
        What the head reads of each source, for an OOD score.
    image_features : Tensor, shape (feature,)
        Mean and standard deviation of the maps of the image, for an OOD score of the image.
    """

    boxes: Float[Tensor, "n 4"]
    existence: Float[Tensor, " n"]
    classes: Float[Tensor, "n class"]
    covariance: Float[Tensor, "n 4 4"]
    aleatoric: Float[Tensor, "n 4 4"]
    epistemic: Float[Tensor, "n 4 4"]
    class_aleatoric: Float[Tensor, " n"]
    class_epistemic: Float[Tensor, " n"]
    existence_error: Float[Tensor, " n"]
    passes: Int64[Tensor, " n"]
    hosts: Float[Tensor, "n 2"] | None
    host_covariance: Float[Tensor, "n 2 2"] | None
    host_epistemic: Float[Tensor, "n 2 2"] | None
    features: Float[Tensor, "n feature"]
    image_features: Float[Tensor, " summary"]


SMALLEST_EXISTENCE = 1e-3
"""Regions of lower existence are not detections at any threshold that is of use."""


def suppress(
    boxes: Float[Tensor, "region 4"], existence: Float[Tensor, " region"], overlap: float, most: int
) -> Int64[Tensor, " n"]:
    """Select regions by falling existence, without those that overlap one of higher existence, whatever the classes."""
    likely = (existence >= SMALLEST_EXISTENCE).nonzero()[:, 0]
    return likely[nms(boxes[likely], existence[likely], overlap)[:most]]


def single_pass(regions: Regions, features: Tensor, image_features: Tensor, index: Tensor) -> Candidates:
    """Make the candidates of one pass over one image from the regions that suppression left."""
    classes, covariance, existence = regions.classes[index], regions.covariance[index], regions.existence[index]
    hosts = None if regions.hosts is None else regions.hosts[index]
    host_covariance = None if regions.host_covariance is None else regions.host_covariance[index]
    none = torch.zeros_like(existence)
    return Candidates(
        boxes=regions.boxes[index],
        existence=existence,
        classes=classes,
        covariance=covariance,
        aleatoric=covariance,
        epistemic=torch.zeros_like(covariance),
        class_aleatoric=torch.special.entr(classes).sum(-1),
        class_epistemic=none,
        existence_error=none,
        passes=torch.ones_like(index),
        hosts=hosts,
        host_covariance=host_covariance,
        host_epistemic=None if host_covariance is None else torch.zeros_like(host_covariance),
        features=features[index],
        image_features=image_features,
    )
