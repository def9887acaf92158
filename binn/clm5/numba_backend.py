"""The compiled kernels as differentiable operations, shared among threads.

Two operations, so that the monthly means, which depend on `q10` and `w_scaling` only, can be kept
while other parameters change: :func:`monthly_means` and :func:`pools`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binn.clm5 import kernels_numba, kernels_numba_scalars, kernels_numba_transport
from binn.clm5.column import N_LAYERS, N_POOLS
from binn.clm5.forcing import Forcing
from binn.parameters import KEYS, index

__all__ = ["MonthlyMeans", "couplings", "monthly_means", "pools"]

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
        Mean of xi_T times mean of xi_W; no gradient.
    """

    soil: Tensor
    litter: Tensor
    climate: Tensor


def monthly_means(parameters: Tensor, forcing: Forcing) -> MonthlyMeans:
    """As :func:`binn.clm5.environment.monthly_mean`, compiled; CPU, float64 parameters.

    Where no gradient is asked for, the last result is kept with the forcing and given again while
    `q10` and `w_scaling` are the same.
    """
    chosen = parameters[:, [_Q10, _W_SCALING]]
    keep = not (chosen.requires_grad and torch.is_grad_enabled())
    if keep:
        kept: tuple[Tensor, MonthlyMeans] | None = forcing.memo.get("monthly_means")
        if kept is not None and torch.equal(kept[0], chosen):
            return kept[1]
    means = MonthlyMeans(
        *_MonthlyMeans.apply(chosen[:, 0], chosen[:, 1], forcing)  # type: ignore[no-untyped-call]
    )
    if keep:
        forcing.memo["monthly_means"] = (chosen.detach(), means)
    return means


def couplings(parameters: Tensor, forcing: Forcing, bedrock: str) -> tuple[Tensor, Tensor]:
    """As :func:`binn.clm5.transport.couplings`, compiled; CPU, float64 parameters, no gradient."""
    n = len(parameters)
    a, c = parameters.new_empty(n, N_LAYERS), parameters.new_empty(n, N_LAYERS)
    rows = forcing.rows()
    arguments = (
        *(_array(parameters[:, k]) for k in (index("diffus"), index("cryo"))),
        _array(rows.active_layer()),
        _array(rows.nbedrock),
        _cells(forcing),
        bedrock == "conserving",
        a.numpy(),
        c.numpy(),
    )
    _share(n, lambda x, y: kernels_numba_transport.couplings_of_sites(x, y, *arguments))
    return a, c


def pools(
    parameters: Tensor, soil: Tensor, litter: Tensor, forcing: Forcing, bedrock: str
) -> Tensor:
    """Steady-state pools, gC m-3.

    Parameters
    ----------
    parameters : Tensor, (site, 21)
        Physical units, float64, on the CPU.
    soil, litter : Tensor, (site, 20)
        From :func:`monthly_means`.
    forcing : Forcing
        Of as many sites.
    bedrock : {"conserving", "published"}
        Bedrock scheme.

    Returns
    -------
    Tensor, (site, 7, 20)
        float64; gradients flow to the three tensors.
    """
    result: Tensor = _Pools.apply(  # type: ignore[no-untyped-call]
        parameters, soil, litter, forcing, bedrock
    )
    return result


class _MonthlyMeans(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q10: Tensor, w_scaling: Tensor, forcing: Forcing) -> tuple[Tensor, ...]:
        n = q10.shape[0]
        rows = [n] * 3 + [n if any(ctx.needs_input_grad) else 0] * 4
        means = [q10.new_empty(count, N_LAYERS) for count in rows]
        layered = [
            getattr(forcing, name).reshape(forcing.n_rows, -1).contiguous().numpy()
            for name in _LAYERED
        ]
        arguments = [_array(q10), _array(w_scaling), *layered, _cells(forcing), *map(_array, means)]
        _share(n, lambda a, b: kernels_numba_scalars.monthly_means(a, b, *arguments))
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(*means[3:])
        ctx.mark_non_differentiable(means[2])
        return means[0], means[1], means[2]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        soil_q10, litter_q10, soil_w, litter_w = ctx.saved_tensors
        soil, litter, _ = grads
        by_q10 = torch.einsum("sj,sj->s", soil, soil_q10)
        by_w = torch.einsum("sj,sj->s", soil, soil_w)
        by_q10 += torch.einsum("sj,sj->s", litter, litter_q10)
        by_w += torch.einsum("sj,sj->s", litter, litter_w)
        return by_q10, by_w, None


class _Pools(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, parameters: Tensor, soil: Tensor, litter: Tensor, forcing: Forcing, bedrock: str
    ) -> Tensor:
        n, wanted = len(parameters), any(ctx.needs_input_grad)
        ctx.sites = _Sites(parameters, soil, litter, forcing, bedrock)
        result = parameters.new_empty(n, N_POOLS, N_LAYERS)
        kept = [np.empty((n if wanted else 1, *shape)) for shape in ((N_LAYERS, 9), (2, N_LAYERS))]

        def work(start: int, stop: int) -> None:
            scratch = kept if wanted else [np.empty_like(one) for one in kept]
            kernels_numba.steady_state(start, stop, *ctx.sites.arguments, _array(result), *scratch)

        _share(n, work)
        if wanted:
            ctx.save_for_backward(parameters, soil, litter, result)
            ctx.kept = kept
        return result

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        parameters, soil, litter, result = ctx.saved_tensors  # also checks they were not changed
        gradient = grads[0].contiguous()
        found = (
            torch.empty_like(parameters, memory_format=torch.contiguous_format),
            torch.empty_like(soil),
            torch.empty_like(litter),
        )
        arguments = [*ctx.sites.arguments, _array(result), *ctx.kept, _array(gradient)]
        arguments += map(_array, found)
        _share(len(parameters), lambda a, b: kernels_numba.adjoint(a, b, *arguments))
        return (*found, None, None)


class _Sites:
    """What both kernels read of the sites, as arrays in the order of their arguments."""

    def __init__(
        self, parameters: Tensor, soil: Tensor, litter: Tensor, forcing: Forcing, bedrock: str
    ) -> None:
        rows = forcing.rows()
        self.arguments = (
            _array(parameters),
            _array(soil),
            _array(litter),
            _array(rows.annual_input().to(torch.float64)),
            _array(rows.nbedrock),
            _array(rows.active_layer()),
            _array(rows.altmax_lastyear.mean(1) <= 0.0),
            _cells(forcing),
            bedrock == "conserving",
        )
        assert self.arguments[0].shape[1] == len(KEYS)


def _array(tensor: Tensor) -> NDArray[Any]:
    """The tensor's memory as a contiguous array."""
    return np.asarray(tensor.detach().contiguous().numpy())


def _cells(forcing: Forcing) -> NDArray[np.int64]:
    if forcing.site_cell is None:
        return np.arange(forcing.n_rows)
    return _array(forcing.site_cell)


def _share(n: int, work: Callable[[int, int], None]) -> None:
    """Do the sites in as many parts as torch may use threads; the parts do not interact."""
    threads = min(torch.get_num_threads(), n // (_PARALLEL_FROM // 2))
    if threads < 2:
        work(0, n)
        return
    ends = [n * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, ends[:-1], ends[1:]))
