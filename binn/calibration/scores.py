"""How well a simulated profile fits the observed one, site by site."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from binn.calibration.problem import CalibrationProblem

__all__ = ["profile_scores"]

Array = NDArray[np.float64]


def profile_scores(problem: CalibrationProblem, simulated: Array) -> dict[str, Array]:
    """R2 and root mean square error of each site's profile.

    Parameters
    ----------
    problem : CalibrationProblem
        Whose observations they are.
    simulated : ndarray (obs,)
        SOC at the observations, gC m-3.

    Returns
    -------
    dict of ndarray (site,)
        "r2": 1 - SSE / SST over the site's own observations, NaN where they do not differ;
        "rmse", gC m-3.
    """
    seen = problem.observations
    owner = np.repeat(np.arange(problem.n_sites), seen.count)

    def total(values: Array) -> Array:
        return np.asarray(np.bincount(owner, values, problem.n_sites), dtype=np.float64)

    error = total(np.square(simulated - seen.soc))
    spread = total(np.square(seen.soc - (total(seen.soc) / seen.count)[owner]))
    r2 = np.full(problem.n_sites, np.nan)
    np.divide(error, spread, out=r2, where=spread > 0.0)
    return {"r2": 1.0 - r2, "rmse": np.sqrt(error / seen.count)}
