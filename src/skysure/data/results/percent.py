"""Text for files that hold printable ASCII only: percent-encoding as in a web address (RFC 3986)."""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

UNSAFE = r"[^ -~]| $"  # FITS ignores blanks at the end of text, so they are encoded
SAFE = "".join(chr(i) for i in range(ord(" "), ord("~") + 1) if chr(i) != "%")


def plain(values: pa.ChunkedArray) -> bool:
    """Whether all values are printable ASCII without a blank at the end."""
    return not pc.any(pc.match_substring_regex(values, UNSAFE)).as_py()


def encode(text: str) -> str:
    """Percent-encode characters that are not printable ASCII, percent signs, and a blank at the end.

    >>> encode("η Car"), encode("100 % ")
    ('%CE%B7 Car', '100 %25%20')
    """
    encoded = quote(text, safe=SAFE)
    return encoded[:-1] + "%20" if encoded.endswith(" ") else encoded


def encoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Percent-encode each value; one by one only where necessary."""
    if plain(values):
        return pc.replace_substring(values, "%", "%25")
    return pa.chunked_array([pa.array([encode(text) for text in values.to_pylist()], pa.string())])
