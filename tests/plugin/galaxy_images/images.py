"""Images of galaxies: simulated, or from tables with a column per pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import QTable

from skysure.data.results.writer import read_table
from skysure.data.sources import InMemorySource
from skysure.errors import InputError

from . import Schema, Settings


@dataclass(frozen=True)
class Images:
    """Some images, the chunks of this application: ids and labels ("": unknown), pixels of shape (image, y, x)."""

    ids: np.ndarray
    labels: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, which: Any) -> Images:
        return Images(self.ids[which], self.labels[which], self.pixels[which])

    def to_table(self) -> QTable:
        """Give a table with a column per pixel."""
        flat = self.pixels.reshape(len(self), -1)
        return QTable(
            {"id": self.ids, "label": self.labels} | {f"pixel_{k}": column for k, column in enumerate(flat.T)}
        )


def simulate(settings: Settings, n: int | None, seed: int) -> InMemorySource:
    """Simulate exponential discs, of which every other one has two spiral arms."""
    n, schema = settings.objects if n is None else n, Schema()
    rng, axis = np.random.default_rng(seed), np.arange(schema.width) - (schema.width - 1) / 2
    radius, angle = np.hypot(axis, axis[:, None]), np.arctan2(axis[:, None], axis)
    spiral, phase = np.arange(n) % 2, rng.uniform(0, 2 * np.pi, (n, 1, 1))
    arms = np.cos(2 * angle - 0.8 * radius + phase)
    pixels = np.exp(-radius / 4) * (1 + 0.6 * spiral[:, None, None] * arms)
    pixels += settings.sigma * rng.standard_normal(pixels.shape)
    ids = np.char.add(f"{seed}-", np.arange(n).astype(str))
    return InMemorySource(schema, [Images(ids, np.array(schema.classes)[spiral], pixels)])


def read(data: Any, reading: Any) -> InMemorySource:
    """Open tables with the columns id, pixel_0, pixel_1, ... and, where it is known, label; or images in memory."""
    chunks = [d if isinstance(d, Images) else _from_table(d) for d in data]
    classes = sorted({label for chunk in chunks for label in chunk.labels.tolist()} - {""})
    return InMemorySource(Schema(tuple(classes), chunks[0].pixels.shape[1]), chunks)


def _from_table(path: str) -> Images:
    table = read_table(path)
    columns = [f"pixel_{k}" for k in range(len(table.colnames)) if f"pixel_{k}" in table.colnames]
    width = int(len(columns) ** 0.5)
    if "id" not in table.colnames or not columns or width**2 != len(columns):
        raise InputError(f"{path}: {len(columns)} pixels", "columns id, pixel_0, pixel_1, ... of a square image")
    pixels = np.stack([np.asarray(table[name], float) for name in columns], 1).reshape(-1, width, width)
    labels = table["label"] if "label" in table.colnames else np.full(len(table), "")
    return Images(np.asarray(table["id"]).astype(str), np.asarray(labels).astype(str), pixels)
