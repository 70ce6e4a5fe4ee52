"""How predictions, runs and light curves show themselves: short, and with every text escaped in HTML."""

from __future__ import annotations

import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import skysure
from skysure.errors import InputError
from skysure.predictions import Classes, Values

HOSTILE = "<script>alert('x')</script>&\"<img src=x onerror=alert(1)>"
OURS = {"table", "caption", "tr", "th", "td"}


class Tags(HTMLParser):
    """Collects the tags, attributes and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[object] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def classes(n: int) -> Classes:
    p = np.full((n, 2), 0.5)
    ids = np.array([f"{HOSTILE}{k}" for k in range(n)])
    return Classes(
        {"id": ids}, (HOSTILE, "II"), p, p, np.ones(n), np.ones(n), is_ood=np.arange(n) < 3,
        quality_flags=np.full(n, HOSTILE),
    )  # fmt: skip


def light_curves() -> skysure.LightCurves:
    points = {"id": [HOSTILE], "time": [1.0], "band": [HOSTILE], "flux": [1.0], "flux_error": [1.0]}
    return skysure.LightCurves.from_table(points, objects={"id": [HOSTILE], "label": [HOSTILE]}, zero_point=27.5)


def run() -> skysure.Run:
    return skysure.Run(HOSTILE, None, None, _no_network(), card={"created": HOSTILE})


def _no_network() -> object:
    from torch import nn

    return nn.Linear(3, 2)


@pytest.mark.parametrize("instance", [classes(3), light_curves(), run()], ids=lambda instance: type(instance).__name__)
def test_no_text_of_the_data_becomes_html(instance: object) -> None:
    page = Tags(instance._repr_html_())  # type: ignore[attr-defined]
    assert page.tags <= OURS
    assert page.attributes == []
    assert any(HOSTILE in text for text in page.texts)


def test_short_texts() -> None:
    assert repr(classes(2_000)) == f"<Classes: 2,000 rows of 2 classes ({HOSTILE}, II), 3 out of distribution>"
    values = Values({"id": np.array(["a"])}, ("y",), ("mag",), np.ones((1, 1)), *np.ones((2, 1, 1, 1)))
    assert repr(values) == "<Values: 1 row of y [mag]>"
    assert repr(light_curves()) == f"<LightCurves: 1 object, 1 observations in {HOSTILE}>"
    assert repr(run()) == f"<Run: application {HOSTILE}, parameters 8, created {HOSTILE}>"


def test_a_notebook_shows_the_first_rows() -> None:
    page = classes(2_000)._repr_html_()
    assert page.count("<tr>") == 11
    assert len(page) < 20_000


def test_pandas_gets_all_columns() -> None:
    pandas = pytest.importorskip("pandas")
    prediction = classes(4)
    frame, table = prediction.to_pandas(), prediction.to_table()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == table.colnames
    for name in table.colnames:
        assert frame[name].tolist() == table[name].tolist(), name
    assert frame.is_ood.sum() == 3


def test_without_pandas_an_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="pip install pandas"):
        classes(1).to_pandas()
