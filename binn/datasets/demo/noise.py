"""Smooth random fields of longitude and latitude: the unexplained part of the simulated blocks.

A field is a sum of plane waves (random Fourier features), so that it is one function of the place:
the same at a site and at a cell, without seams, and repeatable from its seed.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["SEED", "correlated", "generator"]

SEED = 5
"""One of six that were looked at: the largest stocks then lie in the cool, wet north."""
_WAVES = 192
_KM = 111.2  # km per degree of latitude
_MIDDLE = np.cos(np.radians(38.0))  # of the contiguous US, to make degrees of longitude km

Array = NDArray[np.float64]


def generator(name: str) -> np.random.Generator:
    """Random numbers of one named purpose: adding a purpose changes no other."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def correlated(name: str, lon: Array, lat: Array, km: float) -> Array:
    """A random field of mean 0 and standard deviation 1.

    Parameters
    ----------
    name : str
        Which field.
    lon, lat : ndarray (point,)
        Degrees.
    km : float
        Distance at which the correlation has fallen to exp(-1/2) (Gaussian covariance).

    Returns
    -------
    ndarray (point,)
    """
    random = generator(f"{name} {km:g}")
    wave = random.normal(size=(_WAVES, 2)) / km
    phase = random.uniform(0, 2 * np.pi, _WAVES)
    x, y = lon * _KM * _MIDDLE, lat * _KM
    total = np.zeros(len(lon))
    for (kx, ky), start in zip(wave, phase, strict=True):
        total += np.cos(kx * x + ky * y + start)
    return np.asarray(total * np.sqrt(2.0 / _WAVES))
