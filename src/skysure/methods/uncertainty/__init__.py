"""How sure a network is of itself: dropout as a posterior, its samples, and the split of what they say."""

from .dropout import Dropout
from .likelihoods import categorical_nll, gaussian_nll, mixture_nll
from .masks import Mask, hard_keep, masks, noise, rates, relaxed_keep
from .objective import dropout_kl, entropy_of_rate, kl
from .sampling import sample
from .split import ClassSplit, ValueSplit, split_classes, split_values
from .tied import TiedDropout

__all__ = [
    "ClassSplit",
    "Dropout",
    "Mask",
    "TiedDropout",
    "ValueSplit",
    "categorical_nll",
    "dropout_kl",
    "entropy_of_rate",
    "gaussian_nll",
    "hard_keep",
    "kl",
    "masks",
    "mixture_nll",
    "noise",
    "rates",
    "relaxed_keep",
    "sample",
    "split_classes",
    "split_values",
]
