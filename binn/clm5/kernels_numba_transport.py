"""Vertical transport of one site, compiled: the couplings of `transport` and their adjoint."""

from __future__ import annotations

import numpy as np
from numba import njit

from binn.clm5.column import DAYS_PER_YEAR, INTERFACES, N_LAYERS, NODES, SPACING, THICKNESS

__all__ = ["couplings", "couplings_adjoint", "couplings_of_sites"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}
_N = N_LAYERS
_DEEP_THAW, _RAMP_END, _TINY = 2.0, 3.0, 1e-30  # as in `transport`
_WEIGHT = (INTERFACES[:-1] - NODES[:-1]) / SPACING[1:]
_PER_SPACING, _PER_THICKNESS = 1.0 / SPACING[1:], 1.0 / THICKNESS


@njit(**_COMPILE)
def _cryoturbation(thaw, share):
    """Write how much of the cryoturbation acts at each lower interface.

    All above the thaw depth, fading to nothing at 3 m; nothing where the ground never thaws.
    """
    for j in range(_N):
        if thaw <= 0.0:
            share[j] = 0.0
        elif INTERFACES[j] < thaw:
            share[j] = 1.0
        else:
            share[j] = max(0.0, 1.0 - (INTERFACES[j] - thaw) / (_RAMP_END - thaw))


@njit(**_COMPILE)
def _diffusivity(diffus, cryo, thaw, nbedrock, conserving, d):
    """Write the diffusivity at each lower interface, m2 day-1."""
    per_day = diffus / DAYS_PER_YEAR
    if thaw > _DEEP_THAW:
        for j in range(_N):
            d[j] = per_day
    else:
        _cryoturbation(thaw, d)
        for j in range(_N):
            d[j] *= cryo / DAYS_PER_YEAR
    if not conserving:
        for j in range(_N):
            d[j] = max(_TINY, d[j] if j <= nbedrock else 0.0)


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
    d = np.empty(_N)
    a[:] = 0.0
    c[:] = 0.0
    for month in range(len(thaw)):
        _diffusivity(diffus, cryo, thaw[month], nbedrock, conserving, d)
        above = 0.0
        for k in range(_N - 1):
            if d[k] == d[k + 1]:  # no harmonic mean needed: nearly always
                g = d[k] * _PER_SPACING[k]
            else:
                resistance = (1.0 - _WEIGHT[k]) * d[k] + _WEIGHT[k] * d[k + 1]
                g = d[k] * d[k + 1] / resistance * _PER_SPACING[k]
            if conserving:
                if k + 1 < nbedrock:
                    a[k + 1] += g
                    c[k] += g
            else:
                law, _ = _power_law(g)
                a[k + 1] += law + _TINY
                c[k] += law if k < nbedrock else above
            above = g
    share = 1.0 / len(thaw)
    for j in range(_N):
        a[j] *= share * _PER_THICKNESS[j]
        c[j] *= share * _PER_THICKNESS[j]


@njit(**_COMPILE)
def couplings_of_sites(start, stop, diffus, cryo, thaw, nbedrock, cell, conserving, a, c):
    """:func:`couplings` of the sites `start` to `stop`; `a`, `c` (site, 20) are written."""
    for site in range(start, stop):
        row = cell[site]
        couplings(diffus[site], cryo[site], thaw[row], nbedrock[row], conserving, a[site], c[site])


@njit(**_COMPILE)
def couplings_adjoint(diffus, cryo, thaw, nbedrock, conserving, d_a, d_c):
    """Gradient with respect to (diffus, cryo) from that with respect to `a` and `c`."""
    shape, d = np.empty(_N), np.empty(_N)
    d_diffus, d_cryo = 0.0, 0.0
    for month in range(len(thaw)):
        _diffusivity(diffus, cryo, thaw[month], nbedrock, conserving, d)
        deep = thaw[month] > _DEEP_THAW
        if not deep:
            _cryoturbation(thaw[month], shape)
        for k in range(_N - 1):
            resistance = (1.0 - _WEIGHT[k]) * d[k] + _WEIGHT[k] * d[k + 1]
            if not resistance > 0.0:
                continue
            from_a, from_c = d_a[k + 1] * _PER_THICKNESS[k + 1], d_c[k] * _PER_THICKNESS[k]
            if conserving:
                d_g = from_a + from_c if k + 1 < nbedrock else 0.0
            else:
                _, slope = _power_law(d[k] * d[k + 1] / resistance * _PER_SPACING[k])
                d_g = slope * (from_a + (from_c if k < nbedrock else 0.0))
                if k + 1 >= nbedrock and k + 2 < _N:  # the face below repeats this one
                    d_g += d_c[k + 1] * _PER_THICKNESS[k + 1]
            d_g *= _PER_SPACING[k] / (resistance * resistance)
            for j, share in (
                (k, _WEIGHT[k] * d[k + 1] * d[k + 1]),
                (k + 1, (1.0 - _WEIGHT[k]) * d[k] * d[k]),
            ):
                if conserving or (j <= nbedrock and d[j] > _TINY):
                    if deep:
                        d_diffus += d_g * share
                    else:
                        d_cryo += d_g * share * shape[j]
    scale = 1.0 / (DAYS_PER_YEAR * len(thaw))
    return d_diffus * scale, d_cryo * scale
