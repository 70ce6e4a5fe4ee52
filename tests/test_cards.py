"""The cards of the shipped models are what `scripts/make_models.py` writes from their runs and from the results."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from skysure.models import shipped

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("make_models", ROOT / "scripts" / "make_models.py")
assert SPEC is not None
assert SPEC.loader is not None
make_models = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_models)


def test_every_shipped_model_has_a_recipe() -> None:
    assert shipped() == sorted(make_models.MODELS)


@pytest.mark.parametrize("name", sorted(make_models.MODELS))
def test_card_is_up_to_date(name: str) -> None:
    text = (make_models.SHIPPED / name / "card.md").read_text(encoding="utf-8")
    assert text == make_models.card(name), "rewrite it: python scripts/make_models.py --cards"
