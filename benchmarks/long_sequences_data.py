"""Light curves of long_sequences.py: simulated stars of 1,000 to 20,000 observations, and PLAsTiCC unbinned.

Six classes of stars are observed every half hour (the unit of time) with jitter; one observation in twenty is missing,
and two days every four weeks. Four classes vary continuously: rotating stars with evolving spots, damped random walks,
RR Lyrae, eclipsing binaries. The other two are a star with spots or a random walk plus rare events: two to five
transits or flares of 3 to 6 hours, however long the light curve is. The first four classes can be recognised in any
sufficiently long segment, the last two only where an event is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.signal import lfilter
from torch import Tensor

from skysure.data.lightcurves import LightCurves, open_lightcurves
from skysure.methods.recurrent import Series

KINDS = ("rotation", "random walk", "RR Lyrae", "eclipses", "transits", "flares")
DAY = 48
"""Observations per day."""
PLASTICC = Path(os.environ.get("SKYSURE_DATA", Path(__file__).parents[2] / "shared" / "data")) / "plasticc"

Random = np.random.Generator


@dataclass(frozen=True)
class Labelled:
    """Light curves, and the class index of each."""

    series: Series
    label: Tensor

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: slice | Tensor) -> Labelled:
        return Labelled(self.series[rows], self.label[rows])


def log_uniform(random: Random, low: float, high: float) -> float:
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def walk(random: Random, n: int, timescale: float) -> np.ndarray:
    """A damped random walk of unit variance: s_t = f s_(t-1) + sqrt(1 - f²) e_t with f = exp(-1 / timescale)."""
    f = np.exp(-1 / timescale)
    steps = np.sqrt(1 - f * f) * random.standard_normal(n)
    steps[0] = random.standard_normal()
    return lfilter([1.0], [1.0, -f], steps)


def rotation(random: Random, n: int) -> np.ndarray:
    """Spots: two harmonics of 1 to 10 days, whose amplitudes are random walks with timescales of 3 to 10 periods."""
    period = log_uniform(random, 1.0, 10.0) * DAY
    phase, lifetime = 2 * np.pi * np.arange(n) / period, period * random.uniform(3, 10)
    share = random.uniform(0.2, 0.7)
    waves = [a * (walk(random, n, lifetime) * np.sin(k * phase) + walk(random, n, lifetime) * np.cos(k * phase))
             for k, a in ((1, 1.0), (2, share))]  # fmt: skip
    return sum(waves)


def random_walk(random: Random, n: int) -> np.ndarray:
    return walk(random, n, log_uniform(random, 0.5, 10.0) * DAY)


def pulsation(random: Random, n: int) -> np.ndarray:
    """RR Lyrae: a steep rise and a slow decline, five harmonics of 0.35 to 0.9 days, slowly modulated."""
    phase = 2 * np.pi * (np.arange(n) / (random.uniform(0.35, 0.9) * DAY) + random.random())
    steepness = random.uniform(0.45, 0.75)
    wave = sum(steepness**k / k * np.sin(k * phase) for k in range(1, 6))
    return wave * (1 + 0.15 * walk(random, n, 40 * DAY))


def eclipses(random: Random, n: int) -> np.ndarray:
    """Two eclipses of unequal depth per period of 0.8 to 10 days, and a small ellipsoidal variation."""
    turn = np.arange(n) / (log_uniform(random, 0.8, 10.0) * DAY) + random.random()
    width, secondary_depth = random.uniform(0.03, 0.08), random.uniform(0.2, 0.9)
    dips = [np.clip(1 - np.abs((turn - at + 0.5) % 1 - 0.5) / width, 0, 1) for at in (0.0, 0.5)]
    return -dips[0] - secondary_depth * dips[1] + random.uniform(0.0, 0.1) * np.cos(4 * np.pi * turn)


def events(random: Random, n: int, shape: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Two to five events of one shape at random times."""
    x, at = np.arange(n), random.uniform(0.02, 0.98, random.integers(2, 6)) * n
    return sum(shape(x - t) for t in at)


def quiescent(random: Random, n: int) -> np.ndarray:
    return rotation(random, n) if random.random() < 0.5 else random_walk(random, n)


def simulate_star(random: Random, kind: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Flux of a star in units of its own scatter, and the error of each observation."""
    flux = (rotation, random_walk, pulsation, eclipses, quiescent, quiescent)[kind](random, n)
    flux = (flux - flux.mean()) / flux.std()
    error = log_uniform(random, 0.1, 0.3)
    strength, span = error * random.uniform(8, 15), random.uniform(6, 12)
    if KINDS[kind] == "transits":
        flux = flux - strength * events(random, n, lambda t: (np.abs(t) < span / 2).astype(float))
    if KINDS[kind] == "flares":
        flux = flux + strength * events(random, n, lambda t: (t >= 0) * np.exp(-np.abs(t) / (span / 4)))
    return flux, error * np.exp(0.2 * random.standard_normal(n))


def observe(random: Random, slots: int) -> tuple[np.ndarray, np.ndarray]:
    """Half hours with an observation, and the times of the observations."""
    slot = np.arange(slots)
    observed = slot[(random.random(slots) > 0.05) & ((slot + random.integers(28 * DAY)) % (28 * DAY) >= 2 * DAY)]
    return observed, observed + random.uniform(-0.3, 0.3, len(observed))


def simulate(objects: int, points: int, seed: int) -> Labelled:
    """Simulate stars of 70 to 100 % of the stated observations, equally many of each class, in random order."""
    random = np.random.default_rng([seed, points])
    label = random.permutation(np.arange(objects) % len(KINDS))
    columns = np.zeros((3, objects, points), np.float32)
    length = random.integers(int(0.7 * points), points + 1, objects)
    for k, n in enumerate(length):
        slot, time = observe(random, int(1.2 * n) + 6 * DAY)
        flux, error = simulate_star(random, label[k], slot[n - 1] + 1)
        error = error[slot[:n]]
        flux = flux[slot[:n]] + error * random.standard_normal(n)
        low, middle, high = np.percentile(flux, (16, 50, 84))
        scale = 0.5 * (high - low)
        columns[:, k, :n] = time[:n] - time[0], (flux - middle) / scale, (scale / error) ** 2
    time, value, weight = torch.from_numpy(columns)
    return Labelled(
        Series(time, value[..., None], weight[..., None], torch.from_numpy(length)), torch.from_numpy(label)
    )


def read_plasticc() -> Labelled:
    """Read PLAsTiCC: asinh of the flux over three median errors of its band; one of six channels per observation."""
    curves = LightCurves.concat(list(open_lightcurves([PLASTICC]).chunks()))
    _, label = np.unique(curves.objects["label"], return_inverse=True)
    medians = [np.median(curves.flux_error[curves.band == k]) for k in range(len(curves.bands))]
    scale = 3 * np.array(medians)[curves.band]
    flux, error = curves.flux / scale, curves.flux_error / scale
    owner, first = curves.owner, curves.offsets[:-1]
    at = np.arange(len(curves.time)) - first[owner]
    time = np.zeros((len(curves), curves.counts.max()), np.float32)
    value, weight = np.zeros((2, *time.shape, len(curves.bands)), np.float32)
    time[owner, at] = curves.time - curves.time[first][owner]
    value[owner, at, curves.band] = np.arcsinh(flux)
    weight[owner, at, curves.band] = (1 + flux**2) / error**2
    tensors = (torch.from_numpy(x) for x in (time, value, weight, curves.counts))
    return Labelled(Series(*tensors), torch.from_numpy(label))


@dataclass(frozen=True)
class Scale:
    """Size of the data and length of the trainings."""

    parts: tuple[int, int, int] = (750, 150, 750)
    """Simulated stars for training, validation and test."""
    epochs: int = 25
    windows: int = 400
    """Batches of 256 windows that the autoencoder is trained on."""


FULL, QUICK = Scale(), Scale((96, 32, 48), 1, 10)


def split(data: Labelled, parts: tuple[int, ...]) -> list[Labelled]:
    edges = np.cumsum((0, *parts))
    return [data[slice(a, b)] for a, b in pairwise(edges)]


def draw_windows(data: Series, size: int, generator: torch.Generator, count: int = 256) -> Series:
    """Draw windows of `size` observations at random positions in random objects."""
    owner = torch.randint(len(data), (count,), generator=generator)
    share = torch.rand(count, generator=generator)
    start = (share * (data.length[owner] - size + 1).clamp(min=1)).long()
    at = (start[:, None] + torch.arange(size)).clamp(max=data.steps - 1)
    length = (data.length[owner] - start).clamp(max=size)
    weight = data.weight[owner[:, None], at] * (torch.arange(size) < length[:, None])[..., None]
    return Series(data.time[owner[:, None], at], data.value[owner[:, None], at], weight, length)
