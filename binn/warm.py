"""Compile what is compiled, so that no user waits for it: ``python -m binn.warm``.

Numba keeps compiled kernels beside the package, or in ``NUMBA_CACHE_DIR`` where that is read-only.
"""

from __future__ import annotations

import numpy as np
import torch

from binn.calibration.chains import run_chains
from binn.calibration.mcmc_options import Adaptive, Published
from binn.calibration.problem import CalibrationProblem
from binn.clm5 import BEDROCK_SCHEMES, N_LAYERS, Forcing, local_sensitivity, solve, transient
from binn.diagnostics import components
from binn.observations import Observations
from binn.parameters import LOWER, UPPER
from binn.row_products import RowLinear

__all__ = ["warm"]


def warm() -> None:
    """Run every kernel once, in both precisions, forwards and backwards."""
    monthly, layered = torch.ones(2, 12), torch.full((2, N_LAYERS, 12), 0.5)
    forcing = Forcing(
        cwd=monthly,
        litter1=monthly,
        litter2=monthly,
        litter3=monthly,
        altmax=monthly * 42.0,
        altmax_lastyear=monthly * 42.0,
        nbedrock=torch.full((2,), N_LAYERS),
        oxygen=layered,
        nitrogen=layered,
        water=layered,
        temperature=layered + 280.0,
    )
    parameters = torch.from_numpy(0.5 * (LOWER + UPPER)).repeat(2, 1)
    for dtype in (torch.float64, torch.float32):
        for scheme in BEDROCK_SCHEMES:
            state = solve(parameters, forcing.to(dtype=dtype), scheme)
            components(state)
            local_sensitivity(state)
            transient(state, forcing.changed(warming=1.0), 1)
        with torch.no_grad():
            RowLinear(3, 2, dtype=dtype)(torch.ones(1, 3, dtype=dtype))
    _warm_calibration(forcing)


def _warm_calibration(forcing: Forcing) -> None:
    """The chains of MCMC, and the misfit that every other calibrator calls."""
    seen = Observations(
        np.array([0.1, 0.5, 0.1, 0.5]), np.full(4, 1e4), np.array([0, 2]), np.array([2, 2])
    )
    problem = CalibrationProblem.from_observations(seen, forcing)
    problem.misfit(np.full((2, 1, 21), 0.5))
    run_chains(problem, Published(first=60, second=60, adapt_from=30, redos=0, keep=10))
    run_chains(problem, Adaptive(warmup=100, samples=10, keep=10))


if __name__ == "__main__":
    warm()
