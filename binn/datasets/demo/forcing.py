"""Simulated forcing of the process model on the cells, in the shapes of CLM5's output.

Soil temperature follows ERA5's air temperature (derived); water, nitrogen, litter input and bedrock
are simple models of their own (synthetic).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import NODES
from binn.datasets.demo.environment import Environment
from binn.datasets.demo.noise import correlated

__all__ = ["ACTIVE_LAYER", "litter", "nitrogen", "temperature", "water"]

Array = NDArray[np.float64]

ACTIVE_LAYER = 42.0
"""m: nothing freezes over; the depth CLM5's column has wherever there is no permafrost."""
_DAMPING = 2.97  # m: depth at which the yearly wave has fallen to 1/e (diffusivity 8.8e-7 m2 s-1)
_SURFACE = 0.86  # of the range of air temperature, under plants, litter and snow
_FREEZING = 273.15
_LEAST_WATER = 0.05  # of CLM's W_SCALAR
_FALLS = 0.8  # of what grows; harvest, fire and grazing take the rest


def temperature(at: Environment) -> Array:
    """Soil temperature (cell, 20, 12), K: the yearly wave of air temperature, damped and late."""
    wave = np.fft.rfft(at.temperature, axis=1)
    snow = 0.1 * np.clip(-at.temperature.min(1), 0, None)  # keeps soils of cold winters warmer
    mean = at.temperature.mean(1) + 0.6 + snow
    amplitude = 2 / 12 * np.abs(wave[:, 1]) * _SURFACE * (1 - 0.15 * np.tanh(snow))
    phase = np.angle(wave[:, 1])
    month = 2 * np.pi * np.arange(12) / 12
    late = NODES / _DAMPING
    waves = np.exp(-late)[:, None] * np.cos(month + phase[:, None, None] - late[:, None])
    return np.asarray(mean[:, None, None] + amplitude[:, None, None] * waves + _FREEZING)


def water(at: Environment, clay: Array) -> Array:
    """Water scalar of decomposition (cell, 20, 12), 0.05 to 1, from a monthly bucket.

    Parameters
    ----------
    at : Environment
        Of the cells.
    clay : ndarray (cell,)
        percent; clayey soils hold more.
    """
    room = 90 + 2.2 * clay  # mm
    held, snow = 0.5 * room, np.zeros(len(room))
    filled = np.empty((len(room), 12))
    demand = at.evaporation
    for _ in range(6):  # years, until it repeats
        for month in range(12):
            cold = at.temperature[:, month] < -1
            snow = snow + np.where(cold, at.rain[:, month], 0)
            melt = np.where(cold, 0, 0.7 * snow)
            snow = snow - melt
            held = held + np.where(cold, 0, at.rain[:, month]) + melt
            # a thirsty sky empties the bucket in proportion to what is left of it
            held = np.minimum(held, room * 1.0) * np.exp(-0.7 * demand[:, month] / room)
            filled[:, month] = held / room
    near = np.clip(filled, 0, 1) ** 0.6
    deep = near.mean(1, keepdims=True)
    share = np.exp(-NODES / 1.2)[None, :, None]
    scalar = share * near[:, None, :] + (1 - share) * deep[:, None, :]
    return np.asarray(np.clip(scalar, _LEAST_WATER, 1.0))


def nitrogen(at: Environment) -> Array:
    """Nitrogen scalar of litter (cell, 20, 12): about .88 on top, .985 to 1 m, .72 at 8 m."""
    shallow = 0.985 - 0.105 * np.exp(-NODES / 0.05)
    profile = np.where(NODES > 1, 0.985 - 0.265 * (NODES - 1) / 7.03, shallow)
    shift = 0.012 * correlated("nitrogen", at.lon, at.lat, 300)
    values = np.clip(profile[None, :] + shift[:, None], 0.4, 1.0)
    return np.repeat(values[:, :, None], 12, axis=2)


def litter(at: Environment, npp: Array) -> dict[str, Array]:
    """Litter input: cwd, litter1, litter2, litter3, each (cell, 12), gC m-2 month-1.

    Parameters
    ----------
    at : Environment
        Of the cells.
    npp : ndarray (cell,)
        gC m-2 yr-1.
    """
    woody = at.woody
    evergreen = np.clip(at.ndvi_min / np.maximum(at.ndvi_max, 0.05), 0, 1)
    autumn = np.exp(3.0 * np.cos(2 * np.pi * (np.arange(12) - 9.3) / 12))
    falling = (1 - evergreen)[:, None] * (autumn / autumn.sum()) + evergreen[:, None] / 12
    total = _FALLS * npp[:, None]
    monthly = total * (0.6 * falling + 0.4 / 12)  # fine roots die all year
    wood = (0.03 + 0.2 * woody)[:, None]
    fast = (0.32 - 0.08 * woody)[:, None]
    lignin = (0.16 + 0.08 * woody)[:, None]
    rest = monthly * (1 - wood)
    return {
        "cwd": total * wood / 12 + np.zeros(12),
        "litter1": rest * fast,
        "litter2": rest * (1 - fast - lignin),
        "litter3": rest * lignin,
    }
