"""Proposals: the boxes of largest score that do not overlap much, as many for every image."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torchvision.ops import nms

OVERLAP = 0.7
"""Intersection over union above which the proposal of lower score is removed (Ren et al. 2015)."""
CONSIDERED = 6
"""Boxes that are considered for each proposal."""
SMALLEST_SIDE = 1e-3
"""Proposals smaller than this [pixel], as outside the image, are none."""


def propose(
    boxes: Float[Tensor, "object box 4"], scores: Float[Tensor, "object box"], count: int
) -> tuple[Int64[Tensor, "object region"], Bool[Tensor, "object region"]]:
    """Select `count` boxes of each image, by falling score.

    Returns
    -------
    index : Tensor
        Numbers of the boxes; 0 where an image has fewer.
    valid : Tensor
        False there.
    """
    boxes, scores = boxes.detach(), scores.detach()
    top_scores, top = scores.topk(min(CONSIDERED * count, scores.shape[1]), 1)
    index = top.new_zeros(len(boxes), count)
    valid = torch.zeros_like(index, dtype=torch.bool)
    for image, (image_scores, numbers) in enumerate(zip(top_scores, top, strict=True)):
        candidates = boxes[image, numbers]
        large = ((candidates[:, 2:] - candidates[:, :2]) > SMALLEST_SIDE).all(1).nonzero()[:, 0]
        kept = large[nms(candidates[large], image_scores[large], OVERLAP)[:count]]
        index[image, : len(kept)] = numbers[kept]
        valid[image, : len(kept)] = True
    return index, valid
