"""Trees of tensors: inputs and outputs of networks, as a tensor or as nested tuples and dicts of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from numpy import ndarray
from torch import Tensor

from skysure.errors import InputError

Tree = Tensor | tuple | list | dict | None


def tree_map(function: Callable[[Any], Tensor], tree: Tree | ndarray, leaf: type | tuple[type, ...] = Tensor) -> Tree:
    """Apply a function to every leaf of nested tuples and dicts: the tensors, or instances of other `leaf` types."""
    if tree is None:
        return None
    if isinstance(tree, leaf):
        return function(tree)
    if isinstance(tree, dict):
        return {name: tree_map(function, branch, leaf) for name, branch in tree.items()}
    if type(tree) in (tuple, list):
        return tuple(tree_map(function, branch, leaf) for branch in tree)
    raise InputError(
        f"a {type(tree).__name__} as input or output of a network",
        "tensors, or tuples or dicts of tensors, with objects along the first axis",
        "a packed sequence, or an instance of a custom class",
        "pass padded tensors together with the lengths, and pack inside the model",
    )


def tree_leaves(tree: Tree) -> list[Tensor]:
    """List the tensors of a tree."""
    leaves: list[Tensor] = []
    tree_map(lambda x: leaves.append(x) or x, tree)
    return leaves


def tree_unflatten(tree: Tree, tensors: Iterator[Tensor]) -> Tree:
    """Replace the tensors of a tree by others, in the order of `tree_leaves`."""
    return tree_map(lambda _: next(tensors), tree)


def tree_concat(trees: list[Tree], axis: int) -> Tree:
    """Concatenate the tensors of trees of equal structure."""
    first = trees[0]
    if isinstance(first, Tensor):
        return torch.cat(trees, axis)
    if isinstance(first, dict):
        return {name: tree_concat([tree[name] for tree in trees], axis) for name in first}
    return None if first is None else tuple(tree_concat(list(branch), axis) for branch in zip(*trees, strict=True))
