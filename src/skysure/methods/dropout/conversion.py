"""Anybody's network as a posterior: its dropout layers, which torch switches off in `eval`, become masks.

Gal and Ghahramani 2016 (arXiv:1506.02142): a network trained with dropout and weight decay is an approximate
posterior already. Only `sample` must be able to draw from it: reproducibly, with batch norm at rest, in any chunks.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from skysure.errors import InputError

from .layers import Dropout
from .masks import Mask, SampleKeys, masks
from .tied import TiedDropout

_AXES = {nn.Dropout1d: 3, nn.Dropout2d: 4, nn.Dropout3d: 5}
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PAIRS = {(nn.Dropout, nn.Linear)} | set(zip(_AXES, _CONVOLUTIONS, strict=True))


class ActivationDropout(nn.Module):
    """Dropout between layers, which knows no weights: `kl` leaves it out.

    Parameters
    ----------
    rate : float
        Probability to drop a unit.
    kind : str
        What one mask of an object covers: "elements" (each by itself), "channels" (axis 1, tied over pixels), or
        "features" (the last axis, tied over the time steps of three axes; of more axes, each element).
    axes : int
        How many axes the input must have; 0: at least two.

    Raises
    ------
    Fault
        For a rate outside [0, 1), and for an input without its batch.
    """

    def __init__(self, rate: float, kind: str, axes: int = 0) -> None:
        super().__init__()
        self.kind, self.axes = kind, axes
        self.mask = Mask(1, rate)
        self._draw: SampleKeys | None = None
        self._calls = 0

    def forward(self, input: Float[Tensor, "object ..."]) -> Float[Tensor, "object ..."]:
        if input.ndim < 2 or self.axes not in (0, input.ndim):
            raise InputError(
                f"an input of shape {tuple(input.shape)}",
                f"{self.axes or 'two or more'} axes, objects along the first",
                "one object without its batch",
                "add the axis: input[None]",
            )
        shape = [1] * (input.ndim - 1)
        if self.kind == "elements" or (self.kind == "features" and input.ndim > 3):
            shape = list(input.shape[1:])
        else:
            axis = 0 if self.kind == "channels" else -1
            shape[axis] = input.shape[1:][axis]
        # One layer may stand at several places of a forward: each call of a pass has a mask of its own.
        self._calls = self._calls + 1 if self.mask.draw is self._draw else 0
        self._draw = self.mask.draw
        mask = self.mask(len(input), call=self._calls, features=math.prod(shape))
        return input if mask is None else input * mask.reshape(-1, *shape).to(input.dtype)

    def extra_repr(self) -> str:
        return f"kind={self.kind!r}"


def to_bayesian(model: nn.Module, *, learned: bool = False, length_scale: float = 1e-2) -> nn.Module:
    """Copy a network with its dropout layers made masks, so that `sample` can draw from it.

    In `eval` the copy gives what the network gives. nn.Dropout1d, 2d and 3d drop channels, as before. nn.Dropout
    drops each feature; time steps, the middle one of three axes, share the mask, so that a draw is one function of
    time. After a convolution, and of more axes, it drops each element, as before. The dropout between the layers of
    nn.LSTM, nn.GRU and nn.RNN becomes a mask for the whole sequence.

    Parameters
    ----------
    model : nn.Module
        Stays as it is. Dropout by function in a forward (`F.dropout`) cannot be found, and stays off in draws.
    learned : bool
        Whether to learn the rates wherever the weights that a mask multiplies are known: between recurrent layers, and
        where the next layer of an nn.Sequential is the nn.Linear (or convolution, for its Dropout1d, 2d, 3d). Only
        those enter `kl`; the others keep their rate, and the weight decay of the training is their prior.
    length_scale : float
        l of the prior N(0, 1/l^2) of those weights.

    Returns
    -------
    nn.Module
        A copy. Names of weights change where a layer is wrapped: load weights before.

    Raises
    ------
    Fault
        If there is no dropout layer, or one that cannot be made a mask: AlphaDropout (which moves what it drops to a
        constant: no draw of weights), nn.MultiheadAttention (whose dropout is inside its function),
        nn.TransformerEncoderLayer (whose fused path in `eval` passes its dropout by), subclasses.

    Examples
    --------
    >>> import torch
    >>> from skysure.methods.sampling import sample
    >>> network = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 3))
    >>> sample(to_bayesian(network), torch.zeros(5, 6), samples=30, seed=1).shape
    torch.Size([30, 5, 3])
    """
    options = {"learned": learned, "length_scale": length_scale}
    converted = _Conversion(options)(copy.deepcopy(model))
    if not any(mask.learned or not learned for mask in masks(converted).values()):
        raise InputError(
            f"{type(model).__name__} without a dropout layer" + " before weights that are known" * learned,
            "nn.Dropout, nn.Dropout1d, 2d, 3d, or recurrent layers with dropout between them",
            "F.dropout in forward, which no one can find, or a network trained without",
            "make it a layer (nn.Dropout in __init__) and train, or wrap layers: Dropout(layer), TiedDropout(layer)",
        )
    return converted


class _Conversion:
    """Walks through a network in the order of registration; a layer that stands twice is replaced by one."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options, self.convolved = options, False
        self.done: dict[int, nn.Module] = {}

    def __call__(self, module: nn.Module) -> nn.Module:
        if id(module) not in self.done:
            self.done[id(module)] = self._replaced(module)
        return self.done[id(module)]

    def _replaced(self, module: nn.Module) -> nn.Module:
        if isinstance(module, (Dropout, TiedDropout, ActivationDropout)):
            self._passed(getattr(module, "layer", None))
            return module
        if isinstance(module, _DropoutNd):
            return self._activation(module) if module.p else module
        self._passed(module)
        if isinstance(module, nn.RNNBase) and module.dropout and module.num_layers > 1:
            rate, module.dropout = module.dropout, 0.0
            return TiedDropout(module, rate, drop_input=False, drop_state=False, **self.options)
        if isinstance(module, nn.MultiheadAttention) and module.dropout:
            raise _refused(module, "its dropout lies inside its function")
        if isinstance(module, nn.TransformerEncoderLayer) and (module.dropout1.p or module.dropout2.p):
            raise _refused(module, "torch's fused path passes its dropout layers by in eval")
        if self.options["learned"] and isinstance(module, nn.Sequential):
            self._pair(module)
        for name, child in module._modules.items():
            if child is not None:
                module._modules[name] = self(child)
        return module

    def _passed(self, layer: nn.Module | None) -> None:
        """Note whether the last layer with weights is a convolution."""
        if isinstance(layer, (nn.Linear, nn.Embedding, nn.RNNBase, _ConvNd)):
            self.convolved = isinstance(layer, _ConvNd)

    def _activation(self, layer: _DropoutNd) -> ActivationDropout:
        if type(layer) is nn.Dropout:
            return ActivationDropout(layer.p, "elements" if self.convolved else "features")
        if type(layer) in _AXES:
            return ActivationDropout(layer.p, "channels", _AXES[type(layer)])
        raise _refused(
            layer,
            "what it drops becomes a constant other than 0: no draw of weights",
        )

    def _pair(self, layers: nn.Sequential) -> None:
        """Let each layer take the dropout right before it, where the sequence is run as one."""
        if type(layers).forward is not nn.Sequential.forward:
            return
        for i, (before, layer) in enumerate(pairwise(layers)):
            if (type(before), type(layer)) in _PAIRS and isinstance(before, _DropoutNd) and before.p:
                layers[i] = nn.Identity()
                layers[i + 1] = Dropout(layer, before.p, narrow=True, **self.options)


def _refused(layer: nn.Module, cause: str) -> InputError:
    return InputError(
        f"{type(layer).__name__} with dropout",
        "nn.Dropout, nn.Dropout1d, 2d or 3d, or dropout between recurrent layers",
        cause,
        "train with one of these instead, or set its p to 0 if draws may do without it",
    )
