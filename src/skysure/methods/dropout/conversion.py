"""Convert a network trained with torch's dropout layers so that `sample` can draw from its posterior.

Gal and Ghahramani 2016 (arXiv:1506.02142): a network trained with dropout and weight decay is an approximate posterior
already, but torch switches dropout off in `eval`. The conversion replaces dropout layers by masks, which are
reproducible in any chunks and leave batch norm in `eval`.
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
    """Dropout between layers, without weights of its own: `kl` has no term for it.

    Parameters
    ----------
    rate : float
        Probability to drop a unit.
    kind : str
        What shares a mask: "elements" (each has its own), "channels" (axis 1, tied over pixels), or
        "features" (the last axis, tied over time steps for three axes; for more axes, each element).
    axes : int
        Number of axes of the input; 0: any, at least two.

    Raises
    ------
    InputError
        For a rate outside [0, 1), and for an input without a batch axis.
    """

    def __init__(self, rate: float, kind: str, axes: int = 0) -> None:
        super().__init__()
        self.kind, self.axes = kind, axes
        self.mask = Mask(1, rate)
        self._keys: SampleKeys | None = None
        self._calls = 0

    def forward(self, input: Float[Tensor, "object ..."]) -> Float[Tensor, "object ..."]:
        if input.ndim < 2 or self.axes not in (0, input.ndim):
            raise InputError(
                f"an input of shape {tuple(input.shape)}",
                f"{self.axes or 'two or more'} axes, objects along the first",
                "one object without the batch axis",
                "add the axis: input[None]",
            )
        shape = [1] * (input.ndim - 1)
        if self.kind == "elements" or (self.kind == "features" and input.ndim > 3):
            shape = list(input.shape[1:])
        else:
            axis = 0 if self.kind == "channels" else -1
            shape[axis] = input.shape[1:][axis]
        # A layer may be used several times in one pass: each call has another mask.
        self._calls = self._calls + 1 if self.mask.keys is self._keys else 0
        self._keys = self.mask.keys
        mask = self.mask(len(input), call=self._calls, features=math.prod(shape))
        return input if mask is None else input * mask.reshape(-1, *shape).to(input.dtype)

    def extra_repr(self) -> str:
        return f"kind={self.kind!r}"


def to_bayesian(model: nn.Module, *, learned: bool = False, length_scale: float = 1e-2) -> nn.Module:
    """Copy a network with its dropout layers replaced by masks, so that `sample` can draw from it.

    In `eval` the copy returns the same outputs as the network. nn.Dropout1d, 2d and 3d drop channels, as before.
    nn.Dropout drops each feature; time steps, the middle one of three axes, share the mask, so that a sample is one
    function of time. After a convolution, and for more axes, it drops each element, as before. The dropout between the
    layers of nn.LSTM, nn.GRU and nn.RNN becomes one mask for the whole sequence.

    Parameters
    ----------
    model : nn.Module
        Left unchanged. Functional dropout in a forward (`F.dropout`) cannot be found, and stays off in samples.
    learned : bool
        Whether to learn the rates where the weights that a mask multiplies are known: between recurrent layers, and
        where the next layer of an nn.Sequential is the nn.Linear (or the convolution, for Dropout1d, 2d, 3d). Only
        these enter `kl`; the others keep their rate, with the weight decay of the training as their prior.
    length_scale : float
        l of the prior N(0, 1/l^2) of those weights.

    Returns
    -------
    nn.Module
        A copy. The names of weights change where a layer is wrapped: load weights before the conversion.

    Raises
    ------
    InputError
        If there is no dropout layer, or one that cannot be replaced: AlphaDropout (which sets dropped units to a
        constant, so that it is no sample of weights), nn.MultiheadAttention (whose dropout is inside its function),
        nn.TransformerEncoderLayer (whose fused path in `eval` skips dropout), subclasses.

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
            f"{type(model).__name__} without a dropout layer" + " whose weights are known" * learned,
            "nn.Dropout, nn.Dropout1d, 2d, 3d, or recurrent layers with dropout between them",
            "F.dropout in forward, which cannot be found, or a network trained without dropout",
            "use a layer (nn.Dropout in __init__) and train again, or wrap layers: Dropout(layer), TiedDropout(layer)",
        )
    return converted


class _Conversion:
    """Replaces the layers of a network in the order of registration; a layer registered twice is replaced once."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options, self.after_convolution = options, False
        self.replaced: dict[int, nn.Module] = {}

    def __call__(self, module: nn.Module) -> nn.Module:
        if id(module) not in self.replaced:
            self.replaced[id(module)] = self._replace(module)
        return self.replaced[id(module)]

    def _replace(self, module: nn.Module) -> nn.Module:
        if isinstance(module, (Dropout, TiedDropout, ActivationDropout)):
            self._record(getattr(module, "layer", None))
            return module
        if isinstance(module, _DropoutNd):
            return self._replace_activation(module) if module.p else module
        self._record(module)
        if isinstance(module, nn.RNNBase) and module.dropout and module.num_layers > 1:
            rate, module.dropout = module.dropout, 0.0
            return TiedDropout(module, rate, drop_input=False, drop_state=False, **self.options)
        if isinstance(module, nn.MultiheadAttention) and module.dropout:
            raise _unsupported(module, "its dropout is inside its function")
        if isinstance(module, nn.TransformerEncoderLayer) and (module.dropout1.p or module.dropout2.p):
            raise _unsupported(module, "torch's fused path skips its dropout layers in eval")
        if self.options["learned"] and isinstance(module, nn.Sequential):
            self._merge_pairs(module)
        for name, child in module._modules.items():
            if child is not None:
                module._modules[name] = self(child)
        return module

    def _record(self, layer: nn.Module | None) -> None:
        """Record whether the last layer with weights is a convolution."""
        if isinstance(layer, (nn.Linear, nn.Embedding, nn.RNNBase, _ConvNd)):
            self.after_convolution = isinstance(layer, _ConvNd)

    def _replace_activation(self, layer: _DropoutNd) -> ActivationDropout:
        if type(layer) is nn.Dropout:
            return ActivationDropout(layer.p, "elements" if self.after_convolution else "features")
        if type(layer) in _AXES:
            return ActivationDropout(layer.p, "channels", _AXES[type(layer)])
        raise _unsupported(
            layer,
            "it sets dropped units to a constant other than 0, which is no sample of weights",
        )

    def _merge_pairs(self, layers: nn.Sequential) -> None:
        """Merge each dropout layer into the layer right after it, if the sequence runs as one."""
        if type(layers).forward is not nn.Sequential.forward:
            return
        for i, (before, layer) in enumerate(pairwise(layers)):
            if (type(before), type(layer)) in _PAIRS and isinstance(before, _DropoutNd) and before.p:
                layers[i] = nn.Identity()
                layers[i + 1] = Dropout(layer, before.p, narrow=True, **self.options)


def _unsupported(layer: nn.Module, cause: str) -> InputError:
    return InputError(
        f"{type(layer).__name__} with dropout",
        "nn.Dropout, nn.Dropout1d, 2d or 3d, or dropout between recurrent layers",
        cause,
        "train with one of these instead, or set its p to 0 to sample without it",
    )
