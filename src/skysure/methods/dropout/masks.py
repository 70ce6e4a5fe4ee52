"""Dropout masks: which inputs of a layer each sample keeps.

An input is dropped with probability p, else scaled by 1/(1 - p), so that its mean is unchanged. A learned rate is
trained through the relaxation of Gal, Hron and Kendall 2017 (arXiv:1705.07832), eq. 5; predictions use hard masks. The
temperature is 0.1 everywhere, as in the paper: with the 2/3 that the authors' code has for convolutions, relaxed masks
have 39 % less variance than hard ones at p = 0.1 (9 % less with 0.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int32, Int64
from torch import Tensor, nn

from skysure.errors import InputError

from . import counter_rng as counter

TEMPERATURE = 0.1
Factors = Callable[[Tensor], Tensor]
_SHARED_ROW = -(2**63)
_CACHED = 1 << 20


def relaxed_mask(
    logit: Float[Tensor, ""], u: Float[Tensor, "*unit"], temperature: float = TEMPERATURE
) -> Float[Tensor, "*unit"]:
    """Relaxed mask in [0, 1], differentiable in the rate p.

    1 - sigmoid((logit p + logit u) / temperature); in the limit of temperature 0 it is `hard_mask` of the same numbers.

    Parameters
    ----------
    logit : Tensor
        log p - log(1 - p).
    u : Tensor
        Uniform numbers in (0, 1).
    """
    return torch.sigmoid(-(logit + torch.logit(u)) / temperature)


def hard_mask(rate: Float[Tensor, ""], u: Float[Tensor, "*unit"]) -> Bool[Tensor, "*unit"]:
    """Binary mask: True, with probability 1 - p, where a unit is kept."""
    return u < 1 - rate


@dataclass(frozen=True)
class SampleKeys:
    """Keys of the random numbers of some samples of some rows, from which masks are computed.

    Parameters
    ----------
    by_row : Tensor, shape (sample, row, 2), or None
        Keys of masks that differ between rows; None: all masks are shared.
    shared : Tensor, shape (sample, 1, 2)
        Keys of masks that all rows share.
    parent : tuple
        The `SampleKeys` from which these samples were taken, and the slice.
    cache : dict
        Shared factors, by layer and number of features.
    """

    by_row: Int32[Tensor, "sample row 2"] | None
    shared: Int32[Tensor, "sample 1 2"]
    parent: tuple[SampleKeys | None, slice] = (None, slice(None))
    cache: dict[tuple[int, int], Tensor] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, seed: int, samples: Int64[Tensor, " sample"], rows: Int64[Tensor, " row"] | None) -> SampleKeys:
        """Compute the keys of a seed, samples and rows (None: one set of masks for all rows)."""
        shared_row = torch.tensor([_SHARED_ROW], device=samples.device)
        keys = counter.keys(seed, samples, shared_row if rows is None else torch.cat([rows, shared_row]))
        return cls(None if rows is None else keys[:, :-1], keys[:, -1:])

    def take_samples(self, part: slice) -> SampleKeys:
        """Select samples by a slice."""
        return SampleKeys(None if self.by_row is None else self.by_row[part], self.shared[part], (self, part))

    def for_members(self, members: int) -> dict[str, Int32[Tensor, "member sample row 2"]]:
        """Compute the keys of each member of an ensemble, by field name."""
        keys = {"shared": self.shared} | ({} if self.by_row is None else {"by_row": self.by_row})
        return {name: counter.member_keys(key, members) for name, key in keys.items()}

    def factors(
        self, compute: Factors, layer: int, batch: int, features: int, shared: bool
    ) -> Float[Tensor, "rows feature"]:
        """Compute the factors of each row of a batch, all rows of a sample after another; one row if all share it.

        `compute` maps uniform numbers to factors, element by element.
        """
        shared = self.by_row is None or shared
        if self.by_row is None or shared:
            factors = self._shared_factors(compute, layer, features)
        else:
            factors = compute(counter.uniform(self.by_row, layer, features))
        samples = len(factors)
        if shared and samples == 1:
            return factors[0]
        if shared:
            factors = factors.expand(-1, batch // samples, -1)
        if factors.shape[0] * factors.shape[1] != batch:
            raise InputError(
                f"a layer's input of {batch} rows",
                f"{samples} samples of {factors.shape[1]} rows",
                "the network folds another axis into the first",
                "keep objects along the first axis",
            )
        return factors.reshape(-1, features)

    def _shared_factors(self, compute: Factors, layer: int, features: int) -> Float[Tensor, "sample 1 feature"]:
        """Factors that all rows share: few, hence computed once for all samples of the parent, in fewer calls."""
        parent, part = self.parent
        if parent is None or len(parent.shared) * features > _CACHED:
            return compute(counter.uniform(self.shared, layer, features))
        if (layer, features) not in parent.cache:
            parent.cache[layer, features] = compute(counter.uniform(parent.shared, layer, features))
        return parent.cache[layer, features][part]


class Mask(nn.Module):
    """The dropout mask of one vector of inputs, and its rate.

    Active in training and inside `noise`; in `eval` without `noise` nothing is dropped (weight averaging).

    Parameters
    ----------
    features : int
        K, the number of inputs that are dropped independently.
    rate : float
        Probability to drop an input; the initial value if `learned`.
    learned : bool
        Whether the rate is a parameter (its logit is).

    Raises
    ------
    InputError
        If the rate is outside [0, 1), or is 0 and learned.
    """

    logit: Tensor

    def __init__(self, features: int, rate: float = 0.1, learned: bool = False) -> None:
        super().__init__()
        if not 0 <= rate < 1 or (learned and rate == 0):
            raise InputError(
                f"a dropout rate of {rate}",
                "0 < rate < 1, or 0 if it is not learned",
                "a percentage, or the probability to keep",
                "pass the probability to drop an input, such as 0.1",
            )
        self.features, self.learned = features, learned
        logit = torch.tensor(math.log(rate / (1 - rate)) if rate else -math.inf)
        if learned:
            self.logit = nn.Parameter(logit)
        else:
            self.register_buffer("logit", logit)
        self.layer: int = 0
        self.keys: SampleKeys | None = None

    @property
    def rate(self) -> Float[Tensor, "*member"]:
        """Probability p to drop an input; one per member inside an ensemble."""
        # Beyond these bounds p or 1 - p is 0 in float32, and the derivative of the entropy infinite.
        return torch.sigmoid(self.logit.clamp(-30, 15) if self.learned else self.logit)

    def forward(
        self, batch: int, shared: bool = False, call: int = 0, features: int | None = None
    ) -> Float[Tensor, "rows feature"] | None:
        """Compute the factors of the inputs (K, or `features`): a row for each of the batch, or one for all.

        None if the mask is not active. `call` numbers the calls of a layer that is used several times in a pass.
        """
        features = features or self.features
        if self.keys is not None:
            return self.keys.factors(self._factors, self.layer + (call << 32), batch, features, shared)
        if not self.training:
            return None
        return self._factors(torch.rand(1 if shared else batch, features, device=self.logit.device))

    def _factors(self, u: Float[Tensor, "*unit"]) -> Float[Tensor, "*unit"]:
        rate = self.rate
        keep = relaxed_mask(self.logit, u) if self.training and self.learned else hard_mask(rate, u)
        return keep / (1 - rate)

    def extra_repr(self) -> str:
        return f"features={self.features}, rate={float(self.rate.detach().mean()):.3g}, learned={self.learned}"


class UniformNoise(Mask):
    """Uniform numbers in (0, 1) for draws of a distribution inside `sample` and `noise`.

    The same hash as that of masks gives them: a draw of an object depends on its seed, number and row only.

    Parameters
    ----------
    features : int
        How many numbers each row needs.
    """

    def __init__(self, features: int) -> None:
        super().__init__(features, 0.0)

    def forward(
        self, batch: int, shared: bool = False, call: int = 0, features: int | None = None
    ) -> Float[Tensor, "rows feature"]:
        """Compute the numbers of each row of a batch.

        Raises
        ------
        InputError
            Outside `sample` and `noise`, where no seed is known.
        """
        if self.keys is None:
            cause, fix = "the model called by itself", "sample(model, inputs, samples, seed)"
            raise InputError("a draw without a seed", "a call inside `sample` or `noise`", cause, fix)
        return super().forward(batch, shared, call, features).expand(batch, -1)

    def _factors(self, u: Float[Tensor, "*unit"]) -> Float[Tensor, "*unit"]:
        return u


@contextmanager
def noise(
    model: nn.Module,
    seed: int,
    *,
    samples: Int64[Tensor, " sample"] | int = 0,
    rows: Int64[Tensor, " row"] | None = None,
) -> Iterator[None]:
    """Context in which the masks of a model are active and reproducible, in training or in `eval`.

    The rows of a batch inside it are sample 0 of all `rows`, then sample 1 of all `rows`, and so on.

    Parameters
    ----------
    model : nn.Module
        A module with masks inside; they are numbered in the order of `model.modules()`.
    seed : int
        The same seed, samples and rows give the same masks, in any chunk, process or device.
    samples : Tensor or int
        Numbers of the samples; in training any number, such as the step.
    rows : Tensor, optional
        Numbers of the rows (objects). None: one set of masks for all rows.
    """
    model_masks = list(masks(model).values())
    device = model_masks[0].logit.device if model_masks else None
    numbers = torch.as_tensor(samples, device=device).reshape(-1)
    with use_sample_keys(model_masks, SampleKeys.of(seed, numbers, None if rows is None else rows.to(device))):
        yield


@contextmanager
def use_sample_keys(masks: list[Mask], keys: SampleKeys) -> Iterator[None]:
    """Context in which masks are computed from these keys; the layer number of each is its index in the list."""
    before = [(mask.layer, mask.keys) for mask in masks]
    # Bypasses nn.Module.__setattr__, which takes longer than everything else a mask does.
    for layer, mask in enumerate(masks):
        vars(mask).update(layer=layer, keys=keys)
    try:
        yield
    finally:
        for mask, (layer, previous) in zip(masks, before, strict=True):
            vars(mask).update(layer=layer, keys=previous)


def masks(model: nn.Module) -> dict[str, Mask]:
    """Return the masks of a model by name; a model without masks cannot be sampled."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Mask)}


def rates(model: nn.Module) -> dict[str, float]:
    """Return the rates of all masks by name, as {"rate_hidden": 0.1}; of an ensemble, means over the members."""
    model_masks = {name: mask for name, mask in masks(model).items() if not isinstance(mask, UniformNoise)}
    named = {name.replace("masks.", "").removesuffix("mask").rstrip("."): m for name, m in model_masks.items()}
    return {f"rate_{name}" if name else "rate": float(mask.rate.detach().mean()) for name, mask in named.items()}
