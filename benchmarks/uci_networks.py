"""The one rule by which the networks of the UCI benchmark are built, trained and calibrated, for all sets.

Built: two hidden layers of 100 units (GELU), a mean and a log variance. Weights start as He's and have the prior
N(0, 1 / l²) with l = 0.3 sqrt(inputs of the layer); what the second and third layer read is dropped, at rates that
are learned. The variance has a floor, that of the rounding of the targets.

Trained: beta-NLL (Seitzer et al. 2022, arXiv:2203.09168; beta 0.5, its weights of mean 1 in each batch, so that KL / N
keeps its share), Adam, the same number of steps for every set, no early stopping.

Calibrated: one factor on the spread, from a second network of the split that has not seen 20 % of its training part
(500 rows at most), by these. The first network keeps the whole training part.

All networks of a set train in one pass, as members of an `Ensemble` that draw rows of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from skysure.methods.calibration import VarianceScaling, pit, pit_hits
from skysure.methods.dropout import Dropout, noise
from skysure.methods.ensembles import Ensemble, clip_member_gradients
from skysure.methods.likelihoods import mixture_nll
from skysure.methods.variational import kl
from skysure.training import schedule, seeded
from uci_splits import Splits

HIDDEN, RELATIVE_LENGTH, BETA = 100, 0.3, 0.5
STEPS, BATCH, LEARNING_RATE, WARM_UP = 2000, 64, 0.01, 0.1
SAMPLES, MEMBERS = 100, 5
HELD_OUT, HELD_ROWS = 0.2, 500


@dataclass(frozen=True)
class Predicted:
    """Predictions as Gaussian mixtures, in units of the training targets: (split, sample, object)."""

    mean: Tensor
    std: Tensor

    def scores(self, splits: Splits) -> dict[str, np.ndarray]:
        """Log-likelihood of the mixture [nat], error of its mean, coverage of its central 68.3 %, for each split."""
        mean, std = (a.double().movedim(1, 0) for a in (self.mean, self.std))
        truth, scale = splits.new_y.double(), splits.scale.double()
        nll = mixture_nll(0.5 * ((truth - mean) / std).square() + std.log() + 0.5 * math.log(2 * math.pi))
        inside = pit_hits(pit(mean.numpy(), std.numpy(), truth.numpy()), 0.683)
        return {
            "log_likelihood": (-nll.mean(1) - scale.log()).numpy(),
            "rmse": ((mean.mean(0) - truth).square().mean(1).sqrt() * scale).numpy(),
            "coverage_683": inside.mean(1),
        }


def dropout_predictions(splits: Splits, steps: int = STEPS, seed: int = 0) -> tuple[Predicted, dict[str, float]]:
    """Concrete dropout: of each split a network to keep, and one to calibrate it by; also what was learned."""
    count, rows = splits.y.shape
    seen, held = parted(count, rows, seed)
    whole = torch.arange(rows).expand(count, -1)
    networks = built(2 * count, splits.x.shape[-1], 0.1, seed)
    trained(networks, splits, torch.arange(count).repeat(2), [*whole, *seen], steps, seed)
    some, new = held.shape[1], splits.new_x.shape[1]
    every = torch.arange(max(some, new))  # both networks run in one pass: the shorter part begins anew at its end
    inputs = torch.cat([splits.new_x[:, every % new], of_rows(splits.x, held)[:, every % some]])
    mean, std = sampled(networks, inputs, splits.floor.repeat(2), seed)
    by, learned = Predicted(mean[count:, :, :some], std[count:, :, :some]), networks.network
    predicted, factors = calibrated(Predicted(mean[:count, :, :new], std[:count, :, :new]), by, splits, held)
    rates = {f"rate_{k}": float(learned[2 * k - 2].mask.rate[:count].mean().detach()) for k in (2, 3)}
    return predicted, rates | {"factor": float(factors.mean())}


def ensemble_predictions(splits: Splits, steps: int = STEPS, seed: int = 1) -> Predicted:
    """Deep ensembles (Lakshminarayanan et al. 2017): such networks without dropout; none sees the calibration rows."""
    count, rows = splits.y.shape
    seen, held = parted(count, rows, seed)
    networks = built(MEMBERS * count, splits.x.shape[-1], 0.0, seed)
    trained(networks, splits, torch.arange(count).repeat(MEMBERS), [*seen] * MEMBERS, steps, seed)
    inputs = torch.cat([of_rows(splits.x, held), splits.new_x], 1)
    with torch.no_grad():
        outputs = networks.eval()(inputs.repeat(MEMBERS, 1, 1), per_member=True)
    mean, std = (
        a.unflatten(0, (MEMBERS, count)).movedim(0, 1) for a in gaussian(outputs, splits.floor.repeat(MEMBERS))
    )
    some = held.shape[1]
    by = Predicted(mean[:, :, :some], std[:, :, :some])
    return calibrated(Predicted(mean[:, :, some:], std[:, :, some:]), by, splits, held)[0]


def parted(count: int, rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Deal the training rows of each split: (split, row) to train on, (split, row) to calibrate on."""
    with seeded(seed, 1):
        order = torch.stack([torch.randperm(rows) for _ in range(count)])
    some = min(round(HELD_OUT * rows), HELD_ROWS)
    return order[:, some:], order[:, :some]


def built(members: int, features: int, rate: float, seed: int) -> Ensemble:
    """Networks that differ in where they start; dropout learns its rates where it has one."""

    def layer(inputs: int, outputs: int, rate: float) -> Dropout:
        linear = nn.Linear(inputs, outputs)
        nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
        length = RELATIVE_LENGTH * math.sqrt(inputs)
        return Dropout(linear, rate, learned=rate > 0, length_scale=length, narrow=True)

    def network() -> nn.Module:
        first, second, last = layer(features, HIDDEN, 0.0), layer(HIDDEN, HIDDEN, rate), layer(HIDDEN, 2, rate)
        with torch.no_grad():
            last.layer.weight[1] *= 0.1
            last.layer.bias.copy_(torch.tensor([0.0, -1.0]))
        return nn.Sequential(first, nn.GELU(), second, nn.GELU(), last)

    with seeded(seed, 2):
        return Ensemble([network() for _ in range(members)])


def trained(networks: Ensemble, splits: Splits, own: Tensor, seen: list[Tensor], steps: int, seed: int) -> None:
    """Train every member on its rows `seen` of its split `own`, all in one pass."""
    counts = torch.tensor([len(rows) for rows in seen])
    pool = nn.utils.rnn.pad_sequence(seen, batch_first=True)
    optimiser = torch.optim.Adam(networks.parameters())
    networks.train(any(layer.mask.learned for layer in networks.modules() if isinstance(layer, Dropout)))
    floor, batch = splits.floor[own], min(BATCH, int(counts.min()))
    with seeded(seed, 3):
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * schedule((step + 0.5) / steps, WARM_UP)
            drawn = pool.gather(1, (torch.rand(len(seen), batch) * counts[:, None]).long())
            mean, std = gaussian(networks(splits.x[own[:, None], drawn], per_member=True), floor)
            loss = beta_nll(mean, std, splits.y[own[:, None], drawn]).sum() + kl(networks, counts)
            optimiser.zero_grad()
            loss.backward()
            clip_member_gradients(networks, 1.0)
            optimiser.step()


def gaussian(outputs: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (member, object), with the member's least variance added."""
    return outputs[..., 0], torch.exp(0.5 * torch.logaddexp(outputs[..., 1], 2 * floor.log()[:, None]))


def beta_nll(mean: Tensor, std: Tensor, truth: Tensor, beta: float = BETA) -> Tensor:
    """Negative log-likelihood of each member, objects weighted by std^(2 beta), with weights of mean 1."""
    weight = std.detach() ** (2 * beta)
    nll = 0.5 * ((truth - mean) / std).square() + std.log()
    return (nll * weight / weight.mean(-1, keepdim=True)).mean(-1)


def sampled(networks: Ensemble, inputs: Tensor, floor: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Draw each member for its own inputs, with hard masks: (member, sample, object)."""
    networks.eval()
    draws, rows = [], torch.arange(inputs.shape[1])
    with torch.no_grad():
        for sample in range(SAMPLES):
            with noise(networks, seed, samples=sample, rows=rows):
                draws.append(gaussian(networks(inputs, per_member=True), floor))
    means, stds = zip(*draws, strict=True)
    return torch.stack(means, 1), torch.stack(stds, 1)


def calibrated(predicted: Predicted, by: Predicted, splits: Splits, held: Tensor) -> tuple[Predicted, Tensor]:
    """Scale the spread of each split by what its held-out rows ask for; never below the floor."""
    truth, made, factors = splits.y.gather(1, held), [], []
    for k in range(len(truth)):
        scaling = VarianceScaling(1).fit(by.mean[k, ..., None], by.std[k, ..., None], truth[k, :, None])
        mean, std = scaling(predicted.mean[k, ..., None], predicted.std[k, ..., None])
        made.append((mean[..., 0], std[..., 0].clamp(min=float(splits.floor[k]))))
        factors.append(scaling.factor[0])
    means, stds = zip(*made, strict=True)
    return Predicted(torch.stack(means), torch.stack(stds)), torch.stack(factors)


def of_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Take rows of each split: (split, row, feature)."""
    return x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1]))
