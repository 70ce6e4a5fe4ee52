"""Columns as content of files: delimited text, ECSV, VOTable, IPAC and FITS; each then damaged in its own way."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np

from . import columns as tables
from .columns import Columns
from .mutations import mutate_bytes, mutate_text, several
from .vocabulary import NAMES, NUMBERS, TEXTS, UNITS

Make = Callable[[Random], Columns]


def csv(columns: Columns, random: Random, delimiter: str = "") -> bytes:
    """Delimited text, with one of several delimiters, and comments or not."""
    delimiter = delimiter or random.choice((",", ",", ",", "\t", ";", "|", " "))
    lines = [delimiter.join(columns.names)]
    lines += [delimiter.join(map(_cell, row)) for row in zip(*columns.values, strict=True)]
    if random.random() < 0.1:
        lines.insert(0, random.choice(("# made of columns", "#", "# " + lines.pop(0), "")))
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _cell(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def astropy_table(columns: Columns, random: Random, masks: float = 0.1):
    """An astropy table; names that occur twice are changed, a share of the columns is masked in part."""
    from astropy.table import Column, MaskedColumn, Table

    table = Table(meta=columns.metadata)
    for name, values, unit in zip(columns.names, columns.values, columns.units, strict=True):
        while name in table.colnames:
            name += "_"
        masked = random.random() < masks and values.ndim == 1
        column = MaskedColumn(values, mask=np.arange(len(values)) % 3 == 0) if masked else Column(values)
        table[name] = column
        table[name].unit = unit or None
    return table


def by_astropy(columns: Columns, random: Random, form: str, masks: float) -> bytes:
    """Content as astropy writes it; raises what its writers raise for what they cannot write."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = astropy_table(columns, random, masks)
        if form in ("ascii.ecsv", "ascii.ipac"):
            text = io.StringIO()
            table.write(text, format=form)
            return text.getvalue().encode("utf-8", "surrogateescape")
        content = io.BytesIO()
        if form == "votable":
            coding = random.choice(("tabledata", "tabledata", "binary", "binary2"))
            table.write(content, format="votable", tabledata_format=coding)
        else:
            table.write(content, format=form)
        return content.getvalue()


def damaged(form: str, make: Make, random: Random) -> bytes:
    """Content of a form: of damaged columns, or damaged itself."""
    if random.random() < 0.5:
        try:
            content = _written(form, tables.mutate(make(random), random), random, 0.1)
        except Exception:  # what cannot be written in this form is damaged afterwards
            content = seed(form, make, random.randrange(4))
        if random.random() < 0.7:
            return content
    else:
        content = seed(form, make, random.randrange(4))
    return several(DAMAGE[form], content, random)


@cache
def seed(form: str, make: Make, number: int) -> bytes:
    """Sound content of a form."""
    random = Random(number)
    return _written(form, make(random), random, 0.0)


def _written(form: str, columns: Columns, random: Random, masks: float) -> bytes:
    return csv(columns, random) if form == "csv" else by_astropy(columns, random, form, masks)


def edit_card(content: bytes, random: Random) -> bytes:
    """Change a card of a FITS header: its value, its keyword, or all of it."""
    cards = [m.start() for m in re.finditer(rb"[A-Z0-9_-]{1,8} *= ", content) if m.start() % 80 == 0]
    if not cards:
        return content
    start = random.choice(cards)
    key, value = content[start : start + 8], content[start + 10 : start + 80].split(b"/")[0]
    words = (*NUMBERS, "'1D      '", "'PQ(9)'", "'999999999D'", "'A'", "'1PD(3)'", "'X'", "T", "'(1,2)'", "''", "")
    match random.randrange(5):
        case 0:
            value = b" " + str(random.choice(words)).encode()
        case 1:
            value = b" '" + random.choice((*UNITS, *NAMES, *TEXTS)).encode("utf-8", "replace") + b"'"
        case 2:
            key = random.choice((b"COMMENT ", b"TDIM1   ", b"TNULL1  ", b"TSCAL4  ", b"TZERO4  ", b"THEAP   ", b"END"))
        case 3:
            key = random.choice((b"NAXIS2  ", b"NAXIS1  ", b"TFIELDS ", b"PCOUNT  ", b"BITPIX  ", b"TTYPE1  ", key))
        case _:
            return content[:start] + content[start + 80 :] + b" " * 80
    card = key[:8].ljust(8) + b"= " + value
    return content[:start] + card[:80].ljust(80) + content[start + 80 :]


def edit_attribute(content: bytes, random: Random) -> bytes:
    """Change the value of an attribute of XML, or the name of an element."""
    places = list(re.finditer(rb'="([^"]*)"|<(/?\w+)', content[:20_000]))
    if not places:
        return content
    place = random.choice(places)
    words = (*UNITS, *NAMES, "*", "3x*", "double", "int", "char", "unicodeChar", "bit", "TR", "TD", "STREAM", "GROUP")
    group = 1 if place[1] is not None else 2
    word = random.choice(words).encode("utf-8", "replace")
    return content[: place.start(group)] + word + content[place.end(group) :]


def insert_entities(content: bytes, random: Random) -> bytes:
    """Declare entities of entities, or one of a file, and use them."""
    levels = random.choice((2, 5, 9))
    declared = '<!ENTITY e0 "lol">' + "".join(f'<!ENTITY e{k + 1} "{f"&e{k};" * 9}">' for k in range(levels))
    declared += '<!ENTITY file SYSTEM "file:///etc/hostname">'
    head = f'<?xml version="1.0"?><!DOCTYPE VOTABLE [{declared}]>'.encode()
    name = random.choice((f"&e{levels};", "&file;")).encode()
    return head + re.sub(rb"<\?xml[^>]*>", b"", content).replace(b"<TD>", b"<TD>" + name, 1)


def edit_header(content: bytes, random: Random) -> bytes:
    """Change a line of the YAML of ECSV: types, units, anchors, aliases, tags."""
    lines = content.split(b"\n")
    header = [k for k, line in enumerate(lines) if line.startswith(b"# ")]
    if not header:
        return content
    k = random.choice(header)
    words = (
        "&a [x,x,x,x,x,x,x,x,x]", "*a", "!astropy.time.Time {}", "!!python/name:os.system",
        "!astropy.units.Unit {unit: 3}", "{name: mjd, datatype: complex128}",
        "- {name: 1, datatype: float64}", "datatype: string, subtype: json",
        "subtype: 'float64[2]'", "subtype: 'float64[null]'", "delimiter: ','",
        "meta: !!omap [__serialized_columns__: 3]",
        "unit: !!float 3", "- &a {name: flux, unit: nJy, datatype: float64}", "schema: astropy-3.0", "[" * 500, "? x",
    )  # fmt: skip
    word = random.choice(words).encode()
    match random.randrange(3):
        case 0:
            lines[k] = b"# " + word
        case 1:
            lines.insert(k, b"# - " + word)
        case _:
            lines[k] = re.sub(rb": [\w.-]+", lambda match: b": " + word, lines[k], count=1)
    return b"\n".join(lines)


DAMAGE = {
    "csv": (mutate_text,),
    "ascii.ecsv": (mutate_text, edit_header),
    "ascii.ipac": (mutate_text,),
    "votable": (mutate_text, edit_attribute, edit_attribute, insert_entities),
    "fits": (mutate_bytes, edit_card, edit_card, edit_card),
    "parquet": (mutate_bytes,),
}
