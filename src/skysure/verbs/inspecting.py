"""Say what is in files or in a run, and how files would be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from skysure.application import application, names
from skysure.data.findings import Findings
from skysure.errors import InputError
from skysure.models import find, shipped
from skysure.run.files import require_free, write_text
from skysure.settings import load_toml, without_none

from .inputs import Paths


def inspect(paths: Paths, reading: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Say what is in files or in a run: plain data, with the `[reading]` that files would be read with.

    The applications that offer `inspect` look at the files in turn; the first that recognises them answers. Where none
    does, the problems that each has with them are listed, with its name where others do not have them.
    """
    first = Path(str(paths[0]))
    if (first / "run.toml").is_file() or str(first) in shipped():
        return {"kind": "run"} | load_toml(find(str(first)) / "run.toml")
    problems: dict[str, list[str]] = {}
    refusals = 0
    for name, findings in _findings([str(p) for p in paths], reading):
        if findings.recognised:
            return findings.to_dict()
        refusals += 1
        for problem in findings.problems:
            problems.setdefault(problem, []).append(name)
    texts = tuple(
        text if len(of) == refusals else f"{text}\nRead as:  {', '.join(of)}" for text, of in problems.items()
    )
    return Findings("unknown", False, facts={"paths": [str(p) for p in paths]}, problems=texts).to_dict()


def _findings(paths: list[str], reading: Mapping[str, Any] | None) -> Iterator[tuple[str, Findings]]:
    for name in names():
        try:
            app = application(name)
        except InputError:  # an installed package that cannot be imported does not keep the others from looking
            continue
        if app.offers("inspect"):
            yield name, app.inspect(paths, dict(reading or {}))


def write_reading(path: Path, facts: Mapping[str, Any], *, force: bool = False) -> None:
    """Write the `[reading]` table that `inspect` proposed; columns that it leaves open become commented lines."""
    if "reading" not in facts:
        raise InputError("there is no reading to write", "data files", "a run was inspected, or files of unknown kind")
    require_free(path, force=force)
    write_text(path, reading_document(facts["reading"], facts.get("candidates", {}), facts.get("hints", {})))


def reading_document(reading: Mapping[str, Any], candidates: Mapping[str, Any], hints: Mapping[str, str]) -> str:
    """Return a reading as TOML; a line of what is left open may be completed and uncommented.

    >>> columns = {"columns": {"id": "name"}}
    >>> print(reading_document(columns, {"redshift": ["z_spec", "z_phot"]}, {"scale": "pixels per degree"}))
    [reading]
    columns.id = "name"
    # columns.redshift = "..."  # one of "z_spec", "z_phot"
    # scale = ...  # pixels per degree
    <BLANKLINE>
    """
    reading = without_none(dict(reading))
    lines = ["[reading]"]
    lines += tomli_w.dumps({k: v for k, v in reading.items() if not isinstance(v, Mapping)}).splitlines()
    lines += [f"columns.{tomli_w.dumps({k: v}).rstrip()}" for k, v in reading.get("columns", {}).items()]
    for name, columns in candidates.items():
        names = ", ".join(f'"{column}"' for column in columns)
        one_of = "one of " if len(columns) > 1 else ""
        lines.append(f'# columns.{name} = "..."  # {one_of}{names}')
    lines += [f"# {name} = ...  # {hint}" for name, hint in hints.items() if not name.startswith("bands.")]
    tables = {k: dict(v) for k, v in reading.items() if isinstance(v, Mapping) and k != "columns"}
    bands = {name.removeprefix("bands."): hint for name, hint in hints.items() if name.startswith("bands.")}
    if bands:
        lines += ["", "[reading.bands]", *tomli_w.dumps(tables.pop("bands", {})).splitlines()]
        lines += [f'# {name} = "..."  # {hint}' for name, hint in bands.items()]
    return "\n".join(lines) + "\n" + ("\n" + tomli_w.dumps({"reading": tables}) if tables else "")
