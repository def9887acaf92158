"""Vertical transport of one site, compiled: the couplings of `transport` and their adjoint."""

from __future__ import annotations

import numpy as np
from numba import njit

from binn.clm5.column import DAYS_PER_YEAR, INTERFACES, N_LAYERS, NODES, SPACING, THICKNESS

__all__ = ["couplings", "couplings_adjoint"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}
_N = N_LAYERS
_DEEP_THAW, _RAMP_END, _TINY = 2.0, 3.0, 1e-30  # as in `transport`
_WEIGHT = (INTERFACES[:-1] - NODES[:-1]) / SPACING[1:]


@njit(**_COMPILE)
def _shape(thaw, bio, cryo):
    """How much of each diffusivity acts at each lower interface, day yr-1 over a year's days."""
    for j in range(_N):
        bio[j], cryo[j] = 0.0, 0.0
        if thaw > _DEEP_THAW:
            bio[j] = 1.0
        elif thaw > 0.0:
            if INTERFACES[j] < thaw:
                cryo[j] = 1.0
            else:
                cryo[j] = max(0.0, 1.0 - (INTERFACES[j] - thaw) / (_RAMP_END - thaw))


@njit(**_COMPILE)
def _power_law(conductance):
    """Conductance after Patankar's power law for the published velocity, and its derivative."""
    peclet = 0.1 * _TINY / conductance
    rest = 1.0 - peclet
    if rest <= 0.0:
        return 0.0, 0.0
    fourth = rest * rest * rest * rest
    return conductance * fourth * rest, fourth * rest + 5.0 * fourth * peclet


@njit(**_COMPILE)
def couplings(diffus, cryo, thaw, nbedrock, conserving, a, c):
    """Month-mean couplings to the layer above (`a`) and below (`c`), day-1: written, (20,) each."""
    bio_shape, cryo_shape, d = np.empty(_N), np.empty(_N), np.empty(_N)
    a[:] = 0.0
    c[:] = 0.0
    for month in range(len(thaw)):
        _shape(thaw[month], bio_shape, cryo_shape)
        for j in range(_N):
            d[j] = (diffus * bio_shape[j] + cryo * cryo_shape[j]) / DAYS_PER_YEAR
            if not conserving:
                d[j] = max(_TINY, d[j] if j <= nbedrock else 0.0)
        above = 0.0
        for k in range(_N - 1):
            resistance = (1.0 - _WEIGHT[k]) * d[k] + _WEIGHT[k] * d[k + 1]
            g = d[k] * d[k + 1] / resistance / SPACING[k + 1] if resistance > 0.0 else 0.0
            if conserving:
                if k + 1 < nbedrock:
                    a[k + 1] += g
                    c[k] += g
            else:
                law, _ = _power_law(g)
                a[k + 1] += law + _TINY
                c[k] += law if k < nbedrock else above
            above = g
    for j in range(_N):
        a[j] /= len(thaw) * THICKNESS[j]
        c[j] /= len(thaw) * THICKNESS[j]


@njit(**_COMPILE)
def couplings_adjoint(diffus, cryo, thaw, nbedrock, conserving, d_a, d_c):
    """Gradient with respect to (diffus, cryo) from that with respect to `a` and `c`."""
    bio_shape, cryo_shape, d = np.empty(_N), np.empty(_N), np.empty(_N)
    d_diffus, d_cryo = 0.0, 0.0
    for month in range(len(thaw)):
        _shape(thaw[month], bio_shape, cryo_shape)
        for j in range(_N):
            d[j] = (diffus * bio_shape[j] + cryo * cryo_shape[j]) / DAYS_PER_YEAR
            if not conserving:
                d[j] = max(_TINY, d[j] if j <= nbedrock else 0.0)
        for k in range(_N - 1):
            resistance = (1.0 - _WEIGHT[k]) * d[k] + _WEIGHT[k] * d[k + 1]
            if not resistance > 0.0:
                continue
            from_a, from_c = d_a[k + 1] / THICKNESS[k + 1], d_c[k] / THICKNESS[k]
            if conserving:
                d_g = from_a + from_c if k + 1 < nbedrock else 0.0
            else:
                _, slope = _power_law(d[k] * d[k + 1] / resistance / SPACING[k + 1])
                d_g = slope * (from_a + (from_c if k < nbedrock else 0.0))
                if k + 1 >= nbedrock and k + 2 < _N:  # the face below repeats this one
                    d_g += d_c[k + 1] / THICKNESS[k + 1]
            d_g /= SPACING[k + 1] * resistance * resistance
            for j, share in (
                (k, _WEIGHT[k] * d[k + 1] * d[k + 1]),
                (k + 1, (1.0 - _WEIGHT[k]) * d[k] * d[k]),
            ):
                if conserving or (j <= nbedrock and d[j] > _TINY):
                    d_diffus += d_g * share * bio_shape[j]
                    d_cryo += d_g * share * cryo_shape[j]
    scale = 1.0 / (DAYS_PER_YEAR * len(thaw))
    return d_diffus * scale, d_cryo * scale
