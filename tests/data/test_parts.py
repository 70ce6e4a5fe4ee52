"""Parts: disjoint by object and by group, of the sizes asked for, and the same whatever the order."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skysure.data.split import PARTS, Split, assign_parts, drop_seen, hash_of_ids, part_counts, read_parts, write_parts
from skysure.errors import InputError

FRACTIONS = {"train": 0.7, "validation": 0.1, "calibration": 0.1, "test": 0.1}
ids_of_any_text = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=10, max_size=20, unique=True
)


def sizes_of(parts: np.ndarray) -> dict[str, int]:
    return {part: int(np.sum(parts == part)) for part in PARTS}


@given(ids_of_any_text, st.integers(0, 2**63), st.randoms())
def test_the_order_of_the_objects_does_not_matter(ids, seed, random):
    shuffled = random.sample(ids, len(ids))
    first = dict(zip(ids, assign_parts(ids, **FRACTIONS, seed=seed), strict=True))
    second = dict(zip(shuffled, assign_parts(shuffled, **FRACTIONS, seed=seed), strict=True))
    assert first == second


@given(st.integers(0, 60), st.integers(1, 40), st.integers(1, 40), st.integers(1, 500), st.integers(0, 99))
def test_exact_counts_are_exact(train, validation, calibration, rest, seed):
    ids = [f"SN{i}" for i in range(train + validation + calibration + rest)]
    counts = {"train": train, "validation": validation, "calibration": calibration}
    parts = assign_parts(ids, **counts, test=None, seed=seed)
    assert sizes_of(parts) == counts | {"test": rest}


@given(st.integers(10, 3000))
def test_fractions_are_met_to_one_object(n):
    counts = part_counts(n, FRACTIONS)
    assert sum(counts.values()) == n
    for part, fraction in FRACTIONS.items():
        assert abs(counts[part] - fraction * n) < 1


@given(st.integers(150, 300), st.integers(0, 999))
def test_relatives_share_a_part_and_sizes_are_nearest(n, seed):
    families = np.random.default_rng(seed).integers(0, 26, n)
    ids = [f"SN{i}" for i in range(len(families))]
    groups = np.array(["" if f == 0 else f"host {f}" for f in families])
    parts = assign_parts(ids, groups, train=0.5, validation=None, calibration=0.0, test=0.25, seed=seed)
    for group in set(groups) - {""}:
        assert len(set(parts[groups == group])) == 1
    largest = max(np.unique(groups[groups != ""], return_counts=True)[1], default=1)
    sizes = sizes_of(parts)
    assert sizes["calibration"] == 0
    assert abs(sizes["train"] - 0.5 * len(ids)) <= largest / 2 + 1
    assert abs(sizes["test"] - 0.25 * len(ids)) <= largest / 2 + 1


@pytest.mark.parametrize("seed", range(8))
def test_few_large_groups_leave_every_part_its_size_and_its_share_of_lone_objects(seed):
    # as in the SPCC: type Ia without relatives, the others from 45 templates, of which the largest outgrow small parts
    members = np.array([1723, 994, 967, 782, 749, 730, 650, 592, 561, 503, 425, 403, 389, 384, *[150] * 20, *[25] * 11])
    groups = np.array([""] * 4000 + [f"template {k}" for k in np.repeat(np.arange(len(members)), members)])
    counts = {"validation": 700, "calibration": 600, "test": 7000}
    parts = assign_parts([str(i) for i in range(len(groups))], groups, train=None, **counts, seed=seed)
    assert sizes_of(parts) == counts | {"train": len(groups) - sum(counts.values())}
    for part in PARTS:
        assert np.mean(groups[parts == part] == "") == pytest.approx(np.mean(groups == ""), abs=0.05)
    for template in set(groups) - {""}:
        assert len(set(parts[groups == template])) == 1


def test_a_group_named_like_an_object_is_not_taken_for_it():
    ids = [str(i) for i in range(40)]
    groups = ["", *["0"] * 3, *[""] * 36]
    parts = np.array([assign_parts(ids, groups, **FRACTIONS, seed=seed)[:4] for seed in range(40)])
    assert np.all(parts[:, 1:] == parts[:, 1:2])
    assert np.any(parts[:, 0] != parts[:, 1])


def test_every_object_is_as_likely_to_be_tested():
    ids = [str(i) for i in range(20)]
    tested = sum(assign_parts(ids, **FRACTIONS, seed=s) == "test" for s in range(2000))
    # 200 expected of each, binomial error 13: five standard errors over twenty objects
    assert np.all(np.abs(tested - 200) < 67)
    assert len({tuple(assign_parts(ids, **FRACTIONS, seed=s)) for s in range(20)}) == 20


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train": None, "test": None}, "cannot both be the rest"),
        ({"train": 0.7, "test": 0.2}, "they sum to 94 objects"),
        ({"train": 90, "test": 5}, "they sum to 99 objects"),
        ({"train": 101, "test": None}, "nothing is left for test"),
        ({"train": 96, "test": None}, "nothing is left for test"),
        ({"train": 1.0, "test": None}, "train is neither a fraction nor a number"),
        ({"train": -5, "test": None}, "train is neither a fraction nor a number"),
        ({"train": 10.5, "test": None}, "train is neither a fraction nor a number"),
        ({"train": float("nan"), "test": None}, "train is neither a fraction nor a number"),
        ({"train": None, "test": 0.001}, "nothing is left for test"),
    ],
)
def test_sizes_that_contradict_each_other(sizes, message):
    with pytest.raises(InputError, match=message):
        assign_parts([str(i) for i in range(100)], validation=2, calibration=2, **sizes, seed=0)


def test_too_few_objects_or_groups():
    with pytest.raises(InputError, match="nothing is left for"):
        assign_parts(["a", "b", "c"], **FRACTIONS, seed=0)
    with pytest.raises(InputError, match="no whole group fits"):
        assign_parts([str(i) for i in range(100)], ["host"] * 50 + ["other"] * 50, **FRACTIONS, seed=0)
    with pytest.raises(InputError, match="id a is repeated"):
        assign_parts(["a", "b", "a"], **FRACTIONS, seed=0)
    with pytest.raises(InputError, match="2 groups for 3 objects"):
        assign_parts(["a", "b", "c"], ["x", "y"], **FRACTIONS, seed=0)


def test_counts_may_be_written_as_floats():
    assert part_counts(20_000, {"train": 1e4, "test": None}) == {"train": 10_000, "test": 10_000}


def test_a_split_comes_back_sorted(tmp_path):
    ids, groups = np.array(["c", "a", "η,\n"]), np.array(["h", "", "h"])
    write_parts(tmp_path / "split.parquet", ids, groups, np.array(["test", "train", "test"]))
    split = read_parts(tmp_path / "split.parquet")
    assert split.ids.tolist() == ["a", "c", "η,\n"]
    assert split.groups.tolist() == ["", "h", "h"]
    assert split.of("test").tolist() == ["c", "η,\n"]
    assert [file.name for file in tmp_path.iterdir()] == ["split.parquet"]


def test_what_is_no_split_is_told(tmp_path):
    path = tmp_path / "split.parquet"
    with pytest.raises(InputError, match="is no split"):
        read_parts(path)
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="is no split"):
        read_parts(path)
    pq.write_table(pa.table({"id": ["a"]}), path)
    with pytest.raises(InputError, match="is no split"):
        read_parts(path)
    write_parts(path, np.array(["a"]), None, np.array(["exam"]))
    with pytest.raises(InputError, match="there is no part exam"):
        read_parts(path)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([["a"], ["b"]]), ": string>, no text"),
        (pa.array([1, 2]), "int64, no text"),
        (pa.array([{"a": 1}, None]), "struct<a: int64>, no text"),
        (pa.array(["a", None]), "missing values"),
        (pa.array([b"a", b"\xff"]).view(pa.string()), "UTF8"),
    ],
)
def test_a_split_of_other_types_is_told(column, reason, tmp_path):
    table = pa.table({"id": column, "group": ["", ""], "part": ["train", "test"]})
    pq.write_table(table, tmp_path / "split.parquet")
    with pytest.raises(InputError, match="is no split") as raised:
        read_parts(tmp_path / "split.parquet")
    assert reason in str(raised.value)


def test_the_hash_is_the_published_function_of_the_sorted_ids():
    assert hash_of_ids(["b", "a", "ccc"]) == hashlib.sha256(b"1:a1:b3:ccc").hexdigest()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6), st.lists(st.text("a1:"), max_size=6))
def test_lists_of_other_ids_have_other_hashes(one, other):
    assert (hash_of_ids(one) == hash_of_ids(other)) == (sorted(one) == sorted(other))


def test_what_was_seen_is_dropped_with_its_relatives():
    split = Split(
        np.array(["a", "b", "c", "d", "e"]),
        np.array(["h1", "", "h2", "h3", "h4"]),
        np.array(["train", "validation", "calibration", "test", "train"]),
    )
    ids = np.array(["a", "new", "d", "c", "b", "cousin", "lone"])
    unseen, dropped = drop_seen(ids, split)
    assert unseen.tolist() == [False, True, True, False, False, True, True]
    assert dropped == 3
    unseen, dropped = drop_seen(ids, split, np.array(["h1", "h9", "h3", "h2", "", "h4", ""]))
    assert unseen.tolist() == [False, True, True, False, False, False, True]
    assert dropped == 4
