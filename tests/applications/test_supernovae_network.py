"""The network: what it may see, what must not matter, and the published one written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from astropy.cosmology import FlatLambdaCDM

from skysure.applications.supernovae import Schema, Settings, network
from skysure.applications.supernovae.networks import distance_modulus, features
from skysure.methods.dropout import masks
from skysure.training import State

SCHEMA = Schema(bands=("g", "r", "i", "z"), classes=("II", "Ia"))
SMALL = {"hidden": 8, "head": 8}


def batch(objects: int = 3, nights: int = 7, seed: int = 0) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    measured = (torch.rand(objects, nights, 4, generator=g) < 0.7).float()
    return {
        "time": torch.rand(objects, nights, generator=g).cumsum(1) * 9,
        "flux": 30 * torch.randn(objects, nights, 4, generator=g) * measured,
        "flux_error": torch.where(measured > 0, 1 + torch.rand(objects, nights, 4, generator=g), 1.0),
        "measured": measured,
        "redshift": torch.tensor([[0.5, 0.03, 1.0]]).repeat(objects, 1),
        "position": torch.zeros(objects, 3),
        "nights": torch.full((objects,), nights),
    }


def test_distance_modulus_is_that_of_astropy() -> None:
    z = np.array([0.005, 0.05, 0.3, 0.7, 1.2, 3.0])
    truth = FlatLambdaCDM(H0=70, Om0=0.3, Tcmb0=0).distmod(z).value
    assert distance_modulus(torch.from_numpy(z)).numpy() == pytest.approx(truth, abs=0.008)


@pytest.mark.parametrize("options", [{}, {"cell": "lstm"}, {"dropout": "tied"}, {"network": "charnock-moss"}])
def test_a_night_sees_no_later_one(options: dict) -> None:
    model = network(Settings(**SMALL | options), SCHEMA).eval()
    inputs = batch()
    later = {name: values.clone() for name, values in inputs.items()}
    for name in ("flux", "flux_error"):
        later[name][:, 4:] += 3.0
    later["time"][:, 4:] += 5.0
    with torch.no_grad():
        (a,), (b,) = model(inputs), model(later)
    assert torch.equal(a[:, :4], b[:, :4])
    assert not torch.equal(a[:, 4:], b[:, 4:])


def test_padding_changes_nothing() -> None:
    model = network(Settings(**SMALL), SCHEMA).eval()
    inputs = batch()
    padded = {
        name: torch.cat([v, torch.full_like(v[:, :2], 1.0 if name == "flux_error" else 0.0)], 1)
        if name in ("time", "flux", "flux_error", "measured") else v
        for name, v in inputs.items()
    }  # fmt: skip
    with torch.no_grad():
        assert torch.allclose(model(inputs), model(padded)[:, :, :7], atol=1e-6)


def test_a_hidden_redshift_does_not_matter() -> None:
    model = network(Settings(**SMALL), SCHEMA).eval()
    inputs, other = batch(), batch()
    inputs["redshift"], other["redshift"] = torch.tensor([[0.2, 0.1, 0.0]] * 3), torch.tensor([[0.9, 0.0, 0.0]] * 3)
    with torch.no_grad():
        assert torch.equal(model(inputs), model(other))
        assert not torch.allclose(model(inputs), model(batch()))


def test_what_is_not_measured_is_not_read() -> None:
    inputs, other = batch(), batch()
    other["flux"] = torch.where(other["measured"] > 0, other["flux"], 77.0)
    scale = torch.ones(4)
    assert torch.equal(features(inputs, scale), features(other, scale))
    assert torch.isfinite(features(inputs, scale)).all()


def test_units_do_not_matter_once_adapted() -> None:
    inputs = batch()
    times_ten = inputs | {"flux": 10 * inputs["flux"], "flux_error": 10 * inputs["flux_error"]}
    assert torch.allclose(features(inputs, torch.ones(4)), features(times_ten, torch.full((4,), 10.0)), atol=1e-5)


def test_classes_and_bands_come_from_settings_or_schema() -> None:
    own = network(Settings(classes=(), bands=("r", "i"), **SMALL), SCHEMA)
    assert (own.classes, own.bands) == (("II", "Ia"), ("r", "i"))
    assert network(Settings(**SMALL), SCHEMA).classes == ("Ia", "II", "Ibc")


def test_where_units_are_dropped() -> None:
    count = {k: len(masks(network(Settings(dropout=k, **SMALL), SCHEMA))) for k in ("head", "tied", "none")}
    assert count == {"head": 2, "tied": 6, "none": 0}


def test_the_seed_makes_the_weights() -> None:
    first, same, other = (network(Settings(seed=s, **SMALL), SCHEMA).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(v, same[k]) for k, v in first.items())
    assert not torch.equal(first["networks.0.head.0.layer.weight"], other["networks.0.head.0.layer.weight"])
    assert State(0, {}, {f"model.{k}": v for k, v in first.items()}).weights.keys() == first.keys()


def test_the_published_network_written_out() -> None:
    """Dense layer at every step, then the mean over the steps of its outputs, by a loop over steps."""
    settings = Settings(network="charnock-moss", hidden=16, rate=0.5)
    model, inputs = network(settings, SCHEMA).networks[0].eval(), batch()
    assert [(layer.input_size, layer.hidden_size) for layer in model.encoder.layers] == [(13, 16), (16, 16)]
    with torch.no_grad():
        logits = model(inputs)
        for k in range(3):
            steps = [
                torch.cat([inputs["time"][k, t : t + 1] - inputs["time"][k, 0], inputs["flux"][k, t],
                           inputs["flux_error"][k, t], torch.zeros(3), inputs["redshift"][k, :1]])
                for t in range(7)
            ]  # fmt: skip
            states = [torch.zeros(1, 16)] * 2, [torch.zeros(1, 16)] * 2
            outputs = []
            for step in steps:
                x = step[None]
                for i, layer in enumerate(model.encoder.layers):
                    gates = x @ layer.weight_ih_l0.T + layer.bias_ih_l0
                    gates = gates + states[0][i] @ layer.weight_hh_l0.T + layer.bias_hh_l0
                    enter, forget, new, leave = gates.chunk(4, 1)
                    states[1][i] = torch.sigmoid(forget) * states[1][i] + torch.sigmoid(enter) * torch.tanh(new)
                    x = states[0][i] = torch.sigmoid(leave) * torch.tanh(states[1][i])
                outputs.append(model.head(x))
            assert torch.allclose(logits[k, -1], torch.stack(outputs).mean(0)[0], atol=1e-5)


def test_an_ensemble_begins_with_the_network_alone() -> None:
    single, many = (network(Settings(members=m, **SMALL), SCHEMA).eval() for m in (1, 3))
    with torch.no_grad():
        alone, by_member = single(batch()), many(batch())
    assert by_member.shape == (3, *alone.shape[1:])
    assert torch.allclose(by_member[0], alone[0], atol=1e-6)
    assert not torch.allclose(by_member[1], by_member[0])
    assert not torch.allclose(by_member[2], by_member[1])


def test_an_ensemble_begins_with_a_run_that_has_fewer_networks_or_more() -> None:
    single, many = network(Settings(seed=1, **SMALL), SCHEMA), network(Settings(members=3, **SMALL), SCHEMA)
    fresh = many.networks[1].state_dict()
    many.load_state_dict(many.initial_tensors(single.state_dict()))
    assert torch.equal(many.networks[0].head[2].layer.weight, single.networks[0].head[2].layer.weight)
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in many.networks[1].state_dict().items())
    single.load_state_dict(single.initial_tensors(many.state_dict()))
    assert single.initial_tensors(many.state_dict()).keys() == single.state_dict().keys()


def test_a_run_that_forecasts_and_one_that_does_not_begin_with_each_other() -> None:
    forecasting, without = (network(Settings(forecast=f, **SMALL), SCHEMA) for f in (0.3, 0.0))
    fresh = forecasting.state_dict()["stages.0.surprise_p_value.bounds"]
    without.load_state_dict(without.initial_tensors(forecasting.state_dict()))
    forecasting.load_state_dict(forecasting.initial_tensors(without.state_dict()))
    assert torch.equal(forecasting.stages[0].surprise_p_value.bounds, fresh)
    assert torch.equal(forecasting.encoder.embedding.weight, without.encoder.embedding.weight)


def test_networks_added_to_a_trained_one_read_fluxes_on_its_scale() -> None:
    single, many = (network(Settings(members=k, **SMALL), SCHEMA) for k in (1, 3))
    single.encoder.scale.fill_(7.0)
    many.load_state_dict(many.initial_tensors(single.state_dict()))
    assert all((member.encoder.scale == 7).all() for member in many.networks)


def test_half_precision_changes_training_a_little_and_answers_not_at_all() -> None:
    exact, half = (network(Settings(precision=p, dropout="none", **SMALL), SCHEMA) for p in ("float32", "bfloat16"))
    trained = [model(batch()) for model in (exact, half)]
    assert all(logits.dtype == torch.float32 for logits in trained)
    assert 0 < (trained[0] - trained[1]).abs().max() < 0.02
    with torch.no_grad():
        assert torch.equal(exact.eval()(batch()), half.eval()(batch()))
