"""The files of a folder, without what differs between two runs of the same command: dates and the folder itself."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TIMES = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)?|/CreationDate \(D:[^)]*\)")
DATES = re.compile(rb"\d{4}-\d\d-\d\d|\d{1,2} (January|February|March|April|May|June|July|August|September|October|"
                   rb"November|December) \d{4}")  # fmt: skip
CHECKSUM = re.compile(rb"&#34;run.toml&#34; = &#34;[0-9a-f]{64}&#34;")
"""Of a file that holds a date, as a report shows it."""
EXACT = (".parquet", ".safetensors", ".fits", ".gz")


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its name, made comparable."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): _comparable(p, folder) for p in paths}


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its name, as it is."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _comparable(path: Path, folder: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix in EXACT:
        return content
    content = content.replace(str(folder).encode(), b"FOLDER")
    if path.name == "run.toml":
        card = tomllib.loads(content.decode())
        card.pop("created", None)
        card.get("sha256", {}).pop("run.toml", None)
        return repr(card).encode()
    if path.suffix in (".html", ".pdf"):
        content = CHECKSUM.sub(b"CHECKSUM", DATES.sub(b"DATE", TIMES.sub(b"TIME", content)))
    return content


def differences(expected: dict[str, bytes], files: dict[str, bytes]) -> list[str]:
    """Name the files that differ, are missing or were not expected."""
    return sorted(name for name in expected.keys() | files.keys() if expected.get(name) != files.get(name))
