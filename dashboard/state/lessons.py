"""Three lessons: prepared views of the open dataset, each a link."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES, N_LAYERS, THICKNESS
from dashboard.state.field import COLUMN_DEPTH, FIELDS, limits, value_of
from dashboard.state.link import VERSION, packed_sites
from dashboard.state.look import DEPTHS
from dashboard.state.opened import Opened
from dashboard.state.traceability import by_region, equal_storage_pair
from dashboard.units import number, with_unit

__all__ = ["Lesson", "lessons"]

_MOST_CHANGED = 200
"""So many sites are selected to see what the bedrock scheme does."""
_NOTED = 0.01
"""A change of the stock by more than this part of it is counted."""


@dataclass(frozen=True)
class Lesson:
    """A prepared view.

    Attributes
    ----------
    title, words : str
        What it shows and what to look for.
    links : tuple of (str, str)
        Words and query string of each link.
    """

    title: str
    words: str
    links: tuple[tuple[str, str], ...]


def lessons(opened: Opened, data: str, checkpoint: str) -> list[Lesson]:
    """The three lessons, with the numbers of the open dataset.

    Parameters
    ----------
    opened : Opened
    data, checkpoint : str
        As links name them.
    """

    def link(tab: str, **chosen: str) -> str:
        names = {"v": str(VERSION), "data": data, "checkpoint": checkpoint, "tab": tab}
        return urlencode({**names, **chosen})

    found = [_equal_storage(opened, link), _warming(link), _bedrock(opened, link)]
    return [lesson for lesson in found if lesson is not None]


def _equal_storage(opened, link) -> Lesson | None:  # type: ignore[no-untyped-def]
    biome = opened.dataset["biome"].to_numpy().astype(str)
    pair = equal_storage_pair(by_region(opened.estimate(opened.bedrock).traceability, biome))
    if pair is None:
        return None
    slow, fast = pair
    sites = np.flatnonzero(np.isin(biome, [slow.name, fast.name]))
    words = (
        f"{slow.name} and {fast.name} hold nearly the same carbon "
        f"({_kilo(slow.budget.storage)} and {_kilo(fast.budget.storage)}): in the first, less "
        f"comes in and stays {with_unit(slow.budget.residence_time, 'yr')}, in the second, "
        f"more comes in and stays {with_unit(fast.budget.residence_time, 'yr')}."
    )
    query = link("traceability", n=str(opened.count), packed=packed_sites(sites, opened.count))
    return Lesson("Equal storage from different causes", words, (("Show both biomes", query),))


def _warming(link) -> Lesson:  # type: ignore[no-untyped-def]
    words = (
        "All of CONUS, 2 K warmer: decomposition quickens by Q10, and the steady state holds less "
        "carbon. Where is most lost, and why there? Compare the map of the change with those of "
        "q10 and of the environmental modifier."
    )
    links = (("Warm CONUS by 2 K", link("what-if", warming="2.0", scope="all")),)
    return Lesson("Warming", words, links)


def _bedrock(opened, link) -> Lesson:  # type: ignore[no-untyped-def]
    field, column = FIELDS["soc_stock"], (0.0, COLUMN_DEPTH)
    stocks = {
        scheme: value_of(field, opened.estimate(scheme), opened.observations, column)
        for scheme in ("conserving", "published")
    }
    conserving, published = stocks.values()
    with np.errstate(divide="ignore", invalid="ignore"):
        change = published / conserving - 1
    change = np.where(np.isfinite(change), change, 0.0)
    size = np.abs(change)
    sites = np.sort(np.argsort(-size, kind="stable")[:_MOST_CHANGED])
    sites = sites[size[sites] > 0]
    nbedrock = opened.dataset["nbedrock"].to_numpy().astype(np.int64)[opened.site_cell]
    bottom = INTERFACES[np.minimum(nbedrock, len(INTERFACES)) - 1]
    words = (
        "The published code solves pools below bedrock too, where litter still comes in, and lets "
        "carbon leave or appear at that interface; the conserving scheme ends the column there, so "
        f"that respiration equals input. The stock of the whole column differs by more than 1 % at "
        f"{int((size > _NOTED).sum()):,} of {opened.count:,} sites, by {number(100 * size.max())} "
        "% at most. "
    )
    chosen: dict[str, str] = {}
    if len(sites):
        above, below = _apart(opened, sites, nbedrock[sites])
        both = (float(np.median(stock[sites])) for stock in stocks.values())
        one, other = (with_unit(stock, "kgC m-2") for stock in both)
        words += (
            f"The views select the {len(sites):,} sites where it matters most: the model's bedrock "
            f"lies there {number(float(bottom[sites].min()), 2)} to "
            f"{number(float(bottom[sites].max()), 2)} m deep (median over all sites "
            f"{number(float(np.median(bottom)), 2)} m), and the median stock is {one} if "
            f"conserving, {other} as published "
            f"(median of the changes {number(100 * float(np.median(change[sites])))} %). Both "
            "views show all 8.6 m with the same colours: the profile of the conserving scheme ends "
            "at bedrock; that of the published one differs from it by "
            f"{with_unit(above, 'kgC m-2')} above bedrock and {with_unit(below, 'kgC m-2')} below "
            "(medians)."
        )
        chosen = {"n": str(opened.count), "packed": packed_sites(sites, opened.count)}
    low, high = limits(conserving, "2-98 %", diverging=False)
    chosen |= {"depth": f"0.0,{COLUMN_DEPTH}", "down-to": DEPTHS[-1]}
    chosen |= {"reach": "fixed", "limits": f"{low:.3g},{high:.3g}"}
    links = tuple(
        (f"{scheme.capitalize()} scheme", link("explore", bedrock=scheme, **chosen))
        for scheme in stocks
    )
    return Lesson("What the bedrock scheme does", words, links)


def _apart(
    opened: Opened, sites: NDArray[np.int64], nbedrock: NDArray[np.int64]
) -> tuple[float, float]:
    """Median of published - conserving SOC above and below bedrock, kgC m-2."""
    conserving, published = (
        opened.estimate(scheme).soc[sites] for scheme in ("conserving", "published")
    )
    layers = (published - conserving) * THICKNESS * 1e-3
    inside = np.arange(N_LAYERS) < nbedrock[:, None]
    above, below = (float(np.median((layers * part).sum(1))) for part in (inside, ~inside))
    return above, below


def _kilo(value: float) -> str:
    return with_unit(value * 1e-3, "kgC m-2")
