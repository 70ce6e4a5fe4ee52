"""Where a recurrent layer starts: able to keep what it has read, so that it can learn what to keep.

A gate that keeps a share g of the state at each step passes gᵏ back over k steps. torch starts it near g = σ(0) = 1/2,
which is gone after ten; a bias of 1 keeps 0.73 (Gers, Schmidhuber & Cummins 2000, doi:10.1162/089976600300015015;
Jozefowicz, Zaremba & Sutskever 2015, ICML), and one of ln T about 1 - 1/T (Tallec & Ollivier 2018, arXiv:1804.11188). A
plain layer has no gate; it starts with recurrent weights that keep lengths (Saxe et al. 2014, arXiv:1312.6120).
"""

from __future__ import annotations

import torch
from torch import nn

from skysure.errors import InputError

_GATED = ("LSTM", "GRU")
"""In both the second gate keeps: f of torch's i, f, g, o; z of its r, z, n."""


@torch.no_grad()
def init_forget_bias(layer: nn.RNNBase, bias: float = 1.0) -> None:
    """Set a layer to keep its state at the start, in place: the bias of its keeping gate, or an orthogonal W_hh.

    Parameters
    ----------
    layer : nn.LSTM, nn.GRU or nn.RNN
        The forget gate of an LSTM and the update gate of a GRU (which in torch's form keeps) get `bias` in all.
    bias : float
        b, in the logit of the share that is kept. Of no use to a plain layer.

    Raises
    ------
    InputError
        For a gated layer without biases.

    Examples
    --------
    >>> layer = nn.LSTM(3, 8)
    >>> init_forget_bias(layer)
    >>> (layer.bias_ih_l0 + layer.bias_hh_l0)[8:16]
    tensor([1., 1., 1., 1., 1., 1., 1., 1.], grad_fn=<SliceBackward0>)
    """
    if layer.mode in _GATED and not layer.bias:
        raise InputError(
            f"{layer} without biases", "bias=True", "a gate keeps by its bias", "build the layer with biases"
        )
    keeping = slice(layer.hidden_size, 2 * layer.hidden_size)
    for _, w_hh, *biases in layer.all_weights:
        if layer.mode in _GATED:
            biases[0][keeping], biases[1][keeping] = bias, 0.0
        else:
            nn.init.orthogonal_(w_hh)
