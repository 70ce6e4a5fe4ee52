"""What tied dropout of an LSTM costs beside torch.nn.LSTM, trained and sampled.

    python benchmarks/recurrent_speed.py [--quick]

One thread, processor time, one layer that reads 16 features of 256 objects (what `sample` takes at once on a CPU),
medians of 9 interleaved repetitions or, for small sizes, up to 62. Training: a batch forward and backward, the state's
masks shared by the batch, those of the inputs each object's own. Sampling: 30 draws against 30 plain passes without
gradients, with masks that all objects share, and with masks of each object's own, which run step by step. Padding: a
two-way layer trained on objects of different lengths (5 to 100 % of the steps), by `bidirectional` against torch's
packed sequences. Each row is the worst of the grid; its note is the grid.
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
"""Of objects whose lengths differ, as a share of the longest."""


class Last(nn.Module):
    """Take the last output."""

    def forward(self, output: tuple[Tensor, object]) -> Tensor:
        return output[0][:, -1]


class BothWays(nn.Module):
    """Two one-way layers, over objects of these lengths."""

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
    """Give the ratio of median times, after one repetition to warm up."""
    taken = [(seconds(plain), seconds(ours)) for _ in range(repeats + 1)][1:]
    theirs, mine = zip(*taken, strict=True)
    return statistics.median(mine) / statistics.median(theirs)


def trained(layer: nn.Module, x: Tensor | PackedSequence) -> None:
    """Train one step: forward and backward."""
    y, _ = layer(x)
    (y.data if isinstance(y, PackedSequence) else y).square().mean().backward()
    layer.zero_grad()


@torch.inference_mode()
def passes(layer: nn.Module, x: Tensor) -> Tensor:
    """Run a plain layer as often as there are samples."""
    return torch.stack([layer(x)[0][:, -1] for _ in range(SAMPLES)])


def ratios(units: int, steps: int, repeats: int) -> dict[str, float]:
    """Give our time over torch's for one size."""
    torch.manual_seed(0)
    plain, x = nn.LSTM(FEATURES, units, batch_first=True), torch.randn(OBJECTS, steps, FEATURES)
    ours = TiedDropout(plain, 0.2)
    drawn = nn.Sequential(ours, Last())
    lengths = (LENGTHS * steps).ceil().long()
    packed, two_way = pack_padded_sequence(x, lengths, batch_first=True), nn.LSTM(FEATURES, units, bidirectional=True)
    parts = BothWays(units, lengths)
    return {
        "train_over_torch_lstm": ratio(lambda: trained(plain, x), lambda: trained(ours, x), 2 * repeats),
        "sampling_over_torch_lstm": ratio(
            lambda: passes(plain, x), lambda: sample(drawn, x, SAMPLES, 0, shared=True), repeats
        ),
        "per_object_masks_over_torch_lstm": ratio(
            lambda: passes(plain, x), lambda: sample(drawn, x, SAMPLES, 0), max(1, repeats // 4)
        ),
        "padded_both_ways_over_packed": ratio(
            lambda: trained(two_way, packed), lambda: trained(parts, x), max(1, repeats // 2)
        ),
    }


def main(quick: bool) -> None:
    torch.set_num_threads(1)
    sizes, repeats = (CORNERS, 5) if quick else (GRID, 9)
    # Small sizes take milliseconds, and need more repetitions for a median that is not noise.
    found = {(units, steps): ratios(units, steps, max(repeats, 20_000 // (units * steps))) for units, steps in sizes}
    rows = []
    for measure in next(iter(found.values())):
        table = "; ".join(f"{units} x {steps}: {r[measure]:.2f}" for (units, steps), r in found.items())
        note = f"worst over units x steps, {OBJECTS} objects: {table}"
        rows.append(row(measure, max(r[measure] for r in found.values()), note=note))
    record("recurrent_speed", rows, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    main(parser.parse_args().quick)
