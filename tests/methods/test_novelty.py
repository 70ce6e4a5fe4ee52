import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis
from scipy.special import logsumexp
from scipy.stats import betabinom, chi2, kstest
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score, roc_curve

from skysure.errors import InputError
from skysure.methods.novelty import FeatureDistance, LargestDistance, auroc, energy, fpr_at_tpr


def classes_in(dimensions, n, seed=0, classes=3):
    """Correlated features around the means of classes, far from the origin."""
    rng = np.random.default_rng(seed)
    mixing, means = rng.normal(size=(dimensions, dimensions)), 5 * rng.normal(size=(classes, dimensions))
    labels = rng.integers(classes, size=n)
    return 20 + means[labels] + rng.normal(size=(n, dimensions)) @ mixing, labels


def test_distance_is_that_of_scipy_to_the_nearest_class():
    x, labels = classes_in(6, 400)
    module = FeatureDistance(6, 3).fit(torch.from_numpy(x), torch.from_numpy(labels))
    means = np.stack([x[labels == k].mean(0) for k in range(3)])
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(x - means[labels]).covariance_)
    new = x[:50] + np.random.default_rng(1).normal(size=(50, 6)) * 3
    expected = [min(mahalanobis(row, m, inverse) for m in means) for row in new]
    np.testing.assert_allclose(module(torch.from_numpy(new)), expected, rtol=2e-4)


def test_distances_of_gaussian_classes_follow_chi_square():
    x, labels = classes_in(8, 20_000, classes=1)
    module = FeatureDistance(8, 1).fit(torch.from_numpy(x[:10_000]), torch.from_numpy(labels[:10_000]))
    squared = module(torch.from_numpy(x[10_000:]).float()).numpy() ** 2
    assert kstest(squared, chi2(8).cdf).statistic < 0.025


def test_the_share_of_false_alarms_is_the_law_of_counting():
    x, labels = classes_in(5, 14_000, seed=2)
    x, labels = torch.from_numpy(x).float(), torch.from_numpy(labels)
    module = FeatureDistance(5, 3).fit(x[:2000], labels[:2000]).calibrate(x[2000:4000])
    distance = module(x[4000:])
    for quantile in (0.9, 0.99):
        rank = np.ceil(2001 * quantile)
        alarms = 10_000 - betabinom(10_000, rank, 2001 - rank).ppf([0.9999, 0.0001])
        assert alarms[0] <= int(module.is_ood(distance, quantile).sum()) <= alarms[1]
    assert kstest(module.ood_percentile(distance).numpy(), "uniform").statistic < 0.05
    assert torch.equal(module.is_ood(distance, 0.99), module.ood_percentile(distance) >= 0.99)


def test_ood_percentile_is_the_fraction_of_calibration_objects_at_smaller_distance():
    module = FeatureDistance(1, 1)
    module.fitted.fill_(True)
    module.calibrate(torch.arange(1.0, 1000.0)[:, None])
    assert module.ood_percentile(torch.tensor([0.5, 250.5, 5000.0])).tolist() == pytest.approx([0.0, 0.25, 0.999])
    assert module.is_ood(torch.tensor([989.5, 990.5])).tolist() == [False, True]


def test_a_human_among_cats_and_dogs():
    rng = np.random.default_rng(3)
    labels = np.arange(4000) % 2
    x = rng.normal(size=(4000, 2)) + np.where(labels == 0, -2.0, 2.0)[:, None] * [1, 0]
    human = rng.normal(size=(500, 2)) + np.array([8.0, 6.0])
    module = FeatureDistance(2, 2).fit(torch.from_numpy(x[:2000]), torch.from_numpy(labels[:2000]))
    module.calibrate(torch.from_numpy(x[2000:3000]))
    distances = module(torch.from_numpy(x[3000:]).float()), module(torch.from_numpy(human).float())
    logits = [np.stack([-2 * f[:, 0], 2 * f[:, 0]], 1) for f in (x[3000:], human)]  # the exact posterior
    entropies = [torch.special.entr(torch.from_numpy(z).softmax(-1)).sum(-1).numpy() for z in logits]
    assert auroc(in_distribution=entropies[0], ood=entropies[1]) < 0.2
    assert auroc(in_distribution=distances[0].numpy(), ood=distances[1].numpy()) > 0.999
    assert module.is_ood(distances[1]).float().mean() > 0.95


def test_unfitted_nothing_is_novel():
    module = FeatureDistance(3, 2)
    x = torch.tensor([[3.0, 4.0, 0.0], [0.0, 0.0, 1e6]])
    assert module(x).tolist() == [5.0, 1e6]
    assert not module.is_ood(module(x)).any()
    assert module.ood_percentile(module(x)).tolist() == [0.0, 0.0]


def test_few_rows_dead_features_and_absent_classes_are_no_trouble():
    x, labels = classes_in(40, 25, classes=2)
    x[:, :10] = 0.0
    module = FeatureDistance(40, 4).fit(torch.from_numpy(x), torch.from_numpy(labels))
    near = module(torch.from_numpy(x).float())
    assert torch.isfinite(near).all()
    moved = x.copy()
    moved[:, 0] = 100.0
    assert (module(torch.from_numpy(moved).float()) > near).all()
    constant = FeatureDistance(2, 1).fit(torch.ones(5, 2), torch.zeros(5, dtype=torch.int64))
    assert torch.isfinite(constant.whitening).all()
    assert constant(torch.ones(1, 2)).item() == 0


def test_features_that_are_nan_are_ood():
    x, _ = classes_in(4, 400, classes=1)
    x = torch.from_numpy(x)
    module = FeatureDistance(4).fit(x[:200]).calibrate(x[200:])
    bad = torch.tensor([[torch.nan, 0, 0, 0], [torch.inf, 0, 0, 0], [3e38, 3e38, 0, 0]])
    assert module.is_ood(module(bad)).all()
    assert (module.ood_percentile(module(bad)) >= 0.99).all()
    with pytest.raises(InputError, match="finite"):
        module.calibrate(bad)
    with pytest.raises(InputError, match="3 features"):
        module.calibrate(x[:, :3])


def test_a_new_fit_forgets_the_distances_of_the_old_one():
    x = torch.from_numpy(classes_in(4, 400, classes=1)[0])
    module = FeatureDistance(4).fit(x[:200]).calibrate(x[200:])
    assert module.is_ood(module(10 * x)).any()
    module.fit(100 * x[:200])
    assert not module.is_ood(module(10 * x)).any()


def test_any_leading_axes():
    x, labels = classes_in(4, 100)
    module = FeatureDistance(4, 3).fit(torch.from_numpy(x), torch.from_numpy(labels))
    new = torch.from_numpy(x).float().reshape(5, 20, 4)
    torch.testing.assert_close(module(new).reshape(-1), module(new.reshape(-1, 4)))
    assert module(new[0, 0]).shape == ()
    assert module.ood_percentile(module(new)).shape == (5, 20)


def test_bad_features_raise_errors():
    x, labels = torch.zeros(4, 2), torch.zeros(4, dtype=torch.int64)
    for bad, truth in ((x[:, :1], labels), (x[:0], labels[:0]), (x * torch.nan, labels), (x, labels + 1)):
        with pytest.raises(InputError):
            FeatureDistance(2, 1).fit(bad, truth)


def test_telling_unknown_from_known_is_that_of_scikit_learn():
    rng = np.random.default_rng(4)
    known, unknown = rng.normal(size=2000), rng.normal(size=700) + 1.5
    label, score = np.r_[np.zeros(2000), np.ones(700)], np.r_[known, unknown]
    assert auroc(in_distribution=known, ood=unknown) == pytest.approx(roc_auc_score(label, score))
    fpr, tpr, _ = roc_curve(1 - label, -score, drop_intermediate=False)
    assert fpr_at_tpr(in_distribution=known, ood=unknown) == pytest.approx(fpr[np.argmax(tpr >= 0.95)])


def test_energy():
    logits = np.random.default_rng(5).normal(size=(6, 3))
    for t in (1.0, 2.5):
        energies = energy(torch.from_numpy(logits), t).numpy()
        np.testing.assert_allclose(energies, -t * logsumexp(logits / t, axis=1), rtol=1e-12)
    assert energy(torch.tensor([0.0, 0.0])) > energy(torch.tensor([9.0, 0.0]))


def test_values_need_no_labels():
    x, _ = classes_in(4, 300, classes=1)
    x = torch.from_numpy(x).float()
    module = FeatureDistance(4).fit(x[:200]).calibrate(x[200:])
    labelled = FeatureDistance(4, 1).fit(x[:200], torch.zeros(200, dtype=torch.int64))
    torch.testing.assert_close(module(x), labelled(x), rtol=0, atol=0)
    x, labels = classes_in(4, 300, classes=1)
    assert labels.max() == 0
    expected = [mahalanobis(row, x.mean(0), np.linalg.inv(LedoitWolf().fit(x).covariance_)) for row in x]
    distances = FeatureDistance(4).fit(torch.from_numpy(x))(torch.from_numpy(x).float())
    np.testing.assert_allclose(distances, expected, rtol=2e-4)


def test_several_classes_need_labels():
    with pytest.raises(InputError, match="labels of 3 classes"):
        FeatureDistance(2, 3).fit(torch.zeros(4, 2))
    with pytest.raises(InputError):
        FeatureDistance(2).fit(torch.zeros(0, 2))


def test_beyond_the_range_of_the_values_trained_on():
    """A network for values: distance and epistemic variance, neither of which needs the truth."""
    x = torch.linspace(-1, 1, 200)[:, None]
    features = torch.cat([torch.relu(x - t) for t in torch.linspace(-2, 2, 9)], 1)
    middle = x[:, 0].abs() < 0.5
    distance = FeatureDistance(9).fit(features[middle])
    assert auroc(in_distribution=distance(features[middle]).numpy(), ood=distance(features[~middle]).numpy()) > 0.99


def test_largest_distance_finds_what_is_far_in_one_group() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3000, 60, generator=generator)
    split = [50, 8, 2]
    groups = rows.split(split, 1)
    distance = LargestDistance(split).fit([g[:1000] for g in groups]).calibrate([g[1000:2000] for g in groups])
    new = [g[2000:] for g in groups]
    assert float(distance.is_ood(distance(new), 0.95).double().mean()) == pytest.approx(0.05, abs=0.02)
    for k in range(3):
        far = [g + 4.0 * (j == k) * torch.eye(split[j])[0] for j, g in enumerate(new)]
        alone = FeatureDistance(60).fit(rows[:1000])
        together = auroc(in_distribution=alone(torch.cat(new, 1)).numpy(), ood=alone(torch.cat(far, 1)).numpy())
        by_group = auroc(in_distribution=distance(new).numpy(), ood=distance(far).numpy())
        assert by_group > (together if k else 0.6)


def test_largest_distance_flags_features_that_are_not_finite() -> None:
    rows = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    distance = LargestDistance([3]).fit([rows[:200]]).calibrate([rows[200:]])
    assert bool(distance.is_ood(distance([torch.tensor([[0.0, torch.nan, 0.0]])])))


def test_other_scores_count_where_they_are_large() -> None:
    rows = torch.randn(3000, 4, generator=torch.Generator().manual_seed(0))
    groups = [rows[:, :3], rows[:, 3:]]
    distance = LargestDistance([3], scores=1).fit([g[:1000] for g in groups]).calibrate([g[1000:2000] for g in groups])
    new = [g[2000:] for g in groups]
    assert float(distance.is_ood(distance(new), 0.95).double().mean()) == pytest.approx(0.05, abs=0.02)
    assert float(distance.is_ood(distance([new[0], new[1] + 6]), 0.95).double().mean()) > 0.95
    assert float(distance.is_ood(distance([new[0], new[1] - 6]), 0.95).double().mean()) < 0.05
