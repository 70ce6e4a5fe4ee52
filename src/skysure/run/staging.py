"""A result in the making: a folder beside its final name, which it takes when it is whole, and not before.

Whatever the moment of a kill, either the result or all that it is made from is still there:

1. the result is finished in `OUT.training/result/` (an evaluation: `OUT.evaluation/result/`),
2. `complete`, which holds the checksum of its `run.toml`, marks it as whole,
3. what stands under the final name is moved aside to `replaced/`, and `result/` is renamed, then the list of rejected
   objects,
4. the rest of the folder is removed, `complete` last.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from skysure.data.locks import Lock
from skysure.data.results.writer import rejected_path
from skysure.data.targets import check_target, os_errors, replacing
from skysure.errors import InputError

from .digests import digest_of_file
from .files import require_folder, require_free, write_text

Opened = Callable[[Path], AbstractContextManager[IO[bytes]]]
"""Opens a file to be written."""


class Staging:
    """The folder in which a result is made until it is whole.

    Parameters
    ----------
    out : Path
        The final name.
    suffix : str
        Of the folder, after the name of `out`.
    """

    def __init__(self, out: Path, suffix: str) -> None:
        self.out = out
        self.folder = out.with_name(f"{out.name}.{suffix}")
        self.result, self.replaced = self.folder / "result", self.folder / "replaced"
        self._complete, self._lock = self.folder / "complete", Lock(self.folder / "lock")
        self._list, self._list_out = self.folder / "rejected.csv", rejected_path(out)

    @property
    def is_complete(self) -> bool:
        """Whether the result is whole, and has not taken its name."""
        return self._complete.is_file() and self.result.is_dir()

    @property
    def is_published(self) -> bool:
        """Whether the result has taken its name, but the rest of the folder was not removed."""
        if not self._complete.is_file() or self.result.exists() or not (self.out / "run.toml").is_file():
            return False
        return self._complete.read_text(encoding="utf-8") == digest_of_file(self.out / "run.toml")

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Make the folder, and own it: no other process works in it; an empty one is removed in the end.

        Raises InputError where another process owns it, or where it cannot be made.
        """
        require_folder(self.out)
        with os_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        try:
            self._lock.acquire()
            yield
        finally:
            self._lock.release()
            with suppress(OSError):  # it holds a result, or what is needed to resume
                self.folder.rmdir()

    def recover(self) -> None:
        """Tidy up after an earlier process: remove what was published, put back what was moved aside for nothing."""
        if self.is_published:
            self._publish_list()
            self.clear()
        elif self.replaced.exists() and not os.path.lexists(self.out):
            with os_errors(self.out):
                os.rename(self.replaced, self.out)

    def discard(self) -> None:
        """Empty the folder: what is needed to resume goes first, so that no half of it can be taken for the whole."""
        self._complete.unlink(missing_ok=True)
        self._remove_all_but("lock")

    def require_free(self, *, force: bool) -> None:
        """Raise InputError where the result, or the list of rejected objects, cannot have its name."""
        require_replaceable(self.out, force=force)
        check_target(self._list_out, force=force)

    def begin_result(self) -> Path:
        """Make the empty folder of the result, without what an earlier process left of one."""
        with os_errors(self.result):
            self._complete.unlink(missing_ok=True)
            self._list.unlink(missing_ok=True)
            if self.result.exists():
                shutil.rmtree(self.result)
            self.result.mkdir()
        return self.result

    def open_list(self, _: Path) -> AbstractContextManager[IO[bytes]]:
        """Open the list of rejected objects, which takes its name beside `out` after the result."""
        return replacing(self._list)

    def mark_complete(self) -> None:
        """Say that the result is whole."""
        write_text(self._complete, digest_of_file(self.result / "run.toml"))

    def publish(self, *, force: bool) -> None:
        """Give the result its name, and remove the rest; with `force`, what has that name is replaced.

        Raises InputError where that fails; the result is then kept.
        """
        self.require_free(force=force)
        try:
            if not self._list.exists():
                self._list_out.unlink(missing_ok=True)  # that of the result that is replaced
            if os.path.lexists(self.out):
                if os.path.lexists(self.replaced):
                    _remove(self.replaced)
                os.rename(self.out, self.replaced)
            os.rename(self.result, self.out)
            self._publish_list()
        except OSError as error:
            with suppress(InputError, OSError):
                self.recover()
            raise InputError(
                f"{self.out} cannot be made: {error.strerror or error}", "a name in a folder that can be written to",
                "another process made it, or the permissions of its folder changed",
            ) from error  # fmt: skip
        self.clear()

    def _publish_list(self) -> None:
        if self._list.exists():
            os.replace(self._list, self._list_out)

    def clear(self) -> None:
        """Remove all that is not needed once the result is published."""
        with suppress(OSError):
            self._remove_all_but("complete", "lock")
            self._complete.unlink()

    def _remove_all_but(self, *names: str) -> None:
        for name in ("plan.toml", "checkpoints/book.json"):
            (self.folder / name).unlink(missing_ok=True)
        for path in sorted(self.folder.iterdir()):
            if path.name not in names:
                _remove(path)


def require_replaceable(out: Path, *, force: bool) -> None:
    """Raise InputError where a folder cannot be made, or would replace something other than a run."""
    require_free(out, force=force)
    is_run = out.is_dir() and ((out / "run.toml").is_file() or not any(out.iterdir()))
    if out.exists() and not is_run:
        raise InputError(f"{out} is not a run", "a run to replace, or an unused name", "a slip", "name another folder")


def _remove(path: Path) -> None:
    """Remove a file, a folder, or a link (and not what it points to)."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
