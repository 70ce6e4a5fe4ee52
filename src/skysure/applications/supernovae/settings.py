"""Settings of a supernova classifier, and the options of its predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from skysure.errors import SettingsError
from skysure.settings import check_ranges
from skysure.training.optimisation import Optimisation
from skysure.training.settings import ClassQuery, SupervisedSettings

PAPERS = (
    "Charnock & Moss 2017, Deep recurrent neural networks for supernovae classification (arXiv:1606.07442)",
    "Gal, Hron & Kendall 2017, Concrete dropout (arXiv:1705.07832)",
    "Guo et al. 2017, On calibration of modern neural networks (arXiv:1706.04599)",
    "Sadinle, Lei & Wasserman 2019, Least ambiguous set-valued classifiers (arXiv:1609.00451)",
    "Lee et al. 2018, A simple unified framework for detecting out-of-distribution samples (arXiv:1807.03888)",
)
"""Papers to cite beside skysure."""

MAX_DAYS_AHEAD = 60.0
"""Largest number of days ahead of a forecast."""

KINDS: dict[str, tuple[str, ...]] = {
    "Ia": ("Ia", "Ia-norm", "Ia-91T", "Ia-91bg", "Iax"),
    "II": ("II", "IIP", "IIL", "IIn"),
    "Ibc": ("Ibc", "Ib", "Ic", "IIb", "Ic-BL", "Ibn", "Icn"),
    "CC": ("CC", "II", "IIP", "IIL", "IIn", "Ibc", "Ib", "Ic", "IIb", "Ic-BL", "Ibn", "Icn"),
}
"""The labels that a class contains; a class that is not listed contains the label of its own name."""


@dataclass(frozen=True)
class Settings(SupervisedSettings):
    """Settings of a supernova classifier.

    Parameters
    ----------
    classes : tuple of str
        Classes to predict; scores of one class against the rest are for the first. Empty: all labels of the data.
    bands : tuple of str
        Bands to use, in this order. Empty: those of the data.
    redshift : {"optional", "always", "never"}
        Whether host redshifts are used; "optional" trains one network for objects with and without.
    before : float
        Days before the first point with S/N > `trigger_snr` that are used [d].
    trigger_snr : float
        Signal-to-noise ratio of the trigger (first detection), the point from which time counts.
    variables : bool
        Whether the objects include variable stars: a point as far below zero triggers too, as in an eclipse on
        difference images, and a redshift of zero means that an object is in our Galaxy.
    network : {"nights", "charnock-moss"}
        The network of skysure, or the published one of 2017.
    cell : {"gru", "lstm"}
        Kind of recurrent layer.
    head : int
        Width of the dense layer after the recurrent layers.
    members : int
        Number of networks of a deep ensemble, trained one after another from different initialisations.
    dropout : {"head", "tied", "none"}
        Where units are dropped: in the dense layers alone, or in every layer with one mask per light curve.
    precision : {"float32", "bfloat16"}
        Precision of the recurrent layers in training. A processor with bfloat16 products (AMX, a GPU) trains "lstm"
        several times as fast; predictions are computed in float32.
    average : float
        Epochs over which the weights are averaged; 0 for no averaging.
    every_epoch : float
        Weight of the mean loss over all nights; the loss at the last night has the rest.
    noise : float
        Largest noise added in training, in units of the errors.
    drop_nights : float
        Mean fraction of the nights that are left out in training.
    drop_points : float
        Mean fraction of the points that are left out in training.
    scatter : float
        Grey scatter of brightness in training [mag].
    shift_redshift : float
        Scatter of the redshifts in training, in units of their errors.
    truncate : float
        Fraction of the light curves that end early in training.
    hide_redshift : float
        Fraction of the redshifts that are hidden in training, if redshift is "optional".
    forecast : float
        Weight of the forecasts in the loss (likelihood of later points) beside the classes; 0: no forecasts.
    cuts : int
        Nights of each light curve from which later points are forecast, per epoch.
    redshifting : int
        Copies of each labelled object at higher redshifts, as the survey of `survey` would observe them; for samples
        selected by spectroscopy.
    groups : bool
        Whether related objects (the column "group": host, template) stay in one part.
    survey : {"des", "lsst"}
        Survey to simulate, and to use in redshifting.
    photoz : {"good", "realistic", "none"}
        Quality of the simulated host redshifts.
    unknowns : bool
        Whether rarer kinds of objects that belong to no class are simulated too.
    objects : int
        Number of objects to simulate by default.
    """

    classes: tuple[str, ...] = ("Ia", "II", "Ibc")
    bands: tuple[str, ...] = ()
    redshift: Literal["optional", "always", "never"] = "optional"
    before: float = 30.0
    trigger_snr: float = 4.0
    variables: bool = False
    network: Literal["nights", "charnock-moss"] = "nights"
    cell: Literal["gru", "lstm"] = "gru"
    head: int = 128
    members: int = 1
    dropout: Literal["head", "tied", "none"] = "head"
    precision: Literal["float32", "bfloat16"] = "float32"
    average: float = 0.0
    every_epoch: float = 0.5
    noise: float = 1.0
    drop_nights: float = 0.2
    drop_points: float = 0.1
    scatter: float = 0.03
    shift_redshift: float = 0.5
    truncate: float = 0.3
    hide_redshift: float = 0.25
    forecast: float = 0.0
    cuts: int = 4
    redshifting: int = 0
    validation: int | float = 0.04
    calibration: int | float = 0.04
    test: int | float = 0.4
    groups: bool = True
    survey: Literal["des", "lsst"] = "des"
    photoz: Literal["good", "realistic", "none"] = "realistic"
    unknowns: bool = False
    objects: int = 6000

    def __post_init__(self) -> None:
        super().__post_init__()
        ranges = dict.fromkeys(("head", "objects", "cuts"), (1, 10**9))
        ranges |= dict.fromkeys(("every_epoch", "drop_nights", "drop_points", "truncate", "hide_redshift"), (0, 1))
        ranges |= dict.fromkeys(
            ("average", "noise", "scatter", "shift_redshift", "trigger_snr", "forecast"), (0, 10**6)
        )
        check_ranges(self, ranges | {"members": (1, 100), "redshifting": (0, 100), "before": (0, 10**12)})
        for name in ("classes", "bands"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise SettingsError(f"{name} = {', '.join(values)}", "each once", "", "leave one out")
        if self.forecast and self.network != "nights":
            raise SettingsError(
                f"forecast = {self.forecast:g} with network = {self.network!r}", 'network = "nights"',
                "the published network reads bands that are filled from later nights", "--network nights",
            )  # fmt: skip
        if len(self.classes) == 1:
            raise SettingsError(
                f"classes = {self.classes[0]}", "two classes at least", "a single class leaves nothing to predict",
                f"--classes {self.classes[0]},{'CC' if self.classes[0] == 'Ia' else 'Ia'}",
            )  # fmt: skip

    @property
    def optimisation(self) -> Optimisation:
        """How each network is optimised."""
        return replace(super().optimisation, average=self.average)


@dataclass(frozen=True)
class Query(ClassQuery):
    """What may be asked of a trained supernova classifier; of an ensemble, each network draws the posterior samples.

    Parameters
    ----------
    at_epoch : float or "all", optional
        A number of days: use only data up to that many days after the trigger (first detection); "all": one row for
        every night. By default the whole light curve is used.
    forecast : int or str, optional
        30 or "30d": predict the fluxes of the 30 days after the last night used, in each band, instead of classes.
    ood_level : float
        Fraction of calibration objects with a lower OOD score above which a row is flagged as out of distribution.
    batch : int
        Number of objects predicted at a time.
    """

    at_epoch: float | str | None = None
    forecast: float | str | None = None
    ood_level: float = 0.99
    batch: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, {"batch": (1, 10**9), "ood_level": (1e-6, 1 - 1e-6)})
        object.__setattr__(self, "at_epoch", _epoch(self.at_epoch))
        object.__setattr__(self, "forecast", _forecast_days(self.forecast))
        if self.forecast and self.at_epoch == "all":
            raise SettingsError(
                f"forecast = {self.forecast} with at_epoch = all", "a number of days since the first detection",
                "forecasts at every night would give too many rows", "--at-epoch 10",
            )  # fmt: skip

    @property
    def days(self) -> int:
        """Number of days to forecast; 0 for classes."""
        return int(self.forecast or 0)

    @property
    def until(self) -> float:
        """Days after the first detection up to which light curves are used; infinite for all of them."""
        return float("inf") if self.at_epoch in (None, "all") else float(self.at_epoch)


@dataclass(frozen=True)
class Schema:
    """Properties of the light curves of a source; kept with a run.

    Parameters
    ----------
    bands : tuple of str
        Names of the bands.
    classes : tuple of str
        Labels of the data, merged by [reading.labels]; after training, the classes of the network.
    zero_point : float
        AB magnitude of a flux of one.
    redshift : tuple of two floats
        Smallest and largest redshift.
    flux_error : tuple of two floats
        The middle 98 % of the errors of the fluxes.
    """

    bands: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    zero_point: float = 27.5
    redshift: tuple[float, float] = (0.0, 3.0)
    flux_error: tuple[float, float] = (0.0, float("inf"))


def _epoch(value: float | str | None) -> float | str | None:
    """Give days since the first detection as a number, "all", or None for whole light curves."""
    if value is None or value in ("", "all"):
        return value or None
    days = _number(value)
    if not days >= 0:
        expected = "a number of days since the first detection, or all"
        raise SettingsError(f"at_epoch = {value!r}", expected, "", "--at-epoch 10")
    return days


def _forecast_days(value: float | str | None) -> int | None:
    """Give the days to forecast as a whole number, None for classes."""
    if value is None or value == "":
        return None
    days = _number(value.strip().removesuffix("d") if isinstance(value, str) else value)
    if days not in range(1, int(MAX_DAYS_AHEAD) + 1):
        expected = f"whole days, from 1d to {MAX_DAYS_AHEAD:g}d"
        raise SettingsError(f"forecast = {value!r}", expected, "", "--forecast 30d")
    return int(days)


def _number(value: float | str) -> float:
    """Give a number or its text as a number; NaN for anything else."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan
