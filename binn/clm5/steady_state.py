"""Steady state of CLM5's soil carbon: parameters and forcing to seven pools in twenty layers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from binn.clm5 import (
    dense,
    environment,
    kernels_torch,
    litter,
    numba_backend,
    rates,
    transfers,
    transport,
)
from binn.clm5.checks import all_within, checked_parameters
from binn.clm5.column import N_LAYERS, SOIL
from binn.clm5.column_integrals import ColumnIntegrals, column_integrals
from binn.clm5.forcing import Forcing
from binn.errors import InputError

__all__ = ["BACKENDS", "PrecisionWarning", "SteadyState", "solve"]

BACKENDS = ("auto", "numba", "torch", "dense", "dense-loop")
_FLOAT32_RANGE = (1e-30, 1e37)
"""Pools that a float32 solve returns to 1e-4; outside it they are flagged."""


class PrecisionWarning(UserWarning):
    """Some pools are too small or too large for the precision asked for."""


@dataclass(frozen=True, eq=False)
class SteadyState:
    """A solved set of sites.

    Attributes
    ----------
    pools : Tensor, (site, 7, 20)
        Carbon of each pool and layer, gC m-3; pools in the order of :data:`binn.clm5.POOLS`.
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        What drove it.
    bedrock : {"conserving", "published"}
        The bedrock scheme.
    """

    pools: Tensor
    parameters: Tensor
    forcing: Forcing
    bedrock: str

    @cached_property
    def soc(self) -> Tensor:
        """Soil organic carbon (fast + slow + passive), gC m-3: (site, 20)."""
        return self.pools[:, SOIL].sum(1)

    @cached_property
    def scalars(self) -> environment.Scalars:
        """Monthly environmental scalars, kept apart."""
        return environment.scalars(self._double, self.forcing)

    @cached_property
    def rates(self) -> Tensor:
        """Month-mean decomposition rate of each pool, day-1: (site, 7, 20)."""
        return rates.decomposition_rates(self._double, *self.rate_scalars)

    @cached_property
    def rate_scalars(self) -> tuple[Tensor, Tensor]:
        """Month-mean scalar of the soil (and CWD) and of the litter rates: (site, 20) each."""
        return rates.rate_scalars(self._double, self.forcing, self.bedrock, self._compiled)

    @cached_property
    def couplings(self) -> tuple[Tensor, Tensor]:
        """Month-mean transport coupling to the layer above and below, day-1: (site, 20) each."""
        compute = numba_backend.couplings if self._compiled else transport.couplings
        return compute(self._double, self.forcing, self.bedrock)

    @cached_property
    def climate(self) -> Tensor:
        """Product of the month means of the temperature and water scalars: (site, 20)."""
        if self._compiled:
            return numba_backend.monthly_means(self._double, self.forcing).climate
        return self.scalars.temperature.mean(2) * self.scalars.water.mean(2)

    @cached_property
    def modifier(self) -> Tensor:
        """Product of the month means of temperature and water and of depth: (site, 20)."""
        return self.climate * environment.depth_scalar(self._double)

    @cached_property
    def integrals(self) -> ColumnIntegrals:
        """Sums over the column that diagnostics are made of."""
        pools = self.pools.to(torch.float64)
        if self._compiled and not self.pools.requires_grad:
            return numba_backend.integrals(self._double, self.forcing, self.bedrock, pools)
        soc = self.soc.to(torch.float64)
        return column_integrals(pools, soc, self.modifier, self.rate_scalars, self.couplings)

    @cached_property
    def transport(self) -> Tensor:
        """Month-mean vertical transport V of one pool, day-1: (site, 20, 20)."""
        return transport.transport_matrix(*self.couplings)

    @cached_property
    def input_fraction(self) -> Tensor:
        """Fraction of the carbon input that each layer receives: (site, 20)."""
        return litter.input_fraction(self._double, self.forcing, self.bedrock)

    @cached_property
    def unrepresentable(self) -> Tensor:
        """True where a pool is too small or too large for its precision: (site, 7, 20).

        In float32 that is outside [1e-30, 1e37] (layers without any carbon excepted); in float64
        only what is not finite.
        """
        if self.pools.dtype == torch.float64:
            return ~self.pools.isfinite()
        lowest, highest = _FLOAT32_RANGE
        inside = (self.pools >= lowest) & (self.pools <= highest)
        empty = self.bedrock == "conserving" and ~self.forcing.above_bedrock()[:, None]
        return ~(inside | empty)

    @property
    def _compiled(self) -> bool:
        """Whether derived values may come from the CPU kernels, which give them no gradient."""
        return self.forcing.device.type == "cpu" and not self.parameters.requires_grad

    @property
    def _double(self) -> Tensor:
        return self.parameters.to(torch.float64)


def solve(
    parameters: Tensor | np.ndarray[Any, Any],
    forcing: Forcing,
    bedrock: str = "conserving",
    backend: str = "auto",
) -> SteadyState:
    """Solve the steady state of every site.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, table order. Gradients flow to them, by the adjoint system; first
        derivatives only: asked for second ones, it raises NotImplementedError.
    forcing : Forcing
        Of as many sites. Its precision is that of the result: float64, or float32 for display.
    bedrock : {"conserving", "published"}
        `conserving` closes the column at bedrock, so that respiration equals input; `published`
        reproduces the authors' code (Xu et al. 2025) to rounding.
    backend : {"auto", "numba", "torch", "dense", "dense-loop"}
        "auto" takes "numba", the compiled elimination, on the CPU and "torch", the same on any
        device, elsewhere; "dense" and "dense-loop" assemble and factorise the 140 x 140 matrix as
        the published codes do: slow, and inaccurate where the system is ill-conditioned; for
        comparison only.

    Returns
    -------
    SteadyState

    Raises
    ------
    InputError
        For parameters that are not physical (naming site and parameter), shapes that do not match,
        or a scheme or backend that does not exist.

    Warns
    -----
    OutsidePriorWarning
        If parameters lie outside the prior ranges.
    PrecisionWarning
        If soil pools do not fit float32, where that was asked for, or pools are not finite, since
        nothing decomposes in a layer.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend={backend!r} is not known; use one of {BACKENDS}")
    values = checked_parameters(parameters, forcing, bedrock)
    double = values.to(torch.float64)
    soc: Tensor | None = None
    if backend.startswith("dense"):
        pools = dense.solve_dense(double, forcing, bedrock, loop=backend == "dense-loop")
        pools = pools.to(forcing.dtype)
    elif backend == "numba" or (backend == "auto" and forcing.device.type == "cpu"):
        # everything in float64, whatever the precision of the forcing and the result
        pools, soc = numba_backend.pools_and_soc(double, forcing, bedrock)
        if forcing.dtype != torch.float64:
            pools, soc = pools.to(forcing.dtype), soc.to(forcing.dtype)
    else:
        pools = _solve_torch(double, forcing, bedrock)
    state = SteadyState(pools, values, forcing, bedrock)
    if soc is not None:
        state.__dict__["soc"] = soc  # known already: what the property would compute
    if pools.dtype != torch.float64:
        _warn_of_range(state)
    elif not bool(pools.detach().sum().isfinite()):
        _warn_of_stagnation(state)
    return state


def _warn_of_range(state: SteadyState) -> None:
    """Say it where SOC does not fit the precision; the pools concerned are flagged on the state."""
    pools, deepest = state.pools.detach(), state.forcing.per_site("nbedrock")
    if state.bedrock == "published":
        deepest = torch.full_like(deepest, N_LAYERS)
    if pools.device.type == "cpu" and all_within(
        pools[:, SOIL].numpy(), deepest.numpy(), *_FLOAT32_RANGE
    ):
        return  # nearly always, at a tenth of the cost of saying where
    sites = state.unrepresentable[:, SOIL].any(1).any(1)
    if bool(sites.any()):
        warnings.warn(
            f"{int(sites.sum())} of {len(sites)} sites hold soil pools that float32 cannot carry "
            "(below 1e-30 or above 1e37 gC m-3); see SteadyState.unrepresentable or use float64",
            PrecisionWarning,
            stacklevel=3,
        )


def _warn_of_stagnation(state: SteadyState) -> None:
    """Say where there is no steady state: what enters a layer and never decomposes has no end."""
    sites = state.unrepresentable.flatten(1).any(1)
    warnings.warn(
        f"{int(sites.sum())} of {len(sites)} sites, first site {int(sites.nonzero()[0])}, hold "
        "pools that are not finite: a layer in which oxygen, water or nitrogen is 0 all year has "
        "no steady state; see SteadyState.unrepresentable or give those layers a small value",
        PrecisionWarning,
        stacklevel=3,
    )


def _solve_torch(parameters: Tensor, forcing: Forcing, bedrock: str) -> Tensor:
    """Coefficients in float64, elimination in the precision of the forcing."""
    x, x_litter = rates.rate_scalars(parameters, forcing, bedrock)
    rate = rates.decomposition_rates(parameters, x, x_litter)
    a, c = transport.couplings(parameters, forcing, bedrock)
    source = litter.litter_input(litter.input_fraction(parameters, forcing, bedrock), forcing)
    if forcing.dtype != torch.float64:
        # each layer's equations divided by their size, or float32 would underflow at depth
        size = torch.maximum(torch.maximum(x, a), c).detach()
        a, c, x = a / size, c / size, x / size
        rate, source = rate / size[:, None], source / size[:, None]
    last = (values.to(forcing.dtype).movedim(0, -1).contiguous() for values in (
        rate, a, c, source, transfers.fractions(parameters),
        transfers.turnover_days(parameters)[:, SOIL], x,
    ))  # fmt: skip
    return kernels_torch.eliminate(kernels_torch.Coefficients(*last)).movedim(-1, 0)
