"""The dropout rate of predictions, chosen by the coverage of intervals on the validation part.

Perreault Levasseur et al. 2017 tune the keep rate until the intervals hold the truth as often as they should. Here all
rates of `RATES` are tried on one trained network, and the one with the smallest mean difference between observed and
nominal coverage, over all parameters and three levels, is kept with the model, beside the table of the keep rates of
the paper. Differs from it: the network is trained with one rate, and only the predictions change.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from skysure.methods.dropout import masks

from .encoding import Batch
from .inference import draw_values
from .networks import LensModel

PUBLISHED = (0.20, 0.10, 0.03, 0.01)
"""Dropout rates of which a coverage table is kept: keep rates 0.80, 0.90, 0.97 and 0.99."""
RATES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.10, 0.14, 0.20, 0.28, 0.38, 0.50)
LEVELS = (0.683, 0.955, 0.997)
DRAWS = 200


def choose_rate(model: LensModel, batches: Sequence[Batch]) -> None:
    """Set the rate of a model by the coverage on images with truth, and keep the coverage table, in place."""
    model.eval()
    features, truth = _summaries(model, batches)
    gaps = {rate: float((coverage(model, rate, features, truth) - torch.tensor(LEVELS)).abs().mean()) for rate in RATES}
    chosen = min(gaps, key=lambda rate: gaps[rate])
    rows = [coverage(model, rate, features, truth).mean(0) for rate in (*PUBLISHED, chosen)]
    model.rate_table.copy_(torch.cat([torch.tensor([[*PUBLISHED, chosen]]).T, torch.stack(rows)], 1))
    set_rate(model, chosen)


def set_rate(model: nn.Module, rate: float) -> None:
    """Set the rate of all dropout layers."""
    for mask in masks(model).values():
        mask.logit.fill_(torch.logit(torch.tensor(rate)))


def coverage(
    model: LensModel, rate: float, features: Sequence[Tensor], truth: Float[Tensor, "object value"]
) -> Float[Tensor, "value level"]:
    """Fraction of the images whose central intervals hold the truth, with one dropout rate."""
    set_rate(model, rate)
    keys = torch.arange(len(truth))
    draws = torch.cat([
        draw_values(network.head, x, (DRAWS // 2, 2), k, keys).flatten(0, 1)
        for k, (network, x) in enumerate(zip(model.networks, features, strict=True))
    ])  # fmt: skip
    depth = (2 * (draws < truth).double().mean(0) - 1).abs()
    return torch.stack([(depth < level).float().mean(0) for level in LEVELS], 1)


@torch.inference_mode()
def _summaries(model: LensModel, batches: Sequence[Batch]) -> tuple[list[Tensor], Tensor]:
    """Features of each network, and truth in its units."""
    normal = [model.normalise(batch) for batch in batches]
    features = [torch.cat([network.summarise(batch)[0] for batch in normal]) for network in model.networks]
    return features, torch.cat([batch["truth"] for batch in normal])
