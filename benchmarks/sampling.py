"""Time and memory of sampling, relative to the naive loop of T full passes and to torch-uncertainty.

    python benchmarks/sampling.py [--quick] [--peers PYTHON]

PYTHON (or the variable SKYSURE_PEERS) is the interpreter of an environment with torch-uncertainty; without it, its rows
are left out. One thread, processor time, medians over interleaved repetitions of the ratio naive / ours.

The naive loop is the best that torch alone offers: the same network with torch's dropout active in `eval`, T passes
without gradients. For tied masks it draws one mask per sequence from torch's generator, between fused nn.LSTM layers.
Torch has no masks of the recurrent state: there it runs our own module T times.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from record import record, row
from skysure.methods.dropout import TiedDropout, noise, to_bayesian
from skysure.methods.sampling import sample, split_classes, split_classes_until

SAMPLES = 50
BATCHES = (1, 8, 32, 256)
CLASSES, STEPS, FEATURES, UNITS, RATE = 10, 50, 8, 64, 0.2


class Tie(nn.Module):
    """Drop features of a sequence, the same at every step."""

    def forward(self, x: Tensor) -> Tensor:
        return x * nn.functional.dropout(x.new_ones(len(x), 1, x.shape[2]), RATE, self.training)


class Last(nn.Module):
    """Output of the last step of a recurrent layer."""

    def forward(self, output: tuple[Tensor, object]) -> Tensor:
        return output[0][:, -1]


class Sequences(nn.Module):
    """Outputs of all steps of a recurrent layer."""

    def forward(self, output: tuple[Tensor, object]) -> Tensor:
        return output[0]


def mlp(everywhere: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for k, width in enumerate((64, 512, 512)):
        layers += [nn.Linear(width, 512), nn.ReLU(), nn.Dropout(RATE if everywhere or k == 2 else 0)]
    return nn.Sequential(*layers, nn.Linear(512, CLASSES))


def cnn(everywhere: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(*channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Dropout2d(RATE)] * everywhere
    head = [nn.Flatten(), nn.Dropout(RATE), nn.Linear(1024, 128), nn.ReLU(), nn.Dropout(RATE), nn.Linear(128, CLASSES)]
    return nn.Sequential(*layers, *head)


def lstm(inputs: bool) -> nn.Sequential:
    layers = [nn.LSTM(n, UNITS, batch_first=True) for n in (FEATURES, UNITS)]
    first = [Tie()] * inputs
    return nn.Sequential(*first, layers[0], Sequences(), Tie(), layers[1], Last(), nn.Linear(UNITS, CLASSES))


def tied_lstm(plain: nn.Sequential, inputs: bool, state: bool) -> nn.Sequential:
    """Build our LSTM with the weights of the plain one."""
    ours = nn.LSTM(FEATURES, UNITS, 2, batch_first=True)
    for k, layer in enumerate(layer for layer in plain if isinstance(layer, nn.LSTM)):
        for name, weight in layer.named_parameters():
            getattr(ours, name.replace("l0", f"l{k}")).data = weight.data
    return nn.Sequential(TiedDropout(ours, RATE, drop_input=inputs, drop_state=state), Last(), plain[-1])


def networks() -> dict[str, tuple[nn.Module, nn.Module, bool]]:
    """Triples by name: torch's network with active dropout, ours, whether objects share their masks."""
    torch.manual_seed(0)
    plain = {
        "mlp_every": mlp(True), "mlp_last": mlp(False), "cnn_head": cnn(False), "cnn_all": cnn(True),
        "lstm_between": lstm(False), "lstm_inputs": lstm(True),
    }  # fmt: skip
    ours = {name: to_bayesian(network) for name, network in plain.items() if "lstm" not in name}
    ours["lstm_between"] = tied_lstm(plain["lstm_between"], inputs=False, state=False)
    ours["lstm_inputs"] = tied_lstm(plain["lstm_inputs"], inputs=True, state=False)
    pairs = {name: (enable_dropout(network), ours[name].eval(), False) for name, network in plain.items()}
    state = tied_lstm(plain["lstm_inputs"], inputs=True, state=True)
    return pairs | {
        "lstm_state_shared": (SharedMasks(state), state, True),
        "lstm_state_own": (OwnMasks(state), state, False),
    }


def enable_dropout(network: nn.Module) -> nn.Module:
    """Activate torch's dropout and leave everything else in `eval`."""
    for module in network.eval().modules():
        module.training = isinstance(module, (nn.Dropout, nn.Dropout2d, Tie))
    return network


class SharedMasks(nn.Module):
    """Our recurrent module in training mode: one state mask per batch, from torch's generator, in fused kernels."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        try:
            return self.network.train()(x)
        finally:
            self.network.eval()


class OwnMasks(SharedMasks):
    """Our recurrent module with a state mask per object, which no fused kernel supports."""

    def forward(self, x: Tensor) -> Tensor:
        with noise(self.network, 0, rows=torch.arange(len(x))):
            return self.network(x)


def objects(name: str, n: int) -> Tensor:
    shapes = {"mlp": (64,), "cnn": (3, 32, 32), "lstm": (STEPS, FEATURES)}
    return torch.randn(n, *shapes[name.split("_")[0]], generator=torch.Generator().manual_seed(n))


def naive(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.stack([network(x) for _ in range(SAMPLES)])


def seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def ratios(repeats: dict[int, int]) -> dict[tuple[str, int], list[float]]:
    """Ratios naive / ours of each network and batch size, over interleaved repetitions."""
    by_case = {}
    for name, (plain, ours, shared) in networks().items():
        for n, repeat in repeats.items():
            x = objects(name, n)
            functions = (lambda: naive(plain, x)), (lambda: sample(ours, x, SAMPLES, 0, shared=shared))  # noqa: B023
            for function in functions:
                function()
            by_case[name, n] = [seconds(functions[0]) / seconds(functions[1]) for _ in range(repeat)]
    return by_case


PEER = """
import json, sys, time
from importlib.metadata import version
import torch
from torch import nn
from torch_uncertainty.methods.mc_dropout import mc_dropout
RATE, CLASSES = {rate}, {classes}
{cnn}
torch.set_num_threads(1)
network, x = cnn(False), torch.randn(256, 3, 32, 32)
modes = {{mode: mc_dropout(network, {samples}, on_batch=mode == "on_batch").eval() for mode in ("on_batch", "loop")}}
print(json.dumps({{name: version(name) for name in ("torch-uncertainty", "torch")}}), flush=True)
for line in sys.stdin:
    with torch.no_grad():
        start = time.process_time()
        drawn = modes[line.strip()](x)
    assert drawn.shape == ({samples} * 256, CLASSES), drawn.shape
    print(time.process_time() - start, flush=True)
"""


def compare_torch_uncertainty(python: str, repeat: int) -> list[dict[str, Any]]:
    """Time torch-uncertainty as released, in its own environment, interleaved with ours."""
    script = PEER.format(rate=RATE, classes=CLASSES, samples=SAMPLES, cnn=inspect.getsource(cnn))
    ours, x = networks()["cnn_head"][1], objects("cnn_head", 256)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([python, "-c", script], **pipes) as peer:

        def ask(mode: str) -> float:
            peer.stdin.write(mode + "\n")
            peer.stdin.flush()
            return float(peer.stdout.readline())

        versions = json.loads(peer.stdout.readline())
        durations = {"loop": [], "on_batch": [], "ours": []}
        for _ in range(repeat + 1):
            for mode in ("loop", "on_batch"):
                durations[mode].append(ask(mode))
            durations["ours"].append(seconds(lambda: sample(ours, x, SAMPLES, 0)))
        peer.stdin.close()
    about = {"name": "torch-uncertainty", "version": versions["torch-uncertainty"]}
    note = f"B = 256, as shipped, torch {versions['torch']}, one thread"
    rows = []
    for mode, measure in (
        ("loop", "cnn_head_over_torch_uncertainty"),
        ("on_batch", "cnn_head_over_torch_uncertainty_on_batch"),
    ):
        ratios = [peer / ours for peer, ours in zip(durations[mode][1:], durations["ours"][1:], strict=True)]
        peer_row = about | {"value": 256 / statistics.median(durations[mode][1:]), "unit": "objects/s"}
        rows.append(ratio(measure, ratios, f"{note}; its {mode.replace('_', ' ')} mode", peer_row))
    return rows


def ratio(measure: str, values: list[float], note: str = "", peer: dict[str, Any] | None = None) -> dict[str, Any]:
    """Row of the median of ratios; its error is that of the median of equally many Gaussian numbers."""
    error = 1.25 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return row(measure, statistics.median(values), error=error, n=len(values), note=note, peer=peer)


def print_peak_memory(mode: str) -> None:
    """Print the rise of this process's peak memory [MB] in one pass of T = 50 over 256 images."""
    network, ours, _ = networks()["cnn_all"]
    x = objects("cnn_all", 256)
    before = memory("VmRSS")
    if mode == "fold":
        with torch.no_grad():
            network(x.repeat(SAMPLES, 1, 1, 1))
    else:
        sample(ours, x, SAMPLES, 0)
    print((memory("VmHWM") - before) / 1e6)


def memory(kind: str) -> float:
    """Memory [bytes] in use ("VmRSS") or its peak so far ("VmHWM"), from Linux."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind))
    return float(line.split()[1]) * 1024


def peak_memory_rows() -> list[dict[str, Any]]:
    rows = []
    for mode, measure in (("sample", "peak_memory_cnn"), ("fold", "peak_memory_cnn_all_folded")):
        process = subprocess.run([sys.executable, __file__, "--peak", mode], capture_output=True, text=True, check=True)
        rows.append(row(measure, float(process.stdout), "MB", note="T = 50, B = 256, dropout after each convolution"))
    return rows


def adaptive_sampling(n: int) -> list[dict[str, Any]]:
    """Samples and time that adaptive sampling saves, for a small classifier of four overlapping classes."""
    generator = torch.Generator().manual_seed(0)
    centres = 2 * torch.randn(4, 8, generator=generator)

    def draw_objects(n: int) -> tuple[Tensor, Tensor]:
        truth = torch.randint(4, (n,), generator=generator)
        return centres[truth] + torch.randn(n, 8, generator=generator), truth

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(8, 128),
        nn.ReLU(),
        nn.Dropout(RATE),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Dropout(RATE),
        nn.Linear(128, 4),
    )
    x, truth = draw_objects(2000)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    for _ in range(500):
        indices = torch.randint(len(x), (64,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[indices]), truth[indices]).backward()
        optimizer.step()
    ours, (x, _) = to_bayesian(network), draw_objects(n)
    start = time.process_time()
    decomposition, counts = split_classes_until(ours, x, 0.01, 1, most=2000)
    fixed_seconds = time.process_time() - start
    most = int(counts.max())
    start = time.process_time()
    fixed = split_classes(sample(ours, x, most, 1).softmax(-1))
    ratio_of_times = (time.process_time() - start) / fixed_seconds
    true = split_classes(sample(ours, x, most, 2, first_sample=10**6).softmax(-1)).probability
    deviation = (decomposition.probability - true).abs().amax(-1)
    note = f"errors of probabilities and mutual information under 0.01; at least 10, at most {most} were needed"
    return [
        row("stopping_mean_samples", float(counts.double().mean()), n=n, note=note),
        row("stopping_median_samples", float(counts.double().median()), n=n),
        row("stopping_over_fixed_time", ratio_of_times, n=n, note=f"{most} samples of every object against stopping"),
        row(
            "stopping_error_over_tolerance_rms",
            float((deviation / 0.01).square().mean().sqrt()),
            n=n,
            note="largest of four probabilities",
        ),
        row(
            "fixed_error_over_tolerance_rms",
            float(((fixed.probability - true).abs().amax(-1) / 0.01).square().mean().sqrt()),
            n=n,
        ),
    ]


def speeds(repeats: dict[int, int]) -> list[dict[str, Any]]:
    by_case = ratios(repeats)
    rows = [ratio(f"{name}_{n}_over_naive", values) for (name, n), values in by_case.items()]
    large = max(repeats)
    named = {
        "cnn_head_over_naive": ("cnn_head", large), "mlp_last_over_naive": ("mlp_last", large),
        "one_object_cnn_over_naive": ("cnn_head", 1), "one_object_lstm_over_naive": ("lstm_between", 1),
    }  # fmt: skip
    rows += [ratio(measure, by_case[case], f"{case[0]}, B = {case[1]}, T = 50") for measure, case in named.items()]
    worst = min(by_case, key=lambda case: statistics.median(by_case[case]))
    return [*rows, ratio("worst_over_naive", by_case[worst], f"{worst[0]}, B = {worst[1]}")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", default=os.environ.get("SKYSURE_PEERS"))
    parser.add_argument("--peak", choices=("sample", "fold"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.peak:
        return print_peak_memory(arguments.peak)
    rows = peak_memory_rows()
    rows += speeds({1: 5, 8: 3, 32: 1} if arguments.quick else {1: 41, 8: 15, 32: 9, 256: 3})
    rows += adaptive_sampling(200 if arguments.quick else 2000)
    if arguments.peers:
        rows += compare_torch_uncertainty(arguments.peers, 1 if arguments.quick else 3)
    else:
        print("no torch-uncertainty: its rows are left out (--peers PYTHON)")
    record("sampling", rows, quick=arguments.quick)


if __name__ == "__main__":
    main()
