"""Carbon input over depth: B I (spec section 6).

A Jackson root profile: layer j receives ``beta ** (100 z_top) - beta ** (100 z_bottom)`` of the
input (z in m), normalised. Where the active layer of last year was zero all year, all of it enters
the first layer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5.column import DAYS_PER_YEAR, N_LAYERS, THICKNESS, TOPS
from binn.clm5.forcing import Forcing
from binn.parameters import index

__all__ = ["input_fraction", "litter_input"]

_BETA = index("beta")


def input_fraction(parameters: Tensor, forcing: Forcing, bedrock: str) -> Tensor:
    """Fraction of the input that each layer receives.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        Of as many sites: bedrock layer and last year's active layer.
    bedrock : {"conserving", "published"}
        `conserving` gives nothing to layers below bedrock and renormalises (as CTSM does);
        `published` ignores bedrock.

    Returns
    -------
    Tensor, (site, 20)
        Sums to 1.
    """
    # beta^top - beta^bottom without the subtraction, which loses digits when beta is near 1
    log_beta = torch.log(parameters[:, _BETA, None])
    top = 100.0 * parameters.new_tensor(TOPS)
    thickness = 100.0 * parameters.new_tensor(THICKNESS)
    share = torch.exp(top * log_beta) * -torch.expm1(thickness * log_beta)
    if bedrock == "conserving":
        share = share * forcing.above_bedrock().to(share.dtype)
    share = share / share.sum(1, keepdim=True)
    frozen = (forcing.per_site("altmax_lastyear").mean(1) <= 0.0)[:, None]
    if bool(frozen.any()):
        surface = share.new_zeros(N_LAYERS)
        surface[0] = 1.0
        share = torch.where(frozen, surface, share)
    return share


def litter_input(fraction: Tensor, forcing: Forcing) -> Tensor:
    """Input to CWD and the three litter pools, gC m-3 day-1.

    Parameters
    ----------
    fraction : Tensor, (site, 20)
        From :func:`input_fraction`.
    forcing : Forcing
        Monthly column inputs, gC m-2 month-1.

    Returns
    -------
    Tensor, (site, 4, 20)
    """
    daily = forcing.annual_input().to(fraction.dtype) / DAYS_PER_YEAR
    return daily[:, :, None] * (fraction / fraction.new_tensor(THICKNESS))[:, None, :]
