"""What type checkers know of predictions: checked by pyright, never run."""

from __future__ import annotations

from typing import assert_type

import skysure

MODEL, DATA = "supernovae-griz", ["night.fits"]


def types_of_predict() -> None:
    classes = skysure.predict(MODEL, DATA, kind=skysure.Classes)
    assert_type(classes, skysure.Classes)
    assert_type(classes[:3], skysure.Classes)
    assert_type(skysure.concat([classes, classes]), skysure.Classes)
    assert_type(skysure.predict(MODEL, DATA, forecast="30d"), skysure.Values)
    assert_type(skysure.predict(MODEL, DATA, samples=10), skysure.Prediction)
    assert_type(skysure.predict(MODEL, DATA, "classes.fits"), int)
    assert_type(skysure.predict(MODEL, DATA, ["classes.fits", "page.html"], forecast="30d"), int)
