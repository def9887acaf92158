"""What each view draws: the page's state read now, the figure drawn later.

Each function returns a callable that holds plain arrays, never the page's state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from binn.figures import (
    ComparisonRow,
    Evaluated,
    MapField,
    Observed,
    Places,
    TimePanel,
    TimeSeries,
    Traced,
    comparison_figure,
    evaluation_figure,
    map_figure,
    parameters_figure,
    parameters_of_sites,
    profile_figure,
    profile_of_sites,
    traceability_figure,
    transient_figure,
)
from binn.figures.maps import grid_step
from binn.figures.traceability import BiomeMean
from binn.quantities import COMPONENT_NAMES
from dashboard.state.comparison_places import place_of
from dashboard.state.estimate import Estimate, owners
from dashboard.state.mapped import Mapped
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.traceability import Group, changed_group, group_of
from dashboard.state.way import way

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = [
    "Shown",
    "changed_map",
    "comparison",
    "evaluation",
    "mapped",
    "parameters",
    "profile",
    "traceability",
    "way_there",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Draw = Callable[[], "Figure"]

_WAITING = "this view is still being computed; export it again in a moment"


@dataclass(frozen=True, eq=False)
class Shown:
    """What is shown, and how wide its figure becomes.

    Attributes
    ----------
    state : PageState
    columns : {"single", "double"}
    years : int
        How long the way to a new equilibrium is followed.
    notice : str
        What stands at the foot of the figure.
    """

    state: PageState
    columns: str
    years: int
    notice: str

    @property
    def opened(self) -> Opened:
        """Dataset and parameters."""
        return self.state.opened

    @property
    def base(self) -> Estimate:
        """BINN on all sites.

        Raises
        ------
        InputError
            While it is being computed.
        """
        found = self.state.results.estimate
        if found is None:
            raise InputError(_WAITING)
        return found

    @property
    def who(self) -> str:
        """The sites shown, in words."""
        selection = self.state.selection
        n = len(selection.active)
        if not len(selection):
            return f"All {n:,} sites"
        kind, name = selection.region
        return f"{name}, {n:,} sites" if kind and name else f"{n:,} selected sites"


def mapped(shown: Shown) -> Draw:
    """The map of the chosen field."""
    return _map(shown, shown.state.results.mapped)


def changed_map(shown: Shown) -> Draw:
    """The map under the scenario."""
    if not shown.state.scenario.active:
        raise InputError("nothing is changed: move a slider of What if first")
    return _map(shown, shown.state.results.changed_map)


def _map(shown: Shown, found: Mapped | None) -> Draw:
    if found is None:
        raise InputError(_WAITING)
    ds, columns, notice = shown.opened.dataset, shown.columns, shown.notice
    limits = (found.low, found.high)
    field = MapField(found.values, found.title, found.unit, found.diverging, limits)

    def draw() -> Figure:
        return map_figure(_places(ds, found.on), field, columns=columns, notice=notice)

    return draw


def profile(shown: Shown) -> Draw:
    """SOC over depth of the selection."""
    opened, columns, notice, title = shown.opened, shown.columns, shown.notice, shown.who
    sites, bedrock = shown.state.selection.active, shown.base.bedrock
    changed = _changed(shown)

    def draw() -> Figure:
        lines = [
            profile_of_sites(opened.source_name(source), found.soc[sites][known], source)
            for source, found, known in _answers(opened, bedrock, sites)
        ]
        if changed is not None:
            lines.append(profile_of_sites("Changed", changed.soc, "changed"))
        rows, _ = opened.observations.of(sites)
        observed = Observed(opened.observations.depth[rows], opened.observations.soc[rows])
        return profile_figure(lines, observed, title=title, columns=columns, notice=notice)

    return draw


def parameters(shown: Shown) -> Draw:
    """Parameters of the selection on their prior ranges."""
    opened, columns, notice, title = shown.opened, shown.columns, shown.notice, shown.who
    sites, bedrock = shown.state.selection.active, shown.base.bedrock
    changed = _changed(shown)

    def draw() -> Figure:
        series = [
            parameters_of_sites(opened.source_name(source), found.parameters[sites][known], source)
            for source, found, known in _answers(opened, bedrock, sites)
        ]
        if changed is not None:
            series.append(parameters_of_sites("Changed", changed.parameters, "changed"))
        return parameters_figure(series, title=title, columns=columns, notice=notice)

    return draw


def traceability(shown: Shown) -> Draw:
    """Both diagrams by biome, with the selection and what the scenario makes of it."""
    columns, notice, found = shown.columns, shown.notice, shown.base.traceability
    biome = shown.opened.dataset["biome"].to_numpy().astype(str)
    selection = shown.state.selection
    groups = []
    if len(selection):
        groups.append(group_of("Selection", found, selection.sites))
    changed = changed_group(shown.state.results, selection)
    if changed is not None:
        groups.append(changed)

    def draw() -> Figure:
        names = ("influx", "residence_time", "baseline_residence_time", "environmental_scalar")
        traced = Traced(**{name: found[name] for name in names}, biome=biome)
        more = [_mean(group) for group in groups if group.n]
        return traceability_figure(traced, more, columns=columns, notice=notice)

    return draw


def comparison(shown: Shown) -> Draw:
    """Six components by BINN and PRODA; by the truth where simulated data hold no PRODA."""
    opened, columns, notice = shown.opened, shown.columns, shown.notice
    second = next(iter(opened.sources[1:]), None)
    if second is None:
        raise InputError(f"{opened.name} holds no PRODA parameters to compare with")
    bedrock, definition = shown.state.session.bedrock, shown.state.field.definition

    def draw() -> Figure:
        on = place_of(opened)
        both = [opened.estimate(bedrock, source, on) for source in ("binn", second)]
        rows = [
            ComparisonRow(*about, *(one.components[definition][key] for one in both))
            for key, about in COMPONENT_NAMES.items()
        ]
        names = (opened.source_name("binn"), opened.source_name(second))
        places = _places(opened.dataset, on)
        return comparison_figure(places, rows, names, columns=columns, notice=notice)

    return draw


def evaluation(shown: Shown) -> Draw:
    """Simulated against observed SOC of the selection, or of all sites."""
    opened, columns, notice, title = shown.opened, shown.columns, shown.notice, shown.who
    observations, simulated = opened.observations, shown.base.soc_observed_depths
    rows, _ = observations.of(shown.state.selection.active)
    if not len(rows) or len(simulated) != len(observations.soc):
        raise InputError("there are no observations to compare with")
    name = opened.source_name("binn")

    def draw() -> Figure:
        biome = opened.dataset["biome"].to_numpy().astype(str)[owners(observations)[rows]]
        evaluated = Evaluated(
            observations.soc[rows], simulated[rows], observations.depth[rows], biome
        )
        return evaluation_figure(
            evaluated, columns=columns, title=f"{name}: {title}", notice=notice
        )

    return draw


def way_there(shown: Shown) -> Draw:
    """SOC stock on the way to the equilibrium of the scenario."""
    scenario, opened = shown.state.scenario, shown.opened
    if not scenario.active:
        raise InputError("nothing is changed: move a slider of What if first")
    columns, notice, years, base = shown.columns, shown.notice, shown.years, shown.base
    everywhere = scenario.scope == "all"
    sites = np.arange(opened.count) if everywhere else shown.state.selection.active
    change = (dict(scenario.changes), scenario.climate)
    top, bottom = depth = shown.state.field.depth

    def draw() -> Figure:
        path = way(opened, base.parameters, sites, change, base.bedrock, years, depth)
        line = TimeSeries("Changed", path.middle, "changed", path.low, path.high)
        title = f"SOC stock, {top:g}–{bottom:g} m"
        panel = TimePanel(title, "kgC m-2", [line], end=path.end)
        words = f"{path.sites:,} sites" + (f", drawn from {path.of:,}" * (path.of > path.sites))
        return transient_figure(path.years, [panel], title=words, columns=columns, notice=notice)

    return draw


def _changed(shown: Shown) -> Estimate | None:
    """The selection under the scenario; None without one, or while it is being computed."""
    change, sites = shown.state.results.change, shown.state.selection.active
    if change is None:
        return None
    rows = change.rows(sites)
    if len(rows) < len(sites):
        return None
    found = change.estimate
    return Estimate(
        found.parameters[rows], found.pools[rows], found.soc[rows], np.empty(0), {}, {},
        found.bedrock,
    )  # fmt: skip


def _answers(
    opened: Opened, bedrock: str, sites: Integers
) -> list[tuple[str, Estimate, NDArray[np.bool_]]]:
    """Every source of parameters, and at which of the sites it has any."""
    found = []
    for source in opened.sources:
        one = opened.estimate(bedrock, source, "site")
        known = np.isfinite(one.parameters[sites]).all(1)
        if known.any():
            found.append((source, one, known))
    return found


def _mean(group: Group) -> BiomeMean:
    return BiomeMean(group.name, group.n, group.budget.each, group.low, group.high)


def _places(ds: xr.Dataset, on: str) -> Places:
    """Where the sites or cells of a dataset are."""
    prefix = "" if on == "site" else "cell_"
    lon, lat = (ds[prefix + name].to_numpy().astype(float) for name in ("lon", "lat"))
    if on == "site":
        return Places(lon, lat)
    return Places(lon, lat, grid_step(lon, lat), "grid cells")
