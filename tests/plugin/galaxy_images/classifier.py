"""A small convolutional network whose dense head has dropout; its calibration, predictions and evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skysure.data.sources import CALIBRATION, TEST, TRAIN, VALIDATION
from skysure.errors import InputError
from skysure.evaluation import Evaluation
from skysure.methods.calibration import ConformalSets, VectorScaling, accuracy, brier, nll, with_interval
from skysure.methods.dropout import Dropout
from skysure.methods.sampling import sample, split_classes
from skysure.predictions import Classes
from skysure.report import Figure
from skysure.training import State, combine, fit, seeded

from . import Query, Schema, Settings
from .images import Images


class Classifier(nn.Module):
    """Images to logits; the prefix has no dropout, the suffix has."""

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        self.classes, n = schema.classes, len(schema.classes)
        self.prefix = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        )  # fmt: skip
        first = nn.Linear(16 * (schema.width // 4) ** 2, settings.hidden)
        rate = {"rate": settings.rate, "learned": settings.learned_rate, "length_scale": settings.length_scale}
        self.suffix = nn.Sequential(Dropout(first, **rate), nn.ReLU(), Dropout(nn.Linear(settings.hidden, n), **rate))
        self.scaling, self.sets = VectorScaling(n), ConformalSets(n)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.suffix(self.prefix(pixels))


def network(settings: Settings, schema: Schema) -> Classifier:
    """Make the network, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return Classifier(settings, schema)


def train(source: Any, settings: Settings, state: State | None = None, *, accelerator: Any = None) -> Iterator[State]:
    """Train on the labelled images of the training part; a state per epoch."""
    parts = {part: tensors(source, part, source.schema.classes) for part in (TRAIN, VALIDATION)}

    def batches(part: str, epoch: int) -> list[dict[str, Tensor]]:
        pixels, truth = parts[part]
        order = np.random.default_rng(combine(settings.seed, epoch)).permutation(len(truth))
        return [{"pixels": pixels[i], "truth": truth[i]} for i in torch.from_numpy(order).split(settings.batch)]

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(model(batch["pixels"]), batch["truth"], reduction="none")

    yield from fit(
        network(settings, source.schema), batches, loss, settings.optimisation,
        objects=len(parts[TRAIN][1]), seed=settings.seed, state=state, accelerator=accelerator,
    )  # fmt: skip


def tensors(source: Any, part: str, classes: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Give pixels of shape (image, 1, y, x) and the class indices of the labelled images of a part."""
    chunks = [chunk[np.isin(chunk.labels, classes)] for chunk in source.chunks(part)]
    labels = np.concatenate([chunk.labels for chunk in chunks])
    if set(labels) != set(classes):
        raise InputError(f"classes {sorted(set(labels))} in the {part} part", f"all of {classes}", "too few images")
    return torch.cat([as_input(chunk) for chunk in chunks]), torch.tensor([classes.index(name) for name in labels])


def as_input(chunk: Images) -> Tensor:
    """Give pixels as the network takes them."""
    return torch.as_tensor(chunk.pixels, dtype=torch.float32)[:, None]


def calibrate(model: Classifier, source: Any) -> None:
    """Fit scale and shift of the logits, then the bounds of the prediction sets."""
    pixels, truth = tensors(source, CALIBRATION, model.classes)
    logits = sample(model, pixels, Query.samples, Query.seed)
    model.scaling.fit(logits, truth)
    model.sets.fit(model.scaling(logits).softmax(-1).mean(0), truth)


def predict(model: Classifier, chunk: Images, query: Query) -> Classes:
    """Predict the classes of some images."""
    probability = model.scaling(sample(model, as_input(chunk), query.samples, query.seed)).softmax(-1)
    split = split_classes(probability)
    prediction_set = model.sets.members(split.probability.float(), query.coverage)
    return Classes(
        rows={"id": chunk.ids}, classes=model.classes, probability=split.probability.numpy(),
        probability_error=split.probability_error.numpy(), aleatoric=split.aleatoric.numpy(),
        epistemic=split.epistemic.numpy(), prediction_set=prediction_set.numpy(), coverage=query.coverage,
    )  # fmt: skip


def evaluate(model: Classifier, source: Any, query: Query) -> Evaluation:
    """Score the predictions of the labelled images of the test part."""
    chunks = [chunk[np.isin(chunk.labels, model.classes)] for chunk in source.chunks(TEST)]
    truth = np.array([model.classes.index(label) for chunk in chunks for label in chunk.labels])
    if not len(truth):
        raise InputError("no image with a label", f"labels: {', '.join(model.classes)}")
    p = np.concatenate([predict(model, chunk, query).probability for chunk in chunks if len(chunk)])
    scores = [score("accuracy", accuracy, p, truth), score("nll", nll, p, truth), score("brier", brier, p, truth)]
    recall = [float((p[truth == k].argmax(1) == k).mean()) for k in np.unique(truth)]
    return Evaluation.from_metrics({
        "application": "galaxies", "title": "Shapes of galaxies", "noun": "image", "part": TEST,
        "objects": len(truth), "truth": True, "scores": scores, "examples": [],
        "curves": {"recall": {"classes": [model.classes[k] for k in np.unique(truth)], "recall": recall}},
    })  # fmt: skip


def score(name: str, function: Any, p: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Compute a score with its 68.3 % interval."""
    interval = with_interval(function, p, truth)
    return {"name": name, "label": name, "value": interval.value, "low": interval.low, "high": interval.high}


def figures(evaluation: Evaluation) -> Iterator[Figure]:
    """Draw the recall of each class."""
    curve = evaluation.metrics["curves"]["recall"]
    yield Figure(
        "recall", "Recall", "Share of each class that is classified correctly.",
        lambda canvas: canvas.subplots().bar(curve["classes"], curve["recall"]),
    )  # fmt: skip
