"""Faster R-CNN: anchors to proposals, and a second stage on their pooled features (Ren et al. 2015, arXiv:1506.01497).

Differs from it: nothing is sampled at random (the objectness is learned from all anchors, the second stage from all
proposals and the true boxes), and the second stage gives existence, classes given existence, and one box with its
variances in place of K + 1 classes with a box each.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from .anchors import assign, is_source, make_anchors
from .backbone import Maps
from .boxes import decode, encode
from .heads import Head, Hidden, Raw, clip, take
from .losses import PerImage, existence_loss, mean_by_image, mean_existence_loss
from .pooling import POOLINGS
from .proposals import propose
from .settings import DetectorSettings
from .sources import Sources, source_losses

PRIOR = 0.01
"""Objectness of an anchor before training (Lin et al. 2017, arXiv:1708.02002, section 3.3)."""


class ProposalNetwork(nn.Module):
    """Objectness and a box for each anchor.

    Parameters
    ----------
    settings : DetectorSettings
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        width = settings.fpn_width
        self.convolve = nn.Conv2d(width, width, 3, padding=1)
        self.objectness = nn.Conv2d(width, settings.anchors, 1)
        self.box = nn.Conv2d(width, 4 * settings.anchors, 1)
        for layer in (self.objectness, self.box):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.objectness.bias, -math.log((1 - PRIOR) / PRIOR))

    def forward(self, maps: list[Maps]) -> tuple[Float[Tensor, "object box"], Float[Tensor, "object box 4"]]:
        """Compute logits of the objectness and codes of the boxes, in the order of the anchors."""
        hidden = [F.relu(self.convolve(x)) for x in maps]
        objectness = [self.objectness(x).permute(0, 2, 3, 1).flatten(1) for x in hidden]
        codes = [self.box(x).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, 4)) for x in hidden]
        return torch.cat(objectness, 1), torch.cat(codes, 1)


class TwoStages(nn.Module):
    """The two stages of Faster R-CNN after the backbone.

    Parameters
    ----------
    settings : DetectorSettings
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        self.settings = settings
        self.proposals = ProposalNetwork(settings)
        self.pool = POOLINGS[settings.pooling](settings)
        self.dense = nn.Linear(settings.fpn_width * settings.pooled**2, settings.hidden)
        self.head = Head(settings.hidden, 1, settings, prior=0.5)

    def losses(self, images: Maps, maps: list[Maps], sources: Sources, size: tuple[int, int]) -> dict[str, PerImage]:
        """Compute the losses of each image by name."""
        anchors = make_anchors(self.settings, images, maps)
        logits, codes = self.proposals(maps)
        assigned = self.assign_anchors(sources.boxes, anchors)
        of_objectness = existence_loss(logits, assigned, self.settings.loss)
        boxes, valid = self._propose(anchors, logits, codes, size)
        boxes, valid = add_sources(boxes, valid, sources.boxes)
        matched = torch.stack([assign(*pair, 0.5, 0.5, best=False) for pair in zip(sources.boxes, boxes, strict=True)])
        matched = torch.where(valid, matched, -1)
        raw = Raw.of(self.head(self.regions(maps, boxes, valid, size)), self.settings)
        return {
            "objectness": of_objectness,
            "proposals": proposal_box_loss(codes, anchors, sources.boxes, assigned),
            "existence": mean_existence_loss(raw.existence, matched >= 0, valid),
        } | source_losses(raw, boxes, matched, sources)

    def assign_anchors(
        self, sources: Float[Tensor, "object source 4"], anchors: Float[Tensor, "box 4"]
    ) -> Int64[Tensor, "object box"]:
        """Assign anchors to the sources of each image; see `assign`."""
        bounds = self.settings.positive, self.settings.negative
        return torch.stack([assign(own, anchors, *bounds, best=True) for own in sources])

    def hidden(self, images: Maps, maps: list[Maps], size: tuple[int, int]) -> Hidden:
        """Compute what comes before the head: proposals and their features."""
        anchors = make_anchors(self.settings, images, maps)
        boxes, valid = self._propose(anchors, *self.proposals(maps), size)
        return self.regions(maps, boxes, valid, size)

    def scores(self, maps: list[Maps]) -> Float[Tensor, "object box"]:
        """Compute the objectness of each anchor."""
        return self.proposals(maps)[0].sigmoid()

    def regions(
        self,
        maps: list[Maps],
        boxes: Float[Tensor, "object region 4"],
        valid: Bool[Tensor, "object region"],
        size: tuple[int, int],
    ) -> Hidden:
        """Pool the features of boxes, and apply the first dense layer."""
        filled = tuple(s * x for s, x in zip(maps[0].shape[-2:], (self.settings.strides[0],) * 2, strict=True))
        pooled = self.pool(maps, boxes, filled).flatten(1)
        features = F.relu(self.dense(pooled)).unflatten(0, boxes.shape[:2])
        return {"features": features, "references": boxes, "valid": valid, "anchor": valid.long() * 0}

    def _propose(
        self, anchors: Tensor, logits: Tensor, codes: Tensor, size: tuple[int, int]
    ) -> tuple[Float[Tensor, "object region 4"], Bool[Tensor, "object region"]]:
        boxes = clip(decode(codes.detach(), anchors.expand_as(codes)), size)
        index, valid = propose(boxes, logits, self.settings.proposals)
        return torch.where(valid[..., None], take(boxes, index), boxes.new_tensor([0.0, 0, 1, 1])), valid


def add_sources(
    boxes: Float[Tensor, "object region 4"],
    valid: Bool[Tensor, "object region"],
    sources: Float[Tensor, "object source 4"],
) -> tuple[Float[Tensor, "object any 4"], Bool[Tensor, "object any"]]:
    """Add true boxes to proposals, so that the second stage sees each source from the first step on."""
    true = is_source(sources)
    unit = boxes.new_tensor([0.0, 0, 1, 1])
    return torch.cat([boxes, torch.where(true[..., None], sources, unit)], 1), torch.cat([valid, true], 1)


def proposal_box_loss(
    codes: Float[Tensor, "object box 4"],
    anchors: Float[Tensor, "box 4"],
    sources: Float[Tensor, "object source 4"],
    assigned: Int64[Tensor, "object box"],
) -> PerImage:
    """Huber loss of the codes of anchors that belong to sources, the mean over them."""
    images, boxes = (assigned >= 0).nonzero(as_tuple=True)
    truth = encode(sources[images, assigned[images, boxes]], anchors[boxes])
    losses = F.smooth_l1_loss(codes[images, boxes], truth, reduction="none").sum(-1)
    return mean_by_image(losses, images, len(codes))
