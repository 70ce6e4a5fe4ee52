"""Kinds of text that are more than columns below a line of names."""

from __future__ import annotations

import re

IPAC_TYPES = {"int", "integer", "long", "float", "double", "real", "char", "date", "i", "l", "f", "d", "r", "c"}


def text_kind(head: bytes) -> str:
    r"""Return "json", "ipac" (a table whose names stand between bars) or "text".

    >>> text_kind(b'[{"id": "a"}]'), text_kind(b"| oid| mjd|\n|long|real|\n 1 2.0"), text_kind(b"id,mjd")
    ('json', 'ipac', 'text')
    """
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb'\{\s*["}]|\[\s*([\[{"\]]|-?[0-9.eE+-]+\s*[,\]])', head):
        return "json"
    return "ipac" if _is_ipac(head.decode("latin-1")) else "text"


def is_json_records(head: bytes) -> bool:
    """Whether JSON begins as records do: a list of objects, or an object a line."""
    return bool(re.match(rb"(\xef\xbb\xbf)?\s*(\[\s*\{|\{[^\n]*\}\s*\n\s*\{)", head))


def _is_ipac(text: str) -> bool:
    r"""Whether a line of names between bars is followed by one of types; lines of keywords begin with \."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and line[0] != "\\"][:2]
    if len(lines) < 2 or not all(line[0] == line[-1] == "|" for line in lines):
        return False
    return {word.strip().lower() for word in lines[1][1:-1].split("|")} <= IPAC_TYPES
