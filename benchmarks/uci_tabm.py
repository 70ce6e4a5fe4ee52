"""TabM (Gorishniy, Kotelnikov & Babenko 2025, arXiv:2410.24210): k networks that share their weight matrices.

A layer of member m, with R, S and bias its own and W shared (BatchEnsemble: Wen, Tran & Ba 2020, arXiv:2002.06715):

    y_m = ((x_m * r_m) W) * s_m + b_m

r of the first layer starts as random signs, all other r and s as 1. ReLU follows; the output layer is not shared. The
loss is the mean of the members' losses, minimised by AdamW, and the state that is best on rows held out is kept, as in
the paper. Differs from it by the outputs (a mean and a log variance), by the loss (that of all networks of this
benchmark), by a learning rate that warms up and falls as a cosine, and by its size, which was chosen on inner splits
for equal CPU time: 8 members of 64 units without dropout are better there than 32, which take fewer steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from skysure.training import schedule, seeded
from uci_networks import CHECKS, CHUNK, WARM_UP, Best, beta_nll, gaussian, parted, steps_for
from uci_predictions import Predicted, calibrate
from uci_splits import Splits

MEMBERS, LAYERS, HIDDEN = 8, 2, 64
BATCH, LEARNING_RATE, WEIGHT_DECAY = 64, 1e-2, 3e-4
TABM_STEPS = 0.65  # times the steps of our networks: as much CPU time


class SharedLinear(nn.Module):
    """One matrix for k members, each of which scales what goes in and what comes out: (object, member, feature)."""

    def __init__(self, inputs: int, outputs: int, members: int, signs: bool) -> None:
        super().__init__()
        start = nn.Linear(inputs, outputs)
        self.weight = nn.Parameter(start.weight.detach().T.clone())
        self.bias = nn.Parameter(start.bias.detach().repeat(members, 1))
        self.r = nn.Parameter(2.0 * torch.randint(2, (members, inputs)) - 1 if signs else torch.ones(members, inputs))
        self.s = nn.Parameter(torch.ones(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return ((x * self.r) @ self.weight) * self.s + self.bias


class OwnLinear(nn.Module):
    """A linear layer for each member: (object, member, feature)."""

    def __init__(self, inputs: int, outputs: int, members: int) -> None:
        super().__init__()
        layers = [nn.Linear(inputs, outputs) for _ in range(members)]
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("omi,mij->omj", x, self.weight) + self.bias


class TabM(nn.Module):
    """Members that all read the same objects: (object, feature) to (member, object, output)."""

    def __init__(self, features: int, outputs: int = 2, members: int = MEMBERS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for depth in range(LAYERS):
            shared = SharedLinear(HIDDEN if depth else features, HIDDEN, members, signs=depth == 0)
            layers += [shared, nn.ReLU()]
        self.members, self.layers = members, nn.Sequential(*layers, OwnLinear(HIDDEN, outputs, members))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x[:, None].expand(-1, self.members, -1)).movedim(1, 0)


def tabm_predictions(splits: Splits, steps: int | None = None, seed: int = 2) -> Predicted:
    """Train a TabM for each split, and calibrate it on the rows by which its best state was kept."""
    count, rows = splits.y.shape
    train, held_out = parted(count, rows, seed)
    steps, results = steps or round(TABM_STEPS * steps_for(rows)), []
    for k in range(count):
        x, y, floor, unseen = splits.x[k], splits.y[k], splits.floor[k], splits.x[k, held_out[k]]
        with seeded(seed, 2, k):
            network = TabM(x.shape[-1])
            fit(network, x[train[k]], y[train[k]], unseen, y[held_out[k]], floor, steps)
        results.append((*predict(network, splits.new_x[k], floor), *predict(network, unseen, floor)))
    mean, std, by_mean, by_std = (torch.stack(tensors) for tensors in zip(*results, strict=True))
    return calibrate(Predicted(mean, std), Predicted(by_mean, by_std), splits.y.gather(1, held_out), splits.floor)[0]


def fit(network: TabM, x: Tensor, y: Tensor, unseen: Tensor, truth: Tensor, floor: Tensor, steps: int) -> None:
    """Train in place, and end with the state of least loss on the `unseen` rows, of `CHECKS`."""
    optimiser, best = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY, fused=True), Best(1)
    for step in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * schedule((step - 0.5) / steps, WARM_UP)
        rows = torch.randint(len(x), (min(BATCH, len(x)),))
        loss = beta_nll(*outputs(network.train(), x[rows], floor), y[rows]).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if step % (steps // CHECKS) == 0:
            mean, std = predict(network, unseen, floor)
            best.keep(network, -Predicted(mean[None], std[None]).log_density(truth[None]).mean(1))
    network.load_state_dict(best.tensors)


def outputs(network: TabM, x: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each member: (member, object)."""
    return gaussian(network(x), floor.expand(network.members))


def predict(network: TabM, x: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each member without dropout: (member, object)."""
    network.eval()
    with torch.no_grad():
        predictions = [outputs(network, part, floor) for part in x.split(CHUNK)]
    return tuple(torch.cat(parts, 1) for parts in zip(*predictions, strict=True))
