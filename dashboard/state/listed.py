"""Numbers that maps and profiles draw, as rows of tables for those who read or hear them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from binn.clm5.column import INTERFACES, NODES, POOL_NAMES, POOLS, TOPS
from binn.observations import Observations
from dashboard.state.estimate import Estimate
from dashboard.state.mapped import Mapped
from dashboard.state.opened import Opened
from dashboard.state.selection import Selection
from dashboard.units import number, written

__all__ = [
    "MOST",
    "Layers",
    "Listed",
    "by_layer",
    "by_region",
    "described",
    "listed_map",
    "listed_observations",
    "listed_pools",
    "listed_profile",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST = 50
"""So many places or observations are listed one by one."""
_KILO = 1e-3
_LEVELS = (10, 50, 90)


@dataclass(frozen=True)
class Listed:
    """A table in words: its caption, the names of its columns, its rows."""

    caption: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, eq=False)
class Layers:
    """Observed SOC by soil layer; NaN where none was observed.

    Attributes
    ----------
    n : ndarray (20,) of int
    low, middle, high : ndarray (20,)
        Quartiles, in the unit of what was given.
    """

    n: Integers
    low: Floats
    middle: Floats
    high: Floats


def by_layer(depth: Floats, soc: Floats) -> Layers:
    """Quartiles of observations in each soil layer.

    Parameters
    ----------
    depth : ndarray (k,)
        m.
    soc : ndarray (k,)
    """
    n = np.zeros(len(NODES), dtype=np.int64)
    quartiles = np.full((3, len(NODES)), np.nan)
    for layer, (top, bottom) in enumerate(zip(TOPS, INTERFACES, strict=True)):
        inside = soc[(depth >= top) & (depth < bottom)]
        n[layer] = len(inside)
        if len(inside):
            quartiles[:, layer] = np.percentile(inside, (25, 50, 75))
    return Layers(n, *quartiles)


def by_region(values: Floats, regions: NDArray[np.str_]) -> list[list[str]]:
    """Rows of the regions: name, n, median, 10 % and 90 % of what is known.

    Parameters
    ----------
    values : ndarray (n,)
        NaN where unknown.
    regions : ndarray (n,) of str
        Empty where a place lies in none.
    """
    names, at = np.unique(regions, return_inverse=True)
    return [described(str(name) or "none", values[at == k]) for k, name in enumerate(names)]


def described(name: str, values: Floats) -> list[str]:
    """A row: name, n, median, 10 % and 90 % of the values that are known.

    Parameters
    ----------
    name : str
    values : ndarray (n,)
        NaN where unknown.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return [name, "0", "–", "–", "–"]
    low, middle, high = np.percentile(known, _LEVELS)
    return [name, f"{len(known):,}", *(number(float(one)) for one in (middle, low, high))]


def listed_map(shown: Mapped, opened: Opened, selection: Selection) -> list[Listed]:
    """The map: by ecoregion, and the values of the selected sites or cells while they are few.

    Parameters
    ----------
    shown : Mapped
    opened : Opened
    selection : Selection
    """
    grid = shown.on == "cell"
    places = "grid cells" if grid else "sites"
    unit = written(shown.unit)
    what = f"{shown.title} ({unit})" if unit else shown.title
    regions = opened.dataset["cell_biome" if grid else "biome"].to_numpy().astype(str)
    rows = [described(f"All {places}", shown.values)]
    chosen = selection.cells if grid else selection.sites
    if len(chosen):
        rows.append(described("Selection", shown.values[chosen]))
    rows += by_region(shown.values, regions)
    head = ["Ecoregion", "n", "Median", "10 %", "90 %"]
    every = [Listed(f"{what}, by ecoregion of the {places}", head, rows)]
    if len(chosen):
        few = chosen[:MOST]
        caption = f"{what} at the selected {places}"
        if len(few) < len(chosen):
            caption += f": the first {len(few)} of {len(chosen):,}"
        each = _cells if grid else _sites
        every.append(Listed(caption, *each(shown.values, few, regions, opened, selection)))
    return every


def listed_profile(
    columns: Mapping[str, Floats], names: Mapping[str, str], observed: Layers
) -> Listed:
    """The profile's lines, a row a soil layer, beside what was observed in it.

    Parameters
    ----------
    columns : mapping of str to ndarray (20,)
        ``depth`` (m) and lines in kgC m-3, NaN where there is none; ``base_low`` and ``base_high``
        are the quartiles of ``base``.
    names : mapping of str to str
        Lines that are listed, for people.
    observed : Layers
        kgC m-3.
    """
    shown = {key: name for key, name in names.items() if np.isfinite(columns[key]).any()}
    ranged = np.isfinite(columns["base_low"]).any()
    head = ["Depth (m)"]
    for key, name in shown.items():
        head.append(f"{name}, median" if ranged else name)
        head += ["IQR"] if key == "base" and ranged else []
    head += ["Observed, median", "IQR", "n"]
    rows = []
    for layer, depth in enumerate(columns["depth"]):
        row = [number(float(depth))]
        for key in shown:
            row.append(number(float(columns[key][layer])))
            if key == "base" and ranged:
                row.append(_span(columns["base_low"][layer], columns["base_high"][layer]))
        n = int(observed.n[layer])
        row.append(number(float(observed.middle[layer])))
        row.append(_span(observed.low[layer], observed.high[layer]) if n > 1 else "–")
        rows.append([*row, f"{n:,}"])
    caption = "SOC (kgC m⁻³) at the soil nodes, and observed in the layer around each"
    return Listed(caption, head, rows)


def listed_pools(columns: Mapping[str, Floats]) -> Listed:
    """The seven pools, a row a soil layer; what a change makes of them after an arrow.

    Parameters
    ----------
    columns : mapping of str to ndarray (20,)
        ``depth`` (m), ``base_POOL`` and ``changed_POOL``, kgC m-3.
    """
    rows = []
    for layer, depth in enumerate(columns["depth"]):
        row = [number(float(depth))]
        for pool in POOLS:
            before, after = (float(columns[f"{one}_{pool}"][layer]) for one in ("base", "changed"))
            row.append(number(before) + (f" → {number(after)}" if np.isfinite(after) else ""))
        rows.append(row)
    return Listed("Carbon pools (kgC m⁻³) at the soil nodes", ["Depth (m)", *POOL_NAMES], rows)


def listed_observations(
    observations: Observations,
    estimate: Estimate | None,
    selection: Selection,
    name: str,
) -> Listed | None:
    """Every observation beside what is simulated there; None if there are none or too many.

    Parameters
    ----------
    observations : Observations
    estimate : Estimate or None
        Of all sites.
    selection : Selection
    name : str
        What stands for the simulation, for people.
    """
    sites = selection.active
    if not 0 < observations.count[sites].sum() <= MOST:
        return None
    at, owner = observations.of(sites)
    rows = []
    for row, site in zip(at, sites[owner], strict=True):
        soc = float(observations.soc[row]) * _KILO
        found = np.nan if estimate is None else float(estimate.soc_observed_depths[row]) * _KILO
        values = (float(observations.depth[row]), soc, found, found - soc)
        rows.append([f"{selection.profile(site)} (#{site})", *map(number, values)])
    head = ["Profile", "Depth (m)", "Observed", name, f"{name} − observed"]
    return Listed("Observed SOC (kgC m⁻³), and simulated at the same depth", head, rows)


def _span(low: float, high: float) -> str:
    return f"{number(float(low))} to {number(float(high))}"


def _degrees(*values: float) -> list[str]:
    return [f"{value:.3f}".replace("-", "−") for value in values]


_Part = tuple[list[str], list[list[str]]]


def _sites(
    values: Floats,
    few: Integers,
    regions: NDArray[np.str_],
    opened: Opened,
    selection: Selection,
) -> _Part:
    lat, lon = (opened.dataset[name].to_numpy()[few] for name in ("lat", "lon"))
    rows = [
        [
            f"{selection.profile(site)} (#{site})",
            *_degrees(y, x),
            str(regions[site]) or "none",
            number(float(values[site])),
        ]
        for site, y, x in zip(few, lat, lon, strict=True)
    ]
    return ["Profile", "Latitude (°)", "Longitude (°)", "Ecoregion", "Value"], rows


def _cells(
    values: Floats,
    few: Integers,
    regions: NDArray[np.str_],
    opened: Opened,
    selection: Selection,
) -> _Part:
    lat, lon = (opened.dataset[name].to_numpy()[few] for name in ("cell_lat", "cell_lon"))
    inside = np.bincount(selection.site_cell[selection.sites], minlength=len(values))
    rows = [
        [
            f"{cell}",
            *_degrees(y, x),
            str(regions[cell]) or "none",
            f"{inside[cell]:,}",
            number(float(values[cell])),
        ]
        for cell, y, x in zip(few, lat, lon, strict=True)
    ]
    head = ["Cell", "Latitude (°)", "Longitude (°)", "Ecoregion", "Selected sites", "Value"]
    return head, rows
