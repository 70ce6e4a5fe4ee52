"""What the network reads of images, and of labelled sources: bands in units of their noise, stretched."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from .images import RadioImages
from .settings import Settings
from .truth import Truth

Batch = dict[str, Tensor]

SOURCES = 48
"""Labelled sources of an image that are trained on, at most: those of the largest boxes."""
STRETCH = 3.0
"""Signal-to-noise ratio from which on the stretch is logarithmic."""


def encode(images: RadioImages, settings: Settings) -> Float[Tensor, "object channel row column"]:
    """Give the channels of each image: asinh(S/N / 3) of every band, and for each band whether a pixel has data.

    Blank pixels and missing bands are 0. The images are enlarged as the settings say.
    """
    bands = [_signal_to_noise(images, band) for band in settings.bands]
    channels = np.stack([*(np.arcsinh(band / STRETCH) for band in bands), *(np.isfinite(band) for band in bands)], 1)
    tensor = torch.from_numpy(np.nan_to_num(channels, nan=0.0).astype(np.float32))
    return tensor if settings.enlarge == 1 else interpolate(tensor, scale_factor=settings.enlarge, mode="bilinear")


def _signal_to_noise(images: RadioImages, band: str) -> np.ndarray:
    """Image in a band over its noise, NaN where blank, shape (object, row, column)."""
    if band not in images.bands:
        return np.full((len(images), *images.image.shape[2:]), np.nan, np.float32)
    noise = images.noise[:, images.bands.index(band)]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = images.band(band) / np.where(noise > 0, noise, np.nan)
    return np.where(np.isfinite(ratio), ratio, np.nan)


def encode_labelled(images: RadioImages, settings: Settings) -> Batch:
    """Give a batch with "images", and "boxes", "classes", and with infrared "hosts" of the labelled sources."""
    truth = images.truth if images.truth is not None else Truth.empty(len(images))
    return {"images": encode(images, settings)} | encode_truth(truth, settings)


def encode_truth(truth: Truth, settings: Settings) -> Batch:
    """Give the labelled sources of images, filled up to `SOURCES` with rows of NaN, in pixels of the network."""
    shape = (len(truth.counts), SOURCES)
    boxes, hosts = (torch.full((*shape, width), torch.nan) for width in (4, 2))
    classes = torch.zeros(*shape, len(truth.classes))
    for k in range(len(truth.counts)):
        sources = truth.of_image(k)
        largest = np.argsort(-np.prod(sources.boxes[:, 2:] - sources.boxes[:, :2], axis=1), kind="stable")[:SOURCES]
        rows = slice(len(largest))
        boxes[k, rows] = torch.from_numpy(sources.boxes[largest] * settings.enlarge)
        classes[k, rows] = torch.from_numpy(class_probabilities(sources)[largest])
        hosts[k, rows] = torch.from_numpy(sources.hosts[largest] * settings.enlarge).float()
    batch = {"boxes": boxes, "classes": classes}
    return batch | ({"hosts": hosts} if settings.infrared else {})


def class_probabilities(truth: Truth) -> Float[np.ndarray, "source class"]:
    """Probabilities of the classes as labelled: those of volunteers where they are known, else 0 and 1."""
    certain = np.eye(len(truth.classes), dtype=np.float32)[truth.labels]
    is_known = np.isfinite(truth.probabilities).all(1, keepdims=True)
    return np.where(is_known, truth.probabilities, certain)


def turn(batch: Batch, quarters: int, mirrored: bool) -> Batch:
    """Turn a batch by quarters of a turn, counter-clockwise with rows upward, after a reflection of x."""
    turned = dict(batch)
    for _ in range(int(mirrored)):
        turned = _reflect(turned)
    for _ in range(quarters):
        turned = _turn_once(turned)
    return turned


def _reflect(batch: Batch) -> Batch:
    width = batch["images"].shape[-1]
    x0, y0, x1, y1 = batch["boxes"].unbind(-1)
    turned = batch | {
        "images": batch["images"].flip(-1),
        "boxes": torch.stack([width - x1, y0, width - x0, y1], -1),
    }
    if "hosts" in batch:
        x, y = batch["hosts"].unbind(-1)
        turned["hosts"] = torch.stack([width - x, y], -1)
    return turned


def _turn_once(batch: Batch) -> Batch:
    """Turn by 90 degrees: (x, y) becomes (height - y, x)."""
    height = batch["images"].shape[-2]
    x0, y0, x1, y1 = batch["boxes"].unbind(-1)
    # rows grow upwards: what torch calls clockwise on a printed array is counter-clockwise on the sky
    turned = batch | {
        "images": torch.rot90(batch["images"], -1, (-2, -1)),
        "boxes": torch.stack([height - y1, x0, height - y0, x1], -1),
    }
    if "hosts" in batch:
        x, y = batch["hosts"].unbind(-1)
        turned["hosts"] = torch.stack([height - y, x], -1)
    return turned
