"""The loss: misfit of simulated to observed SOC, and a pull of parameters off their range ends.

The authors' code (losses.py): smooth L1 (beta 1) in gC m-3 averaged over observation points, plus
100 times the mean over sites and parameters of cosh(10 (u - 0.5)) - 1. The paper's eq. 4-5 print
sums over a profile and no "- 1"; `LossConfig.reduction` offers the sums, and a constant
changes no gradient.

Every mean is a sum over its number of terms, and the number may be given: of a share of a batch,
with the numbers of the whole batch, the loss is that share of the batch's loss.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from binn.training.config import LossConfig

__all__ = ["edge_penalty", "loss", "misfit", "pooled_nse"]


def misfit(
    simulated: Tensor,
    observed: Tensor,
    config: LossConfig,
    spread: float,
    n_sites: int,
    n_points: int | None = None,
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
    n_points : int, optional
        Number of points of the whole batch, if these are a share of them.

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
    if config.reduction == "points":
        return points.sum() / (len(points) if n_points is None else n_points)
    return points.sum() / n_sites


def edge_penalty(u: Tensor, steepness: float, n_sites: int | None = None) -> Tensor:
    """Mean over sites and parameters of cosh(s (u - 0.5)) - 1.

    Parameters
    ----------
    u : Tensor (site, 21)
        Normalised parameters.
    steepness : float
        s; 10 in the authors' code.
    n_sites : int, optional
        Number of sites of the whole batch, if these are a share of them.

    Returns
    -------
    Tensor ()
    """
    # cosh(x) - 1 = 2 sinh(x / 2)^2 keeps the digits near mid range
    terms = torch.sinh(0.5 * steepness * (u - 0.5)).square()
    return 2.0 * terms.sum() / ((len(u) if n_sites is None else n_sites) * u.shape[1])


def loss(
    simulated: Tensor,
    observed: Tensor,
    u: Tensor,
    config: LossConfig,
    spread: float,
    n_sites: int | None = None,
    n_points: int | None = None,
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
    n_sites, n_points : int, optional
        Numbers of sites and of points of the whole batch, if these are a share of it.

    Returns
    -------
    Tensor ()
    """
    sites = len(u) if n_sites is None else n_sites
    total = config.misfit_weight * misfit(simulated, observed, config, spread, sites, n_points)
    if config.edge_weight:
        total = total + config.edge_weight * edge_penalty(u, config.edge_steepness, sites)
    return total


def pooled_nse(simulated: Tensor, observed: Tensor) -> float:
    """Nash-Sutcliffe efficiency over all points at once: 1 - sum (s - o)^2 / sum (o - mean o)^2.

    Parameters
    ----------
    simulated, observed : Tensor (obs,)
        SOC at the observation depths, gC m-3.
    """
    error = (simulated - observed).square().sum()
    return float(1.0 - error / (observed - observed.mean()).square().sum())
