"""How well simulated values match observed ones, pooled over all points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from binn.errors import InputError

__all__ = ["metrics", "nse"]


def nse(observed: ArrayLike, simulated: ArrayLike) -> float:
    """Nash-Sutcliffe efficiency ``1 - SSE / SST``, pooled over all points; NaN for no spread."""
    o, s = _pairs(observed, simulated)
    total = float(((o - o.mean()) ** 2).sum())
    return float(1.0 - ((s - o) ** 2).sum() / total) if total > 0.0 else float("nan")


def metrics(observed: ArrayLike, simulated: ArrayLike) -> dict[str, float]:
    """Scores of a simulation.

    Parameters
    ----------
    observed, simulated : array_like, (point,)
        In the same unit; all sites and depths pooled.

    Returns
    -------
    dict
        `nse` and `r` (dimensionless; NaN where a side has no spread), `rmse` and `bias`
        (simulated - observed) in the unit given, and the number of points `n`.

    Raises
    ------
    InputError
        For no points, different shapes, or values that are not finite.
    """
    o, s = _pairs(observed, simulated)
    spread = o.std() > 0.0 and s.std() > 0.0
    return {
        "nse": nse(o, s),
        "r": float(np.corrcoef(o, s)[0, 1]) if spread else float("nan"),
        "rmse": float(np.sqrt(((s - o) ** 2).mean())),
        "bias": float((s - o).mean()),
        "n": int(o.size),
    }


def _pairs(observed: ArrayLike, simulated: ArrayLike) -> tuple[Any, Any]:
    o, s = np.asarray(observed, dtype=np.float64), np.asarray(simulated, dtype=np.float64)
    if o.shape != s.shape:
        raise InputError(f"{o.shape} observed but {s.shape} simulated values")
    if o.size == 0:
        raise InputError("there are no observations to compare with")
    if not (np.isfinite(o).all() and np.isfinite(s).all()):
        raise InputError("observed or simulated values are not finite; leave those points out")
    return o.ravel(), s.ravel()
