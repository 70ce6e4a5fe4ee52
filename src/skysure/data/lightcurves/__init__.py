"""Light curves: a flat container, and readers of the formats of surveys."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from .curves import LightCurves as LightCurves

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "curves": ["LightCurves"],
        "source": ["Facts", "LightCurveSource", "open_lightcurves"],
        "inspection": ["describe", "propose"],
        "validation": ["Rejected"],
    },
)
