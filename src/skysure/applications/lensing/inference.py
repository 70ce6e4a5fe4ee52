"""Posterior samples of the parameters of lenses, and what the OOD score goes by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from skysure.methods.dropout import counter_rng
from skysure.methods.posterior import PosteriorHead
from skysure.methods.sampling import sample
from skysure.training import combine

from .encoding import describe_texture, encode, pixel_scales, turn, turn_back
from .images import LensImages
from .networks import LensModel
from .parameters import from_unbounded
from .settings import Query

DRAWS = 4
"""Draws from the distribution that each set of dropout masks gives, about."""
FARTHEST = 6.0
"""Largest distance of a draw from the mean of the training images, in standard deviations over them."""
DRAW_LAYER = 1_000
"""Number of the stream of random numbers of the draws, beyond those of dropout layers."""


@dataclass(frozen=True)
class Posterior:
    """Samples for some lenses, in the unbounded values that a network predicts; see `parameters.to_unbounded`.

    Parameters
    ----------
    values : Tensor, float64, shape (mask, draw, object, value)
        Draws of the same dropout masks (and member of an ensemble) differ by the noise in the data alone.
    novelty : list of Tensor, shape (object, feature)
        What the OOD score goes by: statistics of early maps with the numbers that describe the image, the summary, the
        texture of the noise, and the log odds that there is no lens.
    no_lens : Tensor, shape (object, feature)
        From what the latter follows: the summary, and the logarithms of the widths of the posterior.
    pixel_scale : Tensor, shape (object, 1)
        Arcsec per pixel.
    signal_to_noise : Tensor, shape (object,)
        Of what is left after the light of the lens galaxy is subtracted.
    """

    values: Float[Tensor, "mask draw object value"]
    novelty: list[Float[Tensor, "object _"]]
    no_lens: Float[Tensor, "object feature"]
    pixel_scale: Float[Tensor, "object 1"]
    signal_to_noise: Float[Tensor, " object"]

    @property
    def draws(self) -> Float[Tensor, "sample object value"]:
        """All samples, in unbounded values."""
        return self.values.flatten(0, 1)

    @property
    def parameters(self) -> Float[Tensor, "mask draw object value"]:
        """Samples in the units of the parameters; see `parameters.NAMES`."""
        return from_unbounded(self.values, self.pixel_scale)


def draw_posterior(model: LensModel, images: LensImages, query: Query, *, calibrated: bool = True) -> Posterior:
    """Draw from the posterior of each lens; its samples do not depend on the other lenses.

    The image is read in several orientations, as the settings say, each with dropout masks of its own.
    """
    encoded, keys = encode(images, model.offset.device), hash_of_each(images.ids)
    passes = [(member, view) for member in range(len(model.networks)) for view in range(model.settings.views)]
    masks = max(round(query.samples / (DRAWS * len(passes))), 1)
    draws = -(-query.samples // (masks * len(passes)))
    values, novelty = [], []
    for k, (member, view) in enumerate(passes):
        network, orientation, seed = model.networks[member], (view % 4, view >= 4), combine(query.seed, k)
        batch = model.normalise(turn(encoded, *orientation))
        with torch.inference_mode():
            summary, early = network.summarise(batch)
        if not k:
            novelty = [torch.cat([early, batch["scalars"]], 1), summary]
        draw = draw_values(network.head, summary, (masks, draws), seed, keys)
        natural = draw.double().clamp(-FARTHEST, FARTHEST) * model.scale + model.offset
        values.append(turn_back(natural, *orientation))
    joined = torch.cat(values)
    widths = joined.flatten(0, 1).std(0).clamp(min=1e-6).log().to(novelty[0])
    no_lens = torch.cat([novelty[-1], widths], 1)
    novelty += [describe_texture(encoded["channels"]), model.no_lens_score(no_lens)]
    residual = encoded["channels"][:, 1].sinh().clamp(min=0)
    signal_to_noise = residual.square().sum((1, 2)).sqrt()
    if calibrated:
        joined = model.calibration(joined.flatten(0, 1), signal_to_noise).view_as(joined)
    return Posterior(joined, novelty, no_lens, pixel_scales(images).to(joined), signal_to_noise)


def draw_values(
    head: PosteriorHead, summary: Float[Tensor, "object feature"], size: tuple[int, int], seed: int,
    keys: Int64[Tensor, " object"],
) -> Float[Tensor, "mask draw object value"]:  # fmt: skip
    """Draw sets of dropout masks, and several times from the distribution that each of them gives."""
    masks, draws = size
    raw = sample(head.layers, summary, masks, seed, shared=True)
    numbers = counter_rng.keys(seed, torch.arange(masks * draws, device=keys.device), keys)
    u = counter_rng.uniform(numbers, DRAW_LAYER, head.distribution.uniforms).to(raw.device)
    with torch.inference_mode():
        values = head.distribution.from_uniform(raw.repeat_interleave(draws, 0), u)
    return values.unflatten(0, size)


def hash_of_each(ids: np.ndarray) -> Int64[Tensor, " object"]:
    """Hash each id to a number, from which the random numbers of its object derive."""
    digests = (hashlib.blake2b(str(i).encode(errors="surrogateescape"), digest_size=8).digest() for i in ids)
    return torch.tensor([int.from_bytes(digest, "little", signed=True) for digest in digests], dtype=torch.int64)
