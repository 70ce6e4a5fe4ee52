"""RetinaNet: existence, class and box of every anchor in one stage (Lin et al. 2017, arXiv:1708.02002).

Differs from it: two convolutions that class and box share in place of four for each, then two dense layers at each
position; one existence and a softmax over the classes in place of one sigmoid for each class.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from .anchors import assign, make_anchors
from .backbone import Maps
from .boxes import decode
from .heads import BOX, Head, Hidden, Raw, clip
from .losses import PerImage, existence_loss
from .proposals import propose
from .settings import DetectorSettings
from .sources import Sources, source_losses

PRIOR = 0.01


class OneStage(nn.Module):
    """The dense stage of RetinaNet after the backbone.

    Parameters
    ----------
    settings : DetectorSettings
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        self.settings, width = settings, settings.fpn_width
        self.tower = nn.Sequential(
            *(layer for _ in range(2) for layer in (nn.Conv2d(width, width, 3, padding=1), nn.ReLU()))
        )
        self.head = Head(width, settings.anchors, settings, PRIOR)

    def losses(self, images: Maps, maps: list[Maps], sources: Sources, size: tuple[int, int]) -> dict[str, PerImage]:
        """Compute the losses of each image by name."""
        anchors = make_anchors(self.settings, images, maps)
        assigned = self.assign_anchors(sources.boxes, anchors)
        raw = Raw.of(self.head.all_anchors(self.positions(maps)), self.settings)
        return {"existence": existence_loss(raw.existence, assigned, self.settings.loss)} | source_losses(
            raw, anchors.expand(len(images), -1, -1), assigned, sources
        )

    def assign_anchors(
        self, sources: Float[Tensor, "object source 4"], anchors: Float[Tensor, "box 4"]
    ) -> Int64[Tensor, "object box"]:
        """Assign anchors to the sources of each image; see `assign`."""
        bounds = self.settings.positive, self.settings.negative
        return torch.stack([assign(own, anchors, *bounds, best=True) for own in sources])

    def hidden(self, images: Maps, maps: list[Maps], size: tuple[int, int]) -> Hidden:
        """Compute what comes before the head, at the anchors whose existence without dropout is largest."""
        anchors, features = make_anchors(self.settings, images, maps), self.positions(maps)
        raw = Raw.of(self.head.all_anchors(features), self.settings)
        codes = BOX.parameters(raw.box)[0]
        boxes = clip(decode(codes, anchors.expand_as(codes)), size)
        index, valid = propose(boxes, raw.existence, self.settings.proposals)
        position = torch.div(index, self.settings.anchors, rounding_mode="floor")
        return {
            "features": features.gather(1, position[..., None].expand(-1, -1, features.shape[-1])),
            "references": anchors[index],
            "valid": valid,
            "anchor": index % self.settings.anchors,
        }

    def scores(self, maps: list[Maps]) -> Float[Tensor, "object box"]:
        """Compute the existence of each anchor."""
        return Raw.of(self.head.all_anchors(self.positions(maps)), self.settings).existence.sigmoid()

    def positions(self, maps: list[Maps]) -> Float[Tensor, "object position feature"]:
        """Compute the features of all positions of all levels."""
        return torch.cat([self.tower(x).flatten(2).mT for x in maps], 1)
