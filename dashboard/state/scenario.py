"""Parameters moved away from what was retrieved."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import ClassVar

import numpy as np
import param
from numpy.typing import NDArray

from binn.errors import InputError
from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER, Parameter, index
from dashboard.state.estimate import Estimate

__all__ = ["Scenario", "decimals", "slider_positions", "slider_step", "snapped"]

Floats = NDArray[np.float64]


class Scenario(param.Parameterized):
    """Some parameters set to one value, and another climate; the rest stays each site's own."""

    changes = param.Dict(default={}, doc="Changed parameters: key to value in physical units.")
    warming = param.Number(default=0.0, bounds=(-5.0, 10.0), doc="Added to soil temperature, K.")
    npp = param.Number(default=1.0, bounds=(0.0, 3.0), doc="Factor on the four litter inputs.")
    moisture = param.Number(default=1.0, bounds=(0.0, 3.0), doc="Factor on the water scalar.")
    scope = param.Selector(
        default="selection",
        objects=["selection", "all"],
        doc="Whether the selected sites change, or every site and cell.",
    )
    show = param.Selector(
        default="difference",
        objects=["difference", "absolute"],
        doc="Whether the map shows the change or what it leads to.",
    )

    CLIMATE: ClassVar = {"warming": 0.0, "npp": 1.0, "moisture": 1.0}
    """What each climate change is where nothing changes."""
    WATCHED = ("changes", "warming", "npp", "moisture", "scope")
    """Everything that results depend on."""

    @property
    def climate(self) -> dict[str, float]:
        """Arguments of :meth:`binn.clm5.Forcing.changed`."""
        return {name: float(getattr(self, name)) for name in self.CLIMATE}

    @property
    def active(self) -> bool:
        """Whether anything is changed."""
        return bool(self.changes) or self.climate != self.CLIMATE

    def set(self, key: str, value: float) -> None:
        """Set a parameter at all selected sites.

        Parameters
        ----------
        key : str
            One of :data:`binn.parameters.KEYS`.
        value : float
            In the parameter's unit, within its prior range.

        Raises
        ------
        InputError
            If there is no such parameter or the value is outside the prior range.
        """
        if key not in KEYS:
            raise InputError(f"There is no parameter {key!r}.")
        parameter = PARAMETERS[index(key)]
        if not parameter.lower <= value <= parameter.upper:
            raise InputError(
                f"{key} = {value} lies outside its prior range "
                f"({parameter.lower:g} to {parameter.upper:g} {parameter.unit})."
            )
        if self.changes.get(key) != value:
            self.changes = {**self.changes, key: float(value)}

    def reset(self, key: str | None = None) -> None:
        """Back to what was retrieved: one parameter, or all."""
        kept = {k: v for k, v in self.changes.items() if key is not None and k != key}
        self.param.update(changes=kept, **(self.CLIMATE if key is None else {}))

    def applied(self, parameters: Floats) -> Floats:
        """A copy of (site, 21) parameters with the changes in place."""
        changed = parameters.copy()
        for key, value in self.changes.items():
            changed[:, index(key)] = value
        return changed


def slider_positions(
    estimate: Estimate, sites: NDArray[np.int64], changes: dict[str, float]
) -> tuple[Floats, list[str]]:
    """Where the 21 sliders stand: the change, or the median of the selection.

    Returns
    -------
    positions : ndarray (21,)
        Physical units, clipped to the prior range.
    outside : list of str
        Keys of the unchanged parameters whose median lies outside the prior range
        (CLM5's default e-folding depth of 10 m does).
    """
    median = np.median(estimate.parameters[sites], axis=0)
    for key, value in changes.items():
        median[index(key)] = value
    positions = np.clip(median, LOWER, UPPER)
    tolerance = 1e-12 * (UPPER - LOWER)
    beyond = np.abs(positions - median) > tolerance
    return positions, [KEYS[i] for i in np.flatnonzero(beyond)]


def slider_step(parameter: Parameter) -> float:
    """Distance of two slider positions: a power of ten, 100 to 1,000 of them in the prior range."""
    return float(f"1e{math.floor(math.log10(parameter.upper - parameter.lower)) - 2}")


def decimals(parameter: Parameter) -> int:
    """Decimals that write every slider position, both ends included, exactly."""
    numbers = (parameter.lower, parameter.upper, slider_step(parameter))
    return max(0, *(-Decimal(str(one)).normalize().as_tuple().exponent for one in numbers))


def snapped(parameter: Parameter, value: float) -> float:
    """The slider position next to a value: what is written beside a slider is what is solved.

    Parameters
    ----------
    parameter : Parameter
    value : float
        In the parameter's unit; outside the prior range the nearer end is returned.
    """
    if value >= parameter.upper:
        return parameter.upper
    step = slider_step(parameter)
    steps = max(0, round((value - parameter.lower) / step))
    position = round(parameter.lower + steps * step, decimals(parameter))
    return min(position, parameter.upper)
