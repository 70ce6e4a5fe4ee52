"""Whatever goes wrong while a file is read, as an InputError that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skysure.errors import InputError, reason_of


@contextmanager
def file_errors(name: str, expected: str = "a whole file", fix: str = "fetch it again") -> Iterator[None]:
    """Turn every error of the block, of whatever library, into an InputError that names the file.

    Libraries raise what their parsers raise; which that is, is not listed here. The original error is its cause.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(name, "a file", "there is no such file", "check the path") from error
    except PermissionError as error:
        raise InputError(name, "a readable file", "permission denied", "change its permissions") from error
    except MemoryError as error:
        raise InputError(
            name, "a file that fits into memory", "memory ran out while it was read",
            "write it as Parquet or CSV, which are read piece by piece",
        ) from error  # fmt: skip
    except Exception as error:
        raise InputError(name, expected, f"it is truncated or damaged ({reason_of(error)})", fix) from error
