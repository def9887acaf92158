"""The three soil pools of one site, compiled: block elimination, sweeps, the transposed system.

The block of a layer is small enough to live in registers, so it is written out entry by entry:
``o01`` is what pool 1 gives to pool 0, ``z`` the inverse pivot, row by row.
"""

from __future__ import annotations

from numba import njit

from binn.clm5.column import DAYS_PER_YEAR, N_LAYERS
from binn.parameters import index

__all__ = ["soil_inverse", "soil_pools", "soil_transposed"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
_N = N_LAYERS
_S1, _S2, _S3 = (index(k) for k in ("tau4s1", "tau4s2", "tau4s3"))
_FS1S2, _FS1S3, _FS2S1 = (index(k) for k in ("fs1s2", "fs1s3", "fs2s1"))
_FS2S3, _FS3S1 = (index(k) for k in ("fs2s3", "fs3s1"))


@njit(**_COMPILE)
def _inverse(o01, o02, o10, o12, o20, o21, s0, s1, s2):
    """Inverse of the 3 x 3 M-matrix with off-diagonals ``-o`` and row sums `s`, row by row.

    Adjugate and determinant as sums of products of non-negative numbers; float64 needs no scaling
    of the rows first.
    """
    d0, d1, d2 = s0 + o01 + o02, s1 + o10 + o12, s2 + o20 + o21
    z00 = (s1 + o10) * d2 + o12 * (s2 + o20)
    z01 = o01 * d2 + o02 * o21
    z02 = o02 * d1 + o01 * o12
    by = 1.0 / (z00 * s0 + z01 * s1 + z02 * s2)
    return (
        z00 * by,
        z01 * by,
        z02 * by,
        (o10 * d2 + o12 * o20) * by,
        ((s2 + o21) * d0 + o20 * (s0 + o01)) * by,
        (o12 * d0 + o10 * o02) * by,
        (o20 * d1 + o21 * o10) * by,
        (o21 * d0 + o20 * o01) * by,
        ((s0 + o02) * d1 + o01 * (s1 + o12)) * by,
    )


@njit(**_COMPILE)
def soil_inverse(p, x, a, c, more, z):
    """Eliminate the soil system of a column from the top down.

    Parameters
    ----------
    p : (21,)
        Parameters.
    x, a, c : (20,)
        Environmental scalar and couplings.
    more : float
        Added to the diagonal, day-1: 0 at steady state, 1 / step for an implicit step in time.
        It adds to the row sums alone, so that nothing is subtracted there either.
    z : (20, 9)
        Written: inverse pivots.
    """
    # h = (I - F)^-1 1 by way of the transpose, whose row sums are what each pool respires
    f10, f20, f01, f21, f02 = p[_FS1S2], p[_FS1S3], p[_FS2S1], p[_FS2S3], p[_FS3S1]
    t00, t01, t02, t10, t11, t12, t20, t21, t22 = _inverse(
        f10, f20, f01, f21, f02, 0.0, 1.0 - (f10 + f20), 1.0 - (f01 + f21), 1.0 - f02
    )
    h0, h1, h2 = t00 + t10 + t20, t01 + t11 + t21, t02 + t12 + t22
    w0, w1, w2 = DAYS_PER_YEAR * p[_S1] * h0, DAYS_PER_YEAR * p[_S2] * h1, p[_S3] * h2
    w2 *= DAYS_PER_YEAR
    # in variables S / w, a layer's own block has row sums x + more w and off-diagonals -x b
    b01, b02, b10, b20, b21 = f01 * h1, f02 * h2, f10 * h0, f20 * h0, f21 * h1
    m0, m1, m2 = more * w0, more * w1, more * w2
    r0, r1, r2 = x[0] + m0, x[0] + m1, x[0] + m2
    o01, o02, o10, o12, o20, o21 = x[0] * b01, x[0] * b02, x[0] * b10, 0.0, x[0] * b20, x[0] * b21
    for j in range(_N):
        s0, s1, s2 = r0 + c[j] * w0, r1 + c[j] * w1, r2 + c[j] * w2
        t00, t01, t02, t10, t11, t12, t20, t21, t22 = _inverse(
            o01, o02, o10, o12, o20, o21, s0, s1, s2
        )
        z00, z01, z02 = w0 * t00, w0 * t01, w0 * t02
        z10, z11, z12 = w1 * t10, w1 * t11, w1 * t12
        z20, z21, z22 = w2 * t20, w2 * t21, w2 * t22
        z[j, 0], z[j, 1], z[j, 2] = z00, z01, z02
        z[j, 3], z[j, 4], z[j, 5] = z10, z11, z12
        z[j, 6], z[j, 7], z[j, 8] = z20, z21, z22
        if j + 1 < _N:
            here, down = x[j + 1], a[j + 1]
            r0, r1, r2 = (
                here + m0 + down * (z00 * r0 + z01 * r1 + z02 * r2),
                here + m1 + down * (z10 * r0 + z11 * r1 + z12 * r2),
                here + m2 + down * (z20 * r0 + z21 * r1 + z22 * r2),
            )
            v0, v1, v2 = down * c[j] * w0, down * c[j] * w1, down * c[j] * w2
            o01, o02 = here * b01 + z01 * v1, here * b02 + z02 * v2
            o10, o12 = here * b10 + z10 * v0, z12 * v2
            o20, o21 = here * b20 + z20 * v0, here * b21 + z21 * v1


@njit(**_COMPILE)
def soil_pools(a, c, z, y):
    """Fast, slow and passive carbon of a column.

    Parameters
    ----------
    a, c : (20,)
        Couplings.
    z : (20, 9)
        Inverse pivots of :func:`soil_inverse`.
    y : (3, 20)
        What reaches each pool, gC m-3 day-1; the pools, gC m-3, are written over it.
    """
    u0, u1, u2 = y[0, 0], y[1, 0], y[2, 0]  # carried down
    for j in range(_N - 1):
        down = a[j + 1]
        u0, u1, u2 = (
            y[0, j + 1] + down * (z[j, 0] * u0 + z[j, 1] * u1 + z[j, 2] * u2),
            y[1, j + 1] + down * (z[j, 3] * u0 + z[j, 4] * u1 + z[j, 5] * u2),
            y[2, j + 1] + down * (z[j, 6] * u0 + z[j, 7] * u1 + z[j, 8] * u2),
        )
        y[0, j + 1], y[1, j + 1], y[2, j + 1] = u0, u1, u2
    s0 = s1 = s2 = 0.0
    for j in range(_N - 1, -1, -1):
        v0, v1, v2 = y[0, j] + c[j] * s0, y[1, j] + c[j] * s1, y[2, j] + c[j] * s2
        s0 = z[j, 0] * v0 + z[j, 1] * v1 + z[j, 2] * v2
        s1 = z[j, 3] * v0 + z[j, 4] * v1 + z[j, 5] * v2
        s2 = z[j, 6] * v0 + z[j, 7] * v1 + z[j, 8] * v2
        y[0, j], y[1, j], y[2, j] = s0, s1, s2


@njit(**_COMPILE)
def soil_transposed(a, c, z, g):
    """Solve the transposed soil system in place.

    Parameters
    ----------
    a, c : (20,)
        Couplings.
    z : (20, 9)
        Inverse pivots of :func:`soil_inverse`.
    g : (3, 20)
        Gradient with respect to the three pools; the adjoint is written over it.
    """
    u0, u1, u2 = g[0, 0], g[1, 0], g[2, 0]
    for j in range(_N - 1):
        u0, u1, u2 = (
            g[0, j + 1] + c[j] * (z[j, 0] * u0 + z[j, 3] * u1 + z[j, 6] * u2),
            g[1, j + 1] + c[j] * (z[j, 1] * u0 + z[j, 4] * u1 + z[j, 7] * u2),
            g[2, j + 1] + c[j] * (z[j, 2] * u0 + z[j, 5] * u1 + z[j, 8] * u2),
        )
        g[0, j + 1], g[1, j + 1], g[2, j + 1] = u0, u1, u2
    u0 = u1 = u2 = 0.0
    for j in range(_N - 1, -1, -1):
        up = a[j + 1] if j + 1 < _N else 0.0
        v0, v1, v2 = g[0, j] + up * u0, g[1, j] + up * u1, g[2, j] + up * u2
        u0 = z[j, 0] * v0 + z[j, 3] * v1 + z[j, 6] * v2
        u1 = z[j, 1] * v0 + z[j, 4] * v1 + z[j, 7] * v2
        u2 = z[j, 2] * v0 + z[j, 5] * v1 + z[j, 8] * v2
        g[0, j], g[1, j], g[2, j] = u0, u1, u2
