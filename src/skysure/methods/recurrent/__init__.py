"""Recurrent networks: irregular times, long sequences, and the gradient over long lags."""

from .autoencoder import Autoencoder
from .decay import StateDecay, gaps
from .gradients import gradient_by_lag
from .initialisation import init_forget_bias
from .padding import bidirectional, reverse_sequence
from .patches import Patches, pool_steps
from .series import Series, step_features
from .shortening import information_bins, subsample, time_bins, truncate
from .truncated_bptt import truncated_bptt

__all__ = [
    "Autoencoder",
    "Patches",
    "Series",
    "StateDecay",
    "bidirectional",
    "gaps",
    "gradient_by_lag",
    "information_bins",
    "init_forget_bias",
    "pool_steps",
    "reverse_sequence",
    "step_features",
    "subsample",
    "time_bins",
    "truncate",
    "truncated_bptt",
]
