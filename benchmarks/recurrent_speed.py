"""Cost of tied dropout in an LSTM relative to torch.nn.LSTM, in training and in sampling.

    python benchmarks/recurrent_speed.py [--quick]

One thread, processor time, one layer with 16 features and 256 objects (the batch of `sample` on a CPU), medians of 9
interleaved repetitions, up to 62 for small sizes. Each row is the worst of a grid of sizes; its note is the grid.

Training  one batch forward and backward; masks of the state are shared by the batch, those of the inputs are not
Sampling  30 samples against 30 plain passes without gradients; masks shared by all objects, or one per object, which
          run step by step
Padding   a bidirectional layer trained on objects of different lengths (5 to 100 % of the steps), with `bidirectional`
          against torch's packed sequences
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from record import record, row
from skysure.methods.dropout import TiedDropout
from skysure.methods.recurrent import bidirectional
from skysure.methods.sampling import sample

FEATURES, OBJECTS, SAMPLES = 16, 256, 30
GRID = list(product((16, 32, 64, 128), (20, 50, 100, 200)))
CORNERS = [(16, 20), (128, 20), (16, 200)]
LENGTHS = torch.linspace(1, 0.05, OBJECTS)
"""Lengths of the objects for padding, relative to the longest."""


class Last(nn.Module):
    """Output of the last step."""

    def forward(self, output: tuple[Tensor, object]) -> Tensor:
        return output[0][:, -1]


class TwoWay(nn.Module):
    """Two unidirectional layers over objects of the given lengths."""

    def __init__(self, units: int, lengths: Tensor) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.LSTM(FEATURES, units, batch_first=True) for _ in range(2))
        self.lengths = lengths

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return bidirectional(*self.layers, x, self.lengths), None


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def ratio(plain: Callable[[], object], ours: Callable[[], object], repeats: int) -> float:
    """Ratio of median times, ours over the plain one, after one repetition to warm up."""
    pairs = [(seconds(plain), seconds(ours)) for _ in range(repeats + 1)][1:]
    torch_seconds, our_seconds = zip(*pairs, strict=True)
    return statistics.median(our_seconds) / statistics.median(torch_seconds)


def train_step(layer: nn.Module, x: Tensor | PackedSequence) -> None:
    """Run one training step, forward and backward."""
    y, _ = layer(x)
    (y.data if isinstance(y, PackedSequence) else y).square().mean().backward()
    layer.zero_grad()


@torch.inference_mode()
def plain_passes(layer: nn.Module, x: Tensor) -> Tensor:
    """Run a plain layer once per sample."""
    return torch.stack([layer(x)[0][:, -1] for _ in range(SAMPLES)])


def ratios(units: int, steps: int, repeats: int) -> dict[str, float]:
    """Ratios of our time to torch's for one size."""
    torch.manual_seed(0)
    plain, x = nn.LSTM(FEATURES, units, batch_first=True), torch.randn(OBJECTS, steps, FEATURES)
    ours = TiedDropout(plain, 0.2)
    sampled = nn.Sequential(ours, Last())
    lengths = (LENGTHS * steps).ceil().long()
    packed, two_way = pack_padded_sequence(x, lengths, batch_first=True), nn.LSTM(FEATURES, units, bidirectional=True)
    two_layers = TwoWay(units, lengths)
    return {
        "train_over_torch_lstm": ratio(lambda: train_step(plain, x), lambda: train_step(ours, x), 2 * repeats),
        "sampling_over_torch_lstm": ratio(
            lambda: plain_passes(plain, x), lambda: sample(sampled, x, SAMPLES, 0, shared=True), repeats
        ),
        "per_object_masks_over_torch_lstm": ratio(
            lambda: plain_passes(plain, x), lambda: sample(sampled, x, SAMPLES, 0), max(1, repeats // 4)
        ),
        "padded_both_ways_over_packed": ratio(
            lambda: train_step(two_way, packed), lambda: train_step(two_layers, x), max(1, repeats // 2)
        ),
    }


def main(quick: bool) -> None:
    torch.set_num_threads(1)
    sizes, repeats = (CORNERS, 5) if quick else (GRID, 9)
    # Small sizes take milliseconds and need more repetitions for a stable median.
    by_size = {(units, steps): ratios(units, steps, max(repeats, 20_000 // (units * steps))) for units, steps in sizes}
    rows = []
    for measure in next(iter(by_size.values())):
        table = "; ".join(f"{units} x {steps}: {r[measure]:.2f}" for (units, steps), r in by_size.items())
        note = f"worst over units x steps, {OBJECTS} objects: {table}"
        rows.append(row(measure, max(r[measure] for r in by_size.values()), note=note))
    record("recurrent_speed", rows, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
