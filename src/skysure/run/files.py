"""Files of a run directory, each written atomically: under a temporary name, flushed to disk, renamed."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save as save_arrays
from safetensors.torch import load_file
from torch import Tensor

from skysure.data.targets import replacing
from skysure.errors import InputError
from skysure.evaluation.arrays import join_arrays, split_arrays
from skysure.settings import load_json, load_toml

from .digests import digest_of_file, digest_of_json, require_file

NEW = ".evaluation.new"
"""Folder in that of a run, where a new evaluation lies until its files have moved to their places."""
ARRAYS, WEIGHTS = "metrics.safetensors", "model.safetensors"


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
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [{k: float(v) for k, v in row.items() if v != ""} for row in csv.DictReader(lines, strict=True)]
    except (TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: {error}", "a number in each column", "an edit by hand", "copy it again") from None


def write_metrics(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write `metrics.json`, and large arrays to `metrics.safetensors`; numbers that are not finite become null.

    `metrics.json` holds checksums (`sha256`) of its own content, of the arrays, and of the weights of the run in whose
    folder it is.
    """
    plain, arrays = split_arrays({name: value for name, value in metrics.items() if name != "sha256"})
    path, content = folder / ARRAYS, json.loads(json.dumps(_finite(plain)))  # as it will be read
    digests = {name: digest for name, digest in _digests_of_run(folder).items() if name == WEIGHTS}
    if arrays:
        write_bytes(path, save_arrays(arrays))
        digests[ARRAYS] = digest_of_file(path)
    signed = digests | {"metrics.json": digest_of_json(content | {"sha256": digests})}
    write_text(folder / "metrics.json", json.dumps(content | {"sha256": signed}, indent=1) + "\n")
    if not arrays:
        path.unlink(missing_ok=True)


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read `metrics.json` of a run, with the arrays of `metrics.safetensors` where it refers to them.

    Raises InputError where one is missing or is not the file that was saved; earlier versions saved no checksums.
    """
    with suppress(OSError):  # of a run that cannot be written to
        finish_replacing(folder)
    path = folder / "metrics.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file", "an evaluated run", "", f"skysure evaluate {quote(str(folder))}")
    metrics = load_json(path)
    if not isinstance(metrics, dict):
        raise InputError(f"{path} holds a {type(metrics).__name__}", "a JSON object", "an edit by hand")
    try:
        _require_saved(folder, metrics, metrics.pop("sha256", None))
        return join_arrays(metrics, _read_arrays(folder / ARRAYS))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: {error}", "valid JSON", "an edit by hand") from error


def _require_saved(folder: Path, metrics: dict[str, Any], digests: Any) -> None:
    """Raise InputError unless these are the metrics that were saved, of this run."""
    of_run, path = _digests_of_run(folder), folder / "metrics.json"
    if digests is None and "history.csv" not in of_run:  # saved by an earlier version
        return
    saved = digests if isinstance(digests, dict) else {}
    others = {name: digest for name, digest in saved.items() if name != path.name}
    if saved.get(path.name) != digest_of_json(metrics | {"sha256": others}):
        raise InputError(
            f"{path} was changed after it was written", "the file as it was", "an edit by hand",
            f"skysure evaluate {quote(str(folder))}",
        )  # fmt: skip
    if of_run and others.get(WEIGHTS) != of_run.get(WEIGHTS):
        raise InputError(
            f"{path} is that of another run", "its own", "a copy", f"skysure evaluate {quote(str(folder))}"
        )
    if ARRAYS in others:
        require_file(folder / ARRAYS, others[ARRAYS])


def _digests_of_run(folder: Path) -> dict[str, str]:
    """Return the checksums in the `run.toml` of a folder; empty without one."""
    path = folder / "run.toml"
    digests = load_toml(path).get("sha256") if path.is_file() else None
    return digests if isinstance(digests, dict) else {}


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in read_tensors(path).items()} if path.is_file() else {}


def finish_replacing(folder: Path) -> None:
    """Move the files of a new evaluation to their places, where an earlier process did not come to do it."""
    new = folder / NEW
    if not new.is_dir():
        return
    for path in sorted(new.iterdir()):
        with suppress(FileNotFoundError):  # another process moves them too
            if path.is_dir():
                shutil.rmtree(folder / path.name, ignore_errors=True)
            os.replace(path, folder / path.name)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if ARRAYS not in metrics["sha256"]:
        (folder / ARRAYS).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        new.rmdir()


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


def require_free(out: Path, *, force: bool = False) -> None:
    """Raise InputError where `out` exists, be it as a link to nothing, or cannot be made."""
    if os.path.lexists(out) and not force:
        raise InputError(f"{out} exists", "an unused name", "an earlier run", "--force replaces it")
    require_folder(out)


def require_folder(out: Path) -> None:
    """Raise InputError where nothing can be made beside `out`."""
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
