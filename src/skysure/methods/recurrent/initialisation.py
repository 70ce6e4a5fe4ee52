"""Initialisation of recurrent layers so that the state is kept over many steps.

A gate that keeps a fraction g of the state at each step passes a gradient of gᵏ over k steps. In torch's initialisation
g is near σ(0) = 1/2, which vanishes after ten steps; a bias of 1 gives 0.73 (Gers, Schmidhuber & Cummins 2000,
doi:10.1162/089976600300015015; Jozefowicz, Zaremba & Sutskever 2015, ICML), a bias of ln T about 1 - 1/T (Tallec &
Ollivier 2018, arXiv:1804.11188). A plain layer has no gate; its recurrent weights are made orthogonal (Saxe et al.
2014, arXiv:1312.6120).
"""

from __future__ import annotations

import torch
from torch import nn

from skysure.errors import InputError

_GATED = ("LSTM", "GRU")
"""In both, the second gate keeps the state: f of torch's i, f, g, o; z of its r, z, n."""


@torch.no_grad()
def init_forget_bias(layer: nn.RNNBase, bias: float = 1.0) -> None:
    """Initialise a layer in place to keep its state: set the bias of the forget gate, or an orthogonal W_hh.

    Parameters
    ----------
    layer : nn.LSTM, nn.GRU or nn.RNN
        `bias` becomes the total bias of the forget gate of an LSTM, or of the update gate of a GRU, which in torch's
        form keeps the state.
    bias : float
        Logit of the fraction of the state that is kept at each step. Ignored for a plain layer.

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
            f"{layer} without biases", "bias=True", "bias=False in the constructor", "build the layer with biases"
        )
    forget_gate = slice(layer.hidden_size, 2 * layer.hidden_size)
    for _, w_hh, *biases in layer.all_weights:
        if layer.mode in _GATED:
            biases[0][forget_gate], biases[1][forget_gate] = bias, 0.0
        else:
            nn.init.orthogonal_(w_hh)
