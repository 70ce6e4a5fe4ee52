"""The checkpoints of a training: its last state in one file per part, replaced atomically, without pickle."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from safetensors.torch import save as serialise

from skysure.errors import InputError
from skysure.training.state import Part, State

from .files import read_tensors, write_bytes, write_text

ENTRIES = {"epoch": int, "counters": dict, "done": bool, "history": list, "serial": int, "parts": dict}
"""What `book.json` holds, and of which type."""


class Checkpoints:
    """The last state of one training.

    `book.json` names the files of the state and is written last. A training killed at any moment leaves the book and
    the files of one state, the new one or the one before.

    Parameters
    ----------
    folder : Path
        Of the training.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkpoints"

    @property
    def exist(self) -> bool:
        """Whether a state has been kept."""
        return (self.folder / "book.json").is_file()

    def save(self, state: State, history: list[dict[str, float]]) -> None:
        """Keep a state and the history up to it; parts whose version is kept already are not written again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self._book()
        files_before = set(_files_in(before))
        book = {"epoch": state.epoch, "counters": state.counters, "done": state.done, "history": history}
        book |= {"serial": before.get("serial", 0) + 1, "parts": {n: part.version for n, part in state.parts.items()}}
        write_bytes(self.folder / _state_file(book), serialise(dict(state.tensors)))
        for name, part in state.parts.items():
            if (file := part_file(name, part.version)) not in files_before:
                write_bytes(self.folder / file, serialise(dict(part.tensors)))
        write_text(self.folder / "book.json", json.dumps(book))
        for path in self.folder.glob("*.safetensors"):
            if path.name not in _files_in(book):
                path.unlink()

    def load(self) -> tuple[State, list[dict[str, float]]] | None:
        """Give the last state and its history; None where nothing was kept yet."""
        if not (book := self._book()):
            return None
        tensors, history = read_tensors(self.folder / _state_file(book)), book["history"]
        parts = {
            name: Part(version, read_tensors(self.folder / part_file(name, version)))
            for name, version in book["parts"].items()
        }
        record = history[-1] if history else {}
        return State(book["epoch"], record, tensors, book["counters"], book["done"], parts=parts), history

    def _book(self) -> dict[str, Any]:
        path = self.folder / "book.json"
        if not path.is_file():
            return {}
        try:
            book = json.loads(path.read_text(encoding="utf-8"))
            _files_in(book)
            for name, kind in ENTRIES.items():
                if type(book[name]) is not kind:
                    raise TypeError(f"{name} is {type(book[name]).__name__}, not {kind.__name__}")
            if not all(isinstance(record, dict) for record in book["history"]):
                raise TypeError("history holds something else than records")
            return {name: book[name] for name in ENTRIES}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
            raise InputError(
                f"{path}: no checkpoint can be read from it ({type(error).__name__}: {error})",
                "the file that the training wrote", "it was damaged or edited",
                "start again without --resume (--force)",
            ) from None  # fmt: skip


def part_file(name: str, version: int) -> str:
    """Name the file of a part; raises InputError where its name cannot be that of a file.

    >>> part_file("replay_0", 3)
    'replay_0-3.safetensors'
    """
    if not re.fullmatch(r"[A-Za-z0-9_.]+", name) or name == "state":
        raise InputError(f"part '{name}' of a training state", "letters, digits, '_' and '.', and not 'state'")
    return f"{name}-{version}.safetensors"


def _state_file(book: dict[str, Any]) -> str:
    return f"state-{book['serial']}.safetensors"


def _files_in(book: dict[str, Any]) -> list[str]:
    """Files that a book names."""
    return [_state_file(book), *(part_file(*item) for item in book["parts"].items())] if book else []
