"""The ranges that normalised parameters are counted in: BINN's own and those of PRODA's site step.

A normalised parameter means nothing without its range set. PRODA's published results are counted in
PRODA's ranges (Tao et al. 2023, the authors' MATLAB code); BINN's authors read the same numbers in
BINN's ranges, and so does this program where it turns imported results into parameters: physical
values are then inside BINN's prior, and are not what PRODA itself ran with.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from binn.parameters import to_physical

__all__ = ["LEAST", "RangeSet", "inside", "physical_in_binn"]

RangeSet = Literal["binn", "proda"]
"""Name of the ranges that normalised values are counted in."""

LEAST = 1e-4
"""Least normalised value that is turned into a parameter: PRODA's ranges reach tau = 0."""


def inside(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised parameters held in [1e-4, 1], as the authors do before they use them.

    Parameters
    ----------
    u : ndarray (..., 21)
        Normalised parameters; NaN stays NaN.
    """
    return np.clip(u, LEAST, 1.0)


def physical_in_binn(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised parameters, of whichever range set, to physical units in BINN's ranges.

    Parameters
    ----------
    u : ndarray (..., 21)
        Normalised parameters; held in [1e-4, 1] first.

    Returns
    -------
    ndarray (..., 21)
        In the units of the table.
    """
    return to_physical(inside(u))
