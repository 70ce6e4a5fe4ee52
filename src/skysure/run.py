"""The run directory: all that a trained model is, in files that anybody can open and none of which is code."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import tomli_w
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import Tensor, nn

from skysure import settings as layers
from skysure.applications import NAMES, application
from skysure.data.targets import replacing
from skysure.faults import Fault, SettingsFault, nearest
from skysure.fit import State
from skysure.models import find

FORMAT = 1
CITE = "skysure {version}: deep learning for astronomy with calibrated uncertainties (BSD-3-Clause)"


@dataclass(frozen=True)
class Run:
    """A trained model with what is needed to use it and to trust it.

    Parameters
    ----------
    application : str
    settings, schema : dataclass
        Of the application; `schema` came from the data: bands, classes, units.
    model : nn.Module
        Normalisation, network, calibration, novelty.
    reading : dict
        The `[reading]` table with which the data were read.
    card : dict
        What was trained on what, when, with which versions; licence; how to cite.
    path : Path, optional
        Where it lies.
    """

    application: str
    settings: Any
    schema: Any
    model: nn.Module
    reading: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def verbs(self) -> ModuleType:
        """The application's module."""
        return application(self.application)


def new_card(papers: Sequence[str] = (), **facts: Any) -> dict[str, Any]:
    """Begin the card of a run: when, with which versions, under which licence, how to cite it and which papers."""
    version = metadata.version("skysure")
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "licence": "BSD-3-Clause",
        "cite": [CITE.format(version=version), *papers],
        "versions": {n: metadata.version(n) for n in ("skysure", "torch", "numpy", "astropy")},
    } | facts


def save(run: Run, folder: Path) -> None:
    """Write `run.toml` and `model.safetensors` into a folder, and check them by loading them again."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.detach().cpu().contiguous() for name, t in run.model.state_dict().items()}
    write_bytes(folder / "model.safetensors", serialised(tensors))
    content = {"format": FORMAT, "application": run.application} | run.card
    content |= {
        "settings": layers.plain(run.settings),
        "schema": layers.plain(run.schema),
        "reading": run.reading,
    }
    content = {k: v for k, v in layers.without_none(content).items() if k != "sha256"}
    digests = {"model.safetensors": _digest(folder / "model.safetensors"), "run.toml": _digest_of(content)}
    write_text(folder / "run.toml", tomli_w.dumps(content | {"sha256": digests}))
    load(folder)


def load(path: Path | str) -> Run:
    """Open a run directory, or a shipped model by its name.

    Raises
    ------
    Fault
        Where a file is missing, edited, truncated, of a newer format, or does not fit its settings. Nothing in
        a run is executed.
    """
    folder = find(path)
    content = _content(folder)
    module = application(content["application"])
    try:
        settings = layers.build(module.Settings, content.get("settings", {}), where=f"{folder / 'run.toml'} [settings]")
        schema = layers.build(module.Schema, content.get("schema", {}), where=f"{folder / 'run.toml'} [schema]")
    except SettingsFault as fault:
        raise Fault(fault.given, fault.wanted, "the run was edited, or made by another version") from None
    model = module.network(settings, schema)
    load_weights(model, _tensors(folder / "model.safetensors"), folder / "model.safetensors")
    card = {k: v for k, v in content.items() if k not in ("format", "application", "settings", "schema", "reading")}
    return Run(content["application"], settings, schema, model.eval(), content.get("reading", {}), card, folder)


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Put tensors into a model, which must want just these."""
    wanted = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    given = {name: tuple(t.shape) for name, t in tensors.items()}
    wrong = sorted(n for n in wanted.keys() | given.keys() if wanted.get(n) != given.get(n))
    if wrong:
        n = wrong[0]
        raise Fault(
            f"{where}: tensor '{n}' has shape {given.get(n, 'missing')}",
            f"{wanted.get(n, 'no such tensor')}",
            "weights of other settings, or of another version",
        )
    model.load_state_dict(dict(tensors))


def _content(folder: Path) -> dict[str, Any]:
    path = folder / "run.toml"
    content = layers.load_toml(path)
    if content.get("format", 0) != FORMAT:
        raise Fault(
            f"{path}: format {content.get('format')}",
            f"format {FORMAT}",
            "made by another version of skysure",
            "upgrade skysure",
        )
    if content.get("application") not in NAMES:
        raise Fault(f"{path}: application '{content.get('application')}'", nearest("", NAMES))
    digests = content.get("sha256", {})
    if _digest_of({k: v for k, v in content.items() if k != "sha256"}) != digests.get("run.toml"):
        raise Fault(
            f"{path} was changed after it was written",
            "the file as it was",
            "an edit by hand",
            "train with --config for other settings",
        )
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise Fault(f"{weights}: no such file", "the weights of the run", "an incomplete copy")
    if _digest(weights) != digests.get("model.safetensors"):
        raise Fault(
            f"{weights} is not the file that was saved",
            "its SHA-256",
            "truncated or replaced",
            "copy it again",
        )
    return content


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise Fault(f"{path}: {error}", "a safetensors file", "truncated, or another format") from None


class Checkpoints:
    """The checkpoints of one training: the last state, replaced in one stroke, without pickle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkpoints"

    def save(self, state: State, history: list[dict[str, float]]) -> None:
        """Keep a state and the history up to it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        book = {"epoch": state.epoch, "counters": state.counters, "done": state.done, "history": history}
        write_bytes(self.folder / "last.safetensors", serialised(state.tensors, {"book": json.dumps(book)}))

    def load(self) -> tuple[State, list[dict[str, float]]] | None:
        """Give the last state and its history; None where nothing was kept yet."""
        path = self.folder / "last.safetensors"
        if not path.is_file():
            return None
        tensors = _tensors(path)
        with safe_open(path, "pt") as opened:
            book = json.loads(opened.metadata()["book"])
        record = book["history"][-1] if book["history"] else {}
        return State(book["epoch"], record, tensors, book["counters"], book["done"]), book["history"]

    def clear(self) -> None:
        """Remove them."""
        shutil.rmtree(self.folder, ignore_errors=True)


def write_history(folder: Path, history: list[dict[str, float]]) -> None:
    """Write `history.csv`, one row an epoch."""
    names = list(dict.fromkeys(n for row in history for n in row))
    lines = [names] + [[row.get(n, "") for n in names] for row in history]
    write_text(folder / "history.csv", "".join(",".join(map(str, line)) + "\n" for line in lines))


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read `history.csv`; empty where there is none."""
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as lines:
        return [{k: float(v) for k, v in row.items() if v != ""} for row in csv.DictReader(lines)]


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Write `metrics.json`; numbers that are not finite become null."""
    write_text(folder / "metrics.json", json.dumps(_finite(metrics), indent=1) + "\n")


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read `metrics.json` of a run."""
    path = folder / "metrics.json"
    if not path.is_file():
        raise Fault(f"{path}: no such file", "an evaluated run", "", f"skysure evaluate {folder}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Fault(f"{path}: {error}", "valid JSON", "an edit by hand") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file in one stroke."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one stroke: under another name, brought to the disk, renamed."""
    with replacing(path) as file:
        file.write(content)


def publish(made: Path, out: Path, *, force: bool = False) -> None:
    """Give a finished folder its name; what stood there goes only with `force`."""
    require_free(out, force=force)
    if out.exists():
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    os.replace(made, out)


def require_free(out: Path, *, force: bool = False) -> None:
    """Raise a fault where `out` exists, or cannot be made."""
    if out.exists() and not force:
        raise Fault(f"{out} exists", "a name that is free", "an earlier run", "--force replaces it")
    parent = out.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise Fault(f"{parent}: no folder that can be written to", "an existing folder", "a misspelling")


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _digest_of(content: dict[str, Any]) -> str:
    """Digest of what a TOML file says, whatever its layout."""
    said = tomllib.loads(tomli_w.dumps(content))
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
