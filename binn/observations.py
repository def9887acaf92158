"""Ragged observations: which belong to which site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["Observations"]


@dataclass(frozen=True)
class Observations:
    """Ragged observations of a dataset, and how to find those of some sites.

    Attributes
    ----------
    depth, soc : ndarray (obs,)
        m and gC m-3.
    start, count : ndarray (site,) of int
        Where the observations of a site begin, and how many there are.
    """

    depth: NDArray[np.float64]
    soc: NDArray[np.float64]
    start: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def from_dataset(cls, ds: xr.Dataset) -> Observations:
        """Observations of a canonical dataset."""
        count = ds["obs_count"].to_numpy().astype(np.int64)
        return cls(
            ds["obs_depth"].to_numpy().astype(np.float64),
            ds["obs_soc"].to_numpy().astype(np.float64),
            np.cumsum(count) - count,
            count,
        )

    def of(self, sites: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Observations of some sites, site after site.

        Parameters
        ----------
        sites : ndarray (n,) of int
            Positions of the sites.

        Returns
        -------
        rows : ndarray (obs,) of int
            Positions of the observations.
        owner : ndarray (obs,) of int
            Position within `sites` of each observation's site.
        """
        count = self.count[sites]
        owner = np.repeat(np.arange(len(sites)), count)
        rows = np.arange(int(count.sum())) + np.repeat(
            self.start[sites] - (np.cumsum(count) - count), count
        )
        return rows, owner
