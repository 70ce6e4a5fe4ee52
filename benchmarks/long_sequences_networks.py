"""Networks of long_sequences.py: an LSTM after each method, a 1-D ResNet with as many parameters, and the training.

Every network summarises a series by two vectors, from which a head classifies or forecasts; networks differ in nothing
else. The two vectors are the mean and the maximum over all steps for classification, the mean and the last step for
forecasting.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from long_sequences_data import Labelled
from skysure.methods.recurrent import Autoencoder, Series, init_forget_bias, pool_steps, step_features, truncated_bptt

UNITS, WIDTH = 48, 22
"""Units of the LSTM and of the ResNet; both have about 24,000 parameters."""
BATCH = 32


def autocast_bfloat16() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


def summary(states: Tensor, valid: Tensor, second: str) -> Tensor:
    """Mean over the valid steps, and their maximum or the last of them."""
    inside = valid[..., None]
    mean = states.masked_fill(~inside, 0.0).sum(1) / inside.sum(1).clamp(min=1)
    if second == "last":
        return torch.cat([mean, states[torch.arange(len(states)), (valid.sum(1) - 1).clamp(min=0)]], -1)
    return torch.cat([mean, states.masked_fill(~inside, -torch.inf).amax(1)], -1)


class Recurrent(nn.Module):
    """An LSTM over a series, or over the output of `before`."""

    units = UNITS

    def __init__(self, features: int, before: nn.Module | None = None, second: str = "maximum") -> None:
        super().__init__()
        self.before, self.second = before, second
        self.embedding = nn.Linear(features, UNITS)
        self.layer = nn.LSTM(UNITS, UNITS, batch_first=True)
        init_forget_bias(self.layer, math.log(64))

    def embedded(self, series: Series) -> Tensor:
        return F.gelu(self.embedding(step_features(series)))

    def forward(self, series: Series) -> Tensor:
        short = series if self.before is None else self.before(series)
        return summary(self.layer(self.embedded(short))[0].float(), short.valid, self.second)


class Carried(Recurrent):
    """The same, one window at a time, with a summary of all windows so far after each."""

    def __init__(self, features: int, window: int) -> None:
        super().__init__(features)
        self.window = window

    def summaries(self, series: Series) -> Iterator[Tensor]:
        """Summary after each window; its gradient reaches back to the beginning of the window."""
        most = torch.full((len(series), UNITS), -torch.inf)
        total = torch.zeros(len(series), UNITS)
        windows = [series.between(k, k + self.window) for k in range(0, series.steps, self.window)]
        for k, states in enumerate(truncated_bptt(self.layer, (self.embedded(part) for part in windows))):
            inside, read = windows[k].valid[..., None], series.length.clamp(max=(k + 1) * self.window)
            total = total + states.float().masked_fill(~inside, 0.0).sum(1)
            most = torch.maximum(most, states.float().masked_fill(~inside, -torch.inf).amax(1))
            yield torch.cat([total / read[:, None], most], -1)
            total, most = total.detach(), most.detach()

    def forward(self, series: Series) -> Tensor:
        for output in self.summaries(series):
            last = output
        return last


def mask_padding(x: Tensor, length: Tensor) -> Tensor:
    return x * (torch.arange(x.shape[-1]) < length[:, None])[:, None]


class Block(nn.Module):
    """Two causal convolutions that halve the steps, with a shortcut (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(WIDTH, WIDTH, 5, stride=2)
        self.second = nn.Conv1d(WIDTH, WIDTH, 5)
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(2))

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        """Outputs of the given valid length."""
        y = mask_padding(F.relu(self.norms[0](self.first(F.pad(x, (4, 0))))), length)
        y = self.norms[1](self.second(F.pad(y, (4, 0))))
        return mask_padding(F.relu(x[..., ::2] + y), length)


class ResNet(nn.Module):
    """A 1-D residual network over the whole series; with 1 + 32 k steps the last output depends on the last step."""

    units = WIDTH

    def __init__(self, features: int, second: str = "maximum") -> None:
        super().__init__()
        self.second = second
        self.stem = nn.Conv1d(features, WIDTH, 7, stride=2)
        self.blocks = nn.ModuleList(Block() for _ in range(4))

    def forward(self, series: Series) -> Tensor:
        length = (series.length + 1) // 2
        x = mask_padding(F.relu(self.stem(F.pad(step_features(series).mT, (6, 0)))), length)
        for block in self.blocks:
            length = (length + 1) // 2
            x = block(x, length)
        valid = torch.arange(x.shape[-1]) < length[:, None]
        return summary(x.mT.float(), valid, self.second)


class Codes(nn.Module):
    """Codes of a pretrained autoencoder, averaged over a few windows per step."""

    def __init__(self, autoencoder: Autoencoder, by: int) -> None:
        super().__init__()
        self.autoencoder, self.by = autoencoder, by

    def forward(self, series: Series) -> Series:
        return pool_steps(self.autoencoder(series), self.by)


class Classifier(nn.Module):
    """Logits from the summary of a network, and the losses of a batch: one, or one per window."""

    def __init__(self, reader: nn.Module, classes: int) -> None:
        super().__init__()
        self.reader = reader
        self.head = nn.Sequential(nn.Linear(2 * reader.units, UNITS), nn.GELU(), nn.Linear(UNITS, classes))

    def forward(self, batch: Labelled) -> Tensor:
        with autocast_bfloat16():
            output = self.reader(batch.series)
        return self.head(output)

    def losses(self, batch: Labelled) -> Iterator[Tensor]:
        if not isinstance(self.reader, Carried):
            yield F.cross_entropy(self(batch), batch.label)
            return
        with autocast_bfloat16():  # entered once: leaving it discards the cached weights in half precision
            for output in self.reader.summaries(batch.series):
                with torch.autocast("cpu", enabled=False):
                    loss = F.cross_entropy(self.head(output), batch.label)
                yield loss

    def scores(self, batch: Labelled) -> Tensor:
        """Negative log-likelihood of each object."""
        return F.cross_entropy(self(batch), batch.label, reduction="none")


def batches(n: int, size: int, generator: torch.Generator | None = None) -> list[Tensor]:
    """Indices of the objects of each batch, shuffled if a generator is given."""
    order = torch.arange(n) if generator is None else torch.randperm(n, generator=generator)
    return list(order.split(size))


def fit(
    model: nn.Module, train: Labelled, validation: Labelled, epochs: int, rate: float, seed: int
) -> tuple[nn.Module, float, float]:
    """Train with Adam; returns the network of lowest validation loss, that loss, and the median time per epoch [s]."""
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(model.parameters(), lr=rate)
    best, lowest, seconds = copy.deepcopy(model.state_dict()), math.inf, []
    for epoch in range(epochs):
        start = time.process_time()
        model.train()
        epoch_rows = batches(len(train), BATCH, generator)
        for k, rows in enumerate(epoch_rows):
            progress = (epoch + k / len(epoch_rows)) / epochs
            adam.param_groups[0]["lr"] = (
                rate * min(1.0, 10 * progress + 0.05) * 0.5 * (1 + math.cos(math.pi * progress))
            )
            for loss in model.losses(train[rows]):
                adam.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                adam.step()
        seconds.append(time.process_time() - start)
        loss = float(evaluate(model, validation).mean())
        if loss < lowest:
            best, lowest = copy.deepcopy(model.state_dict()), loss
    model.load_state_dict(best)
    return model.eval(), lowest, sorted(seconds)[len(seconds) // 2]


@torch.no_grad()
def evaluate(model: nn.Module, batch: Labelled, function: Callable[[Labelled], Tensor] | None = None) -> Tensor:
    """Apply a function of the model to each object; by default its negative log-likelihood."""
    model.eval()
    return torch.cat([(function or model.scores)(batch[rows]) for rows in batches(len(batch), 4 * BATCH)])
