"""Deep ensembles: networks of one architecture, trained apart but together, whose disagreement is their ignorance.

Lakshminarayanan, Pritzel and Blundell 2017 (arXiv:1612.01474): members differ in where training starts (and perhaps
in their data), each minimises its own loss, and the prediction is the mixture with equal weights,

    p(y | x) = 1/M sum_m p(y | x, w_m)

Members share no number, so one pass may serve all: their tensors are stacked along a leading member axis, and
torch.func.vmap turns M small matrix products into one batched product. Recurrent layers, which have no such form, and
convolutions on a CPU, where theirs is slower, run member by member; the results are the same. We leave out their
adversarial examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import chain, zip_longest
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from skysure.errors import InputError

from .dropout.masks import SampleKeys, masks
from .pytree import Tree, filled, leaves

Call = Callable[[nn.Module, Any], Any]
_SLOW_ON_CPU = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def _run(network: nn.Module, inputs: Any) -> Any:
    return network(inputs)


class Ensemble(nn.Module):
    """Networks of one architecture, held as one whose tensors have a leading member axis.

    Parameters
    ----------
    members : sequence of nn.Module
        Copied. They may differ in all their tensors (weights, dropout rates), and in nothing else.

    Raises
    ------
    Fault
        If there are none, or they differ in more than the values of their tensors.

    Examples
    --------
    >>> ensemble = Ensemble([nn.Linear(3, 2) for _ in range(5)])
    >>> ensemble(torch.zeros(7, 3)).shape
    torch.Size([5, 7, 2])
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise InputError("an ensemble without members", "at least 1", "an empty list", "build some networks")
        for number, member in enumerate(members):
            _check_alike(members[0], member, number)
        self.network = deepcopy(members[0])
        for stacked, *each in zip(_tensors(self.network), *map(_tensors, members), strict=True):
            stacked.data = torch.stack([tensor.detach() for tensor in each])
        for layer in _recurrent(self.network):
            layer.flatten_parameters = _nothing  # cuDNN's one piece of memory is for the weights of one network
        self.size = len(members)

    def __len__(self) -> int:
        return self.size

    def members(self) -> list[nn.Module]:
        """Copy the members out, as networks of their own."""
        copies = [deepcopy(self.network) for _ in range(len(self))]
        for number, copy in enumerate(copies):
            for tensor in _tensors(copy):
                tensor.data = tensor[number].detach().clone()
            for layer in _recurrent(copy):
                del layer.flatten_parameters
        return copies

    def forward(self, inputs: Tree, own: bool = False, call: Call = _run, axis: int = 0) -> Tree:
        """Run every member.

        Parameters
        ----------
        inputs : Tensor, tuple or dict (nested; None passes through)
            The one argument of a member.
        own : bool
            Whether inputs have a member axis, so that each member reads its own.
        call : callable (member, inputs) -> outputs
            What is asked of each member; by default member(inputs).
        axis : int
            Which axis the member axis is, of outputs and of inputs that have one.

        Returns
        -------
        As the outputs of a member, each tensor with a member axis.

        Raises
        ------
        Fault
            Where inputs of their own have another number of members.
        """
        read = leaves(inputs)
        if own:
            _check_own(read, axis, len(self))
        mine = list(masks(self.network).values())
        draw = mine[0].draw if mine else None
        keys = draw.of_members(len(self)) if draw else {}
        named = chain(self.network.named_parameters(), self.network.named_buffers())
        tensors = {f"0.{name}": tensor for name, tensor in named}
        member, where = _Member(self.network, call, inputs), axis if own else None
        try:
            if self._batches():
                outputs = torch.vmap(member.run, (0, 0, where), axis, randomness="different")(tensors, keys, read)
            else:
                each = [
                    member.run(
                        {name: tensor[m] for name, tensor in tensors.items()},
                        {name: key[m] for name, key in keys.items()},
                        [x.select(axis, m) for x in read] if own else read,
                    )
                    for m in range(len(self))
                ]
                outputs = [torch.stack(parts, axis) for parts in zip(*each, strict=True)]
        finally:
            for mask in mine:
                mask.draw = draw
        return filled(member.outputs, iter(outputs))

    def _batches(self) -> bool:
        """Whether one batched pass over all members exists, and is faster than one after the other."""
        slow = _SLOW_ON_CPU if next(_tensors(self)).device.type == "cpu" else ()
        return not any(isinstance(layer, (nn.RNNBase, *slow)) for layer in self.network.modules())


class _Member(nn.Sequential):
    """A network, what is asked of it, and trees of what it reads and gives: as torch.vmap and functional_call want."""

    def __init__(self, network: nn.Module, call: Call, inputs: Tree) -> None:
        super().__init__(network)
        self.call, self.inputs, self.outputs = call, inputs, None

    def run(self, tensors: dict[str, Tensor], keys: dict[str, Tensor], read: list[Tensor]) -> list[Tensor]:
        """Run it with the tensors, keys of the masks, and inputs of one member."""
        for mask in masks(self).values() if keys else ():
            mask.draw = SampleKeys(keys.get("own"), keys["common"])
        self.outputs = functional_call(self, tensors, (filled(self.inputs, iter(read)),))
        return leaves(self.outputs)

    def forward(self, inputs: Any) -> Any:
        return self.call(self[0], inputs)


@torch.no_grad()
def clip_members(ensemble: Ensemble, largest: float) -> None:
    """Scale the gradient of each member down to a norm of at most `largest`, as clip_grad_norm_ does for one."""
    gradients = [weights.grad for weights in ensemble.parameters() if weights.grad is not None]
    norm = torch.stack([gradient.reshape(len(ensemble), -1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    share = (largest / (norm + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(share.reshape(-1, *[1] * (gradient.ndim - 1)))


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())


def _recurrent(network: nn.Module) -> list[nn.RNNBase]:
    return [layer for layer in network.modules() if isinstance(layer, nn.RNNBase)]


def _nothing() -> None:
    pass


def _check_alike(first: nn.Module, other: nn.Module, number: int) -> None:
    """Two networks may differ in the values of their tensors."""
    for (name, one), (_, two) in zip_longest(first.named_modules(), other.named_modules(), fillvalue=("", None)):
        mine, its = _settings(one), _settings(two)
        if mine == its:
            continue
        different = [key for key in mine | its if mine.get(key) != its.get(key)]
        raise InputError(
            f"member {number}, whose {name or 'network'} differs from the first's in {', '.join(different)}",
            "members of one architecture",
            "settings were changed between them",
            "build all by the same function, only under different seeds",
        )


def _check_own(inputs: list[Tensor], axis: int, members: int) -> None:
    """Inputs of each member's own have an axis for the members."""
    for tensor in inputs:
        if tensor.ndim <= axis or tensor.shape[axis] != members:
            raise InputError(
                f"inputs of shape {tuple(tensor.shape)} to {members} members, each with its own",
                f"{members} along axis {axis}",
                "inputs that all members share, or objects before members",
                "leave out own=True, or stack the inputs of the members",
            )


def _settings(module: nn.Module | None) -> dict[str, Any]:
    """What of a module is not the value of a tensor and has to agree, as far as plain values and functions tell."""
    if module is None:
        return {}
    kind = type(module).__qualname__  # torch's parametrizations make a class for each module
    settings = {name: _plain(value) for name, value in vars(module).items() if name[0] != "_" and name != "training"}
    tensors = chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False))
    shapes = {name: (type(t), t.shape, t.dtype, t.requires_grad) for name, t in tensors}
    return {"type": kind} | settings | shapes


def _plain(value: Any) -> Any:
    """A setting as it can be compared; None for what is none."""
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (bool, int, float, str)) else getattr(value, "__qualname__", None)
