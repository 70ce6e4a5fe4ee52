"""The verb simulate: images of lenses with their true parameters."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from skysure.data.simulated import SimulatedSource
from skysure.data.sources import Source
from skysure.data.split import PARTS

from .images import LensImages
from .settings import Schema, Settings
from .simulation.instruments import Instrument, instrument
from .simulation.populations import Survey, draw_survey, theta_e_range
from .simulation.random import Random
from .simulation.rendering import render

BLOCK = 64
"""Images drawn at a time."""


def simulate(settings: Settings, n: int | None, seed: int) -> Source:
    """Simulate n images of lenses; None: endless for training, fixed for the other parts.

    Image k is the same whatever n is: it depends on the settings, the seed and k.
    """
    camera = instrument(settings.instrument)
    population = Survey()
    draw = partial(draw_images, population, camera, settings.size)
    sizes = {part: getattr(settings, part) for part in PARTS[1:]}
    return SimulatedSource(_schema(settings, camera, population), draw, n, seed, sizes)


def draw_images(population: Survey, camera: Instrument, size: int, seed: int, block: int, first: int) -> LensImages:
    """Draw block number `block` of the stream `seed`; its first image has the number `first`."""
    random = Random(BLOCK, seed, block)
    scene = draw_survey(population, camera, size, random)
    images = render(scene, camera, size, random.generator)
    truth = torch.cat([scene.mass, images.mu[:, None]], 1)
    ids = np.char.add(f"{seed}-", np.arange(first, first + BLOCK).astype(str))
    return LensImages(
        image=images.image.numpy(), noise=images.noise.numpy(), mask=images.mask.numpy(), psf=scene.psf.numpy(),
        pixel_scale=camera.pixel_scale, ids=ids, truth=truth.double().numpy(),
        objects={"signal_to_noise": scene.signal_to_noise.numpy(), "exposure": scene.exposure.numpy()},
    )  # fmt: skip


def _schema(settings: Settings, camera: Instrument, population: Survey) -> Schema:
    return Schema(
        settings.size, camera.pixel_scale, camera.name, theta_e=theta_e_range(population, camera, settings.size)
    )
