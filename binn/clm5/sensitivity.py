"""How a site's SOC stock responds to each parameter, by the adjoint."""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5.profile import stock
from binn.clm5.steady_state import SteadyState, solve
from binn.parameters import LOWER, UPPER

__all__ = ["local_sensitivity"]


def local_sensitivity(state: SteadyState, top: float = 0.0, bottom: float = 1.0) -> Tensor:
    """Derivative of the SOC stock with respect to each normalised parameter.

    Parameters
    ----------
    state : SteadyState
        Around which to look.
    top, bottom : float
        Depth range of the stock, m.

    Returns
    -------
    Tensor, (site, 21)
        gC m-2 per unit of normalised parameter: the change across the prior range, if it were
        linear. Zero for `tau4cwd`, which has no effect on SOC at steady state.
    """
    parameters = state.parameters.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        again = solve(parameters, state.forcing, state.bedrock)
        total = stock(again.soc, top, bottom).sum()
    (gradient,) = torch.autograd.grad(total, parameters)
    return gradient * gradient.new_tensor(UPPER - LOWER)
