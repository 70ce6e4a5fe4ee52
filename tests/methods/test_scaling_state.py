import pytest
import torch
from safetensors.torch import load_file, save_file

from skysure.methods.calibration import (
    BinnedConformal,
    ConformalIntervals,
    ConformalSets,
    QuantileScaling,
    TemperatureScaling,
    VarianceScaling,
    VectorScaling,
)
from skysure.methods.novelty import FeatureDistance


def fitted():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 400, 3, generator=generator)
    truth, values = torch.randint(3, (400,), generator=generator), torch.randn(400, 3, generator=generator)
    return [
        TemperatureScaling().fit(x, truth),
        VectorScaling(3).fit(x, truth),
        VarianceScaling(3).fit(x, x.exp(), values),
        ConformalSets(3).fit(x[0].softmax(-1), truth),
        ConformalIntervals(3).fit(x[0], x[0].exp(), values),
        QuantileScaling(3).fit(x, x.exp(), values),
        BinnedConformal(3, 3).fit(values[:, 0], values),
        FeatureDistance(3, 3).fit(x[0], truth).calibrate(x[1]),
    ]


@pytest.mark.parametrize("module", fitted(), ids=lambda module: type(module).__name__)
def test_what_was_fitted_survives_a_file(module, tmp_path):
    fresh = type(module)(
        *{FeatureDistance: (3, 3), BinnedConformal: (3, 3), TemperatureScaling: ()}.get(type(module), (3,))
    )
    assert not fresh.fitted
    assert {k: (v.shape, v.dtype) for k, v in fresh.state_dict().items()} == {
        k: (v.shape, v.dtype) for k, v in module.state_dict().items()
    }
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    fresh.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert fresh.fitted
    for name, value in module.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value)
    assert not list(fresh.parameters())
