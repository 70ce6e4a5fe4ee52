"""Files of a run directory, each written atomically: under a temporary name, flushed to disk, renamed."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save as save_arrays
from safetensors.torch import load_file
from torch import Tensor

from skysure.data.targets import replacing
from skysure.errors import InputError
from skysure.evaluation.arrays import join_arrays, split_arrays

ARRAYS = "metrics.safetensors"


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write `history.csv`, one row an epoch."""
    names = list(dict.fromkeys(n for row in history for n in row))
    lines = [names] + [[row.get(n, "") for n in names] for row in history]
    write_text(folder / "history.csv", "".join(",".join(map(str, line)) + "\n" for line in lines))


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read `history.csv`; empty where there is none."""
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as lines:
        return [{k: float(v) for k, v in row.items() if v != ""} for row in csv.DictReader(lines)]


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write `metrics.json`, and large arrays to `metrics.safetensors`; numbers that are not finite become null."""
    plain, arrays = split_arrays(metrics)
    path = folder / ARRAYS
    if arrays:
        write_bytes(path, save_arrays(arrays))
    write_text(folder / "metrics.json", json.dumps(_finite(plain), indent=1) + "\n")
    if not arrays:
        path.unlink(missing_ok=True)


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read `metrics.json` of a run, with the arrays of `metrics.safetensors` where it refers to them."""
    path = folder / "metrics.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file", "an evaluated run", "", f"skysure evaluate {folder}")
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: {error}", "valid JSON", "an edit by hand") from None
    return join_arrays(metrics, _read_arrays(folder / ARRAYS))


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in read_tensors(path).items()} if path.is_file() else {}


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically: under a temporary name, flushed to disk, renamed."""
    with replacing(path) as file:
        file.write(content)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file."""
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: {error}", "a safetensors file", "truncated, or another format") from None


def publish(folder: Path, out: Path, *, force: bool = False) -> None:
    """Rename a finished folder to `out`; what exists there is replaced only with `force`."""
    require_free(out, force=force)
    if out.exists():
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    os.replace(folder, out)


def require_free(out: Path, *, force: bool = False) -> None:
    """Raise InputError where `out` exists or cannot be made."""
    if out.exists() and not force:
        raise InputError(f"{out} exists", "an unused name", "an earlier run", "--force replaces it")
    parent = out.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{parent}: no folder that can be written to", "an existing folder", "a misspelling")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
