"""Parameters moved away from what was retrieved."""

from __future__ import annotations

import numpy as np
import param
from numpy.typing import NDArray

from binn.errors import InputError
from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER, index
from dashboard.state.estimate import Estimate

__all__ = ["Scenario", "slider_positions"]

Floats = NDArray[np.float64]


class Scenario(param.Parameterized):
    """Some parameters set to one value at all selected sites; the others stay each site's own."""

    changes = param.Dict(default={}, doc="Changed parameters: key to value in physical units.")

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
        if kept != self.changes:
            self.changes = kept

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
