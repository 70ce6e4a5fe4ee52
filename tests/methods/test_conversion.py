import copy

import pytest
import torch
from torch import nn

from skysure.errors import InputError
from skysure.methods.dropout import ActivationDropout, Dropout, TiedDropout, masks, noise, rates, to_bayesian
from skysure.methods.ensembles import Ensemble
from skysure.methods.sampling import sample, split_classes
from skysure.methods.variational import kl


def dense():
    torch.manual_seed(0)
    first = [nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 24)]
    return nn.Sequential(*first, nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))


def image():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.3), nn.Dropout(0.1))
    return nn.Sequential(body, nn.Flatten(), nn.Dropout(0.4), nn.Linear(8 * 16, 3))


class Recurrent(nn.Module):
    """As people write it: uses the attributes of its layers, one dropout at two places."""

    def __init__(self, rnn=nn.LSTM, **options):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = rnn(5, 7, 3, dropout=0.4, **options)
        self.drop = nn.Dropout(0.3)
        self.middle, self.head = nn.Linear(7, 7), nn.Linear(7, 2)

    def forward(self, x):
        self.rnn.flatten_parameters()
        first = torch.zeros(self.rnn.num_layers, len(x), self.rnn.hidden_size)
        y, _ = self.rnn(x, first if isinstance(self.rnn, nn.GRU) else None)
        return self.head(self.drop(torch.relu(self.middle(self.drop(y)))))


MODELS = {
    "dense": (dense, (6,)),
    "image": (image, (2, 6, 6)),
    "lstm": (lambda: Recurrent(batch_first=True), (9, 5)),
    "gru": (lambda: Recurrent(nn.GRU, batch_first=True), (9, 5)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_copy_is_the_network_in_eval_and_draws_beside(name):
    build, shape = MODELS[name]
    model = build()
    before = copy.deepcopy(model.state_dict())
    x = torch.randn(4, *shape)
    bayesian = to_bayesian(model)
    assert not masks(model)
    assert torch.allclose(bayesian.eval()(x), model.eval()(x), atol=1e-6)
    bayesian.train()(x)
    samples = sample(bayesian, x, 20, 0)
    assert (samples.std(0) > 0).all()
    assert torch.allclose(sample(bayesian, x, 20, 0, batch=3), samples, atol=1e-6)
    assert torch.allclose(sample(bayesian, x[2:], 5, 0, first_row=2, first_sample=15), samples[15:, 2:], atol=1e-6)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    first = next(p for p in bayesian.parameters())
    assert first is not next(model.parameters())


@pytest.mark.parametrize("name", ["dense", "image"])
def test_draws_are_distributed_as_those_of_torch(name):
    build, shape = MODELS[name]
    model, x = build().eval(), torch.randn(2, *shape)
    for module in model.modules():
        module.training = isinstance(module, (nn.Dropout, nn.Dropout2d))
    with torch.no_grad():
        theirs = torch.stack([model(x) for _ in range(4000)])
    ours = sample(to_bayesian(model), x, 4000, 0)
    error = (theirs.var(0) / 4000 + ours.var(0) / 4000).sqrt()
    assert ((theirs.mean(0) - ours.mean(0)).abs() < 4 * error).all()
    assert torch.allclose(theirs.std(0), ours.std(0), rtol=0.08)


@pytest.mark.parametrize(
    ("layers", "shape", "own"),
    [
        ([nn.Dropout(0.5)], (40,), (40,)),
        ([nn.Linear(40, 40), nn.Dropout(0.5)], (9, 40), (1, 40)),
        ([nn.Linear(40, 40), nn.Dropout(0.5)], (3, 8, 40), (3, 8, 40)),
        ([nn.Conv1d(3, 3, 1), nn.Dropout(0.5)], (3, 40), (3, 40)),
        ([nn.Conv1d(3, 3, 1), nn.GRU(3, 3, 2, dropout=0.5), nn.Dropout(0.5)], (9, 40), (1, 40)),
        ([nn.Conv1d(3, 3, 1), Dropout(nn.Linear(9, 9)), nn.Dropout(0.5)], (9, 40), (1, 40)),
        ([nn.Conv2d(3, 3, 1), nn.Dropout(0.5)], (3, 8, 8), (3, 8, 8)),
        ([nn.Dropout1d(0.5)], (30, 8), (30, 1)),
        ([nn.Dropout2d(0.5)], (30, 8, 2), (30, 1, 1)),
        ([nn.Dropout3d(0.5)], (30, 8, 2, 2), (30, 1, 1, 1)),
    ],
)
def test_masks_are_tied_where_a_draw_must_be_one_function(layers, shape, own):
    layer = to_bayesian(nn.Sequential(*layers))[-1].eval()
    with noise(layer, 0, rows=torch.arange(6)):
        factors = layer(torch.ones(6, *shape))
    assert set(factors.unique().tolist()) == {0.0, 2.0}
    if len(shape) == len(own):
        tied = factors[:, *(slice(None) if n > 1 else slice(1) for n in own)]
        assert torch.equal(tied.expand_as(factors), factors)
        rows = tied.flatten(1)
        assert rows.shape[1] == torch.Size(own).numel()
        assert len(rows.unique(dim=0)) == 6
        assert abs(float((rows == 0).float().mean()) - 0.5) < 4 * 0.5 / rows.numel() ** 0.5


def test_one_layer_at_two_places_has_two_masks():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return torch.stack([self.drop(x), self.drop(x)], 1)

    samples = sample(to_bayesian(Twice()), torch.ones(3, 50), 4, 0)
    assert not torch.equal(samples[:, :, 0], samples[:, :, 1])
    one_by_one = sample(to_bayesian(Twice()), torch.ones(3, 50), 4, 0, batch=1)
    assert torch.equal(samples, one_by_one)
    drop = nn.Dropout(0.5)
    shared = to_bayesian(nn.Sequential(drop, nn.Identity(), drop))
    assert len(masks(shared)) == 1
    assert abs(float((sample(shared, torch.ones(9, 50), 20, 0) > 0).float().mean()) - 0.25) < 0.02


def test_recurrent_draws_are_one_function_of_time():
    torch.manual_seed(0)
    layer = nn.GRU(6, 8, 2, dropout=0.5, batch_first=True)
    bayesian = to_bayesian(layer)
    assert isinstance(bayesian, TiedDropout)
    assert list(bayesian.masks) == ["input_1"]
    assert layer.dropout == 0.5
    x = torch.randn(3, 9, 6)
    with noise(bayesian.eval(), 0, rows=torch.arange(3)):
        whole, _ = bayesian(x)
    with noise(bayesian, 0, rows=torch.arange(3)):
        part, _ = bayesian(x[:, :4])
    assert torch.allclose(whole[:, :4], part, atol=1e-6)


def test_learned_rates_where_the_weights_are_known():
    model = dense()
    bayesian = to_bayesian(model, learned=True, length_scale=0.3)
    assert rates(bayesian) == {"rate_3": pytest.approx(0.3), "rate_6": pytest.approx(0.2)}
    assert isinstance(bayesian[3], Dropout)
    assert torch.allclose(bayesian.eval()(torch.ones(2, 6)), model.eval()(torch.ones(2, 6)), atol=1e-6)
    kl(bayesian, 100).backward()
    assert bayesian[3].mask.logit.grad.abs() > 0
    assert float(kl(to_bayesian(model), 100)) == 0
    mixed = to_bayesian(image(), learned=True)
    assert [mask.learned for mask in masks(mixed).values()] == [False, False, True]
    with pytest.raises(InputError, match="whose weights are known"):
        to_bayesian(nn.Sequential(nn.Dropout(0.1), nn.ReLU()), learned=True)


def test_a_sequence_with_a_forward_of_its_own_is_not_taken_for_its_order():
    class Backwards(nn.Sequential):
        def forward(self, input):
            return self[0](self[1](input))

    bayesian = to_bayesian(
        nn.Sequential(Backwards(nn.Dropout(0.5), nn.Linear(6, 6)), nn.Dropout(0.5), nn.Linear(6, 2)), learned=True
    )
    assert [type(layer) for layer in bayesian[0]] == [ActivationDropout, nn.Linear]
    assert isinstance(bayesian[2], Dropout)


def test_a_network_that_was_sampled_may_be_a_member_beside_one_that_was_not():
    first, second = to_bayesian(dense()), to_bayesian(dense())
    x = torch.randn(4, 6)
    before = sample(first, x, 5, 0)
    samples = sample(Ensemble([first, second]), x, 5, 0)
    assert samples.shape == (10, 4, 3)
    assert torch.equal(sample(first, x, 5, 0), before)


def test_what_is_already_a_mask_stays():
    bayesian = to_bayesian(nn.Sequential(Dropout(nn.Linear(6, 6), 0.2), nn.Dropout(0.1), nn.Dropout(0.0)))
    twice = to_bayesian(bayesian)
    assert [type(layer) for layer in twice] == [Dropout, ActivationDropout, nn.Dropout]
    assert len(masks(twice)) == 2


def test_before_the_first_mask_everything_runs_once():
    calls = []
    model = image()
    model[0][0].register_forward_hook(lambda *_: calls.append(1))
    sample(to_bayesian(model), torch.randn(3, 2, 6, 6), 50, 0)
    assert len(calls) == 1


def test_samples_of_anybody_s_network_can_be_split():
    logits = sample(to_bayesian(dense()), torch.randn(5, 6), 30, 0)
    assert (split_classes(logits.softmax(-1)).epistemic > 0).all()


def without_attention_dropout():
    layer = nn.TransformerEncoderLayer(8, 2, 8)
    layer.self_attn.dropout = 0.0
    return layer


class Functional(nn.Module):
    def forward(self, x):
        return nn.functional.dropout(x, 0.5, self.training)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Functional(), "F.dropout"),
        (nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.0)), "without a dropout layer"),
        (nn.Sequential(nn.Linear(3, 2), nn.AlphaDropout(0.1)), "AlphaDropout"),
        (nn.Sequential(nn.FeatureAlphaDropout(0.1)), "FeatureAlphaDropout"),
        (nn.MultiheadAttention(8, 2, dropout=0.1), "MultiheadAttention"),
        (without_attention_dropout(), "TransformerEncoderLayer"),
        (nn.LSTM(3, 4, 2, dropout=0.1, proj_size=2), "proj_size"),
        (nn.Dropout(1.0), "rate of 1.0"),
    ],
)
def test_what_cannot_be_right_raises_an_error(model, words):
    with pytest.raises(InputError, match=words):
        to_bayesian(model)


def test_an_object_without_its_batch_raises_an_error():
    with pytest.raises(InputError, match="add the axis"):
        to_bayesian(nn.Dropout2d(0.2))(torch.ones(3, 4, 4))
    with pytest.raises(InputError, match="add the axis"):
        to_bayesian(nn.Dropout(0.2))(torch.ones(3))
