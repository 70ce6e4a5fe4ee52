"""Recurrent networks: irregular times, long sequences, and how far back they can learn."""

from .gradients import gradient_by_lag
from .windows import carried

__all__ = ["carried", "gradient_by_lag"]
