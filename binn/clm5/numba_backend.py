"""The compiled kernels as one differentiable operation, shared among threads.

Monthly means, which depend on `q10` and `w_scaling` only, are computed apart from the elimination,
so that they can be kept while other parameters change.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import (
    kernels_numba,
    kernels_numba_integrals,
    kernels_numba_scalars,
    kernels_numba_transport,
)
from binn.clm5.column import N_LAYERS, N_POOLS
from binn.clm5.column_integrals import ColumnIntegrals
from binn.clm5.first_derivatives import first_only
from binn.clm5.forcing import Forcing
from binn.parameters import index

__all__ = [
    "MonthlyMeans",
    "Rows",
    "couplings",
    "integrals",
    "kernel_cells",
    "kernel_rows",
    "monthly_means",
    "pools_and_soc",
    "share_sites",
]

_PARALLEL_FROM = 256
"""Sites; below, starting threads costs more than it saves."""
_LAYERED = ("temperature", "water", "oxygen", "nitrogen")
_Q10, _W_SCALING = index("q10"), index("w_scaling")


class MonthlyMeans(NamedTuple):
    """Month means of the environmental scalars, (site, 20) each.

    Attributes
    ----------
    soil, litter : Tensor
        Of xi_T xi_W xi_O, without and with xi_N.
    climate : Tensor
        Mean of xi_T times mean of xi_W.
    """

    soil: Tensor
    litter: Tensor
    climate: Tensor


def monthly_means(parameters: Tensor, forcing: Forcing) -> MonthlyMeans:
    """As :func:`binn.clm5.environment.monthly_mean`, compiled; CPU, float64, no gradient.

    The last result is kept with the forcing, and given again while `q10` and `w_scaling` are the
    same: other parameters may change at the cost of the elimination alone.
    """
    chosen = parameters.detach()[:, [_Q10, _W_SCALING]]
    kept: tuple[Tensor, MonthlyMeans] | None = forcing.memo.get("monthly_means")
    if kept is not None and torch.equal(kept[0], chosen):
        return kept[1]
    found, _ = _monthly_means(parameters, forcing, slopes=False)
    means = MonthlyMeans(*torch.from_numpy(found))
    forcing.memo["monthly_means"] = (chosen, means)
    return means


def couplings(parameters: Tensor, forcing: Forcing, bedrock: str) -> tuple[Tensor, Tensor]:
    """As :func:`binn.clm5.transport.couplings`, compiled; CPU, float64 parameters, no gradient."""
    n = len(parameters)
    a, c = parameters.new_empty(n, N_LAYERS), parameters.new_empty(n, N_LAYERS)
    rows = kernel_rows(forcing)
    arguments = (
        *(_array(parameters[:, k]) for k in (index("diffus"), index("cryo"))),
        rows.thaw,
        rows.nbedrock,
        kernel_cells(forcing),
        bedrock == "conserving",
        a.numpy(),
        c.numpy(),
    )
    share_sites(n, lambda x, y: kernels_numba_transport.couplings_of_sites(x, y, *arguments))
    return a, c


def integrals(parameters: Tensor, forcing: Forcing, bedrock: str, pools: Tensor) -> ColumnIntegrals:
    """As :func:`binn.clm5.column_integrals.column_integrals`, compiled; CPU, no gradient."""
    n = len(parameters)
    means, rows = monthly_means(parameters, forcing), kernel_rows(forcing)
    by_pool = torch.empty(4, n, N_POOLS, dtype=torch.float64)
    of_soc = torch.empty(3, n, dtype=torch.float64)
    arguments = (
        *(_array(one) for one in (parameters, means.soil, means.litter, means.climate)),
        *(rows.nbedrock, rows.thaw, kernel_cells(forcing)),
        bedrock == "conserving",
        *(_array(pools), by_pool.numpy(), of_soc.numpy()),
    )
    share_sites(
        n, lambda start, stop: kernels_numba_integrals.column_integrals(start, stop, *arguments)
    )
    return ColumnIntegrals(*by_pool, *of_soc)


def pools_and_soc(parameters: Tensor, forcing: Forcing, bedrock: str) -> tuple[Tensor, Tensor]:
    """Steady-state pools and their sum over the soil pools, gC m-3.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, float64, on the CPU; gradients flow to them.
    forcing : Forcing
        Of as many sites.
    bedrock : {"conserving", "published"}
        Bedrock scheme.

    Returns
    -------
    pools, soc : Tensor, (site, 7, 20), (site, 20)
        float64; float32 where the forcing is and no gradient is wanted.
    """
    pools, soc = _Pools.apply(parameters, forcing, bedrock)  # type: ignore[no-untyped-call]
    return pools, soc


class _Pools(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, parameters: Tensor, forcing: Forcing, bedrock: str
    ) -> tuple[Tensor, Tensor]:
        n, wanted = len(parameters), ctx.needs_input_grad[0]
        if wanted:
            (soil, litter, _), ctx.slopes = _monthly_means(parameters, forcing, slopes=True)
        else:
            soil, litter, _ = (mean.numpy() for mean in monthly_means(parameters, forcing))
        single = forcing.dtype == torch.float32 and not wanted
        shapes, dtype = (
            ((n, N_POOLS, N_LAYERS), (n, N_LAYERS)),
            np.float32 if single else np.float64,
        )
        pools, soc = (np.empty(shape, dtype) for shape in shapes)
        rows = kernel_rows(forcing)
        arguments = (
            *(_array(parameters), soil, litter),
            *(rows.inputs, rows.nbedrock, rows.thaw, rows.frozen, kernel_cells(forcing)),
            bedrock == "conserving",
            pools,
        )
        kept = [np.empty((n if wanted else 1, *shape)) for shape in ((N_LAYERS, 9), (2, N_LAYERS))]

        def work(start: int, stop: int) -> None:
            scratch = kept if wanted else [np.empty_like(one) for one in kept]
            kernels_numba.steady_state(start, stop, *arguments, soc, *scratch)

        share_sites(n, work)
        result = torch.from_numpy(pools)
        if wanted:
            ctx.save_for_backward(parameters, result)
            ctx.arguments = (*arguments, *kept)
            ctx.set_materialize_grads(False)
        return result, torch.from_numpy(soc)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None, None]:
        parameters, result = ctx.saved_tensors  # raises if one was changed in place
        n = len(parameters)
        found = np.empty(parameters.shape)
        d_soil, d_litter = np.empty((n, N_LAYERS)), np.empty((n, N_LAYERS))
        by_pools, by_soc = grads
        arguments = (
            *ctx.arguments,
            np.zeros(result.shape) if by_pools is None else _array(by_pools),
            np.zeros((n, N_LAYERS)) if by_soc is None else _array(by_soc),
            *(found, d_soil, d_litter),
        )

        def work(start: int, stop: int) -> None:
            kernels_numba.adjoint(start, stop, *arguments)
            kernels_numba_scalars.monthly_means_adjoint(
                start, stop, d_soil, d_litter, ctx.slopes, found
            )

        share_sites(n, work)
        return first_only(torch.from_numpy(found), parameters), None, None


def _monthly_means(
    parameters: Tensor, forcing: Forcing, slopes: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The three means, (3, site, 20), and, if wanted, the slopes of two, (site, 4, 20)."""
    n, rows = len(parameters), kernel_rows(forcing)
    means = np.empty((3, n, N_LAYERS))
    kept = np.empty((n if slopes else 0, 4, N_LAYERS))
    arguments = (
        *(_array(parameters), rows.temperature, rows.water, rows.oxygen, rows.nitrogen),
        *(kernel_cells(forcing), means, kept),
    )
    share_sites(n, lambda start, stop: kernels_numba_scalars.monthly_means(start, stop, *arguments))
    return means, kept


class Rows(NamedTuple):
    """Rows of forcing as the kernels read them.

    Attributes
    ----------
    temperature, water, oxygen, nitrogen : ndarray (row, 240)
        Months times layers.
    inputs : ndarray (row, 4)
        gC m-2 yr-1.
    nbedrock, thaw, frozen : ndarray (row,), (row, month or 1), (row,)
        As :func:`binn.clm5.kernels_numba.steady_state`.
    """

    temperature: NDArray[Any]
    water: NDArray[Any]
    oxygen: NDArray[Any]
    nitrogen: NDArray[Any]
    inputs: NDArray[np.float64]
    nbedrock: NDArray[np.int64]
    thaw: NDArray[np.float64]
    frozen: NDArray[np.bool_]


def kernel_rows(forcing: Forcing) -> Rows:
    """Rows of a forcing, made once for all selections of sites from the same rows."""
    kept: Rows | None = forcing.row_memo.get("numba")
    if kept is None:
        rows = forcing.rows()

        def months_first(field: Tensor) -> NDArray[Any]:
            return _array(field.transpose(1, 2)).reshape(rows.n_rows, N_LAYERS * 12)

        kept = Rows(
            temperature=months_first(rows.temperature),
            water=months_first(rows.water),
            oxygen=months_first(rows.oxygen),
            nitrogen=months_first(rows.nitrogen),
            inputs=_array(rows.annual_input().to(torch.float64)),
            nbedrock=_array(rows.nbedrock),
            thaw=_array(rows.active_layer()),
            frozen=_array(rows.altmax_lastyear.mean(1) <= 0.0),
        )
        forcing.row_memo["numba"] = kept
    return kept


def _array(tensor: Tensor) -> NDArray[Any]:
    """The tensor's memory as a contiguous array."""
    array: NDArray[Any] = tensor.detach().contiguous().numpy()
    return array


def kernel_cells(forcing: Forcing) -> NDArray[np.int64]:
    """Row of each site (site,)."""
    if forcing.site_cell is None:
        return np.arange(forcing.n_rows)
    return _array(forcing.site_cell)


def share_sites(n: int, work: Callable[[int, int], None]) -> None:
    """Do the sites in as many parts as torch may use threads; the parts do not interact."""
    threads = min(torch.get_num_threads(), n // (_PARALLEL_FROM // 2))
    if threads < 2:
        work(0, n)
        return
    ends = [n * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, ends[:-1], ends[1:]))
