"""Does what comes in go out? At steady state respiration equals input."""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5 import SteadyState
from binn.clm5.column import DAYS_PER_YEAR
from binn.clm5.transfers import respired_fraction, turnover_days

__all__ = ["mass_balance"]


def mass_balance(state: SteadyState) -> Tensor:
    """Respiration over input, minus 1: (site,).

    Zero to rounding under `conserving`. Under `published` it shows the carbon that the authors'
    bedrock interface loses or creates (spec section 5).

    Parameters
    ----------
    state : SteadyState
        Solved sites.
    """
    parameters = state.parameters.to(torch.float64)
    flux = state.integrals.decomposing / turnover_days(parameters)
    respired = DAYS_PER_YEAR * (flux * respired_fraction(parameters)).sum(1)
    return respired / state.forcing.annual_input().to(torch.float64).sum(1) - 1.0
