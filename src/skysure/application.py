"""The applications. Each is a module that offers some of the verbs; what it lacks it cannot do.

read, simulate, environment, network, train, calibrate, predict, draw, evaluate, figures, play
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import InputError, SettingsError, nearest
from .settings import build, load_toml, table_of

NAMES = ("sine", "chain", "supernovae")
VERBS = (
    "read", "simulate", "environment", "network", "train", "calibrate", "predict", "draw", "evaluate", "figures",
    "play",
)  # fmt: skip


def application(name: str) -> ModuleType:
    """Import an application by name.

    Raises
    ------
    Fault
        Where there is none of that name.
    """
    if name not in NAMES:
        raise InputError(f"'{name}' is no application", nearest(name, NAMES), "", "skysure list shows them")
    return import_module(f"skysure.applications.{name}")


def presets(name: str) -> dict[str, dict[str, Any]]:
    """Give the presets that ship with an application, by name."""
    folder = files(f"skysure.applications.{name}") / "presets"
    if not folder.is_dir():
        return {}
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return {f.name.removesuffix(".toml"): load_toml(str(f)) for f in found}


def preset(name: str, choice: str | None) -> dict[str, Any]:
    """Give one preset of an application; none asked for is none applied."""
    if choice is None:
        return {}
    known = presets(name)
    if choice not in known:
        raise SettingsError(f"'{choice}' is no preset of {name}", nearest(choice, known) or "it has none")
    return known[choice]


def settings_of(
    name: str,
    choice: str | None = None,
    config: str | Path | None = None,
    fields: Mapping[str, Any] | None = None,
) -> Any:
    """Give the settings of an application from its layers: defaults < preset < file < fields."""
    file = table_of(config, "settings") if config else {}
    where = f"{config}: settings of {name}" if config else f"settings of {name}"
    return build(application(name).Settings, preset(name, choice), file, fields or {}, where=where)
