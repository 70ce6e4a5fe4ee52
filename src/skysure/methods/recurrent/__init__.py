"""Recurrent networks: irregular times, long sequences, and how far back they can learn."""

from .autoencoder import Autoencoder
from .decay import Decaying, gaps
from .gradients import gradient_by_lag
from .padding import both_ways, turned
from .patches import Patches, pooled
from .series import Series, described
from .shortening import binned, informative, thin, truncate
from .starts import remember
from .windows import carried

__all__ = [
    "Autoencoder",
    "Decaying",
    "Patches",
    "Series",
    "binned",
    "both_ways",
    "carried",
    "described",
    "gaps",
    "gradient_by_lag",
    "informative",
    "pooled",
    "remember",
    "thin",
    "truncate",
    "turned",
]
