"""The documentation holds: its Python runs, its links lead somewhere, its command lines are understood."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest

from skysure.applications.supernovae import Query, Settings
from skysure.cli.commands import app
from skysure.data.images.reading import Reading as ImageReading
from skysure.data.lightcurves.reading import DIALECTS, OBJECT_COLUMNS, POINT_COLUMNS, Reading
from skysure.predictions import Actions, Classes, Values

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
OWN_DATA = ("README.md", "lensing.md")
APPLICATION = {"chain.md": "chain", "qlearning.md": "chain", "sine.md": "sine"}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def command_lines(page: Path) -> Iterator[str]:
    text = page.read_text(encoding="utf-8")
    code_blocks = [*blocks(page, ""), *blocks(page, "sh"), *blocks(page, "bash")]
    lines = [line for block in code_blocks for line in block.splitlines() if line.startswith("skysure ")]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    started = re.findall(r"^    (?:torchrun|accelerate launch) .* -m skysure\.cli (.*)$", prose, re.MULTILINE)
    quoted = re.findall(r"`(skysure [a-z]+ [^`\n]*)`", prose)
    yield from (line.split(" #")[0].strip() for line in [*lines, *quoted, *(f"skysure {rest}" for rest in started)])


COMMANDS = [(page.name, line) for page in PAGES for line in command_lines(page)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; nothing is drawn, as the report has tests of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("skysure.run.reporting.write_report", lambda folder: None)
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: str(p.relative_to(ROOT)))
def test_python_runs(page: Path, folder: Path, small_run: Path) -> None:
    """Top to bottom in one namespace, where a small run has the name of a model that ships."""
    (folder / "supernovae-griz").symlink_to(small_run)
    names: dict[str, object] = {"__name__": "__main__"} | (own_data(folder) if page.name in OWN_DATA else {})
    for block in blocks(page, "python"):
        exec(compile(block, str(page), "exec"), names)


def own_data(folder: Path) -> dict[str, object]:
    """What the reader of a page has: arrays in memory, two folders of light curves, and an image of a lens."""
    from skysure.applications import lensing
    from skysure.applications.supernovae.simulator import simulate_lightcurves

    curves = simulate_lightcurves(330, "des", seed=3)
    lens = next(lensing.simulate(lensing.Settings(), 1, 0).chunks())
    for name, part in (("survey", curves[:320]), ("other_survey", curves[320:])):
        (folder / name).mkdir()
        part.to_table().write(folder / name / "curves.ecsv")
    return {
        "ids": curves.ids[curves.owner], "names": curves.ids, "mjd": curves.time, "flux": curves.flux,
        "band": [curves.bands[b] for b in curves.band], "error": curves.flux_error,
        "photoz": curves.objects["redshift"], **{name: getattr(lens, name)[0] for name in ("image", "noise", "psf")},
    }  # fmt: skip


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_command_line_is_understood(page: str, line: str, folder: Path) -> None:
    tokens = [token for token in shlex.split(line)[1:] if token not in ("...", "…")]
    if len(tokens) > 1 and tokens[0] in ("predict", "evaluate"):
        run = folder / tokens[1]
        run.mkdir(parents=True)
        (run / "run.toml").write_text(f'application = "{APPLICATION.get(page, "supernovae")}"\n')
    for flag, value in pairwise(tokens):
        if flag == "--config":
            (folder / value).parent.mkdir(parents=True, exist_ok=True)
            (folder / value).write_text("[settings]\nseed = 1\n")
    expected = "help_print" if "--help" in tokens else tokens[0]
    command, bound, _ = app(tokens).parse_args(tokens, exit_on_error=False, print_error=False)
    assert command.__name__.strip("_") == expected
    assert bound.arguments or len(tokens) == 1


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    missing = [link for link in links if ":" not in link and not (page.parent / link.split("#")[0]).exists()]
    assert not missing


def named_in(page: str) -> set[str]:
    """What a page writes in code: whole, and its words without dashes."""
    quoted = re.findall(r"`([^`\n]+)`", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    return {*quoted, *(word.lstrip("-").replace("-", "_") for text in quoted for word in text.split())}


def test_what_can_be_said_is_documented() -> None:
    from skysure.applications.supernovae import prediction

    assert {f.name for f in fields(Reading)} | {*POINT_COLUMNS, *OBJECT_COLUMNS, *DIALECTS} <= named_in("reading.md")
    assert {f.name for f in fields(ImageReading)} <= named_in("reading-images.md")
    supernovae = named_in("supernovae.md")
    assert {f.name for f in fields(Query)} <= supernovae
    assert {
        prediction.TOO_FEW_POINTS,
        prediction.NO_REDSHIFT,
        prediction.REDSHIFT_OUTSIDE,
        prediction.UNKNOWN_BAND,
    } <= supernovae
    predictions = named_in("predictions.md")
    for kind in (Classes, Values, Actions):
        hidden = {"samples", "classes", "names", "units", "actions", "coverage"}
        assert {f.name for f in fields(kind)} - hidden <= predictions


def test_defaults_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "supernovae.md").read_text(encoding="utf-8")
    defaults = {(f.name, f.default) for f in (*fields(Settings), *fields(Query))}
    documented = set()
    for names, values in re.findall(r"^\| ((?:`[a-z_-]+`(?:, )?)+) \| ([^|]*?) \|", text, re.MULTILINE):
        field_names = re.findall(r"[a-z][a-z_-]*", names)
        documented |= {(n.replace("-", "_"), v) for n, v in zip(field_names, values.split(", "), strict=False)}
    numbers = {(name, float(v)) for name, v in documented if re.fullmatch(r"[0-9.]+", v)}
    assert len(numbers) > 15
    assert numbers <= defaults


def test_every_page_is_reached_from_the_index() -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)\s:]+)\)", text)}
    assert not set((ROOT / "docs").rglob("*.md")) - linked - {ROOT / "docs" / "index.md"}
