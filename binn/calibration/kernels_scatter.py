"""Compiled: mean and scatter matrix of the states of a chain, kept as a triangular factor.

The scatter ``S = sum (x - mean)(x - mean)^T`` is held as R with ``S = R^T R``, upper triangular:
every state adds a rank-one update by plane rotations, which cannot make it indefinite, and a draw
from N(0, S) is ``R^T z`` at any time.
"""

from __future__ import annotations

import math

from numba import njit

__all__ = ["add_repeats", "rank_one"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_COMPILE)
def rank_one(factor, x, d):
    """Turn the factor of S into that of ``S + x x^T``; `x` (d,) is used up."""
    for k in range(d):
        here, add = factor[k, k], x[k]
        length = math.sqrt(here * here + add * add)
        if length == 0.0:
            continue
        cos, sin = here / length, add / length
        factor[k, k] = length
        for i in range(k + 1, d):
            old = factor[k, i]
            factor[k, i] = cos * old + sin * x[i]
            x[i] = cos * x[i] - sin * old


@njit(**_COMPILE)
def add_repeats(mean, factor, count, state, repeats, difference, d):
    """Add a state that a chain was in for `repeats` steps; returns the new number of steps.

    Parameters
    ----------
    mean, factor : (d,), (d, d)
        Of the `count` steps so far; written.
    count, repeats : int
        Steps.
    state : (d,)
        Where the chain was.
    difference : (d,)
        Scratch.
    d : int
        Dimension.
    """
    if repeats == 0:
        return count
    total = count + repeats
    by = math.sqrt(count * repeats / total)
    for i in range(d):
        off = state[i] - mean[i]
        mean[i] += off * repeats / total
        difference[i] = by * off
    rank_one(factor, difference, d)
    return total
