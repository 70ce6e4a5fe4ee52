"""Samples from the predictive distribution of a network with masks: fast by construction, and the same each time.

What comes before the first random layer is computed once. Samples are folded into the batch while that pays (on a
CPU up to about 128 rows, where the caches end) and looped beyond, so that memory stays bounded. Random numbers belong
to (seed, sample, row, layer, feature): the samples do not depend on how objects or samples were cut into chunks.

A model says itself where its random part begins by two methods with `model(x) == model.suffix(model.prefix(x))`;
an nn.Sequential is split at its first random layer; any other model runs whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from operator import itemgetter
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor, nn

from skysure.errors import InputError
from skysure.methods.dropout.masks import SampleKeys, drawing, masks
from skysure.methods.dropout.tied import TiedDropout
from skysure.methods.ensembles import Ensemble
from skysure.methods.pytree import Tree, joined, mapped

_ROWS = {"cpu": 256}
_ROWS_ELSEWHERE = 4096
_STEPPED = 6  # objects: up to here recurrent steps over folded samples are faster than fused passes over one


def sample(
    model: nn.Module,
    inputs: Tree,
    samples: int,
    seed: int,
    *,
    rows: Int64[Tensor, " object"] | None = None,
    shared: bool = False,
    first_row: int = 0,
    first_sample: int = 0,
    batch: int | None = None,
) -> Tree:
    """Draw outputs of a network from its approximate posterior.

    Parameters
    ----------
    model : nn.Module
        Runs in `eval`, without gradients; left as it was. Objects along the first axis of inputs and outputs.
    inputs : Tensor, tuple or dict (nested; None passes through)
        The one argument of the model.
    samples, seed : int
        How many draws, and of which sequence.
    rows : Tensor, int64, optional
        Names of the objects, for their random numbers; by default first_row, first_row + 1, ...
    shared : bool
        Whether each sample has one set of masks for all objects: the draws are then functions, and recurrent layers
        run in their fused kernels.
    first_row, first_sample : int
        Where to count on, in the next chunk of objects or of samples.
    batch : int, optional
        Most objects for the network at once, by default 256 on a CPU, 4096 elsewhere; samples are folded into rows up
        to half of it.

    Returns
    -------
    As the model's output, each tensor of shape (sample, object, ...). Of an `Ensemble`, every member draws `samples`
    (its own output alone where it has no masks), and sample 0 of all members comes before sample 1 of all.

    Raises
    ------
    Fault
        If the model has no masks, `samples` is below 1, the inputs have no or different numbers of objects, `rows`
        names another number of them, or an output has something else along its first axis.

    Examples
    --------
    >>> from skysure.methods.dropout import Dropout
    >>> network = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), Dropout(nn.Linear(64, 1)))
    >>> sample(network, torch.zeros(5, 2), samples=30, seed=1).shape
    torch.Size([30, 5, 1])
    """
    members, mine = isinstance(model, Ensemble), list(masks(model).values())
    if not mine and not members:
        raise InputError(
            f"{type(model).__name__} without random layers",
            "a model with Dropout or TiedDropout inside",
            "torch's own dropout layers, which rest in eval, or none",
            "to_bayesian(model), or wrap its layers; all samples would be the same, and look certain",
        )
    if samples < 1:
        raise InputError(
            f"samples = {samples}", "at least 1", "a switch meant as off", "use the network itself, in eval"
        )
    samples = samples if mine else 1
    objects, device = objects_of(inputs)
    batch = batch or _ROWS.get(device.type, _ROWS_ELSEWHERE)
    rows = (torch.arange(first_row, first_row + objects) if rows is None else _named(rows, objects)).to(device)
    block = _even(objects, batch)
    fold = 1 if shared and block > _STEPPED and _fuses(model) else _even(samples, batch // 2 // block)
    which = torch.arange(first_sample, first_sample + samples, device=device)
    prefix, suffix = split(model)
    done = []
    with torch.inference_mode(), evaluating(model):
        for start in range(0, objects, block):
            part = slice(start, start + block)
            draw = SampleKeys.of(seed, which, None if shared else rows[part])
            features, drawn = prefix(mapped(itemgetter(part), inputs)), []
            for first in range(0, samples, fold):
                with drawing(mine, draw.of_samples(slice(first, first + fold))):
                    drawn.append(_folded(suffix, features, min(fold, samples - first), len(rows[part])))
            whole = joined(drawn, 0)
            done.append(mapped(lambda x: x.transpose(1, 2).flatten(0, 1), whole) if members else whole)
    return joined(done, 1)  # outside inference mode, so that the samples may enter a fit


def _named(rows: Int64[Tensor, " object"], objects: int) -> Int64[Tensor, " object"]:
    if rows.shape != (objects,):
        raise InputError(
            f"rows of shape {tuple(rows.shape)} for {objects} objects",
            f"one name for each, shape ({objects},)",
            "names of the whole set beside a part of it",
            "cut both alike",
        )
    return rows


def _folded(suffix: Callable[[Tree], Tree], features: Tree, samples: int, objects: int) -> Tree:
    """Run the random part once, on the features repeated for each sample; gives (sample, object, ...)."""
    if samples > 1:
        features = mapped(lambda x: x.expand(samples, *x.shape).flatten(0, 1), features)

    def unfolded(output: Tensor) -> Tensor:
        if not output.ndim or len(output) != samples * objects:
            raise InputError(
                f"an output of shape {tuple(output.shape)} for {samples * objects} rows",
                "objects along its first axis",
                "the last state of a recurrent layer (layers first), or one number for the batch",
                "wrap the model, and return what belongs to objects: output, _ = layer(x)",
            )
        return output.unflatten(0, (samples, objects))

    return mapped(unfolded, suffix(features))


def split(model: nn.Module) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Cut a model in two before its first random layer: suffix(prefix(x)) is model(x); objects stay the first axis."""
    if isinstance(model, Ensemble):
        return (
            lambda x: model(x, call=lambda member, x: split(member)[0](x), axis=1),
            lambda x: model(x, own=True, call=lambda member, x: split(member)[1](x), axis=1),
        )
    if not masks(model):
        return model, _as_it_is
    if hasattr(model, "prefix") and hasattr(model, "suffix"):
        return model.prefix, model.suffix
    if type(model).forward is not nn.Sequential.forward:
        return _as_it_is, model
    layers = list(model)
    first = next(i for i, layer in enumerate(layers) if masks(layer))
    before, after = split(layers[first])
    return _chain(*layers[:first], before), _chain(after, *layers[first + 1 :])


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every module of a model in `eval`, so that batch norm rests; then back as each was."""
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def objects_of(inputs: Tree) -> tuple[int, torch.device]:
    """Count the objects of inputs, and say where they lie."""
    leaves: list[Tensor] = []
    mapped(lambda x: leaves.append(x) or x, inputs)
    counts = {len(leaf) if leaf.ndim else 0 for leaf in leaves}
    if len(counts) != 1 or counts == {0}:
        raise InputError(
            f"inputs of shapes {[tuple(leaf.shape) for leaf in leaves]}",
            "as many objects in each along axis 0, and some",
            "time or bands first, or a setting among the data",
            "put objects first; settings belong to the model",
        )
    return counts.pop(), leaves[0].device


def _even(total: int, most: int) -> int:
    """Cut a total into even parts of at most so many; torch plans anew for each size of a batch."""
    return ceil(total / ceil(total / max(1, most)))


def _fuses(model: nn.Module) -> bool:
    return any(isinstance(module, TiedDropout) and module.drop_state for module in model.modules())


def _as_it_is(x: Any) -> Any:
    return x


def _chain(*parts: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for part in parts:
            x = part(x)
        return x

    return run
