"""Environmental scalars xi: how far decomposition runs below its base rate (spec section 3).

Temperature, water, oxygen and nitrogen scalars are monthly; depth is constant. Rates use the
plain mean over the twelve months of their product, which :func:`monthly_mean` returns together
with an exact derivative, so that nothing of size (site, 20, 12) is kept for the gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from binn.clm5.column import NODES
from binn.clm5.first_derivatives import first_only
from binn.clm5.forcing import Forcing
from binn.parameters import index

__all__ = ["Scalars", "depth_scalar", "monthly_mean", "scalars"]

REFERENCE_TEMPERATURE = 298.15
"""K; the temperature at which xi_T = 1."""
_TILE = 4096
"""Sites worked at once: bounds the memory of the (site, 20, 12) arrays to a few tens of MB."""

_Q10, _EFOLDING, _W_SCALING = index("q10"), index("efolding"), index("w_scaling")


@dataclass(frozen=True)
class Scalars:
    """The environmental scalars of each site, all dimensionless.

    Attributes
    ----------
    temperature, water, oxygen, nitrogen : Tensor, (site, 20, 12)
        Monthly scalars; nitrogen acts on the three litter pools only.
    depth : Tensor, (site, 20)
        Decrease of decomposition with depth.
    """

    temperature: Tensor
    water: Tensor
    oxygen: Tensor
    nitrogen: Tensor
    depth: Tensor


def temperature_scalar(q10: Tensor, temperature: Tensor) -> Tensor:
    """``q10 ** ((T - 298.15) / 10)``; `q10` (site,), `temperature` (site, 20, 12) in K.

    One formula above and below freezing, since CLM5's frozen Q10 equals its Q10.
    """
    exponent = (temperature - REFERENCE_TEMPERATURE) / 10.0
    return torch.exp(torch.log(q10)[:, None, None] * exponent)


def water_scalar(w_scaling: Tensor, water: Tensor) -> Tensor:
    """``min(1, w_scaling * W)``; `w_scaling` (site,), `water` (site, 20, 12)."""
    return torch.clamp(w_scaling[:, None, None] * water, max=1.0)


def depth_scalar(parameters: Tensor) -> Tensor:
    """``exp(-z / efolding)`` at the nodes; `parameters` (site, 21) physical -> (site, 20)."""
    nodes = parameters.new_tensor(NODES)
    return torch.exp(-nodes / parameters[:, _EFOLDING, None])


def scalars(parameters: Tensor, forcing: Forcing) -> Scalars:
    """All scalars, kept apart, for inspection and diagnostics.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        Of as many sites.
    """
    return Scalars(
        temperature=temperature_scalar(
            parameters[:, _Q10], forcing.per_site("temperature").to(parameters.dtype)
        ),
        water=water_scalar(
            parameters[:, _W_SCALING], forcing.per_site("water").to(parameters.dtype)
        ),
        oxygen=forcing.per_site("oxygen").to(parameters.dtype),
        nitrogen=forcing.per_site("nitrogen").to(parameters.dtype),
        depth=depth_scalar(parameters),
    )


def monthly_mean(parameters: Tensor, forcing: Forcing) -> tuple[Tensor, Tensor]:
    """Month means of xi_T xi_W xi_O and of xi_T xi_W xi_O xi_N.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order; gradients flow to `q10` and `w_scaling`.
    forcing : Forcing
        Of as many sites. No gradient flows to it.

    Returns
    -------
    soil, litter : Tensor, (site, 20)
        Without and with the nitrogen scalar.
    """
    soil, litter = _MonthlyMean.apply(  # type: ignore[no-untyped-call]
        parameters[:, _Q10], parameters[:, _W_SCALING], forcing
    )
    return soil, litter


class _MonthlyMean(torch.autograd.Function):
    """The two means and, where a gradient is asked for, their derivatives, tile by tile."""

    @staticmethod
    def forward(ctx: Any, q10: Tensor, w_scaling: Tensor, forcing: Forcing) -> tuple[Tensor, ...]:
        wanted = any(ctx.needs_input_grad)
        n, shape = q10.shape[0], (q10.shape[0], NODES.size)
        means = [q10.new_empty(shape) for _ in range(6 if wanted else 2)]
        for start in range(0, n, _TILE):
            tile = slice(start, min(start + _TILE, n))
            columns = _tile_means(q10[tile], w_scaling[tile], forcing.tile(tile), wanted)
            for mean, column in zip(means, columns, strict=True):
                mean[tile] = column
        if wanted:
            ctx.save_for_backward(q10, w_scaling, *means[2:])
        return means[0], means[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        q10, w_scaling, soil_q10, litter_q10, soil_w, litter_w = ctx.saved_tensors
        g_soil, g_litter = grads
        return (
            first_only((g_soil * soil_q10 + g_litter * litter_q10).sum(1), q10),
            first_only((g_soil * soil_w + g_litter * litter_w).sum(1), w_scaling),
            None,
        )


def _tile_means(
    q10: Tensor, w_scaling: Tensor, forcing: Forcing, derivatives: bool
) -> list[Tensor]:
    """Soil and litter means of one tile, then d/d q10 and d/d w_scaling of each."""
    dtype = q10.dtype
    kelvin = forcing.per_site("temperature").to(dtype)
    wet = forcing.per_site("water").to(dtype)
    oxygen = forcing.per_site("oxygen").to(dtype)
    nitrogen = forcing.per_site("nitrogen").to(dtype)
    t_o = temperature_scalar(q10, kelvin) * oxygen
    soil = t_o * water_scalar(w_scaling, wet)
    means = [soil.mean(2), (soil * nitrogen).mean(2)]
    if derivatives:
        by_q10 = soil * ((kelvin - REFERENCE_TEMPERATURE) / (10.0 * q10[:, None, None]))
        by_w = t_o * wet * (w_scaling[:, None, None] * wet < 1.0)
        for by in (by_q10, by_w):
            means += [by.mean(2), (by * nitrogen).mean(2)]
    return means
