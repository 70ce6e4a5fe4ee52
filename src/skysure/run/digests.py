"""Checksums of the files of a run: `run.toml` holds them, and a file that is not the one saved is refused."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from skysure.errors import InputError

VOUCHED = ("model.safetensors", "split.parquet", "history.csv")
"""Files of a run that never change; `metrics.json`, which `evaluate` replaces, holds checksums of its own."""


def digest_of_file(path: Path) -> str:
    """SHA-256 of the content of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def digest_of_toml(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content of a TOML file, whatever its layout."""
    parsed = tomllib.loads(tomli_w.dumps(dict(content)))
    return hashlib.sha256(json.dumps(parsed, sort_keys=True, default=str).encode()).hexdigest()


def digest_of_json(content: Any) -> str:
    """SHA-256 of the content of a JSON file, whatever its layout."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def digests_in(folder: Path) -> dict[str, str]:
    """Checksums of the files in a folder that a run vouches for."""
    return {name: digest_of_file(folder / name) for name in VOUCHED if (folder / name).is_file()}


def require_file(path: Path, digest: str | None) -> None:
    """Raise InputError where a file of a run is missing or, if its checksum is known, is not the one that was saved."""
    if not path.is_file():
        raise InputError(
            f"{path}: no such file",
            "all files of the run",
            "an incomplete copy, or it was removed",
            "copy the run again",
        )
    if digest is not None and digest_of_file(path) != digest:
        raise InputError(
            f"{path} is not the file that was saved", "its SHA-256", "truncated, edited or replaced", "copy it again"
        )
