"""Steady state by elimination without subtraction, on any torch device.

The linear system of one site, ``(V + (I - A') xi K) X = B I``, is never assembled. Coarse woody
debris is diagonal, the litter pools are tridiagonal, the soil pools are block-tridiagonal with
3 x 3 blocks. Following Grassmann, Taksar and Heyman (1985), the elimination carries non-negative
off-diagonals and row sums instead of diagonals: it only adds, multiplies and divides non-negative
numbers, so every pool is non-negative and right to a few units in the last place whatever the
conditioning. The gradient solves the transposed system with the blocks of the forward pass.

Layout: sites are the last axis, so that each operation runs over contiguous memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from binn.clm5.column import N_LAYERS
from binn.clm5.transfers import TRANSFERS

__all__ = ["Coefficients", "Pivots", "eliminate", "pivots", "substitute"]

_NEXT, _PREVIOUS = [1, 2, 0], [2, 0, 1]
# soil pools only: (receiving, giving) among S1, S2, S3 and the column of the fraction
_SOIL_TRANSFERS = tuple((to - 4, frm - 4, k) for k, (to, frm, _) in enumerate(TRANSFERS) if frm > 3)


class Coefficients(NamedTuple):
    """All numbers of the linear system, per site; non-negative.

    Attributes
    ----------
    rate : Tensor, (7, layer, site)
        Decomposition rate of each pool, day-1.
    a, c : Tensor, (layer, site)
        Coupling to the layer above and below, day-1.
    source : Tensor, (4, layer, site)
        Input to CWD and litter, gC m-3 day-1.
    fraction : Tensor, (10, site)
        Transfer fractions in the order of :data:`binn.clm5.transfers.TRANSFERS`.
    days : Tensor, (3, site)
        Turnover time of the soil pools, in days; ``rate[4 + i] = x / days[i]``.
    x : Tensor, (layer, site)
        Environmental scalar common to the soil pools.
    """

    rate: Tensor
    a: Tensor
    c: Tensor
    source: Tensor
    fraction: Tensor
    days: Tensor
    x: Tensor


class Pivots(NamedTuple):
    """The eliminated system: pivots of the litter pools, inverse pivots of the soil pools.

    Attributes
    ----------
    litter : Tensor, (3, layer, site)
        day-1.
    soil : Tensor, (layer, 3, 3, site)
        days.
    """

    litter: Tensor
    soil: Tensor


def pivots(co: Coefficients, more: float = 0.0) -> Pivots:
    """Eliminate from the top down.

    Parameters
    ----------
    co : Coefficients
        The system.
    more : float
        Added to the diagonal, day-1: 0 at steady state, 1 / step for an implicit step in time.
        It adds to the row sums alone, so that nothing is subtracted there either.
    """
    return Pivots(_litter_diagonal(co.rate[1:4] + more, co.a, co.c), _soil_inverse(co, more))


def substitute(co: Coefficients, eliminated: Pivots, source: Tensor, more: float = 0.0) -> Tensor:
    """Pools for a source to each of them: (7, layer, site), gC m-3.

    Parameters
    ----------
    co, eliminated, more
        The system, what :func:`pivots` made of it, and with which addition to its diagonal.
    source : Tensor, (7, layer, site)
        From outside the system, gC m-3 day-1; what pools give each other is added here.
    """
    f, rate = co.fraction, co.rate
    cwd = source[0] / (rate[0] + more)
    given = rate[0] * cwd
    cascade = torch.stack([torch.zeros_like(given), f[0] * given, f[1] * given])
    litter = _sweep(eliminated.litter, co.a, co.c, source[1:4] + cascade)
    flux = rate[1:4] * litter
    passed = torch.stack([f[2] * flux[0] + f[3] * flux[1], f[4] * flux[2], 0 * flux[0]])
    into_soil = (source[4:] + passed).transpose(0, 1)
    soil = _block_sweep(eliminated.soil, co.a, co.c, into_soil, transpose=False)
    return torch.cat([cwd[None], litter, soil.transpose(0, 1)])


def eliminate(coefficients: Coefficients) -> Tensor:
    """Steady-state pools, gC m-3: (7, layer, site).

    Parameters
    ----------
    coefficients : Coefficients
        Gradients flow to `rate`, `a`, `c`, `source` and `fraction` (`days` and `x` repeat `rate`).
    """
    pools: Tensor = _Elimination.apply(*coefficients)  # type: ignore[no-untyped-call]
    return pools


class _Elimination(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> Tensor:
        co = Coefficients(*tensors)
        eliminated = pivots(co)
        soil = torch.zeros_like(co.rate[4:])
        pools = substitute(co, eliminated, torch.cat([co.source, soil]))
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(pools, *eliminated, *co)
        return pools

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        pools, diagonal, inverse, *rest = ctx.saved_tensors
        co = Coefficients(*rest)
        f, rate = co.fraction, co.rate
        grad = grads[0]
        soil = _block_sweep(inverse, co.a, co.c, grad[4:].transpose(0, 1), transpose=True)
        s1, s2, s3 = soil.transpose(0, 1)
        litter_grad = grad[1:4] + rate[1:4] * torch.stack([f[2] * s1, f[3] * s1, f[4] * s2])
        l1, l2, l3 = _sweep(diagonal, co.a, co.c, litter_grad, transpose=True)
        cwd = (grad[0] + rate[0] * (f[0] * l2 + f[1] * l3)) / rate[0]
        adjoint = torch.stack([cwd, l1, l2, l3, s1, s2, s3])

        received = torch.zeros_like(adjoint)  # sum over receivers of fraction * adjoint
        d_fraction = torch.empty_like(f)
        flux = rate * pools
        for k, (to, frm, _) in enumerate(TRANSFERS):
            received[frm] += f[k] * adjoint[to]
            d_fraction[k] = (flux[frm] * adjoint[to]).sum(0)
        step = pools[1:, 1:] - pools[1:, :-1]
        d_a, d_c = torch.zeros_like(co.a), torch.zeros_like(co.c)
        d_a[1:] = -(adjoint[1:, 1:] * step).sum(0)
        d_c[:-1] = (adjoint[1:, :-1] * step).sum(0)
        return pools * (received - adjoint), d_a, d_c, adjoint[:4], d_fraction, None, None


def _litter_diagonal(rate: Tensor, a: Tensor, c: Tensor) -> Tensor:
    """Pivots of the three litter systems, (3, layer, site): row sum carried down, plus c."""
    pivots = []
    row_sum = rate[:, 0]
    for j in range(N_LAYERS):
        pivots.append(row_sum + c[j])
        if j + 1 < N_LAYERS:
            row_sum = rate[:, j + 1] + a[j + 1] * (row_sum / pivots[j])
    return torch.stack(pivots, 1)


def _sweep(
    diagonal: Tensor, a: Tensor, c: Tensor, source: Tensor, transpose: bool = False
) -> Tensor:
    """Solve the eliminated litter systems, (3, layer, site), or their transposes."""
    y = [source[:, 0]]
    for j in range(N_LAYERS - 1):
        down = c[j] if transpose else a[j + 1]
        y.append(source[:, j + 1] + down * (y[j] / diagonal[:, j]))
    x = [y[-1] / diagonal[:, -1]]
    for j in range(N_LAYERS - 2, -1, -1):
        up = a[j + 1] if transpose else c[j]
        x.append((y[j] + up * x[-1]) / diagonal[:, j])
    return torch.stack(x[::-1], 1)


def _soil_inverse(co: Coefficients, more: float) -> Tensor:
    """Inverse pivots Z of the soil system, (layer, 3, 3, site).

    In the variables ``S / w`` every block of decomposition has row sums x_j (and `more` times w)
    and off-diagonals ``-x_j P``; Z maps back to S.
    """
    n = co.fraction.shape[1]
    passed = co.fraction.new_zeros(3, 3, n)
    for to, frm, k in _SOIL_TRANSFERS:
        passed[to, frm] = co.fraction[k]
    # h = (I - F)^-1 1 through the transpose, whose row sums are what each pool respires
    respired = 1.0 - passed.sum(0)
    h = _inverse(passed.transpose(0, 1), respired).sum(0)
    w = co.days * h
    off_base = passed * h
    added = more * w
    row_sum = co.x[0] + added
    off = co.x[0] * off_base
    inverse = []
    for j in range(N_LAYERS):
        sums = row_sum + co.c[j] * w
        pivot = sums + off.sum(1)
        z = w[:, None] * (_inverse(off / pivot[:, None], sums / pivot) / pivot)
        inverse.append(z)
        if j + 1 < N_LAYERS:
            a = co.a[j + 1]
            row_sum = co.x[j + 1] + added + a * (z * row_sum).sum(1)
            off = co.x[j + 1] * off_base + a * co.c[j] * (_off_diagonal(z) * w)
    return torch.stack(inverse)


def _block_sweep(inverse: Tensor, a: Tensor, c: Tensor, source: Tensor, transpose: bool) -> Tensor:
    """Solve the eliminated soil system, (layer, 3, site), or its transpose."""
    axis = 0 if transpose else 1

    def times(j: int, v: Tensor) -> Tensor:
        return (inverse[j] * (v[:, None] if transpose else v)).sum(axis)

    y = [source[0]]
    for j in range(N_LAYERS - 1):
        down = c[j] if transpose else a[j + 1]
        y.append(source[j + 1] + down * times(j, y[j]))
    x = [times(N_LAYERS - 1, y[-1])]
    for j in range(N_LAYERS - 2, -1, -1):
        up = a[j + 1] if transpose else c[j]
        x.append(times(j, y[j] + up * x[-1]))
    return torch.stack(x[::-1])


def _off_diagonal(block: Tensor) -> Tensor:
    """A (3, 3, site) block with its diagonal set to zero."""
    mask = 1.0 - torch.eye(3, dtype=block.dtype, device=block.device)
    return block * mask[:, :, None]


def _inverse(off: Tensor, sums: Tensor) -> Tensor:
    """Inverse of the 3 x 3 M-matrix with off-diagonals ``-off`` and row sums `sums`.

    Adjugate and determinant as sums of products of non-negative numbers, so that no digit is lost.

    Parameters
    ----------
    off : Tensor, (3, 3, site)
        Non-negative, zero diagonal.
    sums : Tensor, (3, site)
        Non-negative.

    Returns
    -------
    Tensor, (3, 3, site)
    """
    diagonal = sums + off.sum(1)
    # off-diagonal entry (i, j), k the third index: o_ij d_k + o_ik o_kj
    third = torch.stack([diagonal[[0, 2, 1]], diagonal[[2, 1, 0]], diagonal[[1, 0, 2]]])
    product = (off[:, :, None] * off[None]).sum(1)
    adjugate = off * third + _off_diagonal(product)
    # diagonal entry i with j, k the other two: (s_j + o_ji) d_k + o_jk (s_k + o_ki)
    one, two, three = [0, 1, 2], _NEXT, _PREVIOUS
    entry = (sums[two] + off[two, one]) * diagonal[three] + off[two, three] * (
        sums[three] + off[three, one]
    )
    adjugate[one, one] = entry
    return adjugate / (adjugate[0] * sums).sum(0)
