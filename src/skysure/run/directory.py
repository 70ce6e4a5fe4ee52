"""The run directory: all that a trained model is, in files that anybody can open and none of which is code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import tomli_w
from safetensors.torch import save as serialise
from torch import Tensor, nn

from skysure.application import Application, application
from skysure.display import html_table
from skysure.errors import InputError, SettingsError
from skysure.models import find
from skysure.settings import build, load_toml, plain, without_none

from . import format_1
from .allocation import TooLarge, limited_allocation
from .digests import VOUCHED, digest_of_toml, digests_in, require_file
from .files import finish_replacing, read_tensors, write_bytes, write_text

FORMAT = 2
TABLES = ("settings", "schema", "reading", "parts", "data", "versions", "sha256")
CITE = "skysure {version}: deep learning for astronomy with calibrated uncertainties (BSD-3-Clause)"


@dataclass(frozen=True)
class Run:
    """A trained model with all that is needed to use it.

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
        Training data, date, versions, licence, how to cite.
    path : Path, optional
        Its folder.
    """

    application: str
    settings: Any
    schema: Any
    model: nn.Module
    reading: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def __repr__(self) -> str:
        return f"<Run: {', '.join(f'{name} {value}' for name, value in self._summary().items())}>"

    def _repr_html_(self) -> str:
        facts = self._summary()
        return html_table("Run", {"": facts.keys(), "of this run": facts.values()})

    def _summary(self) -> dict[str, str]:
        """Say in a few words what was trained, how large it is, when, and where its folder is."""
        size = sum(p.numel() for p in self.model.parameters())
        facts = {"application": self.application, "parameters": f"{size:,}", "created": self.card.get("created", "")}
        return {k: str(v) for k, v in (facts | {"path": self.path or ""}).items() if v}

    @property
    def verbs(self) -> Application:
        """The application: what it declares, and its verbs."""
        return application(self.application)


def new_card(papers: Sequence[str] = (), **facts: Any) -> dict[str, Any]:
    """Make the card of a run: date, licence, how to cite it and which papers, versions, and other facts."""
    version = metadata.version("skysure")
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "licence": "BSD-3-Clause",
        "cite": [CITE.format(version=version), *papers],
        "versions": {n: metadata.version(n) for n in ("skysure", "torch", "numpy", "astropy")},
    } | facts


def save_run(run: Run, folder: Path) -> None:
    """Write `run.toml` and `model.safetensors` into a folder, and load them again as a check.

    `run.toml` holds checksums of the weights, and of `split.parquet` and `history.csv` where they are in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.detach().cpu().contiguous() for name, t in run.model.state_dict().items()}
    write_bytes(folder / "model.safetensors", serialise(tensors))
    content = {"format": FORMAT, "application": run.application} | run.card
    content |= {"settings": plain(run.settings), "schema": plain(run.schema), "reading": run.reading}
    content = {k: v for k, v in without_none(content).items() if k != "sha256"}
    digests = digests_in(folder) | {"run.toml": digest_of_toml(content)}
    write_text(folder / "run.toml", tomli_w.dumps(content | {"sha256": digests}))
    load_run(folder)


def load_run(path: Path | str) -> Run:
    """Open a run directory, or a shipped model by its name; one of format 1 is converted in memory.

    Raises
    ------
    InputError
        Where a file is missing, edited, truncated, of a newer format, or does not fit its settings, or where no
        package that is installed has its application. Nothing in a run is executed.
    """
    folder = find(path)
    with suppress(OSError):  # of a run that cannot be written to
        finish_replacing(folder)
    content = _read_content(folder)
    made_by = _application_of(content, folder / "run.toml")
    try:
        settings = build(made_by.Settings, content.get("settings", {}), where=f"{folder / 'run.toml'} [settings]")
        schema = build(made_by.Schema, content.get("schema", {}), where=f"{folder / 'run.toml'} [schema]")
    except SettingsError as error:
        raise InputError(error.problem, error.expected, "the run was edited, or made by another version") from None
    weights = folder / "model.safetensors"
    try:
        with limited_allocation(weights.stat().st_size + 2**20):  # each tensor is in the file
            model = made_by.network(settings, schema)
    except TooLarge as error:
        raise InputError(
            f"{folder / 'run.toml'}: its settings want {error}", f"a network that fits into {weights}",
            "the settings are those of another run, or were edited",
        ) from None  # fmt: skip
    tensors = read_tensors(weights)
    if content["format"] == 1:
        content, tensors = format_1.convert_content(content), format_1.convert_tensors(tensors)
    load_weights(model, tensors, weights)
    card = {k: v for k, v in content.items() if k not in ("format", "application", "settings", "schema", "reading")}
    return Run(content["application"], settings, schema, model.eval(), content.get("reading", {}), card, folder)


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], where: Path) -> None:
    """Load tensors into a model; raises InputError unless it has tensors of just these names, shapes and types."""
    cause = "weights of other settings, or of another version"
    own = model.state_dict()
    expected = {name: tuple(t.shape) for name, t in own.items()}
    shapes = {name: tuple(t.shape) for name, t in tensors.items()}
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise InputError(
                f"{where}: tensor '{name}' has shape {shapes.get(name, 'missing')}",
                f"{expected.get(name, 'no such tensor')}", cause,
            )  # fmt: skip
        if own[name].dtype != tensors[name].dtype:
            raise InputError(
                f"{where}: tensor '{name}' holds {_type_of(tensors[name])}", f"{_type_of(own[name])}", cause
            )
    model.load_state_dict(dict(tensors))


def _type_of(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _read_content(folder: Path) -> dict[str, Any]:
    """Read `run.toml`, and compare the files of the run with the digests in it.

    Runs of earlier versions have none of the split; one that had parts must still have it.
    """
    path = folder / "run.toml"
    content = load_toml(path)
    if content.get("format", 0) not in (1, FORMAT):
        raise InputError(
            f"{path}: format {content.get('format')}", f"format 1 or {FORMAT}", "made by another version of skysure",
            "upgrade skysure",
        )  # fmt: skip
    _application_of(content, path)
    for name in TABLES:
        if not isinstance(content.get(name, {}), dict):
            raise InputError(f"{path}: {name} = {content[name]!r}", f"a table [{name}]", "an edit by hand")
    digests = content.get("sha256", {})
    if digest_of_toml({k: v for k, v in content.items() if k != "sha256"}) != digests.get("run.toml"):
        raise InputError(
            f"{path} was changed after it was written", "the file as it was", "an edit by hand",
            "train with --config for other settings",
        )  # fmt: skip
    for name in VOUCHED:
        if name == "model.safetensors" or name in digests or (name == "split.parquet" and content.get("parts")):
            require_file(folder / name, digests.get(name))
    return content


def _application_of(content: Mapping[str, Any], path: Path) -> Application:
    """Give the application of a run by its name in the registry; a run cannot bring one."""
    try:
        return application(str(content.get("application")))
    except InputError as error:
        cause = error.cause or "its package is not installed"
        raise InputError(f"{path}: {error.problem}", error.expected, cause, error.fix) from error
