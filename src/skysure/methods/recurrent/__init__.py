"""Recurrent networks: irregular times, long sequences, and how far back they can learn."""

from .decay import Decaying, gaps
from .gradients import gradient_by_lag
from .padding import both_ways, turned
from .starts import remember
from .windows import carried

__all__ = ["Decaying", "both_ways", "carried", "gaps", "gradient_by_lag", "remember", "turned"]
