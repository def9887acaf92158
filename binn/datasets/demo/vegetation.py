"""Net primary production and vegetation carbon, from climate and greenness (derived)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MEAN_NPP", "miami", "production", "vegetation_carbon"]

Array = NDArray[np.float64]

MEAN_NPP = 390.0
"""gC m-2 yr-1: what the mean over the contiguous US is scaled to."""
_CARBON = 0.45  # of dry matter
_MAXIMUM = 900.0  # gC m-2 yr-1: no cell of the size of half a degree produces more here


def miami(temperature: Array, rain: Array) -> Array:
    """Miami model (Lieth 1975), gC m-2 yr-1: the scarcer of warmth (degC) and rain (mm yr-1)."""
    by_warmth = 3000 / (1 + np.exp(1.315 - 0.119 * temperature))
    by_rain = 3000 * (1 - np.exp(-0.000664 * rain))
    return np.asarray(_CARBON * np.minimum(by_warmth, by_rain))


def production(temperature: Array, rain: Array, fapar: Array, scale: float) -> Array:
    """Net primary production (point,), gC m-2 yr-1: `scale` x Miami x fAPAR, levelling off."""
    potential = scale * miami(temperature, rain) * fapar
    return np.maximum(_MAXIMUM * np.tanh(potential / _MAXIMUM), 8.0)


def vegetation_carbon(npp: Array, woody: Array) -> Array:
    """Carbon in plants (point,), gC m-2: production times years of residence, longer in wood."""
    return np.asarray(npp * (1.2 + 19.0 * woody**1.5))
