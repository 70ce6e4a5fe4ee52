"""Give any PyTorch network uncertainties: wrap its layers, train with KL / N, sample, split the variance."""

from __future__ import annotations

import sys

import torch
from torch import nn

from skysure.methods.dropout import Dropout
from skysure.methods.likelihoods import gaussian_nll
from skysure.methods.sampling import sample, split_values
from skysure.methods.variational import kl

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

generator = torch.Generator().manual_seed(0)
x = torch.rand(500, 1, generator=generator) * 6 - 3
y = torch.sin(x) + 0.1 * torch.randn(500, 1, generator=generator)

# The first layer is plain: dropping the only input discards information that no later layer can recover.
hidden, head = Dropout(nn.Linear(128, 128), learned=True), Dropout(nn.Linear(128, 2), learned=True)
network = nn.Sequential(nn.Linear(1, 128), nn.ReLU(), hidden, nn.ReLU(), head)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
for _ in range(STEPS):
    batch = torch.randint(500, (64,), generator=generator)
    mean, log_variance = network(x[batch]).split(1, dim=1)
    loss = gaussian_nll(mean, log_variance, y[batch]).mean() + kl(network, n=500)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

points = torch.tensor([[0.0], [3.0], [9.0]])
mean, log_variance = sample(network, points, samples=100, seed=0, shared=True).split(1, dim=2)
parts = split_values(mean, variance=log_variance.exp())
for k, x_k in enumerate(points[:, 0].tolist()):
    aleatoric, epistemic = (part[k, 0, 0].sqrt() for part in (parts.aleatoric, parts.epistemic))
    print(f"y({x_k:g}) = {parts.mean[k, 0]:.2f} ± {aleatoric:.2f} (aleatoric) ± {epistemic:.2f} (epistemic)")
