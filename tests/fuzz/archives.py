"""Archives and compressed files around sound tables, with wrong names, links, sizes, checksums and ends."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from random import Random

from . import columns as tables
from . import formats, snana
from .mutations import mutate_bytes, truncate

MEMBERS = (
    "a.csv", "b.csv", "folder/c.csv", "../d.csv", "/e.csv", "", ".", "a.csv", "x" * 300, "é.csv", "\udcff.csv",
    "n.dat", "a.csv.gz", "inner.zip", "A_HEAD.FITS", "._a.csv", "README", "a\nb.csv", "a:b.csv", "night.IGNORE",
)  # fmt: skip
TYPES = (
    tarfile.REGTYPE, tarfile.REGTYPE, tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
    tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"Z",
)  # fmt: skip


def _content(random: Random) -> bytes:
    match random.randrange(8):
        case 0:
            return snana.text(random, random.randrange(3))
        case 1:
            return compress(formats.seed("csv", tables.light_curves, 0), random)
        case 2:
            return b""
        case 3:
            return b"\0" * random.choice((10, 100_000, 3_000_000))
        case 4:
            return formats.damaged("csv", tables.light_curves, random)
        case _:
            return formats.seed("csv", tables.light_curves, random.randrange(4))


def compress(content: bytes, random: Random) -> bytes:
    """Content in one of three compressions."""
    kinds: tuple[Callable[[bytes], bytes], ...] = (lambda b: gzip.compress(b, 1, mtime=0), bz2.compress, lzma.compress)
    return random.choice(kinds)(content)


def tar(random: Random) -> bytes:
    """A tar archive of several members."""
    content = io.BytesIO()
    form = random.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=content, mode="w", format=form) as pack:
        for _ in range(random.randrange(5)):
            info = tarfile.TarInfo(random.choice(MEMBERS))
            data = _content(random)
            info.type, info.size = random.choice(TYPES), len(data)
            info.linkname = random.choice(("a.csv", "/dev/zero", "..", ""))
            if random.random() < 0.1:
                info.pax_headers = {"size": random.choice(("-1", "x", "99999999999")), "path": "\0"}
            try:
                pack.addfile(info, io.BytesIO(data))
            except (ValueError, UnicodeError, OverflowError):
                continue
    return content.getvalue()


def zip_file(random: Random) -> bytes:
    """A zip archive of several members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as pack:
        for name in random.sample(MEMBERS, random.randrange(5)):
            info = zipfile.ZipInfo(name.replace("\udcff", "?") or "?")
            info.compress_type = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2))
            pack.writestr(info, _content(random))
        pack.comment = random.choice((b"", b"", b"PK\x05\x06" + bytes(18), b"ustar"))
    return content.getvalue()


def edit_fields(content: bytes, random: Random) -> bytes:
    """Change the fields after a signature of zip: flags, methods, sizes, checksums, offsets."""
    signature = random.choice((b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"))
    start = content.find(signature, random.randrange(len(content) + 1))
    if start < 0:
        return mutate_bytes(content, random)
    k = start + 4 + random.randrange(26)
    return content[:k] + random.choice((b"\0", b"\1", b"\xff", b"\xff\xff\xff\xff", b"\x63\0")) + content[k + 1 :]


def archive(make: Callable[[Random], bytes], random: Random) -> bytes:
    """An archive, damaged, compressed, in another, or followed by something."""
    content = make(random)
    match random.randrange(6):
        case 0:
            content = mutate_bytes(content, random)
        case 1:
            content = edit_fields(content, random)
        case 2:
            content = truncate(content, random)
        case 3:
            content += random.choice((content, b"\0" * 5000, zip_file(random)))
        case _:
            pass
    if random.random() < 0.3:
        content = compress(content, random)
        content = mutate_bytes(content, random) if random.random() < 0.3 else content
    return content


def compressed(random: Random) -> bytes:
    """A compressed table: cut off, damaged, of several parts, compressed twice."""
    form = random.choice(("csv", "csv", "ascii.ecsv", "fits", "votable"))
    content = compress(formats.seed(form, tables.light_curves, random.randrange(4)), random)
    match random.randrange(5):
        case 0:
            return truncate(content, random)
        case 1:
            return content + content
        case 2:
            return compress(content, random)
        case 3:
            return content + b"\0" * random.choice((1, 100))
        case _:
            return mutate_bytes(content, random)
