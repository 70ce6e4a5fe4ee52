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
from .simulation.hezaveh import Hezaveh, draw_hezaveh, render_hezaveh
from .simulation.instruments import Instrument, instrument
from .simulation.populations import draw_survey, theta_e_range
from .simulation.random import Random
from .simulation.rendering import Images, render
from .simulation.scenes import Scene

BLOCK = 64
"""Images drawn at a time."""


def simulate(settings: Settings, n: int | None, seed: int) -> Source:
    """Simulate n images of lenses; None: endless for training, fixed for the other parts.

    Image k is the same whatever n is: it depends on the settings, the seed and k.
    """
    camera = instrument(settings.instrument)
    draw = partial(draw_images, settings.population, camera, settings.size)
    sizes = {part: getattr(settings, part) for part in PARTS[1:]}
    return SimulatedSource(_schema(settings, camera), draw, n, seed, sizes)


def draw_images(population: str, camera: Instrument, size: int, seed: int, block: int, first: int) -> LensImages:
    """Draw block number `block` of the stream `seed`; its first image has the number `first`."""
    random = Random(BLOCK, seed, block)
    if population == "hezaveh":
        scene = draw_hezaveh(Hezaveh(), camera, size, random)
        images = render_hezaveh(Hezaveh(), scene, camera, size, random)
    else:
        scene = draw_survey(camera, size, random)
        images = render(scene, camera, size, random.generator)
    return to_lens_images(scene, images, camera, [f"{seed}-{first + k}" for k in range(BLOCK)])


def to_lens_images(scene: Scene, images: Images, camera: Instrument, ids: list[str]) -> LensImages:
    """Give images with their truth as a chunk."""
    truth = torch.cat([scene.mass, images.mu[:, None]], 1)
    return LensImages(
        image=images.image.numpy(), noise=images.noise.numpy(), mask=images.mask.numpy(), psf=scene.psf.numpy(),
        pixel_scale=camera.pixel_scale, ids=np.array(ids), truth=truth.double().numpy(),
        objects={"signal_to_noise": scene.signal_to_noise.numpy(), "exposure": scene.exposure.numpy()},
    )  # fmt: skip


def _schema(settings: Settings, camera: Instrument) -> Schema:
    prior = (camera.survey if settings.population == "survey" else Hezaveh()).theta_e
    theta_e = theta_e_range(prior, camera, settings.size)
    return Schema(settings.size, camera.pixel_scale, camera.name, theta_e=theta_e)
