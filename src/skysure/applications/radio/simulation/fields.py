"""Fields: images of a block and what is seen on them; main sources are redrawn until they are of their class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..classes import CLASSES, MOST, class_index
from .conditions import Conditions, draw_conditions
from .instruments import Instrument
from .labels import Measured, find_islands, measure, owners
from .observing import CONDITIONS, INFRARED, MAIN, Sky, observe_infrared
from .random import Random
from .scenes import Sources

ROUNDS = 24
"""Main sources that are drawn at most for an image; the last one stays whatever its class is."""
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Fields:
    """Images of a block [Jy / beam], shape (object, row, column), and the sources seen on them.

    Parameters
    ----------
    radio : Tensor
    infrared : Tensor, optional
    conditions : Conditions
    seen : dict of str to ndarray, shape (source,)
        By image, rising: "image", "boxes" (source, 4) and "hosts" (source, 2) in pixel edges, "labels",
        "components", "peaks", "signal_to_noise" of the brightest pixel, "flux" [Jy], "is_main".
    """

    radio: Tensor
    infrared: Tensor | None
    conditions: Conditions
    seen: Columns


def draw_fields(instrument: Instrument, size: int, seed: int, numbers: Tensor, *, infrared: bool) -> Fields:
    """Draw the images with these numbers of the stream `seed`, with or without the infrared band."""
    conditions = draw_conditions(instrument, Random(seed, numbers, CONDITIONS))
    sky = Sky(instrument, size, seed, numbers, conditions)
    radio = torch.empty(len(numbers), size, size)
    tables: list[Columns] = []
    chosen: list[Sources] = []
    remaining = torch.arange(len(numbers))
    for step in range(ROUNDS):
        sources, image = sky.observe(remaining, Random(seed, numbers[remaining], MAIN + step))
        table = tabulate(sources, image, conditions[remaining], instrument)
        accepted = torch.from_numpy(is_accepted(table, conditions.target[remaining].numpy())) | (step == ROUNDS - 1)
        radio[remaining[accepted]] = image[accepted]
        chosen.append(sources.of_images(accepted.nonzero()[:, 0]).with_images(remaining[accepted]))
        tables.append(_rows_of(table, accepted.numpy(), remaining.numpy()))
        remaining = remaining[~accepted]
        if not len(remaining):
            break
    picture = None
    if infrared:
        picture = observe_infrared(instrument, size, Sources.concat(*chosen), Random(seed, numbers, INFRARED))
    return Fields(radio, picture, conditions, _with_labels(_sorted(tables)))


def tabulate(sources: Sources, image: Tensor, conditions: Conditions, instrument: Instrument) -> Columns:
    """Measure what is seen on images; one row a source."""
    survey, size, scale = instrument.survey, image.shape[-1], instrument.pixel_scale
    islands = find_islands((image / conditions.noise[:, None, None]).numpy(), survey.contour)
    pieces = sources.gaussians
    x, y = (k.numpy() / scale + size / 2 for k in (pieces.x, pieces.y))
    owner = owners(islands, sources.gaussian_images.numpy(), x, y, pieces.flux.numpy(), pieces.source.numpy())
    measured = measure(islands, owner, survey.detection)
    flux = np.bincount(pieces.source.numpy(), pieces.flux.numpy(), minlength=len(sources))
    host = torch.stack([sources.x, sources.y], 1).numpy()[measured.source] / scale + size / 2
    return _columns(measured) | {
        "image": sources.image.numpy()[measured.source], "hosts": host, "flux": flux[measured.source],
        "is_main": measured.source < len(conditions),
    }  # fmt: skip


def _columns(measured: Measured) -> Columns:
    return {
        "boxes": measured.boxes, "components": measured.components, "peaks": measured.peaks,
        "signal_to_noise": measured.height,
    }  # fmt: skip


def is_accepted(table: Columns, target: np.ndarray) -> np.ndarray:
    """Whether the main source of each image is of the class `target` and all others have a class, shape (object,).

    Parameters
    ----------
    target : ndarray of int, shape (object,)
        -1: no main source.
    """
    label = np.array([class_index(c, p) for c, p in zip(table["components"], table["peaks"], strict=True)], int)
    main = np.full(len(target), -1)
    main[table["image"][table["is_main"]]] = label[table["is_main"]]
    without_class = np.bincount(table["image"][label < 0], minlength=len(target))
    return (main == target) & (without_class == 0)


def _rows_of(table: Columns, accepted: np.ndarray, numbers: np.ndarray) -> Columns:
    """Rows of the accepted images, with the numbers that these have in the block."""
    rows = accepted[table["image"]]
    kept = {name: column[rows] for name, column in table.items()}
    return kept | {"image": numbers[kept["image"]]}


def _sorted(tables: list[Columns]) -> Columns:
    """Join tables, by image."""
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    order = np.argsort(joined["image"], kind="stable")
    return {name: column[order] for name, column in joined.items()}


def _with_labels(table: Columns) -> Columns:
    """Add the index of the class; more components or peaks than the largest class has count as that many."""
    components = table["components"].clip(max=MOST)
    peaks = np.maximum(table["peaks"].clip(max=MOST), components)
    names = [f"{c}C_{p}P" for c, p in zip(components, peaks, strict=True)]
    return table | {"labels": np.array([CLASSES.index(name) for name in names], np.int64)}
