"""Morphologies iC_jP: i components (islands above the lowest contour) with j peaks (Wu et al. 2019)."""

from __future__ import annotations

CLASSES = ("1C_1P", "1C_2P", "1C_3P", "2C_2P", "2C_3P", "3C_3P")
MOST = 3
"""Components, and peaks, of the largest class."""
CLARAN_SHARES = (0.504, 0.116, 0.104, 0.093, 0.087, 0.096)
"""Shares of the 6,978 sources that ClaRAN was trained on, counted in its catalogue of Radio Galaxy Zoo sources."""


def class_index(components: int, peaks: int) -> int:
    """Index of a class in `CLASSES`; -1 for numbers of components and peaks that no class has.

    >>> class_index(2, 3), class_index(1, 4)
    (4, -1)
    """
    name = f"{components}C_{peaks}P"
    return CLASSES.index(name) if name in CLASSES else -1
