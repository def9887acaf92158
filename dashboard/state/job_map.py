"""The live map of a run in the units of the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.runs import LiveMap
from binn.training.live_map import QUANTITIES
from dashboard.state.field import FIELDS

__all__ = ["Drawn", "drawn"]

_KILO = {("gC m-2", "kgC m-2"): 1e-3}


@dataclass(frozen=True, eq=False)
class Drawn:
    """One quantity at the validation sites, as the page's other maps have it.

    Attributes
    ----------
    name, unit : str
        For people; as data files write it.
    value : ndarray (n,)
    """

    name: str
    unit: str
    value: NDArray[np.float64]


def drawn(shown: LiveMap) -> Drawn:
    """What is drawn of a live map: trainings count SOC in gC m-2, the page in kgC m-2."""
    name, unit = QUANTITIES[shown.quantity]
    wanted = FIELDS[shown.quantity].unit if shown.quantity in FIELDS else unit
    scale = _KILO.get((unit, wanted))
    if scale is None:
        return Drawn(name, unit, shown.value)
    return Drawn(name, wanted, shown.value * scale)
