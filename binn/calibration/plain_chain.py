"""The authors' annealed scheme for one chain of one site, written plainly on NumPy.

The oracle of the tests of :mod:`binn.calibration.kernels_published`, and the baseline of its
benchmark; nothing else uses it. It reads as spec section 11 does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from binn.calibration.mcmc_options import Published

__all__ = ["NumpyRandom", "PlainChain", "Random", "plain_chain"]

Array = NDArray[np.float64]


class Random(Protocol):
    """Where random numbers come from."""

    def uniform(self) -> float:
        """A number in [0, 1)."""

    def normals(self) -> tuple[float, float]:
        """Two independent standard normal numbers."""


class NumpyRandom:
    """NumPy's generator."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return float(self._generator.random())

    def normals(self) -> tuple[float, float]:
        """Two independent standard normal numbers."""
        first, second = self._generator.standard_normal(2)
        return float(first), float(second)


@dataclass(frozen=True)
class PlainChain:
    """What a chain went through.

    Attributes
    ----------
    accepted : ndarray (state, d)
        Accepted states of the second phase.
    misfit : ndarray (step,)
        Misfit after each step, both phases.
    narrowed, redone : int
        Repetitions of the first phase, and of the chain.
    finished : bool
        Whether its acceptance was within bounds in the end.
    """

    accepted: Array
    misfit: Array
    narrowed: int
    redone: int
    finished: bool


def plain_chain(
    misfit: Callable[[Array], float], d: int, options: Published, random: Random
) -> PlainChain:
    """Run one chain.

    Parameters
    ----------
    misfit : callable
        Of normalised parameters (d,); NaN where the model fails.
    d : int
        Parameters.
    options : Published
    random : Random
    """
    start = np.full(d, options.start)
    start_misfit = misfit(start)
    scale, redone = options.scale, 0
    while True:
        divisor, narrowed = options.divisor, 0
        reached = start, start_misfit
        while True:  # phase 1, again with smaller steps where too few were accepted
            phase = _Phase(d)
            for n in range(1, options.first + 1):
                to = _uniform_step(reached[0], divisor, random)
                reached = phase.step(reached, to, misfit(to), n, random)
            if len(phase.accepted) >= options.fewest_accepted or narrowed == options.narrowings:
                break
            narrowed += 1
            divisor *= 1.1
        first = phase
        phase = _Phase(d)
        reached = reached[0], start_misfit  # as the authors' program has it
        for n in range(1, options.second + 1):
            known = phase if n - 1 > options.adapt_from else first
            to = _gaussian_step(reached[0], known.factor(scale), random)
            reached = phase.step(reached, to, misfit(to), n, random)
        rate = len(phase.accepted) / options.second
        finished = options.lowest <= rate <= options.highest
        if finished or redone == options.redos:
            return PlainChain(
                np.array(phase.accepted).reshape(-1, d),
                np.array(first.misfits + phase.misfits),
                narrowed,
                redone,
                finished,
            )
        redone += 1
        scale *= 0.7 if rate < options.lowest else 2.0


class _Phase:
    """States of a phase, and their covariance."""

    def __init__(self, d: int) -> None:
        self.accepted: list[Array] = []
        self.misfits: list[float] = []
        self._n, self._mean, self._scatter = 0, np.zeros(d), np.zeros((d, d))

    def step(
        self, at: tuple[Array, float], to: Array, misfit: float, n: int, random: Random
    ) -> tuple[Array, float]:
        """Where the chain is after step `n`: at the proposal, or where it was."""
        chance = math.exp(min(0.0, -(misfit - at[1]) * math.log(n + 2)))
        if chance > random.uniform():
            at = to, misfit
            self.accepted.append(to)
        self.misfits.append(at[1])
        self._n += 1
        off = at[0] - self._mean
        self._mean = self._mean + off / self._n
        self._scatter += np.outer(off, at[0] - self._mean)
        return at

    def factor(self, scale: float) -> Array:
        """Triangular factor of the covariance of steps."""
        covariance = scale / len(self._mean) * self._scatter / (self._n - 1)
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:  # fewer states than parameters
            values, vectors = np.linalg.eigh(covariance)
            factor = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T).R.T
        return np.asarray(factor, dtype=np.float64)


def _uniform_step(state: Array, divisor: float, random: Random) -> Array:
    """Uniform in every parameter; drawn again if it leaves the box."""
    while True:
        to = np.empty(len(state))
        for k in range(len(state)):
            to[k] = state[k] + (random.uniform() - 0.5) / divisor
            if not 0.0 < to[k] < 1.0:
                break
        else:
            return to


def _gaussian_step(state: Array, factor: Array, random: Random) -> Array:
    """Gaussian with covariance ``factor factor^T``; drawn again if it leaves the box."""
    while True:
        z, to = np.zeros(len(state)), np.empty(len(state))
        for k in range(len(state)):
            if k % 2 == 0:
                z[k : k + 2] = random.normals()[: len(state) - k]
            to[k] = state[k] + factor[k, : k + 1] @ z[: k + 1]
            if not 0.0 < to[k] < 1.0:
                break
        else:
            return to
