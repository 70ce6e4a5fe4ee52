"""Trees of tensors: what a network reads or gives, as a tensor, or nested tuples and dicts of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from skysure.errors import InputError

Tree = Tensor | tuple | list | dict | None


def mapped(function: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Apply a function to every tensor of nested tuples and dicts."""
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {name: mapped(function, branch) for name, branch in tree.items()}
    if type(tree) in (tuple, list):
        return tuple(mapped(function, branch) for branch in tree)
    raise InputError(
        f"a {type(tree).__name__} between layers",
        "tensors, tuples or dicts of them, with objects first",
        "a packed sequence, or a class of one's own",
        "pad it, and pass the lengths beside it; pack inside the model",
    )


def leaves(tree: Tree) -> list[Tensor]:
    """List the tensors of a tree."""
    found: list[Tensor] = []
    mapped(lambda x: found.append(x) or x, tree)
    return found


def filled(tree: Tree, tensors: Iterator[Tensor]) -> Tree:
    """Put tensors in the places of those of a tree, in the order of `leaves`."""
    return mapped(lambda _: next(tensors), tree)


def joined(trees: list[Tree], axis: int) -> Tree:
    """Concatenate the tensors of equally built trees."""
    first = trees[0]
    if isinstance(first, Tensor):
        return torch.cat(trees, axis)
    if isinstance(first, dict):
        return {name: joined([tree[name] for tree in trees], axis) for name in first}
    return None if first is None else tuple(joined(list(branch), axis) for branch in zip(*trees, strict=True))
