"""How fast each pool decomposes: K xi, month means (spec sections 3 and 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from binn.clm5 import environment, numba_backend, transfers
from binn.clm5.forcing import Forcing

__all__ = ["decomposition_rates", "rate_scalars"]


def rate_scalars(
    parameters: Tensor, forcing: Forcing, bedrock: str, compiled: bool = False
) -> tuple[Tensor, Tensor]:
    """Month-mean environmental scalar of the soil (and CWD) rates and of the litter rates.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, float64.
    forcing : Forcing
        Of as many sites.
    bedrock : {"conserving", "published"}
        Under `conserving`, layers below bedrock take the scalar of the first: they hold no carbon,
        so any rate will do, and that one is never too small.
    compiled : bool
        Take the monthly means from the CPU kernel.

    Returns
    -------
    soil, litter : Tensor, (site, 20)
        Without and with the nitrogen scalar.
    """
    if compiled:
        soil, litter, _ = numba_backend.monthly_means(parameters, forcing)
    else:
        soil, litter = environment.monthly_mean(parameters, forcing)
    depth = environment.depth_scalar(parameters)
    soil, litter = soil * depth, litter * depth
    if bedrock == "conserving":
        above = forcing.above_bedrock()
        soil = torch.where(above, soil, soil[:, :1])
        litter = torch.where(above, litter, litter[:, :1])
    return soil, litter


def decomposition_rates(parameters: Tensor, soil: Tensor, litter: Tensor) -> Tensor:
    """Decomposition rate of each pool from the two scalars, day-1: (site, 7, 20)."""
    scalar = torch.stack([soil, *[litter] * 3, *[soil] * 3], 1)
    return scalar / transfers.turnover_days(parameters)[:, :, None]
