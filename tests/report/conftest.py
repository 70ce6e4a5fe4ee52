"""A run that never happened, with every number a report can show."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from skysure.report import Figure, standard_figures

CLASSES = ["Ia", "II", "Ibc"]


@pytest.fixture
def run_card() -> dict[str, Any]:
    return {
        "format": 1,
        "application": "supernovae",
        "preset": "default",
        "seed": 1,
        "created": "2026-11-22T16:20:00Z",
        "ids_hash": "sha256:1f0c6cbe1d7f3d0a3a0a4c52e2fbd7f5c0b1f7e0c9a3f3f0b7cf7b7a1a5c0d2e",
        "licence": "BSD-3-Clause",
        "cite": [
            "Charnock & Moss (2017), Deep Recurrent Neural Networks for Supernovae, ApJL 837, L28",
            "@software{skysure,\n  title = {Skysure: deep learning for astronomy that says how sure it is},\n"
            "  version = {0.1.0},\n  year = {2026}\n}",
        ],
        "data": {"sources": ["SPCC: SIMGEN_PUBLIC_DES"], "objects": 21_319, "points": 1_712_004},
        "parts": {"train": 8_660, "validation": 1_000, "calibration": 1_000, "test": 10_659},
        "settings": {
            "layers": 2,
            "units": 96,
            "cell": "gru",
            "redshift": True,
            "epochs": 45,
            "batch": 128,
            "learning_rate": 2e-3,
            "dropout": {"kind": "concrete", "length_scale": 1e-2},
            "augmentation": ["noise", "truncation", "shift"],
        },
        "schema": {"bands": ["g", "r", "i", "z"], "classes": CLASSES, "redshift": "photometric, of the host"},
        "versions": {"skysure": "0.1.0", "python": "3.11.7", "torch": "2.14.1", "numpy": "2.4.6"},
    }


@pytest.fixture
def history() -> list[dict[str, float]]:
    epochs = np.arange(1, 46)
    noise = np.random.default_rng(3).normal(0, 0.006, (2, 45))
    return [
        {
            "epoch": int(epoch),
            "train_loss": 0.07 + 0.5 * np.exp(-epoch / 7) + noise[0, i],
            "validation_nll": 0.085 + 0.45 * np.exp(-epoch / 6) + noise[1, i] + 4e-4 * epoch,
            "dropout_1": 0.1 + 0.05 * (1 - np.exp(-epoch / 9)),
            "dropout_2": 0.1 + 0.17 * (1 - np.exp(-epoch / 12)),
            "seconds": 12.7,
        }
        for i, epoch in enumerate(epochs)
    ]


@pytest.fixture
def metrics() -> dict[str, Any]:
    """An evaluation of 10,659 made-up supernovae."""
    generator = np.random.default_rng(7)
    return {
        "application": "supernovae",
        "title": "Supernovae by type, from their light curves",
        "part": "test",
        "objects": 10_659,
        "noun": "supernova",
        "nouns": "supernovae",
        "scores": SCORES,
        "is_ood": {"count": 12, "of": 500},
        "dropped": {"count": 5, "why": "the model was trained or calibrated on them"},
        "rejected": {"count": 3, "of": 10_662},
        "uncertainty": {"measure": "entropy", "aleatoric": 0.083, "epistemic": 0.017},
        "curves": {
            "confusion": {"classes": CLASSES, "counts": [[2450, 60, 34], [81, 6520, 114], [49, 260, 1091]]},
            "roc": [roc_curve(name, area) for name, area in zip(CLASSES, (0.9958, 0.991, 0.972), strict=True)],
            "reliability": {"of": "Ia", "before": bins(generator, 1.6), "after": bins(generator, 1.0)},
            "coverage": coverage_curve([0.1, 0.3, 0.5, 0.683, 0.8, 0.9, 0.955, 0.997], 1_000, 0.018),
            "sets": coverage_curve([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99], 10_659, 0.003)
            | {"size": [0.52, 0.63, 0.75, 0.88, 1.12, 1.31, 1.74]},
            "by": {
                "Signal-to-noise ratio": column_bins([None, 5, 10, 20, 50, None]),
                "Redshift": column_bins([0, 0.2, 0.4, 0.6, 0.8, 1.2]),
                "Days since detection": column_bins([0, 3, 7, 14, 28, 56, None]),
            },
        },
    }


SCORES = [
    {
        "name": "accuracy",
        "label": "Accuracy",
        "value": 97.414,
        "low": 97.26,
        "high": 97.57,
        "unit": "%",
        "headline": True,
        "wanted": [96.6, None],
    },
    {
        "name": "auc",
        "label": "Area under ROC, Ia",
        "value": 0.99585,
        "low": 0.9952,
        "high": 0.9964,
        "headline": True,
        "wanted": [0.995, None],
    },
    {
        "name": "f1",
        "label": "Challenge figure of merit",
        "value": 0.8003,
        "low": 0.786,
        "high": 0.815,
        "headline": True,
        "help": "a false Ia counts three times",
    },
    {
        "name": "ece",
        "label": "Expected calibration error",
        "value": 0.83,
        "low": 0.7,
        "high": 1.01,
        "unit": "%",
        "headline": True,
        "before": 2.14,
        "wanted": [None, 1.0],
    },
    {"name": "nll", "label": "Negative log-likelihood", "value": 0.0874, "unit": "nat", "before": 0.1043},
    {
        "name": "sets",
        "label": "Coverage of 90 % prediction sets",
        "value": 90.3,
        "low": 90.0,
        "high": 90.6,
        "unit": "%",
        "wanted": [89, 91],
    },
    {
        "name": "purity",
        "label": "Purity of Ia",
        "value": 95.0,
        "low": 94.5,
        "high": 95.4,
        "unit": "%",
        "wanted": [96, None],
    },
]


def roc_curve(name: str, area: float) -> dict[str, Any]:
    """TPR = FPR^(1/area - 1): its area is exactly `area`."""
    rate = np.geomspace(1e-4, 1, 120)
    return {
        "of": name,
        "false_positive": rate.tolist(),
        "true_positive": (rate ** (1 / area - 1)).tolist(),
        "area": area,
        "area_low": area - 0.0009,
        "area_high": area + 0.0009,
    }


def bins(generator: np.random.Generator, sharpness: float) -> dict[str, list[float]]:
    predicted = np.linspace(0.03, 0.97, 15)
    counts = (4000 * (predicted**6 + (1 - predicted) ** 6) + 60).astype(int)
    truth = predicted ** (1 / sharpness) / (predicted ** (1 / sharpness) + (1 - predicted) ** (1 / sharpness))
    observed = generator.binomial(counts, truth) / counts
    error = np.sqrt(observed * (1 - observed) / counts) + 1e-4
    return {
        "predicted": predicted.tolist(),
        "observed": observed.tolist(),
        "low": np.clip(observed - error, 0, 1).tolist(),
        "high": np.clip(observed + error, 0, 1).tolist(),
        "n": counts.tolist(),
    }


def coverage_curve(nominal: list[float], n: int, shift: float) -> dict[str, Any]:
    p = np.array(nominal)
    actual = np.round((p + shift * 4 * p * (1 - p)) * n) / n
    low, high = binom.interval(0.683, n, actual)
    before = p + 0.09 * 4 * p * (1 - p)
    return {
        "nominal": nominal,
        "actual": actual.tolist(),
        "low": (low / n).tolist(),
        "high": (high / n).tolist(),
        "n": n,
        "before": before.tolist(),
    }


def column_bins(edges: list[float | None]) -> list[dict[str, Any]]:
    rows = []
    for i, (low, high) in enumerate(pairwise(edges)):
        n = 3000 // (i + 1)
        accuracy, coverage = 0.88 + 0.02 * i, 0.895 + 0.004 * i
        a, c = (np.sqrt(p * (1 - p) / n) for p in (accuracy, coverage))
        rows.append(
            {"low": low, "high": high, "n": n, "accuracy": accuracy, "accuracy_low": accuracy - a}
            | {"accuracy_high": accuracy + a, "confidence": 0.875 + 0.021 * i, "coverage": coverage}
            | {"coverage_low": coverage - c, "coverage_high": coverage + c, "wanted": 0.9}
        )
    return rows


def draw_line(canvas) -> None:
    canvas.subplots().plot([0, 1, 0], label="a line")


@pytest.fixture
def figures(metrics) -> list[Figure]:
    """The figures of an application: the standard ones, and one for each example."""
    examples = [
        Figure(
            f"{group}-1",
            f"An object: {group}",
            "Truth: Ia.",
            lambda canvas: canvas.subplots().plot([0, 1, 0]),
            section=section,
        )
        for group, section in (("example", "examples"), ("uncertain", "uncertain"), ("novel", "novel"))
    ]
    return [*standard_figures(metrics), *examples]
