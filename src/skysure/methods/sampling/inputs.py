"""Inputs of `sample`: tensors, NumPy arrays and DataLoaders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from numbers import Real
from typing import Any

import torch
from numpy import ndarray
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, SubsetRandomSampler, WeightedRandomSampler

from skysure.errors import InputError
from skysure.methods.arrays import as_array, as_tensor
from skysure.methods.pytree import Tree, tree_leaves, tree_map

Inputs = Tree | ndarray | DataLoader
_SHUFFLING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def convert_arrays(inputs: Any, model: nn.Module) -> Tree:
    """Convert the NumPy arrays of inputs to tensors on the device of a model, floating-point ones to its type.

    A list of numbers and a column or table of pandas, Arrow or astropy are arrays too.
    """
    if isinstance(inputs, Tensor):
        return inputs
    if _is_numbers(inputs):
        inputs = as_array(inputs, "inputs")
    reference = _reference(model)

    def convert(x: Tensor | ndarray) -> Tensor:
        if isinstance(x, Tensor):
            return x
        tensor = as_tensor(x, reference.device)
        return tensor.to(reference.dtype) if tensor.is_floating_point() else tensor

    return tree_map(convert, inputs, leaf=(Tensor, ndarray))


def _is_numbers(inputs: Any) -> bool:
    """Whether inputs are numbers in another form than an array: nested lists, or what converts itself to an array."""
    if isinstance(inputs, list):
        return all(isinstance(entry, Real) or _is_numbers(entry) for entry in inputs)
    return hasattr(inputs, "__array__") and not isinstance(inputs, (Tensor, ndarray))


def iterate_batches(loader: DataLoader, model: nn.Module) -> Iterator[Tree]:
    """Yield the batches of a DataLoader on the device of a model, each as the one argument of the model.

    Raises
    ------
    InputError
        If the loader shuffles, as outputs could not be matched to objects, or if a batch is a list of several tensors,
        one of which may be the labels.
    """
    if isinstance(loader.sampler, _SHUFFLING):
        raise InputError(
            "a DataLoader that shuffles",
            "objects in the order of the data set",
            "the loader of the training",
            "build another one with shuffle=False",
        )
    device = _reference(model).device
    for batch in loader:
        if isinstance(batch, list) and len(batch) != 1:
            raise InputError(
                f"a DataLoader whose batches are lists of {len(batch)} tensors",
                "batches that are the one argument of the model",
                "inputs together with labels",
                "DataLoader(TensorDataset(x), ...); for a model that takes a tuple, a collate_fn that returns a tuple",
            )
        inputs = convert_arrays(batch[0] if isinstance(batch, list) else batch, model)
        yield tree_map(lambda x: x.to(device), inputs)


def count_objects(inputs: Tree) -> tuple[int, torch.device]:
    """Count the objects of inputs, and return the device of the inputs."""
    leaves = tree_leaves(inputs)
    counts = {len(leaf) if leaf.ndim else 0 for leaf in leaves}
    if len(counts) != 1 or counts == {0}:
        raise InputError(
            f"inputs of shapes {[tuple(leaf.shape) for leaf in leaves]}",
            "the same number of objects, at least one, along axis 0 of each",
            "time or bands along the first axis, or a setting among the data",
            "put objects along axis 0; make settings attributes of the model",
        )
    return counts.pop(), leaves[0].device


def _reference(model: nn.Module) -> Tensor:
    """Return a floating-point tensor of a model, which has its device and type."""
    tensors = chain(model.parameters(), model.buffers())
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))
