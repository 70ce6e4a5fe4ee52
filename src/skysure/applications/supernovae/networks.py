"""The network: normalisation, recurrent layers over nights, a dense head, calibration, prediction sets, OOD score."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from skysure.methods.dropout import Dropout, TiedDropout
from skysure.methods.staged import Stage
from skysure.training import seeded

from .batches import Batch, Nights
from .forecasts.forecaster import Forecaster
from .forecasts.horizons import Horizons
from .published import CharnockMoss
from .settings import Schema, Settings

OMEGA_M = 0.3
STAGES = (3.0, 10.0, 20.0, 40.0)
"""Days since the trigger that divide light curves into stages, each with its own calibration."""
LEVELS = (3, 2)
"""Bins of the largest signal-to-noise ratio so far and, in each, of the redshift; each has its own set level."""


def distance_modulus(redshift: Float[Tensor, "*object"]) -> Float[Tensor, "*object"]:
    """Distance modulus [mag] in a flat universe with Ω_m = 0.3 and H_0 = 70 km/s/Mpc.

    Adachi and Kasai 2012 (arXiv:1111.6396), eq. 19 to 20; within 0.3 % in distance.
    """

    def phi(x: Tensor) -> Tensor:
        above = 1 + x * (1.320 + x * (0.4415 + x * 0.02656))
        return above / (1 + x * (1.392 + x * (0.5121 + x * 0.03944)))

    x0 = torch.tensor((1 - OMEGA_M) / OMEGA_M)
    a = 1 / (1 + redshift)
    megaparsec = 2 * 299792.458 / 70 / OMEGA_M**0.5 / a * (phi(x0) - phi(x0 * a**3) * a.sqrt())
    return 5 * torch.log10(megaparsec) + 25


def features(batch: Batch, scale: Float[Tensor, " band"]) -> Float[Tensor, "object night feature"]:
    """Give the inputs of the network at each night, of order one.

    For each band: asinh of the flux, logarithm of its error, asinh of the signal-to-noise ratio, whether it was
    measured, and asinh of the flux at the distance of redshift 0.5. For the night: time since the trigger and since the
    night before, time in the rest frame of the host; redshift, its error, whether it is known.
    """
    time, measured = batch["time"], batch["measured"]
    flux, error = batch["flux"] / scale, batch["flux_error"] / scale
    z, z_error, has_redshift = batch["redshift"].unsqueeze(1).unbind(-1)
    z = z.clamp(0.005, 3.0)
    nearer = 10 ** (0.4 * (distance_modulus(z) - distance_modulus(torch.full_like(z, 0.5))))
    bands = [
        torch.asinh(flux),
        torch.log(error),
        0.5 * torch.asinh(flux / error),
        torch.ones_like(flux),
        torch.asinh(flux * nearer[..., None]) * has_redshift[..., None],
    ]
    gap = torch.diff(time, dim=1, prepend=time[:, :1]).clamp(min=0)
    nights = [time / 30, torch.log1p(gap), torch.tanh(time / 10), has_redshift * time / (1 + z) / 20]
    nights += [(has_redshift * v).expand_as(time) for v in (z, 5 * z_error, torch.ones_like(z))]
    return torch.cat([b * measured for b in bands] + [torch.stack(nights, -1)], -1)


def running_mean_and_max(states: Float[Tensor, "object night unit"]) -> Float[Tensor, "object night 2*unit"]:
    """Give mean and maximum over the nights so far."""
    count = torch.arange(1, states.shape[1] + 1, device=states.device, dtype=states.dtype)
    largest = torch.stack(list(accumulate(states.unbind(1), torch.maximum)), 1)  # several times as fast as cummax
    return torch.cat([states.cumsum(1) / count[:, None], largest], -1)


def mean_and_max_until(
    states: Float[Tensor, "object night unit"], night: Int64[Tensor, " object"]
) -> Float[Tensor, "object 2*unit"]:
    """Give `running_mean_and_max` at one night of each object, faster."""
    later = (torch.arange(states.shape[1], device=states.device) > night[:, None])[..., None]
    mean = states.masked_fill(later, 0.0).sum(1) / (night + 1)[:, None]
    return torch.cat([mean, states.masked_fill(later, -torch.inf).amax(1)], -1)


class Recurrent(nn.Module):
    """Recurrent layers over the nights, and the mean and maximum of their states so far.

    They run forwards in time and use no later nights, so one pass gives the predictions of all nights.
    """

    def __init__(self, settings: Settings, bands: int) -> None:
        super().__init__()
        width = settings.hidden
        cell = {"gru": nn.GRU, "lstm": nn.LSTM}[settings.cell]
        layers = [cell(width, width, batch_first=True) for _ in range(settings.layers)]
        if settings.dropout == "tied":
            layers = [TiedDropout(layer, settings.rate, **learning(settings)) for layer in layers]
        self.half = settings.precision == "bfloat16"
        self.register_buffer("scale", torch.ones(bands))
        self.embedding = nn.Linear(5 * bands + 7, width)
        self.layers = nn.ModuleList(layers)
        self.units = 2 * width + 3

    def forward(self, batch: Batch) -> Float[Tensor, "object *night unit"]:
        """Give the summary of all nights, or of the night "at" of each object."""
        return self.summarise(self.states(batch), batch)

    def states(self, batch: Batch) -> Float[Tensor, "object night unit"]:
        """Give the states of the last layer at all nights."""
        x = F.gelu(self.embedding(features(batch, self.scale)))
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.half and self.training):
            for k, layer in enumerate(self.layers):
                y, _ = layer(x)
                x = x + y.float() if k else y.float()
        return x

    def summarise(self, x: Float[Tensor, "object night unit"], batch: Batch) -> Float[Tensor, "object *night unit"]:
        """Give mean and maximum of the states so far, and the redshift."""
        redshift = batch["redshift"] * batch["redshift"][:, 2:].abs()
        if "at" in batch:
            return torch.cat([mean_and_max_until(x, batch["at"]), redshift], -1)
        return torch.cat([running_mean_and_max(x), redshift[:, None].expand(-1, x.shape[1], -1)], -1)

    def adapt(self, nights: Nights) -> None:
        """Set the scale of the fluxes from training objects: three times the median error of each band."""
        for k in range(len(self.scale)):
            errors = nights.flux_error[nights.measured[:, k], k]
            if len(errors):
                self.scale[k] = 3 * float(np.median(errors))

    def versions(self, nights: Nights, seed: int) -> list[Nights]:
        """Give the light curves unchanged, as this network reads them."""
        return [nights]


class Network(nn.Module):
    """Class logits of every night of a light curve.

    Parameters
    ----------
    settings : Settings
    bands, classes : int
        Numbers of bands and classes.
    """

    def __init__(self, settings: Settings, bands: int, classes: int) -> None:
        super().__init__()
        self.tied = settings.dropout == "tied"
        if settings.network == "charnock-moss":
            self.encoder = CharnockMoss(settings, bands)
            self.head = nn.Linear(self.encoder.units, classes)
        else:
            self.encoder = Recurrent(settings, bands)
            dense = [nn.Linear(self.encoder.units, settings.head), nn.Linear(settings.head, classes)]
            if settings.dropout != "none":
                dense = [Dropout(layer, settings.rate, **learning(settings)) for layer in dense]
            self.head = nn.Sequential(dense[0], nn.GELU(), dense[1])
        units = settings.hidden + self.encoder.units
        self.forecaster = Forecaster(settings, units, bands) if settings.forecast else None

    def prefix(self, batch: Batch) -> Batch:
        """Compute the part before the first random layer, in one pass for classes and forecasts."""
        if self.tied:
            return batch
        if self.forecaster is None:
            return {"summary": self.encoder(batch)}
        states = self.encoder.states(batch)
        return {"states": states, "summary": self.encoder.summarise(states, batch)}

    def summary(self, state: Batch) -> Float[Tensor, "object *night unit"]:
        """Give the features that the head and the OOD score use."""
        return self.encoder(state) if self.tied else state["summary"]

    def suffix(self, state: Batch) -> Float[Tensor, "object *night class"]:
        """Compute logits from the output of `prefix`."""
        return self.head(self.summary(state))

    def forward(self, batch: Batch) -> Tensor | tuple[Tensor, Tensor]:
        """Give the logits of all nights, or of the night "at" of each object; with a "cut", also the forecast."""
        return self.with_forecast(batch) if "cut" in batch else self.suffix(self.prefix(batch))

    def with_forecast(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Give the logits of all nights and the forecast at the cuts of the batch, in one pass."""
        states = self.encoder.states(batch)
        summary = self.encoder.summarise(states, batch)
        ahead = self.forecaster.prefix(states, summary, batch, self.encoder.scale.mean())
        return self.head(summary), self.forecaster.suffix(ahead)

    def before_forecast(self, batch: Batch) -> Batch:
        """Compute the part of the forecaster before its first random layer, from the output of `prefix`."""
        if self.tied:
            states = self.encoder.states(batch)
            batch = batch | {"states": states, "summary": self.encoder.summarise(states, batch)}
        return self.forecaster.prefix(batch["states"], batch["summary"], batch, self.encoder.scale.mean())


class Classifier(nn.Module):
    """An ensemble of networks with its calibration, prediction sets and OOD scores.

    Several are a deep ensemble (Lakshminarayanan, Pritzel and Blundell 2017, arXiv:1612.01474): they differ in
    initialisation and in the order of batches. They are calibrated together; OOD scores use the first.

    Parameters
    ----------
    settings : Settings
    schema : Schema
    """

    def __init__(self, settings: Settings, schema: Schema) -> None:
        super().__init__()
        bands, classes = settings.bands or schema.bands, settings.classes or schema.classes
        count = len(classes)
        self.settings, self.schema, self.bands, self.classes = settings, schema, bands, classes
        self.networks = nn.ModuleList(Network(settings, len(bands), count) for _ in range(settings.members))
        self.register_buffer("frequency", torch.full((count,), 1 / count))
        self.stages = nn.ModuleList(
            Stage(self.encoder.units, count, LEVELS, bool(settings.forecast)) for _ in range(len(STAGES) + 1)
        )
        self.horizons = Horizons() if settings.forecast else None

    @property
    def encoder(self) -> Recurrent | CharnockMoss:
        """The layers of the first network that read light curves; the other networks have the same."""
        return self.networks[0].encoder

    def adapt(self, nights: Nights, truth: np.ndarray) -> None:
        """Set the scale of the fluxes and the frequencies of the classes from training objects."""
        for member in self.networks:
            member.encoder.adapt(nights)
        counts = np.bincount(truth, minlength=len(self.classes))
        self.frequency.copy_(torch.from_numpy(counts / counts.sum()))

    def initial_tensors(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give initial tensors from those of a run that may have fewer or more networks.

        Networks and a forecaster that the run lacks are initialised at random, with its scale of the fluxes.
        """
        members = {_network_of(name) for name in tensors}
        trained = {
            name: tensor for name, tensor in tensors.items()
            if _network_of(name) < len(self.networks) and (self.horizons is not None or not _forecasts(name))
        }  # fmt: skip
        fresh = {
            name: tensor for name, tensor in self.state_dict().items()
            if _network_of(name) not in members or (name not in tensors and _forecasts(name))
        }  # fmt: skip
        scale = {
            name: tensors[first] for name in fresh
            if name.endswith(".encoder.scale") and (first := "networks.0.encoder.scale") in tensors
        }  # fmt: skip
        return trained | fresh | scale

    def forward(self, batch: Batch) -> Float[Tensor, "member object *night class"]:
        """Give the logits of all nights, or of the night "at" of each object, of every network."""
        return torch.stack([member(batch) for member in self.networks])


def _network_of(name: str) -> int:
    """Give the index of the network that a tensor of a model belongs to, -1 for none."""
    return int(name.split(".")[1]) if name.startswith("networks.") else -1


def _forecasts(name: str) -> bool:
    """Whether only models with a forecaster have a tensor of this name."""
    parts = name.split(".")
    return parts[0] == "horizons" or bool({"forecaster", "surprise_p_value", "combined_p_value"} & set(parts))


def learning(settings: Settings) -> dict[str, float | bool]:
    """Give the options of the dropout rates."""
    return {"learned": settings.learned_rate, "length_scale": settings.length_scale}


def network(settings: Settings, schema: Schema) -> Classifier:
    """Make the network for light curves like these, initialised under the seed of the settings."""
    with seeded(settings.seed):
        return Classifier(settings, schema)


def warm_start(model: Classifier, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the initial tensors of a classifier from those of another run; see `Classifier.initial_tensors`."""
    return model.initial_tensors(tensors)
