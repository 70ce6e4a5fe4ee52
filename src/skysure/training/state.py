"""The state of a training, in tensors and counters: what a checkpoint keeps and a resumed training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Tensors of a training that change seldom, kept in a file of their own: a segment of a replay memory.

    Parameters
    ----------
    version : int
        Another one whenever a tensor has changed; a part is written again only then.
    tensors : dict of str to Tensor
    """

    version: int
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True)
class State:
    """The state of a training: all that it needs to continue.

    Parameters
    ----------
    epoch : int
        Epochs (or episodes) done.
    record : dict of str to float
        The row of the history of this epoch.
    tensors : dict of str to Tensor
        "model.*": the weights; "best.*": those of the best epoch; "optimizer.*", "mean.*".
    counters : dict of str to number, or to a list with one number a member of an ensemble
    done : bool
    epochs : int
        How many are planned.
    parts : dict of str to Part
        What else it needs, by the name of its file; only what has changed is written.
    """

    epoch: int
    record: dict[str, float]
    tensors: dict[str, Tensor]
    counters: dict[str, Any] = field(default_factory=dict)
    done: bool = False
    epochs: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, Tensor]:
        """The tensors of the trained model: those of the best epoch where they are kept, else the last ones."""
        best = any(name.startswith("best.") for name in self.tensors)
        return unprefixed(self.tensors, "best." if best else "model.")


def prefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Put `prefix` before every name."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def unprefixed(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Take the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def copy_to_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors to the memory of the CPU, without their history."""
    return {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
