"""Samples from the predictive distribution of a network with dropout masks, reproducible in any chunks.

The part of a model before its first random layer is computed once. Samples are folded into the batch while that is
faster (on a CPU up to about 128 rows, where the caches are full) and looped beyond, so that memory is bounded. Each
random number is a hash of (seed, sample, row, layer, feature): samples do not depend on how objects or samples are
divided into chunks.

A model declares its deterministic part by two methods with `model(x) == model.suffix(model.prefix(x))`; an
nn.Sequential is split at its first random layer; any other model runs as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from numbers import Integral
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skysure.errors import InputError
from skysure.methods.arrays import as_tensor
from skysure.methods.dropout.masks import SampleKeys, masks, use_sample_keys
from skysure.methods.dropout.tied import TiedDropout
from skysure.methods.ensembles import Ensemble
from skysure.methods.pytree import Tree, tree_concat, tree_map

from .inputs import Inputs, convert_arrays, count_objects, iterate_batches

_ROWS = {"cpu": 256}
_ROWS_ELSEWHERE = 4096
_STEPPED = 6  # objects: up to this number, stepping over folded samples is faster than one fused pass per sample


def sample(
    model: nn.Module,
    inputs: Inputs,
    samples: Any,
    seed: int,
    *,
    rows: Any = None,
    shared: bool = False,
    first_row: int = 0,
    first_sample: int = 0,
    batch: int | None = None,
) -> Tree:
    """Draw outputs of a network from its approximate posterior.

    Parameters
    ----------
    model : nn.Module
        Runs in `eval` without gradients, and is left unchanged. Objects are along the first axis of inputs and outputs.
    inputs : Tensor, ndarray, tuple or dict (nested; None is passed on), or DataLoader
        The one argument of the model. Arrays are converted to the device and floating-point type of the model; the
        batches of a DataLoader run one after the other, and must not be shuffled.
    samples, seed : int
        Number of draws, and the seed of all random numbers.
    rows : Tensor, int64, optional
        Identifiers of the objects for their random numbers; by default first_row, first_row + 1, ...
    shared : bool
        Whether each sample uses one set of masks for all objects: each sample is then one function, and recurrent
        layers run in their fused kernels.
    first_row, first_sample : int
        Number of the first object and of the first sample, to continue in another chunk.
    batch : int, optional
        Largest number of objects in one pass, by default 256 on a CPU and 4096 elsewhere; samples are folded into rows
        up to half of it.

    Returns
    -------
    As the model's output, each tensor of shape (sample, object, ...). Every member of an `Ensemble` draws `samples`
    (one, its output, if it has no masks); sample 0 of all members precedes sample 1 of all members.

    Raises
    ------
    InputError
        If the model has no masks, `samples` is below 1, the inputs have no or different numbers of objects, `rows` has
        another length, an output does not have objects along its first axis, or a DataLoader shuffles or yields lists
        of several tensors.

    Examples
    --------
    >>> from skysure.methods.dropout import Dropout
    >>> network = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), Dropout(nn.Linear(64, 1)))
    >>> sample(network, torch.zeros(5, 2), samples=30, seed=1).shape
    torch.Size([30, 5, 1])
    """
    if isinstance(inputs, DataLoader):
        options = {"shared": shared, "first_sample": first_sample, "batch": batch}
        return _sample_batches(model, inputs, samples, seed, rows, first_row, options)
    ensemble, model_masks = isinstance(model, Ensemble), list(masks(model).values())
    _check(model, samples, random=bool(model_masks) or ensemble)
    samples = samples if model_masks else 1
    inputs = convert_arrays(inputs, model)
    objects, device = count_objects(inputs)
    batch = batch or _ROWS.get(device.type, _ROWS_ELSEWHERE)
    rows = torch.arange(first_row, first_row + objects) if rows is None else as_tensor(rows, name="rows")
    _check_rows(rows, objects)
    rows = rows.to(device)
    block = _even_size(objects, batch)
    fold = 1 if shared and block > _STEPPED and _has_state_masks(model) else _even_size(samples, batch // 2 // block)
    indices = torch.arange(first_sample, first_sample + samples, device=device)
    prefix, suffix = split_model(model)
    blocks = []
    with torch.inference_mode(), eval_mode(model):
        for start in range(0, objects, block):
            part = slice(start, start + block)
            keys = SampleKeys.of(seed, indices, None if shared else rows[part])
            features, folds = prefix(tree_map(itemgetter(part), inputs)), []
            for first in range(0, samples, fold):
                with use_sample_keys(model_masks, keys.take_samples(slice(first, first + fold))):
                    folds.append(_run_folded(suffix, features, min(fold, samples - first), len(rows[part])))
            outputs = tree_concat(folds, 0)
            blocks.append(tree_map(lambda x: x.transpose(1, 2).flatten(0, 1), outputs) if ensemble else outputs)
    return tree_concat(blocks, 1)  # outside inference mode, so that gradients may flow through the samples


def _sample_batches(
    model: nn.Module,
    loader: DataLoader,
    samples: int,
    seed: int,
    rows: Tensor | None,
    first_row: int,
    options: dict[str, Any],
) -> Tree:
    """Sample the batches of a DataLoader one after the other, and concatenate along the objects."""
    outputs, first = [], 0
    for inputs in iterate_batches(loader, model):
        stop = first + count_objects(inputs)[0]
        own_rows = None if rows is None else rows[first:stop]
        outputs.append(sample(model, inputs, samples, seed, rows=own_rows, first_row=first_row + first, **options))
        first = stop
    if rows is not None:
        _check_rows(rows, first)
    if not outputs:
        raise InputError("a DataLoader without batches", "at least one object", "an empty data set", "pass some data")
    return tree_concat(outputs, 1)


def _check(model: nn.Module, samples: Any, random: bool) -> None:
    if not random:
        raise InputError(
            f"{type(model).__name__} without random layers",
            "a model with Dropout or TiedDropout inside",
            "no dropout layers, or torch's own, which are switched off in eval; all samples would be equal",
            "to_bayesian(model), or wrap its layers",
        )
    if isinstance(samples, bool) or not isinstance(samples, Integral) or samples < 1:
        cause, fix = "0 used as a switch", "call the network itself, in eval"
        raise InputError(f"samples = {samples!r}", "a whole number, at least 1", cause, fix)


def _check_rows(rows: Tensor, objects: int) -> None:
    if rows.shape != (objects,):
        raise InputError(
            f"rows of shape {tuple(rows.shape)} for {objects} objects",
            f"one identifier for each object, shape ({objects},)",
            "identifiers of the whole data set with a part of the inputs",
            "select the same objects from both",
        )


def _run_folded(suffix: Callable[[Tree], Tree], features: Tree, samples: int, objects: int) -> Tree:
    """Run the random part once on the features repeated for each sample; returns (sample, object, ...)."""
    if samples > 1:
        features = tree_map(lambda x: x.expand(samples, *x.shape).flatten(0, 1), features)

    def unfold(output: Tensor) -> Tensor:
        if not output.ndim or len(output) != samples * objects:
            raise InputError(
                f"an output of shape {tuple(output.shape)} for {samples * objects} rows",
                "objects along its first axis",
                "the last state of a recurrent layer (layers first), or one number for the batch",
                "wrap the model so that it returns only what belongs to objects: output, _ = layer(x)",
            )
        return output.unflatten(0, (samples, objects))

    return tree_map(unfold, suffix(features))


def split_model(model: nn.Module) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Split a model before its first random layer: suffix(prefix(x)) is model(x); objects stay along the first axis."""
    if isinstance(model, Ensemble):
        return (
            lambda x: model(x, call=lambda member, x: split_model(member)[0](x), axis=1),
            lambda x: model(x, per_member=True, call=lambda member, x: split_model(member)[1](x), axis=1),
        )
    if not masks(model):
        return model, _identity
    if hasattr(model, "prefix") and hasattr(model, "suffix"):
        return model.prefix, model.suffix
    if type(model).forward is not nn.Sequential.forward:
        return _identity, model
    layers = list(model)
    first = next(i for i, layer in enumerate(layers) if masks(layer))
    before, after = split_model(layers[first])
    return _chain(*layers[:first], before), _chain(after, *layers[first + 1 :])


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Put every module of a model in `eval`, so that batch norm is not updated; then restore the mode of each."""
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _even_size(total: int, most: int) -> int:
    """Size of nearly equal parts of at most `most`: few batch sizes, as torch plans its kernels for each size."""
    return ceil(total / ceil(total / max(1, most)))


def _has_state_masks(model: nn.Module) -> bool:
    return any(isinstance(module, TiedDropout) and module.drop_state for module in model.modules())


def _identity(x: Any) -> Any:
    return x


def _chain(*parts: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for part in parts:
            x = part(x)
        return x

    return run
