"""Copies of light curves at higher redshifts: fainter, slower, redder, noisier.

Objects with spectra are bright and near, those to classify mostly faint and far. A light curve at redshift z predicts
that of the same supernova at z' > z: with s = (1 + z') / (1 + z),

    f'(t, λ) = s 10^(-0.4 (μ(z') - μ(z))) f(t / s, λ / s),    μ the distance modulus, f a flux per frequency

Fluxes at the required wavelengths and times are interpolated by a Gaussian process in both (Boone 2019,
arXiv:1907.04690, avocado; Revsbech et al. 2018, arXiv:1706.03811, STACCATO). Unlike avocado, copies keep the nights of
the light curve, stretched, and have the noise of the survey.

With `redshifting` set, the training, validation and calibration parts all have copies. Those of the calibration part
represent the distant objects to classify; its near objects alone would give overconfident probabilities. Coverage then
holds for this mixture of objects and copies, and for distant objects only as far as the copies resemble them. Objects
of the test part, new objects, and those of a later `skysure calibrate` are never copied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, cholesky

from skysure.data.lightcurves import LightCurves
from skysure.errors import InputError

from .simulation.cosmology import distance_modulus
from .simulation.selection import is_detected
from .simulation.surveys import SURVEYS, Survey
from .simulator import observe

WAVELENGTH_SCALE = 6000.0
"""Wavelengths over which the flux of a supernova changes [Å], as in avocado."""
MAX_REDSHIFT = 4.0
"""Largest redshift of a copy, up to which distances are tabulated."""
ATTEMPTS = 10
"""Redshifts drawn, at most, until the survey detects a copy."""


def add_redshifted_copies(
    curves: LightCurves, copies: int, *, survey: str = "des", farthest: float = 1.5, seed: int = 0
) -> LightCurves:
    """Give light curves and, after each, up to `copies` of it at higher redshifts.

    A copy and its original have the same group, so that they stay in the same part. Objects without a redshift are not
    copied. Copies that the survey would not detect (two bands with S/N > 5; for "lsst" also detections on two nights)
    and points whose flux is not finite or whose error is not positive are left out.

    Parameters
    ----------
    curves : LightCurves
        With redshifts.
    copies : int
    survey : {"des", "lsst"}
        The survey of the light curves; sets bands and noise.
    farthest : float
        Largest (1 + z') / (1 + z); ln(1 + z') is drawn uniformly up to there, or to z' = 4 if that is nearer.
    seed : int
        Seed and id determine the copies of an object, whatever the other objects.

    Returns
    -------
    LightCurves
        Copies have the columns of their originals, except id, group, redshift and redshift_error.

    Raises
    ------
    InputError
        If there are bands that the survey does not have.
    """
    observer, z = SURVEYS[survey], curves.column("redshift")
    if foreign_bands := sorted(set(curves.bands) - set(observer.passbands.names)):
        raise InputError(
            f"light curves in the bands {', '.join(curves.bands)}",
            f"bands of the survey {survey}: {', '.join(observer.passbands.names)}",
            f"the wavelength of {foreign_bands[0]} is not known",
            f"--survey {'lsst' if survey == 'des' else 'des'}, or --redshifting 0",
        )
    curves = curves.in_bands(observer.passbands.names)
    group = np.where(curves.groups == "", curves.ids, curves.groups).astype(str)
    parts, original = [replace(curves, objects=curves.objects | {"group": group})], list(range(len(curves)))
    good = np.isfinite(curves.flux) & np.isfinite(curves.flux_error) & (curves.flux_error > 0)
    usable = parts[0].select_points(good)
    for k in np.flatnonzero((z > 0) & (z < MAX_REDSHIFT) & (usable.counts > 0)).tolist():
        curve, limit = usable[k : k + 1], min(farthest, (1 + MAX_REDSHIFT) / (1 + z[k]))
        surface, sky = Surface.fit(curve, observer), sky_error(curve, observer)
        rng = np.random.default_rng([seed, *curve.ids[0].encode()])
        for copy in range(copies):
            for _ in range(ATTEMPTS):
                moved = redshift_curve(curve, surface, sky, limit ** rng.random(), observer, rng)
                if is_detected(
                    observer, moved.flux / moved.flux_error, moved.owner, moved.time, moved.band, 1, rng
                ).all():
                    parts.append(replace(moved, objects=moved.objects | {"id": np.array([f"{curve.ids[0]}+{copy}"])}))
                    original.append(k)
                    break
    return LightCurves.concat(parts)[np.argsort(original, kind="stable")]


def redshift_curve(
    curve: LightCurves, surface: Surface, sky: np.ndarray, stretch: float, survey: Survey, rng: np.random.Generator
) -> LightCurves:
    """Give one light curve at the redshift where wavelengths are `stretch` times longer, with new noise."""
    z = curve.column("redshift")
    farther = stretch * (1 + z) - 1
    dimmed = stretch * 10 ** (-0.4 * (distance_modulus(farther) - distance_modulus(z)))
    clean = dimmed * np.maximum(surface(curve.time, wavelengths(survey)[curve.band] / stretch), 0.0)
    flux, error = observe(clean, sky, survey, rng)
    time = curve.time[0] + stretch * (curve.time - curve.time[0])
    objects = {"redshift": farther, "redshift_error": stretch * curve.column("redshift_error")}
    return replace(curve, objects=curve.objects | objects, time=time, flux=flux, flux_error=error)


def sky_error(curve: LightCurves, survey: Survey) -> np.ndarray:
    """Give the error of each point without the photon noise of the supernova, shape (point,)."""
    positive = np.maximum(curve.flux, 0.0)
    of_light = survey.photon * positive + (survey.calibration * positive) ** 2
    return np.sqrt(np.maximum(curve.flux_error**2 - of_light, 0.1 * curve.flux_error**2))


def wavelengths(survey: Survey) -> np.ndarray:
    """Give the central wavelength of each band of a survey [Å]."""
    return survey.passbands.wavelength @ survey.passbands.weight


@dataclass(frozen=True)
class Surface:
    """Flux over time and wavelength by a Gaussian process; calling it gives the posterior mean.

    k = a² m(Δt / τ) m(Δλ / 6000 Å) with m the Matérn function of order 3/2; time scale τ and amplitude a maximise the
    likelihood on a grid.

    Parameters
    ----------
    time, wavelength : ndarray, shape (point,)
    weight : ndarray, shape (point,)
        (K + N)⁻¹ f, times a².
    scale : float
        τ [d].
    """

    time: np.ndarray
    wavelength: np.ndarray
    weight: np.ndarray
    scale: float

    @classmethod
    def fit(cls, curve: LightCurves, survey: Survey) -> Surface:
        """Fit one light curve."""
        wavelength = wavelengths(survey)[curve.band]
        brightest = np.abs(curve.flux[np.argmax(curve.flux / curve.flux_error)])
        best = (-np.inf, 1.0, curve.flux)
        for scale in (10.0, 20.0, 40.0, 80.0):
            shape = _kernel(curve.time, wavelength, curve.time, wavelength, scale)
            for amplitude in (0.5 * brightest, brightest):
                factor = cholesky(amplitude**2 * shape + np.diag(curve.flux_error**2), lower=True)
                solved = cho_solve((factor, True), curve.flux)
                likelihood = -0.5 * curve.flux @ solved - np.log(np.diag(factor)).sum()
                best = max(best, (likelihood, scale, amplitude**2 * solved), key=lambda fit: fit[0])
        return cls(curve.time, wavelength, best[2], best[1])

    def __call__(self, time: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
        return _kernel(time, wavelength, self.time, self.wavelength, self.scale) @ self.weight


def _kernel(
    time: np.ndarray, wavelength: np.ndarray, other_time: np.ndarray, other_wavelength: np.ndarray, scale: float
) -> np.ndarray:
    in_time = np.sqrt(3) * np.abs(time[:, None] - other_time) / scale
    in_wavelength = np.sqrt(3) * np.abs(wavelength[:, None] - other_wavelength) / WAVELENGTH_SCALE
    return (1 + in_time) * (1 + in_wavelength) * np.exp(-in_time - in_wavelength)
