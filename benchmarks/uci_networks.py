"""The one rule by which the networks of the UCI benchmark are built, trained and calibrated, for all sets.

Networks: two hidden layers of 100 units (GELU), a mean and a log variance. Weights start as He's and have the prior
N(0, 1 / l²) with l = 0.3 sqrt(inputs of the layer); the inputs of the second and third layer are dropped, at rates
that are learned. The variance has a floor, that of the rounding of the targets.

Training: beta-NLL (Seitzer et al. 2022, arXiv:2203.09168; beta 0.5, its weights of mean 1 in each batch, so that KL / N
keeps its share), Adam, max(2000, N / 4) steps of 64 rows: 16 epochs or more. No early stopping.

Prediction: three networks for each split, each trained without another fifth of the training part. The prediction is
the mixture of their samples. Width and tails are calibrated on the three fifths left out, each predicted by the network
that has not seen it (uci_predictions.py).

All networks of a set train in one pass, as members of an `Ensemble` with a batch each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from skysure.methods.dropout import Dropout, noise
from skysure.methods.ensembles import Ensemble, clip_member_gradients
from skysure.methods.variational import kl
from skysure.training import schedule, seeded
from uci_predictions import Predicted, calibrate
from uci_splits import Splits

HIDDEN, RELATIVE_LENGTH, BETA = 100, 0.3, 0.5
STEPS, STEPS_PER_ROW, BATCH, LEARNING_RATE, WARM_UP = 2000, 0.25, 64, 0.01, 0.1
NETWORKS, FOLDS, SAMPLES = 3, 5, 20
MEMBERS, HELD_OUT, HELD_ROWS, CHECKS = 5, 0.2, 500, 20
ENSEMBLE_STEPS = 1.1  # times the steps of our networks: as much CPU time
CHUNK = 500


def steps_for(rows: int) -> int:
    """Number of training steps for N training rows."""
    return max(STEPS, round(STEPS_PER_ROW * rows))


def dropout_predictions(splits: Splits, steps: int | None = None, seed: int = 0) -> tuple[Predicted, dict[str, float]]:
    """Concrete dropout, cross-fitted; also what was learned: mean rates, and width and tails of the calibration."""
    count, rows = splits.y.shape
    train, held_out = folds(count, rows, seed)
    own = torch.arange(count).repeat(NETWORKS)
    networks = built(len(own), splits.x.shape[-1], 0.1, seed)
    for _ in training(networks, splits, own, train, steps or steps_for(rows), seed):
        pass
    inputs, new = torch.cat([splits.new_x[own], of_rows(splits.x[own], held_out)], 1), splits.new_x.shape[1]
    mean, std = sampled(networks, inputs, splits.floor[own], seed)

    def joined(values: Tensor, axis: int) -> Tensor:
        """Join the networks of each split along the samples (1) or the rows (2)."""
        return torch.cat(values.unflatten(0, (NETWORKS, count)).unbind(), axis)

    predicted = Predicted(joined(mean[..., :new], 1), joined(std[..., :new], 1))
    by = Predicted(joined(mean[..., new:], 2), joined(std[..., new:], 2))
    truth = torch.cat(splits.y[own].gather(1, held_out).unflatten(0, (NETWORKS, count)).unbind(), 1)
    calibrated, (log_f, log_excess, logit) = calibrate(predicted, by, truth, splits.floor)
    network = networks.network
    rates = {f"rate_{k}": float(network[2 * k - 2].mask.rate.detach().mean()) for k in (2, 3)}
    widths = {"factor": log_f.exp(), "wider": 1 + log_excess.exp(), "share": logit.sigmoid()}
    return calibrated, rates | {name: float(values.mean()) for name, values in widths.items()}


def ensemble_predictions(splits: Splits, steps: int | None = None, seed: int = 1) -> Predicted:
    """Deep ensembles (Lakshminarayanan et al. 2017): such networks without dropout, stopped early and calibrated.

    None trains on the rows by which the best of `CHECKS` states of each member is kept and the mixture is calibrated.
    """
    count, rows = splits.y.shape
    train, held_out = parted(count, rows, seed)
    own = torch.arange(count).repeat(MEMBERS)
    networks, best = built(len(own), splits.x.shape[-1], 0.0, seed), Best(len(own))
    steps = steps or round(ENSEMBLE_STEPS * steps_for(rows))
    unseen, truth, floor = of_rows(splits.x, held_out)[own], splits.y.gather(1, held_out), splits.floor[own]
    for step in training(networks, splits, own, [*train] * MEMBERS, steps, seed):
        if step % (steps // CHECKS) == 0:
            mean, std = predict(networks, unseen, floor)
            best.keep(networks, (0.5 * ((truth[own] - mean) / std).square() + std.log()).mean(1))
    networks.load_state_dict(best.tensors)
    inputs, unseen_count = torch.cat([unseen, splits.new_x[own]], 1), held_out.shape[1]
    mean, std = (a.unflatten(0, (MEMBERS, count)).movedim(0, 1) for a in predict(networks, inputs, floor))
    by = Predicted(mean[..., :unseen_count], std[..., :unseen_count])
    return calibrate(Predicted(mean[..., unseen_count:], std[..., unseen_count:]), by, truth, splits.floor)[0]


class Best:
    """The tensors of each network when its loss on rows held out was least."""

    def __init__(self, networks: int) -> None:
        self.loss, self.tensors = torch.full((networks,), math.inf), {}

    def keep(self, networks: nn.Module, loss: Tensor) -> None:
        """Keep the networks, along the first axis of the tensors, that are better than before; one network: all."""
        better, self.loss = loss < self.loss, torch.minimum(loss, self.loss)
        for name, tensor in networks.state_dict().items():
            choice = better.reshape(-1, *[1] * (tensor.ndim - 1)) if tensor.ndim else better[0]
            self.tensors[name] = torch.where(choice, tensor, self.tensors.get(name, tensor))


def folds(count: int, rows: int, seed: int) -> tuple[list[Tensor], Tensor]:
    """Deal the rows of each split: rows to train on and (network, row) to calibrate on, network by network."""
    with seeded(seed, 1):
        order = torch.stack([torch.randperm(rows) for _ in range(count)])
    size, train, held_out = rows // FOLDS, [], []
    for start in range(0, NETWORKS * size, size):
        held_out.append(order[:, start : start + size])
        train += [*torch.cat([order[:, :start], order[:, start + size :]], 1)]
    return train, torch.cat(held_out)


def parted(count: int, rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Deal the training rows of each split: (split, row) to train on, (split, row) to calibrate on."""
    with seeded(seed, 1):
        order = torch.stack([torch.randperm(rows) for _ in range(count)])
    size = min(round(HELD_OUT * rows), HELD_ROWS)
    return order[:, size:], order[:, :size]


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


def training(
    networks: Ensemble, splits: Splits, own: Tensor, train: list[Tensor], steps: int, seed: int
) -> Iterator[int]:
    """Train every member on its rows `train` of its split `own`, all in one pass; yield the number of steps done."""
    counts = torch.tensor([len(rows) for rows in train])
    pool = nn.utils.rnn.pad_sequence(train, batch_first=True)
    optimiser = torch.optim.Adam(networks.parameters(), fused=True)
    networks.train(any(layer.mask.learned for layer in networks.modules() if isinstance(layer, Dropout)))
    floor, batch = splits.floor[own], min(BATCH, int(counts.min()))
    with seeded(seed, 3):
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * schedule((step + 0.5) / steps, WARM_UP)
            batch_rows = pool.gather(1, (torch.rand(len(train), batch) * counts[:, None]).long())
            mean, std = gaussian(networks(splits.x[own[:, None], batch_rows], per_member=True), floor)
            loss = beta_nll(mean, std, splits.y[own[:, None], batch_rows]).sum() + kl(networks, counts)
            optimiser.zero_grad()
            loss.backward()
            clip_member_gradients(networks, 1.0)
            optimiser.step()
            yield step + 1


def gaussian(outputs: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (member, object), with the member's least variance added."""
    return outputs[..., 0], torch.exp(0.5 * torch.logaddexp(outputs[..., 1], 2 * floor.log()[:, None]))


def beta_nll(mean: Tensor, std: Tensor, truth: Tensor, beta: float = BETA) -> Tensor:
    """Negative log-likelihood of each member, objects weighted by std^(2 beta), with weights of mean 1."""
    weight = std.detach() ** (2 * beta)
    nll = 0.5 * ((truth - mean) / std).square() + std.log()
    return (nll * weight / weight.mean(-1, keepdim=True)).mean(-1)


def predict(networks: Ensemble, inputs: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each member for its own inputs: (member, object)."""
    with torch.no_grad():
        predictions = [gaussian(networks(part, per_member=True), floor) for part in inputs.split(CHUNK, 1)]
    return tuple(torch.cat(parts, 1) for parts in zip(*predictions, strict=True))


def sampled(networks: Ensemble, inputs: Tensor, floor: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Draw each member for its own inputs, with hard masks: (member, sample, object)."""
    networks.eval()
    draws, rows = [], torch.arange(inputs.shape[1])
    for sample in range(SAMPLES):
        parts = []
        for part, chunk in zip(inputs.split(CHUNK, 1), rows.split(CHUNK), strict=True):
            with noise(networks, seed, samples=sample, rows=chunk):
                parts.append(predict(networks, part, floor))
        draws.append([torch.cat(values, 1) for values in zip(*parts, strict=True)])
    means, stds = zip(*draws, strict=True)
    return torch.stack(means, 1), torch.stack(stds, 1)


def of_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Take rows of each split: (split, row, feature)."""
    return x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1]))
