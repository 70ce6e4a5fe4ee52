"""The tree is as drawn: who may import whom, who touches files, who prints."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from skysure import verbs

SOURCE = Path(__file__).parents[1] / "src"
MODULES = sorted((SOURCE / "skysure").rglob("*.py"))
APPLICATIONS = sorted(p.parent.name for p in (SOURCE / "skysure" / "applications").glob("*/__init__.py"))
FLOOR = tuple(f"methods.{room}" for room in (
    "arguments", "arrays", "calibration", "cells", "dropout", "ensembles", "gaussian_process", "lbfgs", "likelihoods",
    "novelty", "pytree", "sampling", "variational",
))  # fmt: skip
ROOMS = (
    *FLOOR, "application", "applications", "cli", "data", "data.files", "data.lightcurves", "data.results", "errors",
    "evaluation", "methods", "methods.qlearning", "methods.recurrent", "models", "predictions", "report", "run",
    "settings", "training", "verbs",
)  # fmt: skip
"""The rooms that the arrows below speak of; a rule about a room that does not exist would hold for nothing."""


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, top_only: bool = False) -> set[str]:
    """Full names of the modules a file imports; relative imports are resolved."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    tree = ast.parse(path.read_text())
    modules: set[str] = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            modules |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return modules


def reaches(path: Path, *rooms: str) -> set[str]:
    return {m for m in imports(path) for room in rooms if m == f"skysure.{room}" or m.startswith(f"skysure.{room}.")}


def within(path: Path, room: str) -> bool:
    return f"{name_of(path)}.".startswith(f"skysure.{room}.")


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_exist(room: str) -> None:
    assert f"skysure.{room}" in set(map(name_of, MODULES))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrows(path: Path) -> None:
    if within(path, "methods"):
        assert not reaches(
            path, "application", "applications", "report", "cli", "run", "verbs", "data", "predictions", "training"
        )
    if any(within(path, room) for room in FLOOR):
        others = {m for m in reaches(path, "methods") if not any(m.startswith(f"skysure.{room}") for room in FLOOR)}
        assert not others - {"skysure.methods"}
    if within(path, "applications"):
        own = name_of(path).split(".")[2:3]
        others = [a for a in APPLICATIONS if [a] != own]
        assert not reaches(path, *(f"applications.{other}" for other in others))
        assert not reaches(path, "cli", "verbs", "run")
        if path.name not in ("plots.py", "wording.py"):
            assert not reaches(path, "report")
    if within(path, "data") or within(path, "predictions"):
        assert not reaches(path, "methods", "application", "applications", "report", "run", "training", "cli", "verbs")
        assert not {m for m in imports(path) if m.split(".")[0] == "torch"}
    if within(path, "verbs") or within(path, "run") or within(path, "training"):
        assert not reaches(path, "cli")
    if within(path, "run") or within(path, "training"):
        assert not reaches(path, "verbs")
    if within(path, "report"):
        assert not reaches(path, "methods", "application", "applications", "run", "training", "cli", "verbs", "data")


def test_rooms_of_methods_have_no_circles() -> None:
    """Rooms, not only files: whoever understands a room needs those below it, and none above."""
    rooms: dict[str, set[str]] = {}
    for path in MODULES:
        if within(path, "methods") and name_of(path) != "skysure.methods":
            room = name_of(path).split(".")[2]
            others = {module.split(".")[2] for module in reaches(path, "methods") if module.count(".") > 1}
            rooms.setdefault(room, set()).update(others - {room})
    assert len(rooms) > 10
    order = list(TopologicalSorter(rooms).static_order())  # raises CycleError, which names the circle
    assert set(order) == set(rooms)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    printing = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
    assert not printing or within(path, "cli")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_data_and_run_touch_files(path: Path) -> None:
    touching = {"open", "write_text", "write_bytes", "read_text", "read_bytes", "unlink", "mkdir"}
    calls = [n.func for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
    names = {f.id if isinstance(f, ast.Name) else f.attr for f in calls if isinstance(f, (ast.Name, ast.Attribute))}
    if (
        within(path, "methods")
        or within(path, "predictions")
        or (within(path, "applications") and "." in name_of(path))
    ):
        assert not names & touching


LIGHT = [p for p in MODULES if p.name in ("settings.py", "application.py") or within(p, "cli")]


@pytest.mark.parametrize("path", LIGHT, ids=name_of)
def test_settings_contract_and_command_line_import_no_torch(path: Path) -> None:
    heavy = {"torch", "numpy", "scipy", "astropy", "matplotlib", "pyarrow", "accelerate", "sklearn"}
    assert not {m.split(".")[0] for m in imports(path, top_only=True)} & heavy


@pytest.mark.parametrize("name", verbs.__all__)
def test_a_verb_is_no_module(name: str) -> None:
    """What a package offers under a name is not hidden by a file of that name."""
    assert callable(getattr(verbs, name))
    assert f"skysure.verbs.{name}" not in map(name_of, MODULES)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_pickle(path: Path) -> None:
    assert not {m.split(".")[0] for m in imports(path)} & {"pickle", "dill", "cloudpickle", "joblib", "shelve"}
    assert "torch.load(" not in path.read_text()
    assert "torch.save(" not in path.read_text()
