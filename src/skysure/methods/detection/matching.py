"""Posterior samples of detections: the boxes of every pass matched to those of the pass without dropout, then merged.

A region of a pass belongs to the detection that it overlaps most, if their intersection over union is at least 0.5; of
several the one of largest existence counts. With e_s the existence, p_s the class probabilities, b_s the box and C_s
its covariance in pass s of S, and means and sums over the T passes in which the source is detected:

    existence = sum_s e_s / S            classes = mean p_s         box = mean b_s
    aleatoric = mean C_s                 epistemic = sum_s (b_s - box)(b_s - box)' / (T - 1)
    H(classes) = mean H(p_s) + mean KL(p_s || classes)

as in `sampling.decomposition`. A source that a pass misses has the existence 0 there. Miller et al. 2018
(arXiv:1710.06677) cluster the detections of whole passes; here the regions are those of one backbone pass, and a region
of a pass overlaps the one it came from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torchvision.ops import box_iou

from .candidates import Candidates
from .heads import Regions

MATCH = 0.5
"""Smallest intersection over union of a detection and a region of a pass that belongs to it."""


def match_passes(
    boxes: Float[Tensor, "sample region 4"],
    existence: Float[Tensor, "sample region"],
    detections: Float[Tensor, "n 4"],
    overlap: float = MATCH,
) -> tuple[Int64[Tensor, "sample n"], Bool[Tensor, "sample n"]]:
    """Find the region of each pass that belongs to each detection, and whether there is one."""
    if not len(detections):
        empty = torch.zeros(len(boxes), 0, dtype=torch.long, device=boxes.device)
        return empty, empty.bool()
    iou = box_iou(boxes.flatten(0, 1), detections).unflatten(0, boxes.shape[:2])
    largest, owner = iou.max(-1)
    numbers = torch.arange(len(detections), device=boxes.device)
    belongs = (owner[..., None] == numbers) & (largest >= overlap)[..., None] & (existence > 0)[..., None]
    score, index = torch.where(belongs, existence[..., None], -1.0).max(1)
    return index, score > 0


@dataclass(frozen=True)
class MergedValues:
    """Mean of values over the passes in which a source is detected, and the parts of their covariance.

    Parameters
    ----------
    mean : Tensor, shape (n, value)
    aleatoric, epistemic : Tensor, shape (n, value, value)
    """

    mean: Float[Tensor, "n value"]
    aleatoric: Float[Tensor, "n value value"]
    epistemic: Float[Tensor, "n value value"]


def merge_values(
    values: Float[Tensor, "sample n value"],
    covariance: Float[Tensor, "sample n value value"],
    detected: Bool[Tensor, "sample n"],
) -> MergedValues:
    """Merge values by the law of total covariance; without a pass they are NaN, with one the epistemic part is 0."""
    count = detected.sum(0)
    mask = detected[..., None]
    mean = torch.where(mask, values, 0.0).sum(0) / count[:, None]
    centred = torch.where(mask, values - mean, 0.0)
    epistemic = torch.einsum("sni,snj->nij", centred, centred) / (count - 1).clamp(min=1)[:, None, None]
    aleatoric = torch.where(mask[..., None], covariance, 0.0).sum(0) / count[:, None, None]
    return MergedValues(mean, aleatoric, epistemic)


def merge_classes(
    classes: Float[Tensor, "sample n class"], detected: Bool[Tensor, "sample n"]
) -> tuple[Float[Tensor, "n class"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Merge class probabilities; returns them with the aleatoric and the epistemic part of their entropy [nat]."""
    mask, count = detected[..., None], detected.sum(0)
    mean = torch.where(mask, classes, 0.0).sum(0) / count[:, None]
    entropy = torch.where(detected, torch.special.entr(classes).sum(-1), 0.0).sum(0) / count
    divergence = (torch.xlogy(classes, classes) - torch.xlogy(classes, mean)).sum(-1)
    return mean, entropy, (torch.where(detected, divergence, 0.0).sum(0) / count).clamp(min=0)


def merge_passes(single: Candidates, passes: Regions) -> Candidates:
    """Merge the passes over an image into its detections of the pass without dropout; those of no pass are dropped.

    Parameters
    ----------
    single : Candidates
        Detections of the pass without dropout.
    passes : Regions
        Of shape (sample, region).
    """
    index, detected = match_passes(passes.boxes, passes.existence, single.boxes)
    kept = detected.any(0)
    index, detected = index[:, kept], detected[:, kept]
    existence = torch.where(detected, passes.existence.gather(1, index), 0.0)
    order = existence.mean(0).argsort(descending=True, stable=True)
    index, detected, existence = index[:, order], detected[:, order], existence[:, order]
    boxes = merge_values(_take(passes.boxes, index), _take(passes.covariance, index), detected)
    hosts = host_covariance = host_epistemic = None
    if passes.hosts is not None and passes.host_covariance is not None:
        merged = merge_values(_take(passes.hosts, index), _take(passes.host_covariance, index), detected)
        hosts, host_epistemic = merged.mean, merged.epistemic
        host_covariance = merged.aleatoric + merged.epistemic
    classes, class_aleatoric, class_epistemic = merge_classes(_take(passes.classes, index), detected)
    return Candidates(
        boxes=boxes.mean,
        existence=existence.mean(0),
        classes=classes,
        covariance=boxes.aleatoric + boxes.epistemic,
        aleatoric=boxes.aleatoric,
        epistemic=boxes.epistemic,
        class_aleatoric=class_aleatoric,
        class_epistemic=class_epistemic,
        existence_error=existence.std(0, correction=min(1, len(existence) - 1)),
        passes=detected.sum(0),
        hosts=hosts,
        host_covariance=host_covariance,
        host_epistemic=host_epistemic,
        features=single.features[kept][order],
        image_features=single.image_features,
    )


def _take(values: Float[Tensor, "sample region *value"], index: Int64[Tensor, "sample n"]) -> Tensor:
    """Take the values of the regions of each pass."""
    return values[torch.arange(len(index), device=index.device)[:, None], index]
