"""Recurrent networks: irregular times, long sequences, and how far back they can learn."""

from .autoencoder import Autoencoder
from .decay import Decaying, gaps
from .gradients import gradient_by_lag
from .initialisation import init_forget_bias
from .padding import bidirectional, turned
from .patches import Patches, pooled
from .series import Series, step_features
from .shortening import binned, information_bins, subsample, truncate
from .truncated_bptt import truncated_bptt

__all__ = [
    "Autoencoder",
    "Decaying",
    "Patches",
    "Series",
    "bidirectional",
    "binned",
    "gaps",
    "gradient_by_lag",
    "information_bins",
    "init_forget_bias",
    "pooled",
    "step_features",
    "subsample",
    "truncate",
    "truncated_bptt",
    "turned",
]
