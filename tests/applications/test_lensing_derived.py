"""Velocity dispersion and mass of lenses against lenstronomy and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from skysure.applications.lensing.derived import COSMOLOGY, distances, mass, velocity_dispersion


def test_dispersion_and_mass_are_those_of_lenstronomy() -> None:
    from lenstronomy.Cosmo.lens_cosmo import LensCosmo

    z_lens, z_source, theta = np.array([0.2, 0.5]), np.array([0.6, 2.0]), np.array([[1.0, 0.5], [1.4, 2.0]])
    sigma, projected = velocity_dispersion(theta, z_lens, z_source), mass(theta, z_lens, z_source)
    for k in range(2):
        peer = LensCosmo(z_lens[k], z_source[k], FlatLambdaCDM(H0=COSMOLOGY["H0"], Om0=COSMOLOGY["Om0"]))
        np.testing.assert_allclose(sigma[:, k], peer.sis_theta_E2sigma_v(theta[:, k]), rtol=1e-4)
        np.testing.assert_allclose(
            projected[:, k], peer.mass_in_theta_E(theta[:, k]), rtol=5e-4
        )  # its G and solar mass


def test_the_mass_of_a_sphere_is_that_of_its_dispersion() -> None:
    """M = pi sigma^2 theta_E D_l / G of the singular isothermal sphere."""
    theta, z = np.array([0.3, 1.1, 2.5]), np.array([0.1, 0.4, 1.2])
    sigma, d_lens = velocity_dispersion(theta, z, z + 0.7), distances(z, z + 0.7)[0]
    radius = theta * np.pi / 180 / 3600 * d_lens
    np.testing.assert_allclose(mass(theta, z, z + 0.7), np.pi * sigma**2 * radius / 4.30091e-9, rtol=1e-5)


@pytest.mark.parametrize(
    ("theta", "z_lens", "z_source"),
    [(1.0, np.nan, 1.0), (1.0, 0.5, 0.5), (1.0, 0.5, 0.2), (1.0, -1.0, 1.0), (-1.0, 0.2, 1.0)],
)
def test_what_is_not_known_is_nan(theta: float, z_lens: float, z_source: float) -> None:
    assert np.isnan(velocity_dispersion(theta, z_lens, z_source))
    assert np.isnan(mass(theta, z_lens, z_source))
