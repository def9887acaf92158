"""Sites whose parameters are known: noise-free profiles of the process model itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from binn.calibration.problem import CalibrationProblem
from binn.observations import Observations

DEPTHS = np.array([0.05, 0.15, 0.3, 0.6, 1.0, 1.5])


@pytest.fixture(scope="session")
def noise_free(synthetic_sites: Any) -> CalibrationProblem:
    """SYNTHETIC: eight sites, temperate to tropical, six depths each, parameters drawn by seed."""
    n = 8
    rng = np.random.default_rng(11)
    forcing = synthetic_sites.forcing.take(range(n))
    count = np.full(n, len(DEPTHS))
    start = np.arange(n) * len(DEPTHS)
    blank = Observations(np.tile(DEPTHS, n), np.ones(n * len(DEPTHS)), start, count)
    truth = rng.uniform(0.1, 0.9, (n, 1, 21))
    soc = CalibrationProblem(blank, forcing).soc(truth)[:, 0]
    return CalibrationProblem(Observations(blank.depth, soc, start, count), forcing)
