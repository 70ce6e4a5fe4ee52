"""Pooling of the features of proposals from the level that fits their size.

RoI align (He et al. 2017, arXiv:1703.06870) is torchvision's. The spatial transformer (Jaderberg et al. 2015,
arXiv:1506.02025) samples a cell at its centre by an affine map from the cells of the proposal to the pixels of the
level, given by the box alone, as in ClaRAN (Wu et al. 2019, arXiv:1805.12008); nothing of it is learned. A proposal of
side s takes the level floor(4 + log2(s / 112)) (Lin et al. 2017, arXiv:1612.03144, eq. 1, with 224 there), on which it
is 7 to 14 cells wide.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign

from .backbone import Maps
from .settings import DetectorSettings

CANONICAL_LEVEL, CANONICAL_SIDE = 4, 112
Pooled = Float[Tensor, "_ _ _ _"]
"""Channels, rows and columns of each region."""


class RoIAlign(nn.Module):
    """RoI align over the levels.

    Parameters
    ----------
    settings : DetectorSettings
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        names = [str(level) for level in range(len(settings.strides))]
        self.align = MultiScaleRoIAlign(
            names, settings.pooled, 2, canonical_scale=CANONICAL_SIDE, canonical_level=CANONICAL_LEVEL
        )

    def forward(self, maps: list[Maps], boxes: Float[Tensor, "object region 4"], size: tuple[int, int]) -> Pooled:
        """Pool the regions of all images, one image after the other."""
        return self.align({str(level): x for level, x in enumerate(maps)}, list(boxes), [size] * len(boxes))


class SpatialTransformer(nn.Module):
    """One bilinear sample for each cell of a proposal.

    Parameters
    ----------
    settings : DetectorSettings
    """

    def __init__(self, settings: DetectorSettings) -> None:
        super().__init__()
        self.cells, self.strides = settings.pooled, settings.strides

    def forward(self, maps: list[Maps], boxes: Float[Tensor, "object region 4"], size: tuple[int, int]) -> Pooled:
        """Pool the regions of all images, one image after the other."""
        flat = boxes.flatten(0, 1)
        images = torch.arange(len(boxes), device=boxes.device).repeat_interleave(boxes.shape[1])
        levels = self._levels(flat)
        pooled = maps[0].new_zeros(len(flat), maps[0].shape[1], self.cells, self.cells)
        for level, (x, stride) in enumerate(zip(maps, self.strides, strict=True)):
            regions = (levels == level).nonzero()[:, 0]
            pooled[regions] = sample_cells(x, flat[regions] / stride, images[regions], self.cells)
        return pooled

    def _levels(self, boxes: Float[Tensor, "box 4"]) -> Tensor:
        side = (boxes[:, 2:] - boxes[:, :2]).prod(1).clamp(min=1e-6).sqrt()
        stride_level = torch.floor(CANONICAL_LEVEL + torch.log2(side / CANONICAL_SIDE) + 1e-6)
        return (stride_level - 2).clamp(0, len(self.strides) - 1) if len(self.strides) > 1 else 0 * side


def sample_cells(x: Maps, boxes: Float[Tensor, "region 4"], images: Int64[Tensor, " region"], cells: int) -> Pooled:
    """Sample maps at the centres of the cells of boxes in map pixels, position i being the centre of map pixel i.

    The samples of all regions of an image are columns of one grid, so that maps are not copied for each region.
    """
    offsets = (torch.arange(cells, device=boxes.device) + 0.5) / cells
    columns = boxes[:, None, 0] + offsets * (boxes[:, 2] - boxes[:, 0])[:, None]
    rows = boxes[:, None, 1] + offsets * (boxes[:, 3] - boxes[:, 1])[:, None]
    pooled = x.new_zeros(len(boxes), x.shape[1], cells, cells)
    for image in images.unique():
        own = (images == image).nonzero()[:, 0]
        grid = torch.stack(
            [
                _normalise(columns[own], x.shape[-1])[:, None, :].expand(-1, cells, -1),
                _normalise(rows[own], x.shape[-2])[:, :, None].expand(-1, -1, cells),
            ],
            -1,
        )
        sampled = F.grid_sample(x[image][None], grid.reshape(1, -1, cells, 2), align_corners=True)
        pooled[own] = sampled[0].unflatten(1, (len(own), cells)).transpose(0, 1)
    return pooled


def _normalise(positions: Tensor, size: int) -> Tensor:
    """Positions from -1 at the centre of the first pixel to 1 at that of the last."""
    return 2 * positions / max(size - 1, 1) - 1


POOLINGS = {"align": RoIAlign, "transformer": SpatialTransformer}
