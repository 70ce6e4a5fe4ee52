"""Images of real galaxies as sources of simulated lenses, for tests and benchmarks; none of them is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from .images import LensImages
from .settings import Settings
from .simulation.hezaveh import Hezaveh, draw_hezaveh, render_hezaveh
from .simulation.instruments import instrument
from .simulation.light import Pixelated
from .simulation.populations import draw_survey
from .simulation.random import Random
from .simulation.rendering import render
from .simulation.scenes import Scene
from .simulator import to_lens_images

STAMP = 96
"""Pixels along each side to which stamps are cropped or padded."""


def simulate_with_stamps(stamps: Sequence[np.ndarray], settings: Settings, n: int, seed: int) -> LensImages:
    """Simulate n lenses as the settings say, with images of galaxies as sources, taken in turn.

    Each has the position and the half-light radius of the galaxy for which it stands, and is turned by a random angle.

    Parameters
    ----------
    stamps : sequence of ndarray, shape (row, column)
        Images of one galaxy each, in its middle, with the background subtracted.
    """
    camera, random = instrument(settings.instrument), Random(n, seed, 99)
    is_survey = settings.population == "survey"
    scene = (
        draw_survey(camera, settings.size, random)
        if is_survey
        else draw_hezaveh(Hezaveh(), camera, settings.size, random)
    )
    scene = replace(scene, stamp=place_stamps([clean_stamp(stamp) for stamp in stamps], scene, random))
    images = (
        render(scene, camera, settings.size, random.generator)
        if is_survey
        else render_hezaveh(Hezaveh(), scene, camera, settings.size, random)
    )
    chunk = to_lens_images(scene, images, camera, [f"stamp-{seed}-{k}" for k in range(n)])
    return replace(chunk, objects=chunk.objects | {"stamp": np.arange(n) % len(stamps)})


def clean_stamp(stamp: np.ndarray) -> np.ndarray:
    """Cut the galaxy out of its noise: beyond 2.5 half-light radii light fades to nothing within another radius.

    Returns
    -------
    ndarray of float32, shape (STAMP, STAMP)
        Of sum 1, not negative; the centre of the light is in the middle, to a pixel.
    """
    image = np.nan_to_num(np.asarray(stamp, np.float32))
    image = image - np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]))
    row, column = _centre(image)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot(y - row, x - column)
    radius = half_light_radius(image, distance)
    taper = np.clip(3.5 - distance / radius, 0, 1)
    image = np.clip(image, 0, None) * taper
    padded = np.pad(image, STAMP)
    top, left = (round(float(c)) + STAMP - STAMP // 2 for c in (row, column))
    cut = padded[top : top + STAMP, left : left + STAMP]
    return (cut / cut.sum()).astype(np.float32)


def half_light_radius(image: np.ndarray, distance: np.ndarray) -> float:
    """Distance within which half of the light is [pixel], at least 1; the total is the largest sum of any distance."""
    order = np.argsort(distance, axis=None)
    growth = np.cumsum(image.ravel()[order])
    return max(1.0, float(distance.ravel()[order][np.argmax(growth > growth.max() / 2)]))


def place_stamps(stamps: Sequence[np.ndarray], scene: Scene, random: Random) -> Pixelated:
    """Put stamps where the sources of a scene are, with their half-light radii."""
    n = len(scene)
    turn = torch.arange(n) % len(stamps)
    y, x = np.mgrid[:STAMP, :STAMP] - (STAMP - 1) / 2
    radii = torch.tensor([half_light_radius(stamp, np.hypot(y, x)) for stamp in stamps])
    image = functional.pad(torch.from_numpy(np.stack(stamps))[turn], (1, 1, 1, 1))
    main = scene.source[:n]
    scale = main.radius / radii[turn]
    angle = random.uniform(0, 2 * np.pi)
    return Pixelated(image / (scale**2)[:, None, None], scale, main.x, main.y, angle)


def _centre(image: np.ndarray) -> tuple[float, float]:
    """Centre of the light in the middle of an image (row, column), of the pixels above a fifth of the brightest."""
    rows, columns = image.shape
    middle = image[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    weight = np.where(middle > 0.2 * middle.max(), middle, 0)
    y, x = np.mgrid[: middle.shape[0], : middle.shape[1]]
    total = weight.sum()
    return float((weight * y).sum() / total + rows // 4), float((weight * x).sum() / total + columns // 4)
