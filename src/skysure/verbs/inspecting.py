"""Say what is in files, tables or a run, and how it would be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from skysure import settings as layers
from skysure.errors import InputError
from skysure.models import find, shipped
from skysure.run.files import require_free, write_text

from .inputs import Paths


def inspect(paths: Paths, reading: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Say what is in files, tables or a run: as plain data, with the `[reading]` it would be read with."""
    from skysure.data.lightcurves.inspection import describe

    first = Path(str(paths[0]))
    if (first / "run.toml").is_file() or str(first) in shipped():
        return {"kind": "run"} | layers.load_toml(find(str(first)) / "run.toml")
    return {"kind": "light curves"} | describe([str(p) for p in paths], reading)


def write_reading(path: Path, facts: Mapping[str, Any], *, force: bool = False) -> None:
    """Write the `[reading]` table that `inspect` proposed."""
    if "reading" not in facts:
        raise InputError("there is no reading to write", "light curves", "a run was inspected")
    require_free(path, force=force)
    write_text(path, tomli_w.dumps({"reading": layers.without_none(facts["reading"])}))
