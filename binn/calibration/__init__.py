"""Other ways to the same parameters: calibrate each site against its own observations."""

from __future__ import annotations

from binn.calibration.problem import CalibrationProblem
from binn.calibration.result import Calibration
from binn.calibration.usable import LeftOut

__all__ = ["Calibration", "CalibrationProblem", "LeftOut"]
