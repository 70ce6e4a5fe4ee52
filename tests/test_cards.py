"""The cards of the shipped models are what `scripts/make_models.py` writes from their runs and from the results."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from skysure.models import shipped

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(scope="module")
def make_models() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        yield importlib.import_module("make_models")


def test_every_shipped_model_has_a_recipe(make_models: ModuleType) -> None:
    assert shipped() == sorted(make_models.MODELS)


@pytest.mark.parametrize("name", shipped())
def test_card_is_up_to_date(make_models: ModuleType, name: str) -> None:
    folder = make_models.SHIPPED / name
    text = (folder / "card.md").read_text(encoding="utf-8")
    assert text == make_models.card(folder), "rewrite it: python scripts/make_models.py --cards"
