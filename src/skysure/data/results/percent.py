"""Text for files that hold printable ASCII only: percent-encoding as in a web address (RFC 3986)."""

from __future__ import annotations

from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

UNFIT = r"[^ -~]| $"  # blanks at the end do not count in FITS, so one that does is encoded
KEPT = "".join(chr(i) for i in range(ord(" "), ord("~") + 1) if chr(i) != "%")


def plain(values: pa.ChunkedArray) -> bool:
    """Return whether all values are printable ASCII without a blank at the end."""
    return not pc.any(pc.match_substring_regex(values, UNFIT)).as_py()


def encode(text: str) -> str:
    """Percent-encode what is not printable ASCII, a percent sign, and a blank at the end.

    >>> encode("η Car"), encode("100 % ")
    ('%CE%B7 Car', '100 %25%20')
    """
    encoded = quote(text, safe=KEPT)
    return encoded[:-1] + "%20" if encoded.endswith(" ") else encoded


def encoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Percent-encode each value; one by one only where it has to be."""
    if plain(values):
        return pc.replace_substring(values, "%", "%25")
    return pa.chunked_array([pa.array([encode(text) for text in values.to_pylist()], pa.string())])
