"""How far a simulated profile is from the observed one: sums of weighted squares.

Both forms are ``J = sum_l precision_l (simulated_l - observed_l)^2 / 2``; they differ in the
precision. `published` is that of the authors' site calibration (Tao et al. 2023, spec section 11):
standard deviation 0.6 times the observation, and more weight to the layers that stand out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError

__all__ = ["Misfit", "layer_weights"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Misfit:
    """Which misfit.

    Attributes
    ----------
    form : {"published", "gaussian"}
        `published`: standard deviation `relative_sd` times the observation, and the weights of
        :func:`layer_weights`. `gaussian`: minus the logarithm of a Gaussian likelihood (up to a
        constant), all layers alike.
    relative_sd : float
        Standard deviation of an observation, relative to its value.
    sd : float, optional
        Standard deviation of every observation, gC m-3, in place of the relative one; `gaussian`
        only.
    """

    form: Literal["published", "gaussian"] = "published"
    relative_sd: float = 0.6
    sd: float | None = None

    def __post_init__(self) -> None:
        if self.form not in ("published", "gaussian"):
            raise InputError(f"misfit {self.form!r} is not known; use 'published' or 'gaussian'")
        if self.sd is not None and self.form == "published":
            raise InputError("the published misfit has a relative standard deviation: leave out sd")
        for name, value in (("relative_sd", self.relative_sd), ("sd", self.sd)):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise InputError(f"{name}={value} is not possible; give a number above 0")

    def precision(self, depth: Vector, soc: Vector) -> Vector:
        """Weight over variance of the observations of one site.

        Parameters
        ----------
        depth, soc : ndarray (layer,)
            m and gC m-3, positive.

        Returns
        -------
        ndarray (layer,)
            gC-2 m6.
        """
        sd = self.sd if self.sd is not None else self.relative_sd * soc
        weight = layer_weights(depth, soc) if self.form == "published" else 1.0
        return weight / np.broadcast_to(np.square(sd), soc.shape)


def layer_weights(depth: Vector, soc: Vector) -> Vector:
    """Weights of the published misfit: ``max(1, 10 exp(1 - rank))``.

    The rank of a layer is the mean of two ranks, 1 for the largest: that of its SOC's and that of
    its depth's distance from the mean of the profile. The first of equals ranks first.

    Parameters
    ----------
    depth, soc : ndarray (layer,)
        m and gC m-3.
    """
    ranks = [_rank(np.abs(values - values.mean())) for values in (soc, depth)]
    weight: Vector = np.maximum(1.0, 10.0 * np.exp(1.0 - np.mean(ranks, axis=0)))
    return weight


def _rank(values: Vector) -> Vector:
    """Rank, 1 for the largest."""
    rank = np.empty(len(values))
    rank[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return rank
