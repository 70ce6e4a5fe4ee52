"""Light curves: one flat container, and readers for the formats in which they come."""

from .curves import LightCurves

__all__ = ["LightCurves"]
