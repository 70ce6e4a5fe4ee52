"""The checkpoints of a training: the last state, replaced atomically, without pickle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save as serialise

from skysure.training.state import State

from .files import read_tensors, write_bytes


class Checkpoints:
    """The checkpoints of one training: the last state, replaced in one stroke, without pickle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkpoints"

    def save(self, state: State, history: list[dict[str, float]]) -> None:
        """Keep a state and the history up to it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        book = {"epoch": state.epoch, "counters": state.counters, "done": state.done, "history": history}
        write_bytes(self.folder / "last.safetensors", serialise(state.tensors, {"book": json.dumps(book)}))

    def load(self) -> tuple[State, list[dict[str, float]]] | None:
        """Give the last state and its history; None where nothing was kept yet."""
        path = self.folder / "last.safetensors"
        if not path.is_file():
            return None
        tensors = read_tensors(path)
        with safe_open(path, "pt") as opened:
            book = json.loads(opened.metadata()["book"])
        record = book["history"][-1] if book["history"] else {}
        return State(book["epoch"], record, tensors, book["counters"], book["done"]), book["history"]

    def clear(self) -> None:
        """Remove them."""
        shutil.rmtree(self.folder, ignore_errors=True)
