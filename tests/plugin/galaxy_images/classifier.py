"""Images of galaxies, simulated or from tables, and a convolutional network with dropout that classifies them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from torch import nn

from skysure import Classes, Evaluation, InputError
from skysure.data import Chunk, InMemorySource, SimulatedSource, Source, class_indices, labelled, read_table
from skysure.evaluation.classification import evaluate_classes
from skysure.methods.classifier import CalibratedClassifier
from skysure.methods.dropout import Dropout
from skysure.report import Figure, standard_figures
from skysure.training import State, fit_classes, seeded

from . import Query, Schema, Settings


@dataclass(frozen=True)
class Images(Chunk):
    """Images with the label of each ("" where unknown) and the pixels, shape (image, channel, y, x)."""

    label: np.ndarray
    pixel: np.ndarray


def read(data: Any, reading: Any) -> Source:
    """Open tables with the columns id, pixel_0, pixel_1, ... and, where it is known, label; or images in memory."""
    images = Images.concat(d if isinstance(d, Images) else read_images(d) for d in data)
    classes = tuple(sorted(set(images.label.tolist()) - {""}))
    return InMemorySource(Schema(classes, images.pixel.shape[-1]), [images])


def read_images(path: str) -> Images:
    """Read the square images of a table."""
    table = read_table(path)
    names = [name for k in range(len(table.colnames)) if (name := f"pixel_{k}") in table.colnames]
    width = round(len(names) ** 0.5)
    if "id" not in table.colnames or not width or width**2 != len(names):
        raise InputError(f"{path}: {len(names)} pixels", "columns id, pixel_0, pixel_1, ... of a square image")
    label = table["label"] if "label" in table.colnames else np.full(len(table), "")
    pixel = np.stack([np.asarray(table[name], float) for name in names], 1).reshape(-1, 1, width, width)
    return Images(np.asarray(table["id"], str), np.asarray(label, str), pixel)


def simulate(settings: Settings, n: int | None, seed: int) -> Source:
    """Simulate exponential discs, of which every other one has two spiral arms."""
    sizes = {part: getattr(settings, part) for part in ("validation", "calibration", "test")}
    return SimulatedSource(Schema(), partial(draw, settings), n, seed, sizes)


def draw(settings: Settings, seed: int, block: int, first: int, n: int = 1000) -> Images:
    """Draw a block of n images; `first` is the number of its first image."""
    rng, x = np.random.default_rng([seed, block]), np.arange(Schema.width) - (Schema.width - 1) / 2
    radius, angle, number = np.hypot(x, x[:, None]), np.arctan2(x[:, None], x), np.arange(first, first + n)
    arms = np.cos(2 * angle - 0.8 * radius + rng.uniform(0, 2 * np.pi, (n, 1, 1, 1)))
    pixel = np.exp(-radius / 4) * (1 + 0.6 * (number % 2)[:, None, None, None] * arms)
    pixel += settings.sigma * rng.standard_normal(pixel.shape)
    return Images(np.char.add(f"{seed}-", number.astype(str)), np.array(Schema.classes)[number % 2], pixel)


def network(settings: Settings, schema: Schema) -> CalibratedClassifier:
    """Make convolutions, then dense layers with dropout, initialised under the seed of the settings."""
    widths = [16 * (schema.width // 4) ** 2, *[settings.hidden] * settings.layers, len(schema.classes)]
    with seeded(settings.seed):
        layers = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(8, 16, 3, padding=1), nn.MaxPool2d(2), nn.Flatten()]
        for a, b in pairwise(widths):
            layers += [nn.ReLU(), Dropout(nn.Linear(a, b), **settings.dropout)]
    return CalibratedClassifier(nn.Sequential(*layers), schema.classes)


def train(source: Source, settings: Settings, state: Any = None, *, accelerator: Any = None) -> Iterator[State]:
    """Train on the labelled images of the training part; a state per epoch."""
    parts = {part: labelled(source, part, source.schema.classes) for part in ("train", "validation")}
    arrays = {part: (images.pixel, truth) for part, (images, truth) in parts.items()}
    return fit_classes(network(settings, source.schema), arrays, settings, state, accelerator)


def calibrate(model: CalibratedClassifier, source: Source) -> None:
    """Calibrate the probabilities and prediction sets on the calibration part."""
    images, truth = labelled(source, "calibration", model.classes)
    model.calibrate(images.pixel, truth, Query.samples, Query.seed)


def predict(model: CalibratedClassifier, chunk: Images, query: Query) -> Classes:
    """Predict the classes of some images."""
    arrays = model.predict(chunk.pixel, query.samples, query.seed, query.coverage)
    return Classes({"id": chunk.ids}, model.classes, *arrays, coverage=query.coverage)


def evaluate(model: CalibratedClassifier, source: Source, query: Query) -> Evaluation:
    """Compare predictions with the labels of the test part."""
    images = Images.concat(source.chunks("test"))
    prediction, truth = predict(model, images, query), class_indices(images.label, model.classes)
    return evaluate_classes(prediction, truth, application="galaxies", title="Shapes of galaxies", noun="image")


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Draw the figures that all classifiers have: confusion, ROC curves, reliability."""
    return standard_figures(evaluation.metrics)
