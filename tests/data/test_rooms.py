"""The rooms of `data`: files of any kind know nothing of light curves, and no two modules import one another."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skysure.data

ROOT = Path(skysure.data.__file__).parent
SURVEYS = re.compile(r"light ?curve|\bflux|\bband|supernova|snana", re.IGNORECASE)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parents[1]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Full names of what a module imports when it is imported; checks of types alone are left out."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}


@pytest.mark.parametrize("path", sorted((ROOT / "files").glob("*.py")), ids=lambda path: path.stem)
def test_files_of_any_kind_know_nothing_of_light_curves(path: Path) -> None:
    assert not {name for name in imports(path) if name.startswith("skysure.data.lightcurves")}
    assert not SURVEYS.findall(path.read_text())


def test_no_two_modules_import_one_another() -> None:
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    graph = {name: (imports(path) & set(MODULES)) - packages for name, path in MODULES.items()}
    assert len(graph) > 30
    assert set(TopologicalSorter(graph).static_order()) >= set(MODULES) - packages
