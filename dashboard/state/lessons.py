"""Three lessons: prepared views of the open dataset, each a link."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np

from dashboard.state.field import FIELDS, limits, value_of
from dashboard.state.link import VERSION, packed_sites
from dashboard.state.opened import Opened
from dashboard.state.traceability import by_region, equal_storage_pair
from dashboard.units import with_unit

__all__ = ["Lesson", "lessons"]


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
    stock = value_of(FIELDS["soc_stock"], opened.estimate("conserving"), opened.observations)
    low, high = limits(stock, "2-98 %", diverging=False)
    fixed = {"reach": "fixed", "limits": f"{low:.3g},{high:.3g}"}
    words = (
        "The published code lets carbon leave through the bedrock interface; the conserving scheme "
        "closes the column, so that respiration equals input. The two views share their colours: "
        "switch between them and watch where soils are shallow."
    )
    links = tuple(
        (f"{scheme.capitalize()} scheme", link("explore", bedrock=scheme, **fixed))
        for scheme in ("conserving", "published")
    )
    return Lesson("What the bedrock scheme does", words, links)


def _kilo(value: float) -> str:
    return with_unit(value * 1e-3, "kgC m-2")
