"""Does what comes in go out? At steady state respiration equals input."""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5 import THICKNESS, SteadyState
from binn.clm5.column import DAYS_PER_YEAR, LITTER
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
    pools = state.pools.to(torch.float64)
    parameters = state.parameters.to(torch.float64)
    lost = respired_fraction(parameters)
    soil, litter = (scalar * pools.new_tensor(THICKNESS) for scalar in state.rate_scalars)
    flux = torch.einsum("spl,sl->sp", pools, soil)
    flux[:, LITTER] = torch.einsum("spl,sl->sp", pools[:, LITTER], litter)
    respired = DAYS_PER_YEAR * (flux / turnover_days(parameters) * lost).sum(1)
    return respired / state.forcing.annual_input().to(torch.float64).sum(1) - 1.0
