"""Light curves: one flat container, and readers for the formats in which they come."""

import lazy_loader

from .curves import LightCurves

_getattr, _dir, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "source": ["Facts", "LightCurveSource", "open_lightcurves"],
        "inspection": ["describe", "propose"],
        "validation": ["Rejected"],
    },
)
__getattr__, __dir__ = _getattr, _dir
__all__ = ["LightCurves", *_names]
