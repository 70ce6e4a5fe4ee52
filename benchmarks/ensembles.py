"""Training time of an ensemble in one batched pass, relative to training its networks one after the other.

    python benchmarks/ensembles.py [--quick]

One thread; the shortest processor time of a step (forward, KL, backward, clipping, AdamW) over interleaved repetitions.
Networks trained one after the other have an optimiser each, as in a loop over independent trainings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from record import record, row
from skysure.methods.dropout import Dropout, noise
from skysure.methods.ensembles import Ensemble, clip_member_gradients
from skysure.methods.variational import kl

N = 500


def dense(*widths: int, dropped: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for k, (inputs, outputs) in enumerate(pairwise(widths)):
        layer = nn.Linear(inputs, outputs)
        layers += [Dropout(layer, learned=True) if dropped and k else layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def images() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 16), (16, 32)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 64, 10))


CASES: dict[str, tuple[Callable[[], nn.Module], int, tuple[int, ...]]] = {
    "12 of 1-128-128-2, learned rates": (lambda: dense(1, 128, 128, 2, dropped=True), 12, (64, 1)),
    "12 of 1-128-128-2": (lambda: dense(1, 128, 128, 2, dropped=False), 12, (64, 1)),
    "100 of 13-50-2, learned rates": (lambda: dense(13, 50, 2, dropped=True), 100, (32, 13)),
    "100 of 13-50-2": (lambda: dense(13, 50, 2, dropped=False), 100, (32, 13)),
    "5 of 64-512-512-2": (lambda: dense(64, 512, 512, 2, dropped=False), 5, (64, 64)),
    "5 of two convolutions, 32 x 32 pixels": (images, 5, (32, 3, 32, 32)),
}


def step_of(network: nn.Module, x: Tensor) -> Callable[[], None]:
    """Training step of a network or an ensemble on the mean square of its outputs."""
    adam, rows = torch.optim.AdamW(network.parameters(), lr=1e-3), torch.arange(len(x))

    def step() -> None:
        with noise(network, 1, rows=rows):
            loss = network(x).square().mean() * (len(network) if isinstance(network, Ensemble) else 1)
        (loss + kl(network, N)).backward()
        if isinstance(network, Ensemble):
            clip_member_gradients(network, 1.0)
        else:
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        adam.zero_grad()

    return step


def shortest_times(runs: list[Callable[[], None]], seconds: float) -> list[float]:
    """Shortest processor time of each run [ms]."""
    least, end = [float("inf")] * len(runs), time.monotonic() + seconds
    while time.monotonic() < end or least[0] == float("inf"):
        for k, run in enumerate(runs):
            start = time.process_time()
            run()
            least[k] = min(least[k], 1e3 * (time.process_time() - start))
    return least


def main(quick: bool) -> None:
    torch.set_num_threads(1)
    rows = []
    for name, (build, members, shape) in CASES.items():
        networks, x = [build() for _ in range(members)], torch.randn(shape)
        separate_steps = [step_of(network, x) for network in networks]
        batched, separate = shortest_times(
            [step_of(Ensemble(networks), x), lambda separate_steps=separate_steps: [step() for step in separate_steps]],
            1 if quick else 20,
        )
        rows += [
            row(f"{name}: together", batched, "ms"),
            row(f"{name}: one after the other", separate, "ms"),
            row(f"{name}: ratio", separate / batched),
        ]
    record("ensembles", rows, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
