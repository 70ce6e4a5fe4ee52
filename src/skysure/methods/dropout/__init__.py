"""Dropout as an approximate posterior: fixed and learned rates, tied masks, conversion of trained networks."""

from .conversion import ActivationDropout, to_bayesian
from .layers import Dropout
from .masks import Mask, UniformNoise, hard_mask, masks, noise, rates, relaxed_mask
from .tied import TiedDropout

__all__ = [
    "ActivationDropout",
    "Dropout",
    "Mask",
    "TiedDropout",
    "UniformNoise",
    "hard_mask",
    "masks",
    "noise",
    "rates",
    "relaxed_mask",
    "to_bayesian",
]
