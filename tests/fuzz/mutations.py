"""Damage to bytes, to text, and to trees of values such as JSON and TOML."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from random import Random
from typing import Any, TypeVar

from .vocabulary import BYTES, NAMES, NUMBERS, TEXTS

T = TypeVar("T")
LONGEST = 4_000_000


def several(mutators: Sequence[Callable[[T, Random], T]], content: T, random: Random) -> T:
    """Apply one or more mutators, drawn at random."""
    content = random.choice(mutators)(content, random)
    while random.random() < 0.4:
        content = random.choice(mutators)(content, random)
    return content


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Damage content of any kind."""
    return several((flip, overwrite, insert, delete, duplicate, truncate, swap, repeat), content, random)[:LONGEST]


def mutate_text(content: bytes, random: Random) -> bytes:
    """Damage words and lines of text, or its bytes."""
    mutators = (replace_word, replace_word, delete_word, duplicate_word, swap_words, edit_lines, edit_lines, recode)
    return several((*mutators, mutate_bytes), content, random)[:LONGEST]


def flip(content: bytes, random: Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        if damaged:
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def overwrite(content: bytes, random: Random) -> bytes:
    start, word = random.randrange(len(content) + 1), random.choice(BYTES)
    return content[:start] + word + content[start + len(word) :]


def insert(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content) + 1)
    return content[:start] + random.choice(BYTES) + content[start:]


def delete(content: bytes, random: Random) -> bytes:
    start, stop = span(len(content), random)
    return content[:start] + content[stop:]


def duplicate(content: bytes, random: Random) -> bytes:
    start, stop = span(len(content), random)
    return content[:stop] + content[start:]


def truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def swap(content: bytes, random: Random) -> bytes:
    start, stop = span(len(content), random)
    middle = random.randint(start, stop)
    return content[:start] + content[middle:stop] + content[start:middle] + content[stop:]


def repeat(content: bytes, random: Random) -> bytes:
    start, stop = span(min(len(content), 400), random)
    return content[:start] + content[start:stop] * random.choice((2, 30, 1000)) + content[stop:]


def span(length: int, random: Random) -> tuple[int, int]:
    """A part of content: mostly short."""
    start = random.randrange(length + 1)
    return start, min(length, start + random.choice((1, 2, 4, 16, 80, 500, 2880)))


def words_of(content: bytes) -> list[bytes]:
    """Split text into words and what is between them."""
    return re.split(rb"([^\w.+-]+)", content)


def replace_word(content: bytes, random: Random) -> bytes:
    words = words_of(content)
    word = random.choice(TEXTS) if random.random() < 0.8 else str(random.choice(NUMBERS))
    words[random.randrange(len(words))] = word.encode("utf-8", "surrogateescape")
    return b"".join(words)


def delete_word(content: bytes, random: Random) -> bytes:
    words = words_of(content)
    del words[random.randrange(len(words))]
    return b"".join(words)


def duplicate_word(content: bytes, random: Random) -> bytes:
    words = words_of(content)
    k = random.randrange(len(words))
    return b"".join(words[: k + 1] + words[max(k - 1, 0) :])


def swap_words(content: bytes, random: Random) -> bytes:
    words = words_of(content)
    k, m = random.randrange(len(words)), random.randrange(len(words))
    words[k], words[m] = words[m], words[k]
    return b"".join(words)


def edit_lines(content: bytes, random: Random) -> bytes:
    """Drop, repeat, move or shuffle lines, or put one of another kind between them."""
    lines = content.split(b"\n")
    k, m = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[k]
        case 1:
            lines.insert(k, lines[m])
        case 2:
            lines[k], lines[m] = lines[m], lines[k]
        case 3:
            tail = lines[k:]
            random.shuffle(tail)
            lines[k:] = tail
        case 4:
            lines[k] = b" ".join([random.choice(BYTES)] * random.choice((1, 3, 200)))
        case _:
            lines.insert(k, lines[m] * random.choice((1, 2, 100)))
    return b"\n".join(lines)


def recode(content: bytes, random: Random) -> bytes:
    """Other ends of lines, another coding, a mark of byte order."""
    match random.randrange(5):
        case 0:
            return content.replace(b"\n", b"\r\n")
        case 1:
            return content.replace(b"\n", b"\r")
        case 2:
            return b"\xef\xbb\xbf" + content
        case 3:
            return content.decode("latin-1").encode(random.choice(("utf-16", "utf-32", "utf-8")))
        case _:
            return content.replace(random.choice((b",", b" ", b".")), random.choice((b";", b"\t", b"|", b",", b"  ")))


def mutate_tree(tree: Any, random: Random) -> Any:
    """Damage a tree of dicts, lists and values, as a copy."""
    tree = edit_tree(tree, random)
    while random.random() < 0.4:
        tree = edit_tree(tree, random)
    return tree


def edit_tree(tree: Any, random: Random) -> Any:
    """Go down to a random place, and replace, drop, rename or repeat what is there."""
    if isinstance(tree, dict) and tree and random.random() < 0.85:
        tree, key = dict(tree), random.choice(list(tree))
        match random.randrange(8):
            case 0:
                del tree[key]
            case 1:
                tree[random.choice((*NAMES, *tree))] = tree.pop(key)
            case 2:
                tree[random.choice(NAMES)] = value(random)
            case _:
                tree[key] = edit_tree(tree[key], random)
        return tree
    if isinstance(tree, list) and tree and random.random() < 0.8:
        tree, k = list(tree), random.randrange(len(tree))
        match random.randrange(5):
            case 0:
                del tree[k]
            case 1:
                tree.insert(k, value(random))
            case _:
                tree[k] = edit_tree(tree[k], random)
        return tree
    return value(random)


def value(random: Random, depth: int = 0) -> Any:
    """A value of any type that JSON or TOML have."""
    match random.randrange(12 if depth < 3 else 8):
        case 0 | 1:
            return random.choice(TEXTS).encode("utf-8", "replace").decode()
        case 2 | 3:
            return random.choice(NUMBERS)
        case 4:
            return random.choice((True, False))
        case 5:
            return random.choice((10**30, 10**400, -(10**25)))
        case 6:
            return random.choice((date(2021, 1, 1), time(1, 2), datetime(2021, 1, 1, tzinfo=UTC)))
        case 7:
            return random.choice(NAMES)
        case 8:
            return nested(random.choice((1, 3, 100)))
        case 9 | 10:
            return [value(random, depth + 1) for _ in range(random.randrange(4))]
        case _:
            return {random.choice(NAMES): value(random, depth + 1) for _ in range(random.randrange(4))}


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner
