"""Chunks of objects of one shape, and their labels as class indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from skysure.data import Chunk, InMemorySource, class_indices, labelled
from skysure.errors import InputError

CLASSES = ("elliptical", "spiral")


@dataclass(frozen=True)
class Images(Chunk):
    label: np.ndarray
    pixel: np.ndarray


def images(*labels: str, start: int = 0) -> Images:
    ids = np.arange(start, start + len(labels)).astype(str)
    return Images(ids, np.array(labels, str), np.arange(6.0 * len(labels)).reshape(-1, 2, 3) + 6 * start)


def test_chunks_are_selected_and_joined_in_all_fields() -> None:
    whole = images("spiral", "", "elliptical")
    parts = [whole[:1], whole[np.array([False, True, True])]]
    joined = Images.concat(iter(parts))
    assert [len(part) for part in parts] == [1, 2]
    for name in ("ids", "label", "pixel"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name)), name
    assert whole[[2, 0]].pixel[:, 0, 0].tolist() == [12, 0]


def test_a_table_has_a_column_per_element() -> None:
    table = images("spiral", "elliptical").to_table()
    assert table.colnames == ["id", "label", *(f"pixel_{k}" for k in range(6))]
    assert table["pixel_4"].tolist() == [4, 10]  # row-major: y = 1, x = 1
    empty = images("spiral")[:0].to_table()
    assert (len(empty), len(empty.colnames)) == (0, 8)


def test_labelled_objects_of_all_chunks_with_their_classes() -> None:
    chunks = [images("spiral", "", "star"), images("elliptical", "spiral", start=3)]
    objects, truth = labelled(InMemorySource(None, chunks), "train", CLASSES)
    assert objects.ids.tolist() == ["0", "3", "4"]
    assert truth.tolist() == [1, 0, 1]
    assert class_indices(np.array([], str), CLASSES).tolist() == []


@pytest.mark.parametrize(("labels", "classes", "message"), [
    (("spiral", ""), CLASSES, "has the label elliptical"),
    (("", ""), CLASSES, "has the label elliptical, spiral"),
    (("", ""), (), "no object has a label"),
])  # fmt: skip
def test_a_class_without_objects_is_an_error(labels: tuple[str, ...], classes: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        labelled(InMemorySource(None, [images(*labels)]), "train", classes)
    with pytest.raises(InputError):
        labelled(InMemorySource(None, []), "train", classes)
