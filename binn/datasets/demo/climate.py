"""Bioclimatic covariates of a monthly climate, and the water balance the soils are made from.

BIO1, 4 and 8 to 19 follow WorldClim's definitions on ERA5's months (real). BIO2, 3, 5, 6 and 7 need
daily extremes that the climatology lacks: the diurnal range is modelled (derived).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAYS", "bioclim", "diurnal_range", "potential_evapotranspiration"]

Array = NDArray[np.float64]

DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def potential_evapotranspiration(temperature: Array, lat: Array, diurnal: Array) -> Array:
    """Monthly potential evapotranspiration (point, 12), mm, after Hargreaves & Samani (1985).

    Parameters
    ----------
    temperature : ndarray (point, 12)
        Monthly mean, degC.
    lat : ndarray (point,)
        Degrees.
    diurnal : ndarray (point,)
        Diurnal range of temperature, K.
    """
    day = np.cumsum(DAYS) - DAYS / 2
    declination = 0.409 * np.sin(2 * np.pi * day / 365 - 1.39)
    phi = np.radians(lat)[:, None]
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(declination), -1, 1))
    distance = 1 + 0.033 * np.cos(2 * np.pi * day / 365)
    radiation = (  # extraterrestrial, as mm of evaporated water a day
        0.408 * 37.59 * distance
    ) * (
        sunset * np.sin(phi) * np.sin(declination)
        + np.cos(phi) * np.cos(declination) * np.sin(sunset)
    )
    daily = 0.0023 * radiation * np.sqrt(diurnal)[:, None] * np.maximum(temperature + 17.8, 0)
    return np.asarray(np.where(temperature > -1, daily, 0.1 * daily) * DAYS)


def diurnal_range(rain: Array, elevation: Array, ndvi: Array) -> Array:
    """Mean diurnal range of temperature (point,), 8 to 17 K: larger where it is dry, high and bare.

    Parameters
    ----------
    rain : ndarray (point,)
        mm yr-1.
    elevation : ndarray (point,)
        m.
    ndvi : ndarray (point,)
        Yearly maximum.
    """
    dry = np.exp(-rain / 700.0)
    return np.clip(9.2 + 7.0 * dry + 0.6 * np.clip(elevation / 1000, 0, 3) - 1.5 * ndvi, 8, 17)


def bioclim(temperature: Array, rain: Array, diurnal: Array) -> dict[str, Array]:
    """BIO1 to BIO19, each (point,), in the units of `binn.datasets.covariates`.

    Parameters
    ----------
    temperature, rain : ndarray (point, 12)
        degC, mm month-1.
    diurnal : ndarray (point,)
        K.
    """
    three = np.stack([np.roll(rain, -k, axis=1) for k in range(3)])
    quarter_rain = three.sum(0)
    quarter_temperature = np.stack([np.roll(temperature, -k, axis=1) for k in range(3)]).mean(0)
    row = np.arange(len(rain))
    wet, dry = quarter_rain.argmax(1), quarter_rain.argmin(1)
    warm, cold = quarter_temperature.argmax(1), quarter_temperature.argmin(1)
    warmest = temperature.max(1) + 0.55 * diurnal
    coldest = temperature.min(1) - 0.55 * diurnal
    return {
        "BIO1": temperature.mean(1),
        "BIO2": diurnal,
        "BIO3": 100 * diurnal / (warmest - coldest),
        "BIO4": 100 * temperature.std(1, ddof=1),
        "BIO5": warmest,
        "BIO6": coldest,
        "BIO7": warmest - coldest,
        "BIO8": quarter_temperature[row, wet],
        "BIO9": quarter_temperature[row, dry],
        "BIO10": quarter_temperature[row, warm],
        "BIO11": quarter_temperature[row, cold],
        "BIO12": rain.sum(1),
        "BIO13": rain.max(1),
        "BIO14": rain.min(1),
        "BIO15": 100 * rain.std(1, ddof=1) / (1 + rain.mean(1)),
        "BIO16": quarter_rain[row, wet],
        "BIO17": quarter_rain[row, dry],
        "BIO18": quarter_rain[row, warm],
        "BIO19": quarter_rain[row, cold],
    }
