"""Training of the networks of an ensemble, one after another and independently."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from skysure.training import State, copy_to_cpu, prefixed, unprefixed

from .networks import Classifier


def train_members(
    model: Classifier, train_member: Callable[[int, State | None], Iterator[State]], state: State | None
) -> Iterator[State]:
    """Train every network of a model in place; yield a state of all networks per epoch.

    Parameters
    ----------
    model : Classifier
    fitted : callable (member, its state or None) -> iterator of State
        Trains one network.
    state : State, optional
        State to resume from; at epoch 0 the initial weights.
    """
    first, own = 0, None
    if state is not None:
        model.load_state_dict(unprefixed(state.tensors, "model.") | {"frequency": model.frequency})
        first = state.counters.get("member", 0)
        own = _state_of(first, state) if "own_epoch" in state.counters else None
    for member in range(first, len(model.networks)):
        for now in train_member(member, own):
            yield _state_of_all(model, member, now)
        own = None


def _state_of_all(model: Classifier, member: int, now: State) -> State:
    """Make a state of all networks from that of one; when that one is done, the next member follows."""
    count, place = len(model.networks), f"networks.{member}."
    epoch, planned = member * now.epochs + now.epoch, count * now.epochs
    record = now.record if count == 1 else now.record | {"epoch": epoch, "network": member + 1}
    if now.done:
        model.networks[member].load_state_dict(now.weights)
    whole = prefixed(copy_to_cpu(model.state_dict()), "model.")
    if now.done:
        return State(epoch, record, whole, {"member": member + 1}, member + 1 == count, planned)
    best = prefixed(copy_to_cpu(model.state_dict() | prefixed(now.weights, place)), "best.")
    counters = now.counters | {"member": member, "own_epoch": now.epoch}
    return State(epoch, record, whole | best | _member_tensors(now), counters, epochs=planned)


def _state_of(member: int, state: State) -> State:
    """Extract the state of the network in training from that of all."""
    place = f"networks.{member}."

    def own(prefix: str) -> dict[str, Tensor]:
        return prefixed(unprefixed(state.tensors, prefix + place), prefix)

    return State(state.counters["own_epoch"], {}, own("model.") | own("best.") | _member_tensors(state), state.counters)


def _member_tensors(state: State) -> dict[str, Tensor]:
    """Select the tensors of the network in training alone: optimizer state and averaged weights."""
    return {name: tensor for name, tensor in state.tensors.items() if name.startswith(("optimizer.", "mean."))}
