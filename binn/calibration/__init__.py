"""Other ways to the same parameters: calibrate each site against its own observations.

``calibrate(observations, forcing, method=...)`` is the one door to all of them; PRODA, which learns
the results of many sites with a network, is in :mod:`binn.calibration.proda`.
"""

from __future__ import annotations

from binn.calibration.calibrate import METHODS, calibrate, calibrate_problem
from binn.calibration.misfit import Misfit
from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.usable import LeftOut

__all__ = [
    "METHODS",
    "Calibration",
    "CalibrationProblem",
    "LeftOut",
    "Misfit",
    "calibrate",
    "calibrate_problem",
]
