"""Light curves as they would look from farther away: fainter, slower, redder, noisier.

Spectra are taken of what is bright and near; what is classified is mostly faint and far. A light curve at redshift z
tells how the same supernova would look at z' > z: with s = (1 + z') / (1 + z),

    f'(t, λ) = s 10^(-0.4 (μ(z') - μ(z))) f(t / s, λ / s),    μ the distance modulus, f a flux per frequency

What was measured at wavelengths and times between those needed is interpolated by a Gaussian process in both (Boone
2019, arXiv:1907.04690, avocado; Revsbech et al. 2018, arXiv:1706.03811, STACCATO). Differs from avocado by a light
curve's own nights, stretched, in place of newly drawn ones, and by noise of the survey's own kind.

With `redshifting` set, what trains, what stops the training and what calibrates after it all have copies: those of the
calibration part stand for the far objects that are to be classified, which its own near ones would make too sure of.
Coverage then holds for such a mixture of objects and copies, and only as far as the copies are like the far ones; what
is tested or classified is never copied, nor is the survey that `skysure calibrate` is given later.
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
"""Redshift up to which distances are known."""
ATTEMPTS = 10
"""Redshifts tried for a copy that the survey would find."""


def add_redshifted_copies(
    curves: LightCurves, copies: int, *, survey: str = "des", farthest: float = 1.5, seed: int = 0
) -> LightCurves:
    """Give light curves and, after each, up to `copies` of it moved to higher redshifts.

    A copy and its original share a group, so that no two parts of a training share them. Objects without a redshift
    are not copied, and copies that the survey would not find (two bands with S/N > 5; for "lsst" also detections on
    two nights) are left out. Nor do copies have points whose flux is not finite or whose error is not positive.

    Parameters
    ----------
    curves : LightCurves
        With redshifts.
    copies : int
    survey : {"des", "lsst"}
        Whose bands and noise these are.
    farthest : float
        Largest (1 + z') / (1 + z); ln(1 + z') is drawn evenly up to there, or to z' = 4 where that is nearer.
    seed : int
        With the id it makes the copies of an object, whatever others come with it.

    Returns
    -------
    LightCurves
        The columns of the copies are those of the originals, but for id, group, redshift and redshift_error.

    Raises
    ------
    InputError
        Where there are bands that the survey has not.
    """
    known, z = SURVEYS[survey], curves.column("redshift")
    if others := sorted(set(curves.bands) - set(known.passbands.names)):
        raise InputError(
            f"light curves in the bands {', '.join(curves.bands)}",
            f"those of the survey {survey}: {', '.join(known.passbands.names)}",
            f"the wavelength of {others[0]} is not known",
            f"--survey {'lsst' if survey == 'des' else 'des'}, or --redshifting 0",
        )
    curves = curves.in_bands(known.passbands.names)
    group = np.where(curves.groups == "", curves.ids, curves.groups).astype(str)
    found, original = [replace(curves, objects=curves.objects | {"group": group})], list(range(len(curves)))
    good = np.isfinite(curves.flux) & np.isfinite(curves.flux_error) & (curves.flux_error > 0)
    usable = found[0].select_points(good)
    for k in np.flatnonzero((z > 0) & (z < MAX_REDSHIFT) & (usable.counts > 0)).tolist():
        one, reach = usable[k : k + 1], min(farthest, (1 + MAX_REDSHIFT) / (1 + z[k]))
        surface, sky = Surface.fit(one, known), sky_error(one, known)
        rng = np.random.default_rng([seed, *one.ids[0].encode()])
        for copy in range(copies):
            for _ in range(ATTEMPTS):
                moved = redshift_curve(one, surface, sky, reach ** rng.random(), known, rng)
                if is_detected(known, moved.flux / moved.flux_error, moved.owner, moved.time, moved.band, 1, rng).all():
                    found.append(replace(moved, objects=moved.objects | {"id": np.array([f"{one.ids[0]}+{copy}"])}))
                    original.append(k)
                    break
    return LightCurves.concat(found)[np.argsort(original, kind="stable")]


def redshift_curve(
    one: LightCurves, surface: Surface, sky: np.ndarray, stretch: float, survey: Survey, rng: np.random.Generator
) -> LightCurves:
    """Give one light curve as seen from where wavelengths are `stretch` times longer, with new noise."""
    z = one.column("redshift")
    farther = stretch * (1 + z) - 1
    dimmed = stretch * 10 ** (-0.4 * (distance_modulus(farther) - distance_modulus(z)))
    clean = dimmed * np.maximum(surface(one.time, wavelengths(survey)[one.band] / stretch), 0.0)
    flux, error = observe(clean, sky, survey, rng)
    time = one.time[0] + stretch * (one.time - one.time[0])
    objects = {"redshift": farther, "redshift_error": stretch * one.column("redshift_error")}
    return replace(one, objects=one.objects | objects, time=time, flux=flux, flux_error=error)


def sky_error(one: LightCurves, survey: Survey) -> np.ndarray:
    """Give the error that each point would have without the light of the supernova, shape (point,)."""
    seen = np.maximum(one.flux, 0.0)
    of_light = survey.photon * seen + (survey.calibration * seen) ** 2
    return np.sqrt(np.maximum(one.flux_error**2 - of_light, 0.1 * one.flux_error**2))


def wavelengths(survey: Survey) -> np.ndarray:
    """Middle of each band of a survey [Å]."""
    return survey.passbands.wavelength @ survey.passbands.weight


@dataclass(frozen=True)
class Surface:
    """Flux against time and wavelength, by a Gaussian process; calling it gives the posterior mean.

    k = a² m(Δt / τ) m(Δλ / 6000 Å) with m the Matérn function of order 3/2; of some scales of time τ and amplitudes a
    the likeliest are taken.

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
    def fit(cls, one: LightCurves, survey: Survey) -> Surface:
        """Fit one light curve."""
        wavelength = wavelengths(survey)[one.band]
        brightest = np.abs(one.flux[np.argmax(one.flux / one.flux_error)])
        best = (-np.inf, 1.0, one.flux)
        for scale in (10.0, 20.0, 40.0, 80.0):
            shape = _kernel(one.time, wavelength, one.time, wavelength, scale)
            for amplitude in (0.5 * brightest, brightest):
                factor = cholesky(amplitude**2 * shape + np.diag(one.flux_error**2), lower=True)
                solved = cho_solve((factor, True), one.flux)
                likelihood = -0.5 * one.flux @ solved - np.log(np.diag(factor)).sum()
                best = max(best, (likelihood, scale, amplitude**2 * solved), key=lambda found: found[0])
        return cls(one.time, wavelength, best[2], best[1])

    def __call__(self, time: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
        return _kernel(time, wavelength, self.time, self.wavelength, self.scale) @ self.weight


def _kernel(
    time: np.ndarray, wavelength: np.ndarray, other_time: np.ndarray, other_wavelength: np.ndarray, scale: float
) -> np.ndarray:
    apart = np.sqrt(3) * np.abs(time[:, None] - other_time) / scale
    beside = np.sqrt(3) * np.abs(wavelength[:, None] - other_wavelength) / WAVELENGTH_SCALE
    return (1 + apart) * (1 + beside) * np.exp(-apart - beside)
