"""Why storage differs between groups of sites: influx, residence time, and what sets it (Fig. 7).

Of each site, storage = influx x residence time, and residence time = baseline residence time /
environmental scalar (:mod:`binn.diagnostics.traceability`). Means of these over a group's sites no
longer multiply; so a group is taken as a whole, mean storage over mean influx: :class:`Budget`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from binn.quantities import TRACEABILITY
from dashboard.state.field import FieldChoice
from dashboard.state.opened import Opened
from dashboard.state.results import Results
from dashboard.state.selection import Selection

__all__ = [
    "Budget",
    "Group",
    "Means",
    "axis_span",
    "by_region",
    "changed_group",
    "equal_storage_pair",
    "group_of",
    "levels",
    "selected_group",
    "selected_parts",
    "source_of",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Means = dict[str, float]
"""A number of each traceable quantity."""

_MOST_LEVELS = 7


@dataclass(frozen=True)
class Budget:
    """Carbon of a group of sites taken together: its numbers multiply exactly.

    Attributes
    ----------
    storage : float
        Mean storage, gC m-2 (litter and coarse woody debris included).
    influx : float
        Mean influx, gC m-2 yr-1.
    residence_time : float
        ``storage / influx``, yr: the influx-weighted mean of the sites' residence times.
    environmental_scalar : float
        Storage-weighted mean.
    baseline_residence_time : float
        ``residence_time * environmental_scalar``, yr: the influx-weighted mean of the sites'.
    """

    storage: float
    influx: float
    residence_time: float
    environmental_scalar: float
    baseline_residence_time: float

    @property
    def each(self) -> Means:
        """The numbers by key of :data:`binn.quantities.TRACEABILITY`."""
        return {key: asdict(self)[key] for key in TRACEABILITY}


@dataclass(frozen=True)
class Group:
    """Some sites, and how the traceable quantities spread over them.

    Attributes
    ----------
    name : str
    n : int
        Sites with numbers.
    low, median, high : dict of str to float
        Lower quartile, median and upper quartile over the sites, by key of
        :data:`binn.quantities.TRACEABILITY`; NaN without sites.
    budget : Budget
        Of the sites together.
    """

    name: str
    n: int
    low: Means
    median: Means
    high: Means
    budget: Budget


def group_of(name: str, traceability: dict[str, Floats], rows: Integers | None = None) -> Group:
    """Statistics of some rows of the traceable quantities.

    Parameters
    ----------
    name : str
        Of the group.
    traceability : dict of ndarray (n,)
        As :attr:`dashboard.state.estimate.Estimate.traceability`.
    rows : ndarray (k,) of int, optional
        Which of them; all by default. Rows without numbers (NaN) are left out.
    """
    table = np.stack([traceability[key] for key in TRACEABILITY])
    if rows is not None:
        table = table[:, rows]
    table = table[:, np.isfinite(table).all(0)]
    n = table.shape[1]
    if not n:
        nothing = dict.fromkeys(TRACEABILITY, math.nan)
        return Group(name, 0, nothing, nothing, nothing, Budget(**nothing))
    quartiles = np.percentile(table, (25, 50, 75), axis=1)
    each = dict(zip(TRACEABILITY, table, strict=True))
    storage = each["storage"]
    influx = float(each["influx"].mean())
    residence_time = float(storage.mean()) / influx
    scalar = float((each["environmental_scalar"] * storage).sum() / storage.sum())
    budget = Budget(
        storage=float(storage.mean()),
        influx=influx,
        residence_time=residence_time,
        environmental_scalar=scalar,
        baseline_residence_time=residence_time * scalar,
    )
    low, median, high = (dict(zip(TRACEABILITY, map(float, q), strict=True)) for q in quartiles)
    return Group(name, n, low, median, high, budget)


def by_region(traceability: dict[str, Floats], region: NDArray[np.generic]) -> list[Group]:
    """A group for each region that has sites with numbers, by name.

    Parameters
    ----------
    traceability : dict of ndarray (site,)
    region : ndarray (site,) of str
        Region of each site; sites whose region is "" belong to none.
    """
    names = np.asarray(region).astype(str)
    groups = (
        group_of(name, traceability, np.flatnonzero(names == name))
        for name in sorted(set(names.tolist()) - {""})
    )
    return [group for group in groups if group.n]


def source_of(field: FieldChoice, opened: Opened) -> str:
    """Whose residence times are shown: what the map shows if it is one answer, else BINN's."""
    return field.source if field.source in opened.sources else "binn"


def selected_group(results: Results, selection: Selection, source: str = "binn") -> Group | None:
    """The selected sites (or all of them if none is); None while they are being computed."""
    found = results.get(source, "site")
    if found is None:
        return None
    name = "Selection" if len(selection) else "All sites"
    return group_of(name, found.traceability, selection.active)


def selected_parts(
    results: Results, selection: Selection, biome: NDArray[np.generic], source: str = "binn"
) -> list[Group]:
    """The selected sites of each biome, where those of several are selected; else none."""
    found, sites = results.get(source, "site"), selection.sites
    if found is None or len(set(biome[sites].tolist()) - {""}) < 2:
        return []
    here = {key: values[sites] for key, values in found.traceability.items()}
    return by_region(here, biome[sites])


def changed_group(results: Results, selection: Selection) -> Group | None:
    """The same sites under the scenario; None without one, or while it is being computed."""
    change = results.change
    if change is None:
        return None
    rows = change.rows(selection.active)
    if len(rows) < len(selection.active):  # solved for the selection before this one
        return None
    return group_of("Changed", change.estimate.traceability, rows)


def equal_storage_pair(
    groups: Sequence[Group], within: float = 0.1, least: int = 20
) -> tuple[Group, Group] | None:
    """Two groups that store nearly the same for different reasons.

    Parameters
    ----------
    groups : sequence of Group
        Such as of :func:`by_region`.
    within : float
        Storages may differ by this part of the larger one.
    least : int
        Groups of fewer sites are passed over.

    Returns
    -------
    (Group, Group) or None
        Of all pairs with nearly equal mean storage, the one whose residence times
        (:attr:`Budget.residence_time`) have the largest ratio, the slower group first; None if
        there is no such pair.
    """
    large = [group for group in groups if group.n >= least]
    pairs = [
        pair
        for pair in combinations(large, 2)
        if abs(pair[0].budget.storage - pair[1].budget.storage)
        <= within * max(one.budget.storage for one in pair)
    ]

    def residence(group: Group) -> float:
        return group.budget.residence_time

    def ratio(pair: tuple[Group, Group]) -> float:
        one, other = sorted(map(residence, pair))
        return other / one

    if not pairs:
        return None
    slow, fast = sorted(max(pairs, key=ratio), key=residence, reverse=True)
    return slow, fast


def axis_span(values: Floats, scale: str) -> tuple[float, float]:
    """Ends of an axis for positive values that are not all finite.

    Parameters
    ----------
    values : ndarray (n,)
    scale : {"Linear", "Log"}
        A linear axis starts at 0 and ends shortly after the 99th percentile, so that a few
        extreme sites do not press all others into a corner; a logarithmic one shows all.
    """
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return (0.0, 1.0) if scale == "Linear" else (0.1, 1.0)
    if scale == "Linear":
        return 0.0, 1.04 * float(np.percentile(known, 99))
    return 0.9 * float(known.min()), 1.1 * float(known.max())


def levels(values: Floats) -> list[float]:
    """Round contour values, 1, 2 or 5 times powers of ten, over the usual range of `values`.

    At most seven; neighbours double or so, as suits quotients and products.
    """
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return []
    low, high = (float(v) for v in np.percentile(known, (1, 99.5)))
    found = list(_round_between(low, high))
    return found[-_MOST_LEVELS:] or [float(np.median(known))]


def _round_between(low: float, high: float) -> Iterator[float]:
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = float(f"{digit}e{power}")
            if low <= value <= high:
                yield value
