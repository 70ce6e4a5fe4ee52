"""Anchors at every position of every level, and the sources that they are assigned to."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torchvision.models.detection._utils import Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from .backbone import Maps
from .boxes import Boxes
from .settings import DetectorSettings

BACKGROUND, IGNORED = Matcher.BELOW_LOW_THRESHOLD, Matcher.BETWEEN_THRESHOLDS
"""What stands in place of the number of a source: -1, -2."""


def make_anchors(settings: DetectorSettings, images: Maps, maps: list[Maps]) -> Boxes:
    """Make the anchors of images, level by level, position by position: the same for every image."""
    generator = AnchorGenerator(settings.level_sizes, (settings.ratios,) * len(settings.level_sizes))
    sizes = [(images.shape[-2], images.shape[-1])]
    return generator(ImageList(images[:1], sizes), [x[:1] for x in maps])[0]


def assign(
    sources: Float[Tensor, "source 4"], boxes: Boxes, positive: float, negative: float, *, best: bool
) -> Int64[Tensor, " box"]:
    """Assign boxes to sources by intersection over union: numbers of sources, -1 for background, -2 for neither.

    Parameters
    ----------
    sources : Tensor
        Rows with NaN are no sources.
    boxes : Tensor
        Anchors or proposals.
    positive, negative : float
        See `DetectorSettings`.
    best : bool
        Whether the best box of a source belongs to it also below `positive`.
    """
    valid = is_source(sources).nonzero()[:, 0]
    if not len(valid) or not len(boxes):
        return torch.full((len(boxes),), BACKGROUND, device=boxes.device)
    index = Matcher(positive, negative, allow_low_quality_matches=best)(box_iou(sources[valid], boxes))
    return torch.where(index >= 0, valid[index.clamp(min=0)], index)


def is_source(boxes: Float[Tensor, "*any 4"]) -> Bool[Tensor, "*any"]:
    """Whether a row of true boxes is a source: rows with NaN fill up images of fewer sources."""
    return ~boxes.isnan().any(-1)
