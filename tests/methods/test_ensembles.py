"""Ensembles: what members do together is what each does alone."""

from __future__ import annotations

import copy

import pytest
import torch
from accelerate import Accelerator
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.parametrize import register_parametrization

from skysure.errors import InputError
from skysure.methods.dropout import Dropout, TiedDropout, noise, rates
from skysure.methods.ensembles import Ensemble, clip_member_gradients
from skysure.methods.likelihoods import categorical_nll, gaussian_nll, mixture_nll
from skysure.methods.sampling import sample, split_classes
from skysure.methods.variational import kl, member_kl
from skysure.training import Batch, Optimisation, State, combine, fit, seeded

X = torch.randn(9, 3, generator=torch.Generator().manual_seed(1))


def dense(seed: int, rate: float | None = 0.3, learned: bool = True) -> nn.Module:
    """A small network; rate None: without masks."""
    with seeded(seed):
        hidden, last = nn.Linear(3, 8), nn.Linear(8, 2)
        return nn.Sequential(hidden, nn.Tanh(), last if rate is None else Dropout(last, rate, learned=learned))


class Recurrent(nn.Module):
    """A recurrent layer over (object, time, feature), read at its end."""

    def __init__(self, layer: nn.Module, tied: bool) -> None:
        super().__init__()
        self.layer = TiedDropout(layer, 0.3) if tied else layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0][:, -1]


def sequences(cell: type[nn.Module], tied: bool) -> nn.Module:
    return Recurrent(cell(6, 5, 2, batch_first=True, bidirectional=True), tied)


NETWORKS = {
    "dense": (lambda: dense(torch.seed()), (9, 3)),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(3, 6, 3), nn.ReLU(), Dropout(nn.Conv1d(6, 2, 3))), (9, 3, 8)),
    "conv2d": (lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), Dropout(nn.Conv2d(6, 2, 3))), (9, 3, 8, 8)),
    "layer norm": (lambda: nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2)), (9, 3)),
    "batch norm": (lambda: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)), (9, 3)),
    "lstm": (lambda: sequences(nn.LSTM, False), (9, 7, 6)),
    "tied lstm": (lambda: sequences(nn.LSTM, True), (9, 7, 6)),
    "tied gru": (lambda: sequences(nn.GRU, True), (9, 7, 6)),
    "tied rnn": (lambda: sequences(nn.RNN, True), (9, 7, 6)),
}


def built(name: str, members: int = 3) -> tuple[list[nn.Module], Tensor]:
    build, shape = NETWORKS[name]
    with seeded(7):
        return [build() for _ in range(members)], torch.randn(members, *shape)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("own", [False, True])
def test_an_ensemble_gives_what_its_members_give(name: str, own: bool) -> None:
    members, x = built(name)
    ensemble = Ensemble(members).eval()
    expected = torch.stack([member.eval()(x[m if own else 0]) for m, member in enumerate(members)])
    assert torch.allclose(ensemble(x if own else x[0], own), expected, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_the_members(name: str) -> None:
    members, x = built(name)
    ensemble = Ensemble(members).eval()
    ensemble(x[0]).square().sum().backward()
    for number, member in enumerate(members):
        member.eval()(x[0]).square().sum().backward()
        for (path, weight), stacked in zip(member.named_parameters(), ensemble.parameters(), strict=True):
            if weight.grad is not None:
                assert torch.allclose(stacked.grad[number], weight.grad, rtol=1e-4, atol=1e-5), path


@pytest.mark.parametrize("name", ["dense", "conv1d", "conv2d"])
@pytest.mark.parametrize("training", [False, True])
def test_one_pass_and_a_loop_draw_the_same_masks(name: str, training: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    members, x = built(name)
    ensemble, outputs = Ensemble(members).train(training), []
    for batches in (True, False):
        monkeypatch.setattr(Ensemble, "_is_batched", lambda self, batches=batches: batches)
        for rows in (torch.arange(9), None):
            with noise(ensemble, 4, samples=3, rows=rows):
                outputs.append(ensemble(x[0]))
    assert torch.allclose(outputs[0], outputs[2], atol=1e-6)
    assert torch.allclose(outputs[1], outputs[3], atol=1e-6)
    assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)


@pytest.mark.parametrize("name", ["dense", "tied gru"])
def test_members_have_masks_of_their_own_whoever_is_beside_them(name: str) -> None:
    members, x = built(name)
    twins = Ensemble([members[0]] * 3)
    with noise(twins, 4, rows=torch.arange(9)):
        same = twins(x[0])
    assert not torch.allclose(same[0], same[1], atol=1e-3)
    assert not torch.allclose(same[1], same[2], atol=1e-3)
    mixed = Ensemble([members[1], members[0]])
    with noise(mixed, 4, rows=torch.arange(9)):
        assert torch.allclose(mixed(x[0])[1], same[1], atol=1e-6)


def test_without_noise_masks_of_members_differ_too() -> None:
    for network in (dense(0, 0.5), nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5))):
        outputs = Ensemble([network] * 2)(X)
        assert not torch.allclose(outputs[0], outputs[1], atol=1e-3)


def test_rates_may_differ_and_belong_to_the_members() -> None:
    fixed = Ensemble([dense(m, rate, learned=False) for m, rate in enumerate((0.0, 0.2, 0.6))])
    assert [rates(member)["rate_2"] for member in fixed.members()] == pytest.approx([0, 0.2, 0.6])
    assert rates(fixed)["rate_network.2"] == pytest.approx(0.8 / 3)
    spread = sample(fixed, X, 400, 0).unflatten(0, (400, 3)).std(0).mean((1, 2))
    assert spread[0] < 1e-6
    assert spread[1] < spread[2]
    assert "rate=0.267" in repr(fixed)


def test_kl_is_the_sum_over_members_each_with_its_own_number_of_objects() -> None:
    members = [dense(m, 0.1 + 0.1 * m) for m in range(3)]
    ensemble, n = Ensemble(members), torch.tensor([50.0, 500.0, 5.0])
    assert torch.allclose(member_kl(ensemble, 500), torch.stack([kl(m, 500) for m in members]))
    assert torch.allclose(
        member_kl(ensemble, n), torch.stack([kl(m, float(k)) for m, k in zip(members, n, strict=True)])
    )
    assert kl(ensemble, n).item() == pytest.approx(
        sum(kl(m, float(k)).item() for m, k in zip(members, n, strict=True)), rel=1e-6
    )
    beside = Dropout(nn.Linear(8, 2))
    modules = nn.ModuleList([ensemble, beside])
    assert kl(modules, 50).item() == pytest.approx(kl(ensemble, 50).item() + kl(beside, 50).item(), rel=1e-6)
    kl(ensemble, n).backward()
    kl(members[1], 500).backward()
    assert torch.allclose(ensemble.network[2].mask.logit.grad[1], members[1][2].mask.logit.grad)


@settings(max_examples=10)
@given(st.floats(0.01, 10), st.integers(0, 100))
def test_gradients_are_clipped_member_by_member(largest: float, seed: int) -> None:
    members = [dense(seed + m) for m in range(3)]
    ensemble = Ensemble(members)
    for m, member in enumerate(members):
        for weight, stacked in zip(member.parameters(), ensemble.parameters(), strict=True):
            weight.grad = torch.randn_like(weight) * 10.0 ** (m - 1)
            stacked.grad = torch.zeros_like(stacked) if stacked.grad is None else stacked.grad
            stacked.grad[m] = weight.grad
        clip_grad_norm_(member.parameters(), largest)
    clip_member_gradients(ensemble, largest)
    for m, member in enumerate(members):
        for weight, stacked in zip(member.parameters(), ensemble.parameters(), strict=True):
            assert torch.allclose(stacked.grad[m], weight.grad, rtol=1e-5)


def batches(part: str, epoch: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(combine(0, epoch) if part == "train" else 1)
    x = torch.randn(64, 3, generator=generator)
    y = 5 * x[:, :1] + torch.randn(64, 1, generator=generator)
    return [{"x": x[k : k + 16], "y": y[k : k + 16]} for k in range(0, 64, 16)]


def nll(network: nn.Module, batch: Batch) -> Tensor:
    mean, log_variance = network(batch["x"]).split(1, dim=1)
    return gaussian_nll(mean, log_variance, batch["y"])


def trained(network: nn.Module, state: State | None = None, batches=batches, **changes: object) -> list[State]:
    own = bool(changes.pop("own_batches", False))
    optimisation = Optimisation(**{"epochs": 4, "learning_rate": 0.03, "patience": 99} | changes)
    options = {"objects": 64, "seed": 3, "own_batches": own, "state": state, "accelerator": Accelerator(cpu=True)}
    return list(fit(network, batches, nll, optimisation, **options))


def assert_member(together: State, number: int, alone: State) -> None:
    """To 1e-5: sums are taken in another order."""
    for name, tensor in alone.weights.items():
        member = together.weights[f"network.{name}"][number]
        assert torch.allclose(member, tensor, rtol=1e-5, atol=1e-5), name


@pytest.mark.parametrize(("clip", "average"), [(0.05, 0.0), (1e9, 2.0)])
def test_members_train_together_as_each_alone(clip: float, average: float) -> None:
    members = [dense(0, None), dense(1, None)]
    members[1][2].bias.data += 3.0  # a member whose gradient is clipped more
    together = trained(Ensemble(members), clip=clip, average=average)
    alone = [trained(copy.deepcopy(member), clip=clip, average=average) for member in members]
    for number, single in enumerate(alone):
        assert_member(together[-1], number, single[-1])
        assert together[-1].counters["best_nll"][number] == pytest.approx(single[-1].counters["best_nll"], abs=1e-5)
    for record, *singles in zip(*([state.record for state in states] for states in (together, *alone)), strict=True):
        for name in ("train_nll", "validation_nll"):
            assert record[name] == pytest.approx(sum(single[name] for single in singles) / 2, rel=1e-5)


def test_members_with_masks_train_the_same_whoever_is_beside_them() -> None:
    a, b, c = (dense(m) for m in range(3))
    c[0].weight.data *= 100
    weights = [trained(Ensemble(beside), clip=0.5)[-1].weights for beside in ([a, b], [c, b], [a])]
    for name, tensor in weights[0].items():
        assert torch.allclose(tensor[1], weights[1][name][1], rtol=1e-5, atol=1e-5), name
        assert torch.allclose(tensor[0], weights[2][name][0], rtol=1e-5, atol=1e-5), name


def test_a_member_that_is_lost_takes_nobody_with_it() -> None:
    good, lost = dense(0, None), dense(1, None)
    lost[0].weight.data[0, 0] = float("nan")
    together = trained(Ensemble([good, lost]), clip=0.5)
    assert_member(together[-1], 0, trained(copy.deepcopy(good), clip=0.5)[-1])


def test_each_member_keeps_the_epoch_that_it_would_have_kept_alone() -> None:
    """One member starts well and gets worse, as its validation says; the other improves to the end."""
    bad_start, good_start = dense(0, None), dense(1, None)
    good_start.load_state_dict(trained(copy.deepcopy(good_start), epochs=20)[-1].weights)
    how = {"epochs": 12, "learning_rate": 0.3, "patience": 3, "warm_up": 0.9}
    together = trained(Ensemble([bad_start, good_start]), **how)
    alone = [trained(copy.deepcopy(member), **how) for member in (bad_start, good_start)]
    assert together[-1].counters["best_epoch"] == [single[-1].counters["best_epoch"] for single in alone]
    assert len(together) == max(map(len, alone)) > min(map(len, alone))
    for number, single in enumerate(alone):
        assert_member(together[-1], number, single[-1])


def test_each_member_may_have_data_of_its_own() -> None:
    def own(part: str, epoch: int) -> list[Batch]:
        return [{name: torch.stack([v, v.flip(0) + 1]) for name, v in batch.items()} for batch in batches(part, epoch)]

    members = [dense(0, None), dense(1, None)]
    together = trained(Ensemble(members), batches=own, own_batches=True)
    for number, member in enumerate(members):

        def own_batches_of_member(part: str, epoch: int, number: int = number) -> list[Batch]:
            return [{name: v[number] for name, v in batch.items()} for batch in own(part, epoch)]

        assert_member(together[-1], number, trained(copy.deepcopy(member), batches=own_batches_of_member)[-1])


def test_resumed_it_ends_with_the_same_bits() -> None:
    members = [dense(0), dense(1)]
    whole = trained(Ensemble(members))
    rest = trained(Ensemble(members[::-1]), whole[1])
    assert [state.record for state in rest] == [state.record for state in whole[2:]]
    assert all(torch.equal(tensor, whole[-1].tensors[name]) for name, tensor in rest[-1].tensors.items())
    assert rest[-1].counters == whole[-1].counters


def test_tensors_go_to_a_file_and_back() -> None:
    members = [dense(m, 0.1 * m, learned=False) for m in range(4)]
    ensemble, restored = Ensemble(members), Ensemble([dense(9, learned=False)] * 4)
    restored.load_state_dict(load(save(ensemble.state_dict())))
    assert torch.equal(restored(X, call=lambda member, x: member.eval()(x)), ensemble.eval()(X))
    assert len(list(ensemble.parameters())) == len(list(members[0].parameters()))
    assert all(len(tensor) == 4 for tensor in ensemble.state_dict().values())


def test_members_come_back_as_they_were_and_share_nothing() -> None:
    members = [dense(m, 0.1 + 0.1 * m) for m in range(3)]
    ensemble = Ensemble(members)
    back = ensemble.members()
    assert len(ensemble) == len(back) == 3
    for member, copied in zip(members, back, strict=True):
        assert all(torch.equal(tensor, copied.state_dict()[name]) for name, tensor in member.state_dict().items())
    back[0][0].weight.data.zero_()
    assert ensemble.network[0].weight[0].abs().min() > 0
    ensemble.network[0].weight.data.zero_()
    assert members[1][0].weight.abs().min() > 0
    back[1](X).sum().backward()
    assert ensemble.network[0].weight.grad is None


@settings(max_examples=8)
@given(st.integers(1, 40), st.integers(1, 8), st.integers(1, 4), st.booleans())
def test_samples_do_not_depend_on_chunks(batch: int, cut: int, first: int, shared: bool) -> None:
    ensemble = Ensemble([dense(m) for m in range(3)])
    whole = sample(ensemble, X, 5, 4, shared=shared)
    assert whole.shape == (15, 9, 2)
    assert torch.allclose(sample(ensemble, X, 5, 4, shared=shared, batch=batch), whole, atol=1e-6)
    objects = [(X[:cut], 0), (X[cut:], cut)]
    parts = [sample(ensemble, x, 5, 4, shared=shared, first_row=row) for x, row in objects]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-6)
    counts = [(first, 0), (5 - first, first)]
    parts = [sample(ensemble, X, k, 4, shared=shared, first_sample=s) for k, s in counts]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-6)


@pytest.mark.parametrize("name", ["dense", "conv2d", "tied gru"])
def test_samples_are_draws_of_the_members(name: str) -> None:
    members, x = built(name)
    ensemble = Ensemble(members)
    samples = sample(ensemble, x[0], 2, 4).unflatten(0, (2, 3))
    ensemble.eval()
    for s in range(2):
        with noise(ensemble, 4, samples=s, rows=torch.arange(9)):
            assert torch.allclose(ensemble(x[0]), samples[s], atol=1e-6)


def test_members_without_masks_are_the_samples() -> None:
    ensemble = Ensemble([dense(m, None) for m in range(5)])
    samples = sample(ensemble, X, 30, 0)
    assert torch.allclose(samples, ensemble.eval()(X), atol=1e-6)
    assert torch.allclose(sample(ensemble, X, 30, 0, batch=2), samples, atol=1e-6)
    assert split_classes(samples.softmax(-1)).epistemic.min() > 0
    label = torch.zeros(9, dtype=torch.long)
    mixture = torch.stack([member(X).softmax(-1)[:, 0] for member in ensemble.members()]).mean(0)
    assert torch.allclose(mixture_nll(categorical_nll(samples, label)), -mixture.log(), atol=1e-6)


def test_batch_norm_learns_by_member_and_rests_in_samples() -> None:
    members, x = built("batch norm")
    members = [nn.Sequential(member, Dropout(nn.Linear(2, 2), narrow=True)) for member in members]
    ensemble = Ensemble(members)
    ensemble(x[0])
    for number, member in enumerate(members):
        member(x[0])
        assert torch.allclose(ensemble.network[0][1].running_mean[number], member[0][1].running_mean, atol=1e-6)
        assert torch.allclose(ensemble.network[0][1].running_var[number], member[0][1].running_var, atol=1e-6)
    assert ensemble.network[0][1].num_batches_tracked.tolist() == [1, 1, 1]
    before = {name: tensor.clone() for name, tensor in ensemble.state_dict().items()}
    single = sample(ensemble, x[0][4:5], 6, 0, first_row=4)
    assert torch.allclose(single, sample(ensemble, x[0], 6, 0)[:, 4:5], atol=1e-6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in ensemble.state_dict().items())
    assert ensemble.training


def test_inputs_and_outputs_may_be_nested() -> None:
    def call_nested(member: nn.Module, inputs: dict) -> tuple:
        return member(inputs["x"][0]), {"scale": inputs["scale"], "none": inputs["x"][1]}

    ensemble = Ensemble([dense(m, None) for m in range(2)])
    mean, more = ensemble({"x": (X, None), "scale": X[:, 0]}, call=call_nested)
    assert torch.allclose(mean, ensemble(X))
    assert torch.equal(more["scale"], X[:, 0].expand(2, 9))
    assert more["none"] is None


def test_members_are_built_by_a_function_each_from_its_own_seed() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))

    torch.manual_seed(5)
    before = torch.get_rng_state()
    ensemble = Ensemble(build, 5, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    weights = ensemble.state_dict()["network.0.weight"]
    assert len(torch.unique(weights, dim=0)) == 5
    torch.manual_seed(6)
    assert torch.equal(Ensemble(build, 5, seed=3).state_dict()["network.0.weight"], weights)
    assert torch.equal(Ensemble(build, 2, seed=3).state_dict()["network.0.weight"], weights[:2])
    other_weights = Ensemble(build, 5, seed=4).state_dict()["network.0.weight"]
    assert not torch.isclose(other_weights[:, None], weights).all((2, 3)).any()


def test_functions_need_a_size_and_lists_do_not() -> None:
    network = nn.Linear(3, 2)
    for members, size in ((network, 5), (network, None), (lambda: nn.Linear(3, 2), None), ([network], 1)):
        with pytest.raises(InputError, match="a function that builds one and the number of members"):
            Ensemble(members, size)
    with pytest.raises(InputError, match="without members"):
        Ensemble(lambda: nn.Linear(3, 2), 0)


def test_what_is_no_ensemble_raises_an_error() -> None:
    with pytest.raises(InputError, match="at least one"):
        Ensemble([])
    different = {
        "weight": nn.Linear(3, 5),
        "bias": nn.Linear(3, 8, bias=False),
        "type": nn.Identity(),
    }
    for name, member in different.items():
        with pytest.raises(InputError, match=name):
            Ensemble([nn.Linear(3, 8), member])
    layers = (nn.Linear(8, 2) for _ in range(4))
    with pytest.raises(InputError, match=r"(?s)member 1, whose network differs .* in length_scale"):
        Ensemble([Dropout(next(layers), length_scale=1.0), Dropout(next(layers), length_scale=2.0)])
    with pytest.raises(InputError, match=r"(?s)whose mask differs .* in learned, logit"):
        Ensemble([Dropout(next(layers), learned=True), Dropout(next(layers))])


def test_settings_that_are_no_numbers_are_compared_too() -> None:
    convolutions = (nn.Conv2d(3, 4, 3, padding=1, stride=stride) for stride in (1, 2))
    with pytest.raises(InputError, match=r"(?s)member 1, whose network differs .* in stride"):
        Ensemble(list(convolutions))
    frozen = nn.Linear(3, 2).requires_grad_(False)
    with pytest.raises(InputError, match="in weight, bias"):
        Ensemble([nn.Linear(3, 2), frozen])
    with pytest.raises(InputError, match="in activation"):
        Ensemble([nn.TransformerEncoderLayer(8, 2, 8, activation=name) for name in ("relu", "gelu")])


def test_members_may_be_parametrized() -> None:
    members = [register_parametrization(nn.Linear(3, 2), "weight", nn.Softplus()) for _ in range(3)]
    assert torch.allclose(Ensemble(members)(X), torch.stack([member(X) for member in members]), atol=1e-6)


@pytest.mark.parametrize("name", ["dense", "conv2d", "tied gru"])
def test_inputs_of_their_own_for_other_members_raise_an_error(name: str) -> None:
    members, x = built(name)
    for wrong in (x[:2], torch.cat([x, x]), x[0]):
        with pytest.raises(InputError, match="3 along axis 0"):
            Ensemble(members)(wrong, per_member=True)
