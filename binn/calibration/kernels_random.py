"""Compiled: random numbers whose whole state is four words, so that a chain owns its generator.

xoshiro256++ (Blackman and Vigna 2021, doi:10.1145/3460772), started from NumPy's `SeedSequence` of
the seed, the site and the chain: a chain's numbers depend on nothing else.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["generators", "normal", "uniform"]

_COMPILE = {"cache": True, "nogil": True, "error_model": "numpy"}
_A, _B, _C, _D = np.uint64(23), np.uint64(17), np.uint64(45), np.uint64(11)
_A_REST, _C_REST = np.uint64(64 - 23), np.uint64(64 - 45)
_UNIT = 2.0**-53


def generators(seed: int, sites: NDArray[np.int64], chains: int) -> NDArray[np.uint64]:
    """States of the generators of some chains: (site * chain, 4), chains of a site together.

    Parameters
    ----------
    seed : int
        Of the whole calculation, >= 0.
    sites : ndarray (site,) of int
        Names of the sites, >= 0: positions in the dataset.
    chains : int
        Chains a site.
    """
    states = [
        np.random.SeedSequence(seed, spawn_key=(int(site), chain)).generate_state(4, np.uint64)
        for site in sites
        for chain in range(chains)
    ]
    return np.array(states, dtype=np.uint64).reshape(-1, 4)


@njit(**_COMPILE)
def uniform(state):
    """A number in [0, 1), in steps of 2^-53; `state` (4,) is advanced."""
    first, second, last = state[0], state[1], state[3]
    total = first + last
    word = ((total << _A) | (total >> _A_REST)) + first
    state[2] ^= first
    state[3] ^= second
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= second << _B
    last = state[3]
    state[3] = (last << _C) | (last >> _C_REST)
    return (word >> _D) * _UNIT


@njit(**_COMPILE)
def normal(state):
    """Two independent standard normal numbers (Marsaglia's polar method)."""
    while True:
        x, y = 2.0 * uniform(state) - 1.0, 2.0 * uniform(state) - 1.0
        square = x * x + y * y
        if 0.0 < square < 1.0:
            by = math.sqrt(-2.0 * math.log(square) / square)
            return x * by, y * by
