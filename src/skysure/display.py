"""Tables in HTML, as notebooks show them; every text in them is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any


def html_table(caption: str, columns: Mapping[str, Iterable[Any]]) -> str:
    """Write columns as an HTML table.

    >>> html_table("1 row", {"id": ["<b>"], "p": [0.25]})
    '<table><caption>1 row</caption><tr><th>id</th><th>p</th></tr><tr><td>&lt;b&gt;</td><td>0.25</td></tr></table>'
    """
    head = _row("th", columns)
    rows = (_row("td", map(_text, values)) for values in zip(*columns.values(), strict=True))
    return f"<table><caption>{escape(caption)}</caption>{head}{''.join(rows)}</table>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"


def _text(value: Any) -> str:
    """Write numbers with four digits, and anything else as it is."""
    plain = value.item() if hasattr(value, "item") else value
    return f"{plain:.4g}" if isinstance(plain, float) else str(plain)
