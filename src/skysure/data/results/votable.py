"""VOTable 1.4 (IVOA Recommendation of 2019) with BINARY2 in base64, which is exact and can be written in batches.

Text is `char` where a whole column is printable ASCII, else `unicodeChar`. Missing values are flagged as null (floats
are NaN, text is empty). Metadata are INFO elements, which hold only text.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
from astropy import units as u
from astropy.io.votable import parse
from astropy.table import QTable

from . import records
from .layout import Column, Layout

KINDS = {"bool": "boolean", "int16": "short", "int32": "int", "int64": "long", "float": "float", "double": "double"}
BYTES = {"boolean": 1, "short": 2, "int": 4, "long": 8, "float": 4, "double": 8, "char": 1, "unicodeChar": 2}
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
"""
TAIL = "\n</STREAM></BINARY2></DATA></TABLE>\n</RESOURCE>\n</VOTABLE>\n"
LINE = 57  # bytes in a line of base64, which has 76 characters


def write(file: IO[bytes], layout: Layout, batches: Iterable[pa.Table]) -> None:
    """Write the fields, then the records in base64."""
    flags = -(-len(layout.columns) // 8)
    kinds = [f"S{_width(c)}" if c.text else records.big_endian(c) for c in layout.columns]
    dtype = np.dtype([("flags", "u1", (flags,)), *((f"f{i}", kind) for i, kind in enumerate(kinds))])
    file.write(_head(layout).encode())
    rest = b""
    for batch in batches:
        packed = np.zeros(len(batch), dtype)
        null = np.zeros((len(batch), len(layout.columns)), bool)
        for i, c in enumerate(layout.columns):
            packed[f"f{i}"] = _cells(c, batch[c.name])
            null[:, i] = batch[c.name].is_null().to_numpy()
        packed["flags"] = np.packbits(null, axis=1)
        data = rest + packed.tobytes()
        whole = len(data) // LINE * LINE
        file.write(_lines(data[:whole]))
        rest = data[whole:]
    file.write(base64.b64encode(rest) + TAIL.encode())


def _lines(data: bytes) -> bytes:
    encoded = np.frombuffer(base64.b64encode(data), "u1").reshape(-1, LINE * 4 // 3)
    return np.pad(encoded, ((0, 0), (0, 1)), constant_values=ord("\n")).tobytes()


def _width(column: Column) -> int:
    return max(column.chars if column.plain else 2 * column.utf16, 1 if column.plain else 2)


def _cells(column: Column, values: pa.ChunkedArray) -> np.ndarray:
    if column.text and not column.plain:
        return np.array([text.encode("utf-16-be") for text in values.to_pylist()], f"S{_width(column)}")
    return records.cells(column, values, width=_width(column), missing=0)


def _head(layout: Layout) -> str:
    infos = [f"<INFO name={quoteattr(k)} value={quoteattr(str(v))}/>" for k, v in layout.metadata.items()]
    fields = [_field(c) for c in layout.columns]
    start = f'<TABLE nrows="{layout.rows}">'
    return HEAD + "\n".join([*infos, start, *fields, '<DATA><BINARY2><STREAM encoding="base64">', ""])


def _field(column: Column) -> str:
    if column.text:
        kind, size = ("char", column.chars) if column.plain else ("unicodeChar", column.utf16)
        kind = f'"{kind}" arraysize="{max(size, 1)}"'
    else:
        kind = f'"{KINDS[str(column.type)]}"'
    unit = f" unit={quoteattr(_unit(column.unit))}" if column.unit else ""
    description = f"<DESCRIPTION>{escape(column.description)}</DESCRIPTION>" if column.description else ""
    ucd = f" ucd={quoteattr(column.ucd)}" if column.ucd else ""
    return f"<FIELD name={quoteattr(column.name)} datatype={kind}{unit}{ucd}>{description}</FIELD>"


def _unit(unit: str) -> str:
    """Return the unit as the IVOA writes it (VOUnits), or as astropy does where the IVOA has no such unit."""
    try:
        return u.Unit(unit).to_string("vounit")
    except ValueError:
        return unit


def count(file: IO[bytes]) -> int:
    """Return the number of rows in the data, after parsing the XML to its end."""
    fields: list[int] = []
    data = {"characters": 0, "padding": 0}

    def text(piece: str) -> None:
        data["characters"] += len(piece) - piece.count("\n")
        data["padding"] += piece.count("=")

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "FIELD":
            fields.append(BYTES[attributes["datatype"]] * int(attributes.get("arraysize", 1)))
        parser.CharacterDataHandler = text if name == "STREAM" else None

    parser = expat.ParserCreate()
    parser.buffer_text, parser.buffer_size = True, 1 << 20
    parser.StartElementHandler = start
    parser.ParseFile(file)
    size = data["characters"] * 3 // 4 - data["padding"]
    return size // (sum(fields) + -(-len(fields) // 8))


def read(path: Path) -> QTable:
    """Read the first table of a file."""
    document = parse(path)
    table = QTable(document.get_first_table().to_table(use_names_over_ids=True), copy=False)
    table.meta |= {info.name: info.value for info in document.resources[0].infos}
    return table
