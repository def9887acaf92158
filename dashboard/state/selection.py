"""Which sites are selected: one set of sites that every view follows."""

from __future__ import annotations

import re

import numpy as np
import param
from numpy.typing import NDArray

from binn.errors import InputError
from dashboard.state.places import Places

__all__ = ["Selection"]

Integers = NDArray[np.int64]


class Selection(param.Parameterized):
    """A set of sites of one dataset.

    A site is known by its position in the dataset, from 0 (as in ``dataset.isel(site=...)``);
    people may type its profile id instead.

    Parameters
    ----------
    places : Places
        Names and places of the dataset's sites.
    """

    sites = param.Array(default=np.empty(0, dtype=np.int64), doc="Selected sites, ascending.")
    how = param.String(default="", doc="How they were chosen, in words.")

    def __init__(self, places: Places) -> None:
        super().__init__()
        self._places = places
        self.count, self.site_cell, self.place = places.count, places.site_cell, places.place

    def __len__(self) -> int:
        return len(self.sites)

    def profile(self, site: int) -> str:
        """Profile id of a site, as text."""
        return self._places.profiles[site]

    @property
    def shared(self) -> Integers:
        """How many sites stand where each site stands, itself included: (site,)."""
        return np.bincount(self.place)[self.place]

    @property
    def active(self) -> Integers:
        """The selected sites, or all of them if none is selected: what numbers are about."""
        return self.sites if len(self.sites) else np.arange(self.count)

    @property
    def words(self) -> str:
        """How many sites are selected, in words."""
        if not len(self.sites):
            return "No site selected"
        return f"{len(self.sites):,} site{'s' * (len(self.sites) > 1)} selected"

    def choose(self, sites: object, how: str = "") -> None:
        """Select exactly these sites.

        Raises
        ------
        InputError
            If one of them is not in the dataset.
        """
        chosen = np.unique(np.asarray(sites, dtype=np.int64))
        if len(chosen) and not (chosen[0] >= 0 and chosen[-1] < self.count):
            raise InputError(
                f"site {chosen[-1]} is not among the {self.count} sites (0 to {self.count - 1})"
            )
        if not np.array_equal(chosen, self.sites):
            self.param.update(sites=chosen, how=how if len(chosen) else "")
        elif how and len(chosen):
            self.how = how

    def clear(self) -> None:
        """Select nothing."""
        self.choose([])

    def tap(self, site: int, extend: bool = False) -> None:
        """Select every site that stands where this one stands.

        Parameters
        ----------
        site : int
            Any site at that place.
        extend : bool
            Add them to (or, if all are in it already, take them from) the selection.
        """
        here = np.flatnonzero(self.place == self.place[site])
        if extend:
            inside = np.isin(here, self.sites).all()
            combine = np.setdiff1d if inside else np.union1d
            self.choose(combine(self.sites, here), "tapped on the map")
        elif len(here) > 1:
            self.choose(here, f"{len(here)} profiles share this place")
        else:
            self.choose(here, "tapped on the map")

    @property
    def cells(self) -> Integers:
        """Grid cells that hold a selected site, ascending."""
        return np.unique(self.site_cell[self.sites])

    def choose_cells(self, cells: object, how: str = "", extend: bool = False) -> None:
        """Select every site of these grid cells.

        Parameters
        ----------
        cells : sequence of int
        how : str
            In words.
        extend : bool
            Add them to the selection.
        """
        sites = np.flatnonzero(np.isin(self.site_cell, np.asarray(cells, dtype=np.int64)))
        self.choose(np.union1d(self.sites, sites) if extend else sites, how)

    def find(self, text: str) -> None:
        """Select by typed ids: profile ids, or ``#`` and the position in the dataset from 0.

        Several are separated by commas or blanks.

        Raises
        ------
        InputError
            If one of them is not there; the selection stays as it was.
        """
        found: list[Integers] = []
        for word in re.split(r"[,;\s]+", text.strip()):
            if not word:
                continue
            if word.startswith("#"):
                if not word[1:].isdecimal() or int(word[1:]) >= self.count:
                    raise InputError(
                        f"There is no site {word}; sites go from #0 to #{self.count - 1}."
                    )
                found.append(np.array([int(word[1:])]))
                continue
            rows = self._places.with_id(word)
            if not len(rows):
                raise InputError(
                    f"No profile has the id {word!r}; type a profile id, or # and a site number."
                )
            found.append(rows)
        if found:
            self.choose(np.concatenate(found), "found by id")

    def regions(self, kind: str) -> list[str]:
        """Names of the biomes or states that have sites, in alphabetical order."""
        return self._places.regions(kind)

    @property
    def region(self) -> tuple[str, str]:
        """Kind and name of the region whose sites are selected, or two empty strings."""
        for kind in ("biome", "state"):
            here = self._places.in_region(kind, self.how)
            if len(here) and np.array_equal(here, self.sites):
                return kind, self.how
        return "", ""

    def choose_region(self, kind: str, name: str) -> None:
        """Select all sites of a biome or state.

        Parameters
        ----------
        kind : {"biome", "state"}
        name : str
            One of :meth:`regions`.

        Raises
        ------
        InputError
            If no site lies there.
        """
        sites = self._places.in_region(kind, name)
        if not len(sites) or not name:
            raise InputError(f"No site lies in the {kind} {name!r}.")
        self.choose(sites, name)
