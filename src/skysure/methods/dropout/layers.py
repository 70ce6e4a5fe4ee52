"""Dropout on the input of a layer: a random draw of its weights, W diag(keep) / (1 - p).

Gal and Ghahramani 2016 (arXiv:1506.02142) with a fixed rate; Gal, Hron and Kendall 2017 (arXiv:1705.07832), concrete
dropout, with a learned rate. One module for both: the rate is a buffer or a parameter. Each object has one mask, shared
along its other axes (time steps, pixels). Do not drop a low-dimensional input: the published experiment on y = 2x + 8
does, and its error bars stay wide however much data there is.
"""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from skysure.errors import InputError

from .masks import Mask

NARROW = 4
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Dropout(nn.Module):
    """A layer with dropout on its input: features of a dense layer, whole channels of a convolution.

    Parameters
    ----------
    layer : nn.Linear, nn.Conv1d, nn.Conv2d or nn.Conv3d
        Objects are along the first axis of its input.
    rate : float
        Probability to drop an input feature; the initial value if `learned`.
    learned : bool
        Whether the rate is learned, with `kl` added to the mean negative log-likelihood.
    length_scale : float
        l of the prior N(0, 1/l^2) on the weights.
    narrow : bool
        Whether to allow dropout on an input of at most 4 features.

    Raises
    ------
    InputError
        For other layers, a rate outside [0, 1), and narrow inputs unless allowed.

    Examples
    --------
    >>> import torch
    >>> network = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), Dropout(nn.Linear(64, 2), learned=True))
    >>> network.eval()(torch.zeros(3, 1)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        layer: nn.Module,
        rate: float = 0.1,
        *,
        learned: bool = False,
        length_scale: float = 1e-2,
        narrow: bool = False,
    ) -> None:
        super().__init__()
        features, self.axis, self.axes = _input_features(layer)
        if features <= NARROW and not narrow:
            raise InputError(
                f"dropout on an input of {features} features",
                f"more than {NARROW}",
                "dropout on the input of the network, which discards information that no later layer can recover",
                "no dropout on the first layer, or narrow=True",
            )
        self.layer, self.length_scale = layer, length_scale
        self.mask = Mask(features, rate, learned)

    def forward(self, input: Float[Tensor, "object ..."]) -> Float[Tensor, "object ..."]:
        if input.ndim < 2 or self.axes not in (0, input.ndim):
            raise InputError(
                f"an input of shape {tuple(input.shape)}",
                "objects along the first axis",
                "one object without the batch axis",
                "add the axis: input[None]",
            )
        mask = self.mask(len(input))
        if mask is None:
            return self.layer(input)
        shape = [1] * input.ndim
        shape[0], shape[self.axis] = mask.shape
        return self.layer(input * mask.reshape(shape).to(input.dtype))

    def squared_weights(self) -> Iterator[tuple[Mask, Float[Tensor, ""]]]:
        """Yield the mask with the sum of squares of the weights that it multiplies."""
        yield self.mask, self.layer.weight.square().sum()


def _input_features(layer: nn.Module) -> tuple[int, int, int]:
    """Return the number of input features of a layer, their axis, and the number of axes of the input (0: any)."""
    if isinstance(layer, nn.Linear):
        return layer.in_features, -1, 0
    if isinstance(layer, _CONVOLUTIONS):
        return layer.in_channels, 1, 2 + len(layer.kernel_size)
    raise InputError(
        f"Dropout of {type(layer).__name__}",
        "nn.Linear, nn.Conv1d, nn.Conv2d or nn.Conv3d",
        "a layer without weights, or a recurrent one",
        "wrap the layer whose input is to be dropped; for nn.GRU, nn.LSTM, nn.RNN: TiedDropout",
    )
