import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import PairwiseKernel

from skysure.errors import InputError
from skysure.methods.gaussian_process import (
    NNGP,
    Hyperparameters,
    argmax_probability,
    class_targets,
    log_evidence,
    nngp,
    relu_kernel,
)
from skysure.methods.gaussian_process.evidence import cholesky, fit_hyperparameters

HELD = Hyperparameters(depth=1, weight_variance=1.6, bias_variance=0.3, amplitude=1.4, noise=0.05)


def arc_cosine(a, b, **ignored):
    """The kernel of one hidden layer as it stands in the paper, for two rows."""
    k, kaa, kbb = (0.3 + 1.6 * p @ q / len(a) for p, q in ((a, b), (a, a), (b, b)))
    angle = np.arccos(np.clip(k / np.sqrt(kaa * kbb), -1, 1))
    hidden = np.sqrt(kaa * kbb) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return 1.4 * (0.3 + 1.6 * hidden)


def problem(n=30, features=3, values=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)) * [1, 10, 0.1] + [0, 1000, 5]
    y = np.stack([np.sin(x[:, 0]), 100 + 7 * x[:, 0] * x[:, 2]], 1)[:, :values]
    return torch.from_numpy(x), torch.from_numpy(y + 0.1 * rng.normal(size=y.shape))


def test_posterior_and_evidence_are_those_of_scikit_learn():
    x, y = problem()
    new = problem(n=12, seed=1)[0]
    gp = NNGP().set_hyperparameters(HELD).condition(x, y)
    mean, epistemic, aleatoric = gp(new)
    centre, scale = x.mean(0).numpy(), x.std(0).numpy()
    for value in range(2):
        target = ((y - y.mean(0)) / y.std(0))[:, value].numpy()
        peer = GaussianProcessRegressor(PairwiseKernel(metric=arc_cosine), alpha=0.05, optimizer=None)
        peer.fit((x.numpy() - centre) / scale, target)
        m, s = peer.predict((new.numpy() - centre) / scale, return_std=True)
        unit = float(y[:, value].std())
        np.testing.assert_allclose(mean[:, value], float(y[:, value].mean()) + unit * m, rtol=1e-9)
        np.testing.assert_allclose(epistemic[:, value], (unit * s) ** 2, rtol=1e-7)
        np.testing.assert_allclose(aleatoric[:, value], 0.05 * unit**2)
        inputs = gp.inputs
        covariance = 1.4 * relu_kernel(inputs, inputs, 1, 1.6, 0.3) + 0.05 * torch.eye(30).double()
        ours = log_evidence(covariance, torch.from_numpy(target)[:, None])
        assert float(ours) == pytest.approx(peer.log_marginal_likelihood_value_)


def test_evidence_of_several_values_is_that_of_scipy():
    x, y = problem()
    covariance = x @ x.T / 1e6 + torch.eye(30).double()
    expected = sum(multivariate_normal(cov=covariance.numpy()).logpdf(y[:, k].numpy()) for k in range(2))
    assert float(log_evidence(covariance, y)) == pytest.approx(expected)
    free = covariance.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c: log_evidence((c + c.T) / 2, y[:6]), (free[:6, :6].detach().requires_grad_(),)
    )


def test_hyperparameters_of_a_drawn_function_are_found():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(250, 3, generator=generator).double()
    covariance = relu_kernel(x, x, 2, 2.0, 0.1) + 0.04 * torch.eye(250).double()
    draws = torch.linalg.cholesky(covariance) @ torch.randn(250, 8, generator=generator).double()
    fitted = fit_hyperparameters(x, draws, "relu", (1, 2, 3), 0.01)
    assert float(fitted.noise) == pytest.approx(0.04, rel=0.2)
    ours = fitted.amplitude * relu_kernel(x, x, fitted.depth, fitted.weight_variance, fitted.bias_variance)
    assert log_evidence(ours + fitted.noise * torch.eye(250).double(), draws) > log_evidence(covariance, draws) - 1
    floored = fit_hyperparameters(x, draws, "relu", (2,), 0.5)
    assert float(floored.noise) >= 0.25


def test_three_sigma_hold_the_truth_and_grow_outside():
    x = torch.linspace(-3, 3, 60, dtype=torch.float64)[:, None]
    y = x.sin() + 0.1 * torch.randn(60, 1, generator=torch.Generator().manual_seed(1)).double()
    gp = NNGP().fit(x.float(), y.float())
    at = torch.linspace(-2.9, 2.9, 50)[:, None]
    mean, epistemic, aleatoric = gp(at)
    assert ((mean - at.sin()).abs() < 4 * epistemic.sqrt()).all()
    assert float(aleatoric[0]) ** 0.5 == pytest.approx(0.1, rel=0.3)
    assert gp(torch.tensor([[12.0]]))[1] > 100 * epistemic.max()


@settings(max_examples=10)
@given(st.permutations(range(30)), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_order_and_units_do_not_matter(order, shift, unit):
    x, y = problem()
    new = x[:7] + 0.1
    mean, epistemic, _ = NNGP().set_hyperparameters(HELD).condition(x, y)(new)
    transformed = (
        NNGP()
        .set_hyperparameters(HELD)
        .condition((x[order] - shift) / unit, shift + unit * y[order])((new - shift) / unit)
    )
    tolerance = {"rtol": 1e-7, "atol": 1e-7 * unit}
    torch.testing.assert_close(transformed[0], shift + unit * mean, **tolerance)
    torch.testing.assert_close(transformed[1], unit**2 * epistemic, rtol=1e-7, atol=1e-7 * unit**2)


def test_blocks_change_nothing(monkeypatch):
    x, y = problem()
    whole = NNGP().set_hyperparameters(HELD).condition(x, y)
    monkeypatch.setattr(nngp, "BLOCK", 70)
    cut = NNGP().set_hyperparameters(HELD).condition(x, y)
    for ours, theirs in zip((*cut(x[:11]), cut.factor), (*whole(x[:11]), whole.factor), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_the_factor_is_written_over_the_covariance():
    covariances = []

    def covariance():
        covariances.append((torch.eye(50) + 0.1).double().T)
        return covariances[-1]

    factor, jitter = cholesky(covariance)
    assert factor.data_ptr() == covariances[0].data_ptr()
    assert jitter == 0
    torch.testing.assert_close(factor @ factor.T, (torch.eye(50) + 0.1).double())


def test_jitter_grows_until_it_works():
    x = torch.cat([problem()[0]] * 3)
    same = (
        NNGP().set_hyperparameters(Hyperparameters(2, 2.0, 0.1, 1.0, 0.0)).condition(x, torch.cat([problem()[1]] * 3))
    )
    assert 1e-10 <= float(same.jitter) <= 1e-8
    mean, epistemic, _ = same(x)
    assert torch.isfinite(mean).all()
    assert (epistemic >= 0).all()
    broken = torch.eye(3, dtype=torch.float64)
    broken[2, 2] = 1 - 2e-6
    broken[0, 1] = broken[1, 0] = 1 + 1e-6
    assert cholesky(broken.clone)[1] == pytest.approx(1e-5)
    with pytest.raises(InputError, match="without a Cholesky factor"):
        cholesky(lambda: -torch.eye(3, dtype=torch.float64))
    with pytest.raises(InputError, match="without a Cholesky factor"):
        log_evidence(torch.full((2, 2), torch.nan, dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64))


def test_duplicates_and_constants_are_no_trouble():
    x, y = problem()
    x[:, 1], y[:, 1] = 0.1, 3.0
    gp = NNGP().fit(torch.cat([x, x]), torch.cat([y, y]), depths=(1,))
    mean, epistemic, aleatoric = gp(x)
    assert all(torch.isfinite(part).all() for part in (mean, epistemic, aleatoric))
    assert float(gp.noise) >= 0.01**2
    torch.testing.assert_close(mean[:, 1], torch.full((30,), 3.0).double())
    moved = x.clone()
    moved[:, 1] = 1e6
    torch.testing.assert_close(gp(moved)[0], mean)


@pytest.mark.parametrize("options", [{}, {"activation": "erf"}, {"classes": 3, "normalise": "rows"}])
def test_tensors_of_one_module_are_the_model(options):
    x, y = problem()
    y = torch.arange(30) % 3 if "classes" in options else y
    gp = NNGP(**options).fit(x, y, depths=(1, 2))
    restored = NNGP(**options)
    restored.load_state_dict(load(save(gp.state_dict())))
    for ours, theirs in zip(restored(x[:5]), gp(x[:5]), strict=True):
        assert torch.equal(ours, theirs)
    conditioned = restored.condition(x[:20], y[:20])
    assert len(conditioned.inputs) == 20
    assert float(conditioned.noise) == float(gp.noise)


def test_classes_are_told_with_their_probabilities():
    x = torch.randn(300, 5, generator=torch.Generator().manual_seed(0)).double()
    labels = (x[:, 0] > x[:, 1]).long() + (x[:, 2] > 1).long()
    gp = NNGP(classes=3).fit(x[:200], labels[:200], depths=(1,))
    p = gp.probability(x[200:])
    assert float((p.argmax(1) == labels[200:]).double().mean()) > 0.8
    torch.testing.assert_close(p.sum(1), torch.ones(100).double())
    mean, epistemic, _ = gp(x[200:])
    assert torch.equal(mean.argmax(1), p.argmax(1))
    assert torch.equal(epistemic[:, 0], epistemic[:, 2])
    assert class_targets(torch.tensor([1]), 10)[0, :2].tolist() == pytest.approx([-0.1, 0.9])


def test_probability_to_be_the_largest():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(3, 4)), np.array([0.05, 1.0, 30.0])
    draws = mean + np.sqrt(variance)[:, None] * rng.normal(size=(400_000, 3, 4))
    counted = np.stack([np.bincount(draws[:, k].argmax(1), minlength=4) for k in range(3)]) / 400_000
    ours = argmax_probability(torch.from_numpy(mean), torch.from_numpy(variance))
    np.testing.assert_allclose(ours, counted, atol=5 * 0.5 / 400_000**0.5)
    sure = argmax_probability(torch.tensor([[3.0, 1.0, 1.0]]), torch.tensor([0.0]))
    assert sure.tolist() == [[1.0, 0.0, 0.0]]


def bad_inputs():
    x, y = problem()
    labels = torch.arange(30) % 3
    return {
        "one row": (x[:1], y[:1]), "no rows": (x[:0], y[:0]), "unequal": (x, y[:-1]), "no axis": (x, y[:, 0]),
        "no features": (x[:, :0], y), "nan": (x * torch.nan, y), "infinite": (x, y / 0), "labels": (x, labels),
    }  # fmt: skip


@pytest.mark.parametrize("name", bad_inputs())
def test_bad_input_raises_an_error(name):
    with pytest.raises(InputError):
        NNGP().fit(*bad_inputs()[name])
    with pytest.raises(InputError):
        NNGP().set_hyperparameters(HELD).condition(*bad_inputs()[name])


def test_other_errors():
    x, y = problem()
    for labels in (y, torch.arange(30), torch.arange(30) % 3 - 1):
        with pytest.raises(InputError, match="labels"):
            NNGP(classes=3).fit(x, labels)
    for words in ({"activation": "tanh"}, {"normalise": "all"}):
        with pytest.raises(InputError, match="spelling mistake"):
            NNGP(**words)
    with pytest.raises(InputError, match="without hyperparameters"):
        NNGP().condition(x, y)
    gp = NNGP().set_hyperparameters(HELD).condition(x, y)
    for new in (x[:, :2], x * torch.nan):
        with pytest.raises(InputError):
            gp(new)
    with pytest.raises(InputError, match="not fitted"):
        NNGP()(x)


@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_far_inputs_have_a_finite_answer_or_raise(activation):
    """Prior and posterior variance of ReLU grow as the square of the input, those of erf end; never a NaN."""
    x, y = problem()
    gp = NNGP(activation).set_hyperparameters(HELD).condition(x, y)
    near, far = (gp(x[:1] * size) for size in (1e20, 1e60))
    growth = 1e80 if activation == "relu" else 1.0
    assert far[1] == pytest.approx(growth * near[1], rel=1e-6)
    for size in (1e80, 1e150, 1e154, 1e300):
        with pytest.raises(InputError):
            gp(x[:1] * size)


@pytest.mark.parametrize("normalise", ["columns", "rows"])
@pytest.mark.parametrize("row", [slice(None), 3])
def test_numbers_whose_squares_are_none_raise_an_error(normalise, row):
    """Their variance is infinite, and they would be left out without a word."""
    x, y = problem()
    gp = NNGP(normalise=normalise).set_hyperparameters(HELD).condition(x, y)
    x[row] *= 1e200
    with pytest.raises(InputError, match="finite"):
        NNGP(normalise=normalise).set_hyperparameters(HELD).condition(x, y)
    with pytest.raises(InputError, match="finite"):
        gp(x)
