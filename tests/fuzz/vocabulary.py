"""Values, names and units at the edge of what readers expect, and beyond it."""

from __future__ import annotations

TEXTS = (
    "", " ", "nan", "NaN", "inf", "-Infinity", "1e400", "1e39", "-1", "0", "-0.0", "1e-320", "9" * 400, "0x10",
    "1_000", "１２", "é", "\0", "=1+1", "@a", "True", "2021-01-01", "2021-13-01T25:00", "2459000.5", "59000", '"',
    "'", ",", ";", "\t", "\r", "\n", "\x0c", "\u2028", "\ufeff", "\udcff", "a" * 5000, "lsst_g", "g-r", "#", "# x",
    "%", "[1,2]", "[[", "{}", "None", "null", "--", "1,5", "1e5 ", "1d5", "+", "-", ".", "e", "1.2.3", "&a", "*a",
    "!!python/object:os.system", "<a", "&lt;", "]]>", "../x", "/dev/zero", "id", "flux", "mjd", "Ia", "<file>",
    "1e", "-9", "-99", "2147483648", "9223372036854775808", "18446744073709551616", "1.7976931348623157e308", "٣",
    "\N{ZERO WIDTH SPACE}", "\N{GRINNING FACE}", "𝟙", "NULL", "NA", "N/A", "masked", "1+2j", "1;2", "0b1", "0o7",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 255, 256, -128, 65536, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 0.5, -0.0, 1e-320, 1e-45,
    1e16, 3.5e38, 1e300, -1e300, float("inf"), float("-inf"), float("nan"), 59000.0, 2459000.5, -9, -99, 27.5, 1e15,
)  # fmt: skip
NAMES = (
    "", " ", "id", "ID", "mjd", "MJD", "jd", "time", "band", "BAND", "flux", "Flux", "flux_error", "fluxerr", "mag",
    "magerr", "label", "type", "redshift", "z", "ra", "dec", "ebv", "host", "a\nb", "a\tb", "a,b", '"a"', "é", "#a",
    "flux (uJy)", "flux.mask", "mjd.mask", "x" * 300, "SNID", "PTROBS_MIN", "FLUXCAL", "table_meta_yaml", "1", "nan",
    "part", "group", "__class__", "\N{GRINNING FACE}", "constructor", "lists", "diaObjectId", "candidate",
)  # fmt: skip
UNITS = (
    "", "nJy", "uJy", "mJy", "Jy", "AB", "mag", "mag(AB)", "adu", "ct", "d", "h", "s", "yr", "deg", "rad", "m/s",
    "[", "10**(", "Jy**-1", "1e400 Jy", "%", "dex", "é", "unknown", "10+3", "Jy Jy", "nanomaggy", "dB", "a" * 1000,
    "Jy)", "/", "**", "erg / (s cm2 Hz)", "ABmag", "(((((((((((((((", "1/0", "0", "-1 Jy", "nan Jy",
)  # fmt: skip
BYTES = (
    b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\x00\x00\x00\x80", b"\n", b"\r", b"\t",
    b",", b'"', b"'", b"<", b">", b"&", b"[", b"]", b"{", b"}", b":", b"#", b"PAR1", b"SIMPLE  =", b"PK\x03\x04",
    b"PK\x05\x06", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"ustar", b"<VOTABLE", b"# %ECSV 1.0", b"\xef\xbb\xbf",
    b"\xff\xfe", b"END", b"NaN", b"1e999", b"\xe2\x80\xa8", b"\x0c", b"\x89HDF\r\n\x1a\n", b"Obj\x01", b"\x80\x04",
)  # fmt: skip
