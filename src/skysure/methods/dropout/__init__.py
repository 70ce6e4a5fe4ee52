"""Dropout as a posterior over weights: fixed and concrete rates, masks tied over a sequence, any trained network."""

from .conversion import ActivationDropout, to_bayesian
from .layers import Dropout
from .masks import Mask, hard_keep, masks, noise, rates, relaxed_keep
from .tied import TiedDropout

__all__ = [
    "ActivationDropout",
    "Dropout",
    "Mask",
    "TiedDropout",
    "hard_keep",
    "masks",
    "noise",
    "rates",
    "relaxed_keep",
    "to_bayesian",
]
