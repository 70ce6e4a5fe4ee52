"""The page on reliability says what the code does: each limit with its default, and tests that are there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from skysure.data.names import LONGEST
from skysure.limits import Limits, variable

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", fields(Limits), ids=lambda field: field.name)
def test_each_limit_stands_with_its_default(field) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{variable(field.name)}`"))
    assert row.split("|")[3].strip() == f"{field.default:,}"


def test_no_other_limit_is_promised() -> None:
    rows = re.findall(r"^\| `(SKYSURE_MAX_\w+)`", PAGE, re.MULTILINE)
    assert rows == [variable(field.name) for field in fields(Limits)]
    assert f"at most {LONGEST} printable" in PAGE


def test_the_tests_that_it_names_are_there() -> None:
    named = re.findall(r"`((?:tests|benchmarks)/[\w/.]+)`", PAGE)
    assert len(named) > 8
    assert not [name for name in named if not (ROOT / name).exists()]
