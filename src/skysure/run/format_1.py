"""Runs of format 1 (skysure 0.1) as runs of format 2: tensors have other names, their values are the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

RENAMED = (
    (r"^(stages\.\d+)\.course\.", r"\1.surprise_p_value."),
    (r"^(stages\.\d+)\.both\.", r"\1.combined_p_value."),
    (r"^course$", "return_history"),
)
"""Patterns of the names of format 1, and the names of format 2."""


def convert_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Bring what `run.toml` says to format 2."""
    return dict(content) | {"format": 2}


def convert_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors the names of format 2.

    >>> list(convert_tensors({"stages.0.both.bounds": None, "frequency": None}))
    ['stages.0.combined_p_value.bounds', 'frequency']
    """
    return {_renamed(name): tensor for name, tensor in tensors.items()}


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name
