"""The loss: misfit of simulated to observed SOC, and a pull of parameters off their range ends.

The authors' code (losses.py): smooth L1 (beta 1) in gC m-3 averaged over observation points, plus
100 times the mean over sites and parameters of cosh(10 (u - 0.5)) - 1. The paper's eq. 4-5 print
sums over a profile and no "- 1"; `LossConfig.reduction` offers the sums, and a constant
changes no gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from binn.training.config import LossConfig

__all__ = ["edge_penalty", "loss", "misfit"]


def misfit(
    simulated: Tensor, observed: Tensor, config: LossConfig, spread: float, n_sites: int
) -> Tensor:
    """Misfit of simulated to observed SOC, without its weight.

    Parameters
    ----------
    simulated, observed : Tensor (obs,)
        SOC at the observation depths, gC m-3.
    config : LossConfig
        Kind, unit and reduction of the misfit.
    spread : float
        Standard deviation of the observed SOC of the training sites, gC m-3; the unit "sd".
    n_sites : int
        Number of profiles the points belong to; used by the reduction "profiles".

    Returns
    -------
    Tensor ()
    """
    scale = spread if config.unit == "sd" else 1.0
    if config.misfit == "squared":
        points = ((simulated - observed) / scale).square()
    else:
        points = functional.smooth_l1_loss(
            simulated / scale, observed / scale, beta=config.beta, reduction="none"
        )
    return points.mean() if config.reduction == "points" else points.sum() / n_sites


def edge_penalty(u: Tensor, steepness: float) -> Tensor:
    """Mean over sites and parameters of cosh(s (u - 0.5)) - 1.

    Parameters
    ----------
    u : Tensor (site, 21)
        Normalised parameters.
    steepness : float
        s; 10 in the authors' code.

    Returns
    -------
    Tensor ()
    """
    # cosh(x) - 1 = 2 sinh(x / 2)^2 keeps the digits near mid range
    return 2.0 * torch.sinh(0.5 * steepness * (u - 0.5)).square().mean()


def loss(
    simulated: Tensor, observed: Tensor, u: Tensor, config: LossConfig, spread: float
) -> Tensor:
    """Weighted sum of `misfit` and `edge_penalty`.

    Parameters
    ----------
    simulated, observed : Tensor (obs,)
        SOC at the observation depths, gC m-3.
    u : Tensor (site, 21)
        Normalised parameters of the sites the points belong to.
    config : LossConfig
        Kinds and weights.
    spread : float
        Standard deviation of the observed SOC of the training sites, gC m-3.

    Returns
    -------
    Tensor ()
    """
    total = config.misfit_weight * misfit(simulated, observed, config, spread, len(u))
    if config.edge_weight:
        total = total + config.edge_weight * edge_penalty(u, config.edge_steepness)
    return total
