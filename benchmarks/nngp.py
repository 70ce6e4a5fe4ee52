"""The Gaussian process of infinitely wide networks: kernel, digits with small training sets, finite networks.

    python benchmarks/nngp.py [--quick]

The digits are scikit-learn's (1,797 of 8 x 8 pixels). In each of five random orders the last 797 are the test set and
the first 100, 500 or 1,000 the training set, whose evidence sets the hyperparameters. An MLP with two hidden layers of
256 units regresses the same targets from the same inputs for comparison, as in Lee et al. 2018.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from math import pi
from typing import Any

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.datasets import load_digits
from torch import Tensor, nn

from record import record, row
from skysure.methods.calibration import ece
from skysure.methods.gaussian_process import NNGP, Hyperparameters, class_targets, relu_kernel
from skysure.training import seeded

GOLDEN = (4.8957686, 2.6646094, 2.14267)
SIZES = (100, 500, 1000)
BINS = 12
LARGEST_TRAINED = 256
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = [reference_row(), *digits(seeds=1 if quick else 5, sizes=SIZES[:2] if quick else SIZES)]
    widths = (16, 64, 256) if quick else (16, 64, 256, 1024)
    rows += [
        *untrained_networks(widths, draws=100 if quick else 1000),
        *finite_networks(widths, networks=2 if quick else 5),
    ]
    rows += measure_time(1000 if quick else 7400)
    record("nngp", rows, quick=quick)


def reference_row() -> Row:
    """Largest difference from google/neural-tangents 0.6.5 on six rows of four numbers."""
    x = torch.from_numpy(np.random.RandomState(0).randn(6, 4))
    ours = relu_kernel(x, x, depth=2, weight_variance=2.0, bias_variance=0.09)[0, :3]
    return row("golden_max_error", float((ours - torch.tensor(GOLDEN, dtype=torch.float64)).abs().max()), n=3)


def digits(seeds: int, sizes: tuple[int, ...]) -> list[Row]:
    """Accuracy compared with the MLP, calibration, and correlation of the variance with the squared error."""
    x, label = (torch.from_numpy(a) for a in load_digits(return_X_y=True))
    x, results = x.double(), []
    for size in sizes:
        for seed in range(seeds):
            order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
            results.append((size, *score_order(x, label, order[:size], order[1000:], seed)))
    rows = []
    for size in sizes:
        _, scores, variance, error = zip(*(f for f in results if f[0] == size), strict=True)
        mean, spread = np.mean(scores, 0), np.std(scores, 0, ddof=min(1, seeds - 1)) / seeds**0.5
        peer = {"name": "MLP(256, 256), squared error, Adam", "version": torch.__version__, "value": mean[3]}
        rows.append(row(f"digits_accuracy_{size}", mean[0], error=spread[0], n=seeds, peer=peer))
        rows.append(row(f"digits_mlp_accuracy_{size}", mean[3], error=spread[3], n=seeds))
        rows.append(row(f"digits_nll_{size}", mean[1], "nat", error=spread[1], n=seeds))
        rows.append(row(f"digits_ece_{size}", mean[2], error=spread[2], n=seeds))
        rank = [spearmanr(v, e).statistic for v, e in zip(variance, error, strict=True)]
        rows.append(row(f"variance_error_spearman_{size}", np.mean(rank), n=seeds, note="object by object"))
        pooled = np.concatenate(variance), np.concatenate(error)
        rows.append(
            row(f"variance_error_pearson_{size}", binned_correlation(*pooled), n=len(pooled[0]), note=f"{BINS} bins")
        )
    least = min(r["value"] for r in rows if r["measure"].startswith("variance_error_pearson"))
    rows.append(row("variance_error_pearson", least, note="the least of the training sizes"))
    variance, error = (np.concatenate([f[k] for f in results]) for k in (2, 3))
    rows.append(row("variance_over_error", variance.mean() / error.mean(), n=len(variance), note="1: right on average"))
    return rows


def score_order(x: Tensor, label: Tensor, train: Tensor, test: Tensor, seed: int) -> tuple[list[float], Any, Any]:
    """Accuracy, NLL, ECE, accuracy of the MLP; then predicted and actual squared error of each test object."""
    gp = NNGP(classes=10, normalise="rows").fit(x[train], label[train])
    mean, epistemic, aleatoric = gp(x[test])
    p, truth = gp.probability(x[test]), label[test]
    nll = -p.gather(1, truth[:, None]).clamp(min=1e-12).log().mean()
    error = (mean - class_targets(truth, 10)).square().mean(1)
    scaled = gp.normalise_inputs(x).float()
    network = train_mlp(scaled[train], class_targets(label[train], 10).float(), 256, 2, seed, steps=2000, batch=100)
    with torch.no_grad():
        predicted = network(scaled[test]).argmax(1)
    accuracies = [float((prediction == truth).double().mean()) for prediction in (mean.argmax(1), predicted)]
    scores = [accuracies[0], float(nll), ece(p.numpy(), truth.numpy()), accuracies[1]]
    return scores, (epistemic + aleatoric)[:, 0].numpy(), error.numpy()


def binned_correlation(variance: np.ndarray, error: np.ndarray) -> float:
    """Pearson's r of predicted variance and squared error, averaged in bins of equal count."""
    order = np.argsort(variance)
    edges = np.linspace(0, len(order), BINS + 1).astype(int)
    bins = [order[a:b] for a, b in pairwise(edges)]
    return float(pearsonr([variance[b].mean() for b in bins], [error[b].mean() for b in bins]).statistic)


def normalise_rows(x: Tensor) -> Tensor:
    x = x - x.mean(1, keepdim=True)
    return x / x.square().mean(1, keepdim=True).sqrt()


def mlp(features: int, width: int, depth: int, outputs: int) -> nn.Sequential:
    sizes = [features, *[width] * depth]
    hidden = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def train_mlp(
    x: Tensor, y: Tensor, width: int, depth: int, seed: int, *, steps: int, batch: int, rate: float = 1e-3
) -> nn.Module:
    """Train an MLP to regress y with Adam and a cosine learning rate."""
    with seeded(seed):
        network = mlp(x.shape[1], width, depth, y.shape[1])
    adam = torch.optim.Adam(network.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        indices = torch.randint(len(x), (min(batch, len(x)),), generator=generator)
        loss = (network(x[indices]) - y[indices]).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    return network


def random_features(x: Tensor, width: int, depth: int, h: Hyperparameters, generator: torch.Generator) -> Tensor:
    """Last hidden layer of a random ReLU network, divided by sqrt(width), shape (row, width)."""
    for _ in range(depth):
        weights = torch.randn(x.shape[1], width, generator=generator).to(x) * (h.weight_variance / x.shape[1]) ** 0.5
        x = (x @ weights + h.bias_variance**0.5 * torch.randn(width, generator=generator).to(x)).relu()
    return x / width**0.5


def untrained_networks(widths: tuple[int, ...], draws: int) -> list[Row]:
    """Outputs of random networks: deviation of their covariance from the kernel, and excess kurtosis."""
    x = normalise_rows(torch.from_numpy(load_digits().data[:8]))
    h = Hyperparameters(3, 2.0, 0.2, 1.0, 0.0)
    expected = relu_kernel(x, x, 3, 2.0, 0.2)
    rows = []
    for width in widths:
        generator = torch.Generator().manual_seed(width)
        # Conditional on the last hidden layer an output is Gaussian: its moments over the last weights are exact.
        last = torch.stack([random_features(x, width, 3, h, generator) for _ in range(draws)])
        conditional = 0.2 + 2.0 * last @ last.mT
        variance = conditional.diagonal(dim1=1, dim2=2)
        trained_distance = (conditional.mean(0) - expected).abs().max() / expected.max()
        kurtosis = 3 * variance.square().mean(0) / variance.mean(0).square() - 3
        rows.append(
            row(
                f"initial_covariance_error_width_{width}",
                float(trained_distance),
                n=draws,
                note="of the largest variance",
            )
        )
        rows.append(row(f"initial_excess_kurtosis_width_{width}", float(kurtosis.mean()), n=draws, note="Gaussian: 0"))
    return rows


def finite_networks(widths: tuple[int, ...], networks: int) -> list[Row]:
    """Distance of finite networks from the Gaussian process on a noisy sine: last layer inferred, or all trained."""
    generator = torch.Generator().manual_seed(0)
    x = (2 * torch.rand(50, 1, generator=generator) - 1).double() * pi
    y = x.sin() + 0.1 * torch.randn(50, 1, generator=generator).double()
    at = torch.linspace(-pi, pi, 101, dtype=torch.float64)[:, None]
    gp = NNGP().fit(x, y)
    depth = int(gp.depth)
    h = Hyperparameters(depth, *(float(v) for v in (gp.weight_variance, gp.bias_variance, gp.amplitude, gp.noise)))
    mean = gp(at)[0]
    rows = [row("sine_nngp_rmse", rms(mean - at.sin()), n=1, note=f"depth {depth}, 50 points")]
    a, b = ((v - gp.centre) * gp.scale for v in (x, at))
    targets = (y - gp.target_centre) / gp.target_scale
    for width in widths:
        inferred = [last_layer(a, b, targets, width, h, seed) for seed in range(networks)]
        learned = []
        for seed in range(networks if width <= LARGEST_TRAINED else 0):
            network = train_mlp(a.float(), targets.float(), width, depth, seed, steps=2000, batch=50)
            with torch.no_grad():
                learned.append(network(b.float()).double())
        inferred_distance, trained_distance, trained_rmse = (
            [rms(gp.target_centre + gp.target_scale * f - goal) for f in functions]
            for functions, goal in ((inferred, mean), (learned, mean), (learned, at.sin()))
        )
        measures = (
            ("last_layer_from_nngp", inferred_distance),
            ("trained_from_nngp", trained_distance),
            ("trained_rmse", trained_rmse),
        )
        for name, values in (pair for pair in measures if pair[1]):
            error = float(np.std(values, ddof=1) / networks**0.5)
            rows.append(row(f"sine_{name}_width_{width}", float(np.mean(values)), error=error, n=networks))
    return rows


def last_layer(a: Tensor, b: Tensor, y: Tensor, width: int, h: Hyperparameters, seed: int) -> Tensor:
    """Posterior mean at b of a network whose last layer is inferred from (a, y) and whose other layers are random."""
    features = random_features(torch.cat([a, b]), width, h.depth, h, torch.Generator().manual_seed(seed))
    covariance = h.amplitude * (h.bias_variance + h.weight_variance * features @ features.T)
    n = len(a)
    return covariance[n:, :n] @ torch.linalg.solve(covariance[:n, :n] + h.noise * torch.eye(n).to(a), y)


def rms(difference: Tensor) -> float:
    return float(difference.square().mean().sqrt())


def measure_time(n: int) -> list[Row]:
    """Processor time of one thread on n rows of 8 features at depth 3; n is that of the larger UCI sets."""
    x = torch.randn(n + 1000, 8, generator=torch.Generator().manual_seed(0)).double()
    y = x.sin().sum(1, keepdim=True)
    gp = NNGP().set_hyperparameters(Hyperparameters(3, 2.0, 0.1, 1.0, 0.01))
    start = time.process_time()
    gp.condition(x[:n], y[:n])
    middle = time.process_time()
    gp(x[n:])
    rows = [row("condition_seconds", middle - start, "s", n=n, note="kernel and factorisation")]
    return [*rows, row("predict_seconds", time.process_time() - middle, "s", n=1000)]


if __name__ == "__main__":
    main()
