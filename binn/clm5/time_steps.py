"""The way from one equilibrium to another: implicit yearly steps with the structured elimination.

With annual-mean matrices the pools obey ``dX/dt = B I - M X``, M as at steady state. Backward Euler
with a step of one year, ``(M + 1/dt) X(t + dt) = B I + X(t) / dt``, is stable for any turnover time
and ends at the steady state itself. The step adds 1/dt to the row sums that the elimination carries
and to nothing else (see `kernels_torch`), so pools stay non-negative without any limiter.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from binn.clm5 import (
    kernels_numba_steps,
    kernels_torch,
    litter,
    numba_backend,
    rates,
    transfers,
    transport,
)
from binn.clm5.checks import checked_parameters
from binn.clm5.column import DAYS_PER_YEAR, INTERFACES, N_LAYERS, N_POOLS, SOIL, THICKNESS
from binn.clm5.forcing import Forcing
from binn.clm5.profile import stock
from binn.clm5.steady_state import SteadyState
from binn.errors import InputError

__all__ = ["MAX_YEARS", "STORES", "Transient", "transient"]

MAX_YEARS = 10_000
STORES = ("auto", "pools", "soc", "totals")
_BACKENDS = ("auto", "numba", "torch")
_AUTO_BYTES = 2**28
"""How much `store="auto"` keeps at most."""


@dataclass(frozen=True, eq=False)
class Transient:
    """Sites on their way to another equilibrium; float64.

    Attributes
    ----------
    years : Tensor, (t,)
        0 (the start) to the last year.
    stock : Tensor, (t, site)
        Carbon of all seven pools in the whole column, gC m-2.
    soc_stock : Tensor, (t, site)
        Soil organic carbon between `top` and `bottom`, gC m-2.
    respiration : Tensor, (t, site)
        Heterotrophic respiration, gC m-2 yr-1, in the year that ends then; in year 0, what the old
        pools respire under the new forcing. Under `conserving`,
        ``stock[t] - stock[t - 1] == input - respiration[t]`` to rounding.
    input : Tensor, (site,)
        Yearly carbon input under the new forcing, gC m-2 yr-1.
    stored_years : Tensor, (k,)
        The years of `soc` and `pools`.
    soc : Tensor, (k, site, 20), or None
        Soil organic carbon, gC m-3; None where only totals were kept.
    pools : Tensor, (k, site, 7, 20), or None
        Carbon of each pool, gC m-3; None unless pools were kept.
    top, bottom : float
        Depth range of `soc_stock`, m.
    parameters : Tensor, (site, 21)
        Physical units, table order.
    forcing : Forcing
        What drives it.
    bedrock : {"conserving", "published"}
        The bedrock scheme.
    """

    years: Tensor
    stock: Tensor
    soc_stock: Tensor
    respiration: Tensor
    input: Tensor
    stored_years: Tensor
    soc: Tensor | None
    pools: Tensor | None
    top: float
    bottom: float
    parameters: Tensor
    forcing: Forcing
    bedrock: str


def transient(
    state: SteadyState,
    forcing: Forcing,
    years: int,
    *,
    parameters: Tensor | np.ndarray[Any, Any] | None = None,
    store: str = "auto",
    at: Sequence[int] | None = None,
    top: float = 0.0,
    bottom: float = float(INTERFACES[-1]),
    backend: str = "auto",
) -> Transient:
    """Follow solved sites under another forcing, year by year.

    Parameters
    ----------
    state : SteadyState
        Where the sites start; its bedrock scheme is kept.
    forcing : Forcing
        Of the same sites, from the first year on (see :meth:`Forcing.changed`).
    years : int
        How many, 0 to 10,000; 0 returns the start.
    parameters : Tensor, (site, 21), optional
        Parameters from the first year on, physical units; by default those of `state`.
    store : {"auto", "pools", "soc", "totals"}
        What to keep of each year beside the stocks and fluxes; "auto" keeps as much as fits
        256 MB: pools, else soc, else nothing more.
    at : sequence of int, optional
        The years of which pools and soc are kept; by default all.
    top, bottom : float
        Depth range of `soc_stock`, m; by default the whole column.
    backend : {"auto", "numba", "torch"}
        Compiled on the CPU, torch elsewhere.

    Returns
    -------
    Transient
        Without gradients.

    Raises
    ------
    InputError
        For a number of years, a depth range, an option or a forcing that does not fit.

    Warns
    -----
    OutsidePriorWarning
        If `parameters` lie outside the prior ranges.
    """
    last = _whole(years, MAX_YEARS, "years")
    kept = list(range(last + 1)) if at is None else [_whole(year, last, "at") for year in at]
    if sorted(set(kept)) != kept:
        raise InputError(f"at={kept} must be rising years, each of them once")
    for name, value, known in (("store", store, STORES), ("backend", backend, _BACKENDS)):
        if value not in known:
            raise InputError(f"{name}={value!r} is not known; use one of {known}")
    values = _parameters(state, forcing, parameters)
    weight = stock(torch.eye(N_LAYERS, dtype=torch.float64), top, bottom)
    first = state.pools.detach().to(device=forcing.device, dtype=torch.float64)
    if not bool(first.isfinite().all()):
        raise InputError("the state holds pools that are not finite; solve it in float64 first")
    detail = _detail(store, len(kept), len(values))
    problem = _Problem(values, forcing, state.bedrock, first, weight.to(forcing.device))
    result = _Result(
        pools=first.new_empty(len(kept) if detail == "pools" else 0, *first.shape),
        soc=first.new_empty(len(kept) if detail != "totals" else 0, len(values), N_LAYERS),
        stock=first.new_empty(last + 1, len(values)),
        soc_stock=first.new_empty(last + 1, len(values)),
        respiration=first.new_empty(last + 1, len(values)),
    )
    row = torch.full((last + 1,), -1, dtype=torch.int64)
    row[kept] = torch.arange(len(kept))
    compiled = forcing.device.type == "cpu" if backend == "auto" else backend == "numba"
    with torch.no_grad():
        (_compiled_steps if compiled else _torch_steps)(problem, row, result)
    return Transient(
        years=torch.arange(last + 1),
        stock=result.stock,
        soc_stock=result.soc_stock,
        respiration=result.respiration,
        input=forcing.annual_input().to(torch.float64).sum(1),
        stored_years=torch.tensor(kept, dtype=torch.int64),
        soc=result.soc if detail != "totals" else None,
        pools=result.pools if detail == "pools" else None,
        top=float(top),
        bottom=float(bottom),
        parameters=values,
        forcing=forcing,
        bedrock=state.bedrock,
    )


@dataclass(frozen=True)
class _Problem:
    """Parameters, forcing, scheme, first pools and the layers that count for `soc_stock`."""

    parameters: Tensor
    forcing: Forcing
    bedrock: str
    first: Tensor
    inside: Tensor


@dataclass(frozen=True)
class _Result:
    """What the steps write, see :class:`Transient`; without a row where nothing is kept."""

    pools: Tensor
    soc: Tensor
    stock: Tensor
    soc_stock: Tensor
    respiration: Tensor


def _whole(value: Any, highest: int, name: str) -> int:
    """A whole number from 0 to `highest`, or a sentence saying that it is not."""
    try:
        number = -1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= highest:
        raise InputError(
            f"{name}={value!r} is not possible; give whole numbers from 0 to {highest}"
            if name == "at"
            else f"{name}={value!r} is not possible; give a whole number from 0 to {highest}"
        )
    return number


def _parameters(state: SteadyState, forcing: Forcing, parameters: Any) -> Tensor:
    """The parameters that hold from the first year on, float64, beside the forcing."""
    if state.forcing.n_sites != forcing.n_sites:
        raise InputError(
            f"{state.forcing.n_sites} sites were solved but the new forcing has "
            f"{forcing.n_sites}; give forcing of the same sites"
        )
    if parameters is None:
        return state.parameters.detach().to(device=forcing.device, dtype=torch.float64)
    return checked_parameters(parameters, forcing, state.bedrock).detach().to(torch.float64)


def _detail(store: str, kept: int, sites: int) -> str:
    """What to keep: as asked, or as much as fits."""
    if store != "auto":
        return store
    layer = 8 * kept * sites * N_LAYERS
    if layer * N_POOLS <= _AUTO_BYTES:
        return "pools"
    return "soc" if layer <= _AUTO_BYTES else "totals"


def _compiled_steps(problem: _Problem, row: Tensor, result: _Result) -> None:
    """On the CPU: one site after another, shared among threads."""
    p, forcing, bedrock = problem.parameters, problem.forcing, problem.bedrock
    x, x_litter = rates.rate_scalars(p, forcing, bedrock, compiled=True)
    source = litter.litter_input(litter.input_fraction(p, forcing, bedrock), forcing)
    given = (
        p,
        rates.decomposition_rates(p, x, x_litter),
        x,
        *numba_backend.couplings(p, forcing, bedrock),
        source,
        transfers.respired_fraction(p),
        problem.first,
        problem.inside,
        row,
        result.pools,
        result.soc,
        result.stock,
        result.soc_stock,
        result.respiration,
    )
    arrays = [one.contiguous().numpy() for one in given]
    numba_backend.share_sites(
        len(p), lambda start, stop: kernels_numba_steps.yearly_steps(start, stop, *arrays)
    )


def _torch_steps(problem: _Problem, row: Tensor, result: _Result) -> None:
    """On any device: all sites at once."""
    p, forcing, bedrock = problem.parameters, problem.forcing, problem.bedrock
    x, x_litter = rates.rate_scalars(p, forcing, bedrock)
    source = litter.litter_input(litter.input_fraction(p, forcing, bedrock), forcing)
    last = (one.movedim(0, -1).contiguous() for one in (
        rates.decomposition_rates(p, x, x_litter),
        *transport.couplings(p, forcing, bedrock),
        source, transfers.fractions(p), transfers.turnover_days(p)[:, SOIL], x,
    ))  # fmt: skip
    co = kernels_torch.Coefficients(*last)
    more = 1.0 / DAYS_PER_YEAR
    eliminated = kernels_torch.pivots(co, more)
    given = torch.cat([co.source, torch.zeros_like(co.rate[SOIL])])
    respired = DAYS_PER_YEAR * co.rate * transfers.respired_fraction(p).T[:, None]
    thickness = p.new_tensor(THICKNESS)
    pools = problem.first.movedim(0, -1)
    for year, kept in enumerate(row.tolist()):
        if year > 0:
            pools = kernels_torch.substitute(co, eliminated, given + more * pools, more)
        soc = pools[SOIL].sum(0)
        result.stock[year] = thickness @ pools.sum(0)
        result.soc_stock[year] = problem.inside @ soc
        result.respiration[year] = thickness @ (respired * pools).sum(0)
        if kept >= 0 and len(result.soc):
            result.soc[kept] = soc.T
        if kept >= 0 and len(result.pools):
            result.pools[kept] = pools.movedim(-1, 0)
