"""Köppen-Geiger classes by the rules of Beck et al. (2018), temperate and cold split at 0 degC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "koppen"]

Array = NDArray[np.float64]

#: code (Beck et al. 2018) -> symbol
CLASSES: dict[int, str] = dict(
    enumerate(
        [
            "Af",
            "Am",
            "Aw",
            "BWh",
            "BWk",
            "BSh",
            "BSk",
            "Csa",
            "Csb",
            "Csc",
            "Cwa",
            "Cwb",
            "Cwc",
            "Cfa",
            "Cfb",
            "Cfc",
            "Dsa",
            "Dsb",
            "Dsc",
            "Dsd",
            "Dwa",
            "Dwb",
            "Dwc",
            "Dwd",
            "Dfa",
            "Dfb",
            "Dfc",
            "Dfd",
            "ET",
            "EF",
        ],
        start=1,
    )
)
_CODE = {symbol: code for code, symbol in CLASSES.items()}
_APRIL_TO_SEPTEMBER = slice(3, 9)


def koppen(temperature: Array, rain: Array) -> NDArray[np.int64]:
    """Class (1 to 30) of monthly climates of the northern hemisphere.

    Parameters
    ----------
    temperature : ndarray (point, 12)
        degC, from January.
    rain : ndarray (point, 12)
        mm month-1.

    Returns
    -------
    ndarray (point,) of int
        Codes of `CLASSES`.
    """
    mean, hot, cold = temperature.mean(1), temperature.max(1), temperature.min(1)
    annual = rain.sum(1)
    summer = rain[:, _APRIL_TO_SEPTEMBER]
    winter = np.delete(rain, np.arange(12)[_APRIL_TO_SEPTEMBER], axis=1)
    in_summer, in_winter = summer.sum(1), winter.sum(1)
    threshold = 2 * mean + np.select(
        [in_winter > 0.7 * annual, in_summer > 0.7 * annual], [0, 28], 14
    )

    arid = annual < 10 * threshold
    tropical = ~arid & (cold >= 18)
    polar = ~arid & ~tropical & (hot <= 10)
    temperate = ~(arid | tropical | polar) & (cold > 0)
    continental = ~(arid | tropical | polar | temperate)

    dry_summer = (summer.min(1) < 40) & (summer.min(1) < winter.max(1) / 3)
    dry_winter = winter.min(1) < summer.max(1) / 10
    both = dry_summer & dry_winter  # then the season with more rain decides
    dry_summer &= ~(both & (in_summer > in_winter))
    dry_winter &= ~dry_summer
    season = np.select([dry_summer, dry_winter], ["s", "w"], "f")
    months = (temperature >= 10).sum(1)
    heat = np.select([hot >= 22, months >= 4, continental & (cold < -38)], ["a", "b", "d"], "c")

    symbol = np.empty(len(mean), dtype="<U3")
    symbol[arid] = np.char.add(
        np.where(annual < 5 * threshold, "BW", "BS"), np.where(mean >= 18, "h", "k")
    )[arid]
    driest = rain.min(1)
    wet_enough = driest >= 100 - annual / 25
    symbol[tropical] = np.select([driest >= 60, wet_enough], ["Af", "Am"], "Aw")[tropical]
    symbol[polar] = np.where(hot > 0, "ET", "EF")[polar]
    for where, letter in ((temperate, "C"), (continental, "D")):
        symbol[where] = np.char.add(np.char.add(letter, season), heat)[where]
    return np.array([_CODE[one] for one in symbol], dtype=np.int64)
