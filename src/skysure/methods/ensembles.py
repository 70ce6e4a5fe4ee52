"""Deep ensembles: networks of one architecture whose disagreement is the epistemic uncertainty.

Lakshminarayanan, Pritzel and Blundell 2017 (arXiv:1612.01474): members differ in their initial weights (and possibly in
their data), each minimises its own loss, and the prediction is the mixture with equal weights,

    p(y | x) = 1/M sum_m p(y | x, w_m)

Members are independent, so all run in one pass: their tensors are stacked along a leading member axis, and
torch.func.vmap turns M small matrix products into one batched product. Recurrent layers, which vmap does not support,
and convolutions on a CPU, which it makes slower, run member by member, with the same results. The adversarial examples
of the paper are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from skysure.errors import InputError

from .dropout.masks import SampleKeys, masks
from .pytree import Tree, tree_leaves, tree_unflatten

Call = Callable[[nn.Module, Any], Any]
_SLOW_ON_CPU = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def _run(network: nn.Module, inputs: Any) -> Any:
    return network(inputs)


class Ensemble(nn.Module):
    """Networks of one architecture as one module whose tensors have a leading member axis.

    Parameters
    ----------
    members : sequence of nn.Module, or callable () -> nn.Module
        Networks, which are copied; or a function that builds one. Members may differ in the values of all their tensors
        (weights, dropout rates), and in nothing else.
    size : int, optional
        Number of members that the function builds.
    seed : int
        Seed of the members that the function builds. Member m is the same whatever the size, and the global random
        state of torch is left as it was.

    Raises
    ------
    InputError
        If there are no members, they differ in more than the values of their tensors, or `size` is missing for a
        function or given for a sequence.

    Examples
    --------
    >>> ensemble = Ensemble(lambda: nn.Linear(3, 2), 5)
    >>> ensemble(torch.zeros(7, 3)).shape
    torch.Size([5, 7, 2])
    """

    def __init__(
        self, members: Sequence[nn.Module] | Callable[[], nn.Module], size: int | None = None, *, seed: int = 0
    ) -> None:
        super().__init__()
        _check_arguments(members, size)
        if callable(members):
            members = [_build(members, seed, number) for number in range(size or 0)]
        if not members:
            raise InputError("an ensemble without members", "at least one", "an empty list", "build some networks")
        for number, member in enumerate(members):
            _check_alike(members[0], member, number)
        self.network = deepcopy(members[0])
        for stacked, *tensors in zip(_tensors(self.network), *map(_tensors, members), strict=True):
            stacked.data = torch.stack([tensor.detach() for tensor in tensors])
        for layer in _recurrent(self.network):
            layer.flatten_parameters = _do_nothing  # cuDNN's contiguous block holds the weights of one network only
        self.size = len(members)

    def __len__(self) -> int:
        return self.size

    def members(self) -> list[nn.Module]:
        """Return the members as separate networks, copied."""
        copies = [deepcopy(self.network) for _ in range(len(self))]
        for number, copy in enumerate(copies):
            for tensor in _tensors(copy):
                tensor.data = tensor[number].detach().clone()
            for layer in _recurrent(copy):
                del layer.flatten_parameters
        return copies

    def forward(self, inputs: Tree, per_member: bool = False, call: Call = _run, axis: int = 0) -> Tree:
        """Run every member.

        Parameters
        ----------
        inputs : Tensor, tuple or dict (nested; None passes through)
            The one argument of a member.
        per_member : bool
            Whether inputs have a member axis, one set of inputs for each member.
        call : callable (member, inputs) -> outputs
            Function of each member; by default member(inputs).
        axis : int
            Position of the member axis in the outputs, and in inputs that have one.

        Returns
        -------
        As the outputs of a member, each tensor with a member axis.

        Raises
        ------
        InputError
            If inputs per member have another number of members.
        """
        leaves = tree_leaves(inputs)
        if per_member:
            _check_member_axis(leaves, axis, len(self))
        network_masks = list(masks(self.network).values())
        sample_keys = network_masks[0].keys if network_masks else None
        keys = sample_keys.for_members(len(self)) if sample_keys else {}
        named = chain(self.network.named_parameters(), self.network.named_buffers())
        tensors = {f"0.{name}": tensor for name, tensor in named}
        member, in_axis = _Member(self.network, call, inputs), axis if per_member else None
        try:
            if self._is_batched():
                outputs = torch.vmap(member.run, (0, 0, in_axis), axis, randomness="different")(tensors, keys, leaves)
            else:
                member_outputs = [
                    member.run(
                        {name: tensor[m] for name, tensor in tensors.items()},
                        {name: key[m] for name, key in keys.items()},
                        [x.select(axis, m) for x in leaves] if per_member else leaves,
                    )
                    for m in range(len(self))
                ]
                outputs = [torch.stack(parts, axis) for parts in zip(*member_outputs, strict=True)]
        finally:
            for mask in network_masks:
                mask.keys = sample_keys
        return tree_unflatten(member.outputs, iter(outputs))

    def _is_batched(self) -> bool:
        """Whether all members run in one batched pass: vmap supports the layers, and is faster than a loop."""
        slow = _SLOW_ON_CPU if next(_tensors(self)).device.type == "cpu" else ()
        return not any(isinstance(layer, (nn.RNNBase, *slow)) for layer in self.network.modules())


class _Member(nn.Sequential):
    """A network and the function of it, with flat lists of tensors in and out as torch.vmap needs them."""

    def __init__(self, network: nn.Module, call: Call, inputs: Tree) -> None:
        super().__init__(network)
        self.call, self.inputs, self.outputs = call, inputs, None

    def run(self, tensors: dict[str, Tensor], keys: dict[str, Tensor], leaves: list[Tensor]) -> list[Tensor]:
        """Run with the tensors, the keys of the masks, and the inputs of one member."""
        for mask in masks(self).values() if keys else ():
            mask.keys = SampleKeys(keys.get("by_row"), keys["shared"])
        self.outputs = functional_call(self, tensors, (tree_unflatten(self.inputs, iter(leaves)),))
        return tree_leaves(self.outputs)

    def forward(self, inputs: Any) -> Any:
        return self.call(self[0], inputs)


@torch.no_grad()
def clip_member_gradients(ensemble: Ensemble, largest: float) -> None:
    """Clip the gradient norm of each member at `largest`, as clip_grad_norm_ does for one network."""
    gradients = [weights.grad for weights in ensemble.parameters() if weights.grad is not None]
    norm = torch.stack([gradient.reshape(len(ensemble), -1).norm(dim=1) for gradient in gradients]).norm(dim=0)
    share = (largest / (norm + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(share.reshape(-1, *[1] * (gradient.ndim - 1)))


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())


def _recurrent(network: nn.Module) -> list[nn.RNNBase]:
    return [layer for layer in network.modules() if isinstance(layer, nn.RNNBase)]


def _do_nothing() -> None:
    pass


def _build(make: Callable[[], nn.Module], seed: int, number: int) -> nn.Module:
    """Build one member with a random state of its own, from the seed and its number."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]))
        return make()


def _check_arguments(members: Any, size: int | None) -> None:
    """Raise where a single network is given, or a size without a function that builds members, or the reverse."""
    if isinstance(members, nn.Module) or callable(members) != (size is not None):
        raise InputError(
            f"Ensemble of {type(members).__name__}, size = {size}",
            "a list of networks, or a function that builds one and the number of members",
            "one network, or a function without the number of members",
            "Ensemble(lambda: build_network(), 5)",
        )


def _check_alike(first: nn.Module, other: nn.Module, number: int) -> None:
    """Raise where two networks differ in more than the values of their tensors."""
    modules = zip_longest(first.named_modules(), other.named_modules(), fillvalue=("", None))
    for (name, first_module), (_, other_module) in modules:
        first_settings, other_settings = _settings(first_module), _settings(other_module)
        if first_settings == other_settings:
            continue
        names = first_settings | other_settings
        different = [key for key in names if first_settings.get(key) != other_settings.get(key)]
        raise InputError(
            f"member {number}, whose {name or 'network'} differs from that of member 0 in {', '.join(different)}",
            "members of one architecture",
            "the members were built with different settings",
            "build all with the same function and different seeds",
        )


def _check_member_axis(inputs: list[Tensor], axis: int, members: int) -> None:
    """Raise where inputs per member have no axis of the members."""
    for tensor in inputs:
        if tensor.ndim <= axis or tensor.shape[axis] != members:
            raise InputError(
                f"inputs of shape {tuple(tensor.shape)}, per member, for {members} members",
                f"{members} along axis {axis}",
                "inputs that all members share, or objects before members",
                "leave out per_member=True, or stack the inputs of the members",
            )


def _settings(module: nn.Module | None) -> dict[str, Any]:
    """Return what must agree between members: type, plain attributes, and shapes and types of tensors."""
    if module is None:
        return {}
    kind = type(module).__qualname__  # torch's parametrizations make a class for each module
    settings = {name: _plain(value) for name, value in vars(module).items() if name[0] != "_" and name != "training"}
    tensors = chain(module.named_parameters(recurse=False), module.named_buffers(recurse=False))
    shapes = {name: (type(t), t.shape, t.dtype, t.requires_grad) for name, t in tensors}
    return {"type": kind} | settings | shapes


def _plain(value: Any) -> Any:
    """Return an attribute in a form that can be compared; None for objects that cannot."""
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) else getattr(value, "__qualname__", None)
