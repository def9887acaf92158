"""Names and places of a dataset's sites, worked out once and shared by all visitors."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from dashboard.projection import to_albers

__all__ = ["Places"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Places:
    """Where sites are and what they are called; never changed.

    Parameters
    ----------
    lon, lat : ndarray (site,)
        Degrees.
    profile_id, state, biome : ndarray (site,)
        Profile ids and region names of the sites.
    site_cell : ndarray (site,), optional
        The grid cell of each site.

    Attributes
    ----------
    count : int
        Number of sites.
    profiles : list of str
        Profile ids as people write them.
    place : ndarray (site,)
        Sites of equal coordinates share a number.
    x, y : ndarray (site,)
        Metres in the map's projection.
    """

    def __init__(
        self,
        lon: Floats,
        lat: Floats,
        profile_id: NDArray[np.generic],
        state: NDArray[np.generic],
        biome: NDArray[np.generic],
        site_cell: Integers | None = None,
    ) -> None:
        self.count = len(lon)
        self.site_cell = np.arange(self.count) if site_cell is None else site_cell
        self.profiles = [_written(one) for one in profile_id]
        self._ids = np.array(self.profiles, dtype=object)
        self._regions = {
            kind: np.unique(np.asarray(names).astype(str), return_inverse=True)
            for kind, names in (("biome", biome), ("state", state))
        }
        _, place = np.unique(np.column_stack([lon, lat]), axis=0, return_inverse=True)
        self.place: Integers = place.reshape(-1)
        self.x, self.y = to_albers(lon, lat)

    def with_id(self, identifier: str) -> Integers:
        """Sites of a profile id, as people write it."""
        return np.flatnonzero(self._ids == identifier)

    def regions(self, kind: str) -> list[str]:
        """Names of the biomes or states that have sites, in alphabetical order."""
        return [str(name) for name in self._regions[kind][0] if name]

    def in_region(self, kind: str, name: str) -> Integers:
        """Sites of a biome or state; none if there is no such."""
        names, number = self._regions[kind]
        at = np.flatnonzero(names == name) if name else number[:0]
        return np.flatnonzero(number == at[0]) if len(at) else at


def _written(identifier: object) -> str:
    """An id as people write it: 1001.0 is 1001."""
    text = str(identifier)
    return text.removesuffix(".0") if re.fullmatch(r"-?\d+\.0", text) else text
