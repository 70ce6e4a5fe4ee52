"""Names of the columns of a table, and how they are told in a VOTable."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from typing import IO
from xml.etree import ElementTree

from skysure.errors import InputError


def refuse_doubled(file: str, names: Iterable[str]) -> None:
    """Refuse a table in which two columns have one name: which of them is read would be chance.

    Raises
    ------
    InputError
    """
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        quoted = ", ".join(f"'{name}'" for name in doubled[:5]) + (" ..." if len(doubled) > 5 else "")
        raise InputError(
            f"{file}: several columns {quoted}", "columns of different names", "tables that were joined side by side",
            "rename or remove all but one of each, and write the file again",
        )  # fmt: skip


def votable_fields(stream: IO[bytes]) -> list[tuple[str, str]]:
    """Names and units of the columns of the first table of a VOTable; what is no XML has none."""
    fields: list[tuple[str, str]] = []
    try:
        for _, element in ElementTree.iterparse(stream, events=("start",)):
            tag = element.tag.rpartition("}")[2]
            if tag == "FIELD":
                fields.append((element.get("name", ""), element.get("unit", "")))
            elif tag == "DATA":
                break
    except ElementTree.ParseError:
        return fields
    return fields


def ecsv_names(content: bytes) -> list[str]:
    """Names of the columns of an ECSV table, from the first line that is no comment."""
    line = next((line for line in content.decode("utf-8", "replace").split("\n") if not line.startswith("#")), "")
    return next(csv.reader([line.strip()], delimiter="," if "," in line else " "), [])
