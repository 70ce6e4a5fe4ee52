"""Divide objects into the parts that a network is trained, stopped, calibrated and tested on.

An object is in one part only, and so are all objects of a group (one host, one template, one lens): a test on an object
whose relatives were trained on would be too optimistic.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skysure.errors import InputError

from .targets import replacing

PARTS = ("train", "validation", "calibration", "test")
SEEN = ("train", "validation", "calibration")

Size = float | int | None


@dataclass(frozen=True)
class Split:
    """Objects, the groups that they belong to ("" = none) and the parts that they are in; each of shape (object,)."""

    ids: np.ndarray
    groups: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, part: str) -> np.ndarray:
        """Return the ids of one part."""
        return self.ids[self.parts == part]


def assign_parts(
    ids: Iterable[str],
    groups: Iterable[str] | None = None,
    *,
    train: Size,
    validation: Size,
    calibration: Size,
    test: Size,
    seed: int,
) -> np.ndarray:
    """Assign each object to a part; the order of the objects does not matter.

    Parameters
    ----------
    ids : array of str, shape (object,)
        Each once.
    groups : array of str, shape (object,), optional
        Objects of the same group are in the same part; "" belongs to no group. Groups are assigned at random, the
        largest first, each to a part that has room for it, so that each part has its share of grouped and single
        objects as far as whole groups allow. Single objects then fill the parts to their sizes.
    train, validation, calibration, test : float, int or None
        A fraction (below 1), a number of objects (1 or more; 0: none), or None for the rest (one of them).
    seed : int

    Returns
    -------
    array of str, shape (object,)

    Raises
    ------
    InputError
        The sizes contradict each other or the number of objects, an id is repeated, or a part would be empty.

    Examples
    --------
    >>> assign_parts(["a", "b", "c", "d"], train=None, validation=1, calibration=0, test=0.25, seed=1).tolist()
    ['train', 'train', 'validation', 'test']
    """
    ids = _require_unique(ids)
    names = _group_names(ids, groups)
    families, family, members = np.unique(names, return_inverse=True, return_counts=True)
    sizes = {"train": train, "validation": validation, "calibration": calibration, "test": test}
    counts = part_counts(len(ids), sizes)
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(len(families))
    lone, larger = order[members[order] == 1], order[members[order] > 1]
    larger = larger[np.argsort(-members[larger], kind="stable")]
    targets = np.array(list(counts.values()))
    part_of_family = np.empty(len(families), int)
    part_of_family[larger] = assigned = _assign_groups(members[larger], targets, rng)
    filled = np.bincount(assigned, members[larger], len(targets)).astype(int)
    part_of_family[lone] = np.repeat(np.arange(len(targets)), _fill(targets - filled, len(lone)))
    parts = np.array(PARTS)[part_of_family[family]]
    for part, count in counts.items():
        if count and not np.any(parts == part):
            raise InputError(
                f"{len(families)} groups of up to {members.max()} objects",
                f"{count} objects for {part}",
                "no whole group fits into so small a part",
                f"make {part} larger, or give more groups",
            )
    return parts


def _require_unique(ids: Iterable[str]) -> np.ndarray:
    ids = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids)).astype(str)
    values, times = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        repeated = values[times > 1][0]
        raise InputError(f"id {repeated} is repeated", "every object once", "two files hold it", "keep one of the two")
    return ids


def _group_names(ids: np.ndarray, groups: Iterable[str] | None) -> np.ndarray:
    """Name each object by its group, or by its id where it has none; prefixes keep the two kinds apart."""
    alone = np.char.add("id ", ids)
    if groups is None:
        return alone
    groups = np.asarray(groups if isinstance(groups, np.ndarray) else list(groups)).astype(str)
    if groups.shape != ids.shape:
        raise InputError(f"{len(groups)} groups for {len(ids)} objects", "one per object", "", "give as many")
    return np.where(groups == "", alone, np.char.add("group ", groups))


def _assign_groups(members: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Assign groups to parts at random, with probabilities proportional to the room left where the group fits.

    A group that fits nowhere goes to the part with most room.

    Parameters
    ----------
    members : ndarray of int, shape (group,)
        Number of objects of each group, the largest first.
    targets : ndarray of int, shape (part,)
        Number of objects wanted in each part.

    Returns
    -------
    ndarray of int, shape (group,)
        Index of the part of each group.
    """
    room = targets * (members.sum() / max(targets.sum(), 1))
    parts = np.empty(len(members), int)
    for k, (size, uniform) in enumerate(zip(members, rng.random(len(members)), strict=True)):
        total = np.cumsum(np.where(room >= size, room, 0.0))
        parts[k] = np.searchsorted(total, uniform * total[-1], "right") if total[-1] else room.argmax()
        room[parts[k]] -= size
    return parts


def _fill(lacking: np.ndarray, n: int) -> np.ndarray:
    """Divide `n` objects among parts in proportion to what they lack; a part that has too many gets none.

    >>> _fill(np.array([5, -1, 6]), 10)
    array([5, 0, 5])
    """
    lacking = np.maximum(lacking, 0)
    ends = np.rint(np.cumsum(lacking) * (n / max(lacking.sum(), 1))).astype(int)
    return np.diff(ends, prepend=0)


def part_counts(n: int, sizes: dict[str, Size]) -> dict[str, int]:
    """Return the number of objects of each part; see `assign_parts`.

    >>> part_counts(10, {"train": None, "test": 0.25, "validation": 3})
    {'train': 4, 'test': 3, 'validation': 3}
    """

    def contradiction(cause: str) -> InputError:
        texts = ", ".join(f"{part} = {'rest' if size is None else size}" for part, size in sizes.items())
        expected = "fractions below 1 or numbers of objects that sum to all objects; one may be left out (the rest)"
        return InputError(f"{texts}, for {n} objects", expected, cause, "leave one size out, or make others smaller")

    rest = [part for part, size in sizes.items() if size is None]
    if len(rest) > 1:
        raise contradiction(f"{' and '.join(rest)} cannot both be the rest")
    if wrong := [part for part, size in sizes.items() if size is not None and not _is_size(size)]:
        raise contradiction(f"{wrong[0]} is neither a fraction nor a number of objects")
    exact = {part: size if size >= 1 else size * n for part, size in sizes.items() if size is not None}
    if not rest and abs(sum(exact.values()) - n) > 1e-6 * n:
        raise contradiction(f"they sum to {sum(exact.values()):.10g} objects")
    counts = _round_counts(exact, n) if not rest else {part: int(size + 0.5) for part, size in exact.items()}
    counts |= {part: n - sum(counts.values()) for part in rest}
    if lacking := [part for part, size in sizes.items() if size != 0 and counts[part] < 1]:
        raise contradiction(f"nothing is left for {lacking[0]}")
    return {part: counts[part] for part in sizes}


def _is_size(size: float) -> bool:
    """Whether a size is a fraction or a count; 1.0 could be either and is refused."""
    return 0 <= size < 1 or (size > 0 and float(size).is_integer() and not (size == 1 and isinstance(size, float)))


def _round_counts(exact: dict[str, float], n: int) -> dict[str, int]:
    """Round so that the sum is n: what the floors leave goes to the largest remainders."""
    counts = {part: int(size + 1e-9) for part, size in exact.items()}
    by_remainder = sorted(exact, key=lambda part: counts[part] - exact[part])
    for part in by_remainder[: n - sum(counts.values())]:
        counts[part] += 1
    return counts


def write_parts(path: str | os.PathLike[str], ids: np.ndarray, groups: np.ndarray | None, parts: np.ndarray) -> None:
    """Write a split as Parquet with the columns id, group ("" where there is none) and part, sorted by id."""
    order = np.argsort(ids, kind="stable")
    groups = np.full(len(ids), "") if groups is None else groups
    named = {"id": ids, "group": groups, "part": parts}
    columns = {name: pa.array(np.asarray(values)[order].astype(str)) for name, values in named.items()}
    with replacing(Path(path)) as file:
        pq.write_table(pa.table(columns), file)


def read_parts(path: str | os.PathLike[str]) -> Split:
    """Read a split; an InputError says where the file is missing, damaged or no split."""
    try:
        with Path(path).open("rb") as file:
            table = pq.read_table(file, columns=["id", "group", "part"])
        split = Split(*(_text_column(table, name, path) for name in ("id", "group", "part")))
    except (OSError, pa.ArrowException, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise _not_a_split(path, reason) from error
    if odd := set(split.parts) - set(PARTS):
        raise _not_a_split(path, f"there is no part {sorted(odd)[0]}")
    return split


def _text_column(table: pa.Table, name: str, path: str | os.PathLike[str]) -> np.ndarray:
    """Return a column of text, of which no value is missing."""
    column = table[name]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise _not_a_split(path, f"its column '{name}' is {column.type}, no text")
    if column.null_count:
        raise _not_a_split(path, f"its column '{name}' has missing values")
    column.validate(full=True)  # text that is no UTF-8
    return column.to_numpy().astype(str)


def _not_a_split(path: str | os.PathLike[str], cause: str) -> InputError:
    return InputError(
        f"{path} is no split",
        "Parquet with the columns id, group and part",
        cause,
        "train again, or copy the run once more",
    )


def hash_of_ids(ids: Iterable[str]) -> str:
    """Return the SHA-256 of ids in any order; lengths are hashed too, so that different lists have different hashes.

    >>> hash_of_ids(["b", "a"]) == hash_of_ids(["a", "b"]) != hash_of_ids(["ab"])
    True
    """
    digest = hashlib.sha256()
    for text in sorted(str(i) for i in ids):
        encoded = text.encode()
        digest.update(b"%d:%b" % (len(encoded), encoded))
    return digest.hexdigest()


def drop_seen(ids: np.ndarray, split: Split, groups: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """Find the objects that a run was not trained, stopped or calibrated on, nor others of their group.

    Parameters
    ----------
    ids : array of str, shape (object,)
    split : Split
        Of the run.
    groups : array of str, shape (object,), optional
        "" belongs to no group.

    Returns
    -------
    unseen : array of bool, shape (object,)
    dropped : int
    """
    seen = np.isin(split.parts, SEEN)
    dropped = np.isin(np.asarray(ids).astype(str), split.ids[seen])
    if groups is not None:
        seen_groups = split.groups[seen]
        dropped |= np.isin(np.asarray(groups).astype(str), seen_groups[seen_groups != ""])
    return ~dropped, int(dropped.sum())
