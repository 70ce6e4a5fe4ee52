"""Checks of arguments at the public boundary: probabilities, labels, widths, levels, in any usual form of numbers.

A function declares what it takes; inside, it computes with arrays that are right. Loops over many calls (the bootstrap,
predictions) check once and then use the function without checks: `unchecked`.
"""

from .checking import check_arguments, checked, unchecked
from .names import class_numbers
from .rules import (
    Rule,
    booleans,
    count,
    fraction,
    fractions,
    labels,
    logits,
    numbers,
    probabilities,
    shares,
    variances,
    weights,
    whole_numbers,
    widths,
)
from .scalars import require_count, require_fraction

__all__ = [
    "Rule",
    "booleans",
    "check_arguments",
    "checked",
    "class_numbers",
    "count",
    "fraction",
    "fractions",
    "labels",
    "logits",
    "numbers",
    "probabilities",
    "require_count",
    "require_fraction",
    "shares",
    "unchecked",
    "variances",
    "weights",
    "whole_numbers",
    "widths",
]
