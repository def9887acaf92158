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
from dashboard.state.changed import under_scenario
from dashboard.state.comparison import compared
from dashboard.state.comparison_places import place_of, rows_of
from dashboard.state.estimate import Estimate, owners
from dashboard.state.evaluated import Answer, Question, Worker
from dashboard.state.field import COLUMN_DEPTH, FieldChoice, limits
from dashboard.state.look import DEPTHS
from dashboard.state.mapped import Mapped
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.traceability import Group, group_of, source_of
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

_DEPTHS = dict(zip(DEPTHS, (1.0, 2.0, COLUMN_DEPTH), strict=True))
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
    chosen = _chosen(rows_of(shown.state.selection, found.on), len(found.values))
    field = MapField(found.values, found.title, found.unit, found.diverging, limits, chosen)

    def draw() -> Figure:
        return map_figure(_places(ds, found.on), field, columns=columns, notice=notice)

    return draw


def profile(shown: Shown) -> Draw:
    """SOC over depth of the selection."""
    opened, columns, notice, title = shown.opened, shown.columns, shown.notice, shown.who
    sites, bedrock = shown.state.selection.active, shown.base.bedrock
    changed, look = _changed(shown), shown.state.look
    log, bottom = look.profile_scale == "Log", _DEPTHS[look.profile_depth]

    def draw() -> Figure:
        lines = [
            profile_of_sites(opened.source_name(source), found.soc[sites][known], source)
            for source, found, known in _answers(opened, bedrock, sites)
        ]
        if changed is not None:
            lines.append(profile_of_sites("Changed", changed().soc, "changed"))
        rows, _ = opened.observations.of(sites)
        observed = Observed(opened.observations.depth[rows], opened.observations.soc[rows])
        return profile_figure(
            lines, observed, title=title, bottom=bottom, log=log, columns=columns, notice=notice
        )

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
            series.append(parameters_of_sites("Changed", changed().parameters, "changed"))
        return parameters_figure(series, title=title, columns=columns, notice=notice)

    return draw


def traceability(shown: Shown) -> Draw:
    """Both diagrams by biome, with the selection and what the scenario makes of it."""
    columns, notice, opened, bedrock = shown.columns, shown.notice, shown.opened, shown.base.bedrock
    source = source_of(shown.state.field, opened)
    selection, scale = shown.state.selection, shown.state.look.traceability_scale.lower()
    chosen, sites = _chosen(selection.sites, opened.count), selection.active
    name = "Selection" if len(selection) else "All sites"
    changed = _changed(shown) if source == "binn" else None

    def draw() -> Figure:
        found = opened.estimate(bedrock, source, "site").traceability
        biome = opened.dataset["biome"].to_numpy().astype(str)
        groups = [(group_of(name, found, sites), "binn")]
        if changed is not None:
            groups.append((group_of("Changed", changed().traceability), "changed"))
        names = ("influx", "residence_time", "baseline_residence_time", "environmental_scalar")
        traced = Traced(**{name: found[name] for name in names}, biome=biome, chosen=chosen)
        more = [_mean(group, role) for group, role in groups if group.n]
        title = opened.source_name(source)
        return traceability_figure(
            traced, more, scale=scale, columns=columns, title=title, notice=notice
        )

    return draw


def comparison(shown: Shown) -> Draw:
    """Six components by BINN and PRODA; by the truth where simulated data hold no PRODA."""
    opened, columns, notice = shown.opened, shown.columns, shown.notice
    second = next(iter(opened.sources[1:]), None)
    if second is None:
        raise InputError(f"{opened.name} holds no PRODA parameters to compare with")
    bedrock, field = shown.state.session.bedrock, shown.state.field
    definition = field.definition
    shades = FieldChoice(key=field.key, reach=field.reach, limits=field.limits)
    selection = shown.state.selection
    rows_on = {on: rows_of(selection, on) for on in ("site", "cell")}

    def draw() -> Figure:
        on = place_of(opened)
        binn, other = (opened.estimate(bedrock, source, on) for source in ("binn", second))
        found = [compared(key, definition, binn, other, None, shades) for key in COMPONENT_NAMES]
        rows = [
            ComparisonRow(
                one.label, one.unit, one.binn, one.proda, (one.low, one.high), one.reach, one.span
            )
            for one in found
        ]
        names = (opened.source_name("binn"), opened.source_name(second))
        places, chosen = _places(opened.dataset, on), _chosen(rows_on[on], len(binn))
        return comparison_figure(places, rows, names, chosen=chosen, columns=columns, notice=notice)

    return draw


def evaluation(shown: Shown) -> Draw:
    """Simulated against observed SOC of the part that the page shows, the selection marked."""
    opened, columns, notice, look = shown.opened, shown.columns, shown.notice, shown.state.look
    bedrock, source, sites = shown.base.bedrock, look.scored, shown.state.selection.sites
    part, above = look.evaluated, look.above
    if not len(opened.observations.soc):
        raise InputError("there are no observations to compare with")

    def draw() -> Figure:
        question = Question(opened.estimate(bedrock, source, "site"), sites, part, above)
        found, observations = Worker(opened).answer(question), opened.observations
        rows = found.rows
        if not len(rows):
            raise InputError("the sites shown have no observations to compare with")
        biome = opened.dataset["biome"].to_numpy().astype(str)[owners(observations)[rows]]
        marked = found.selected
        evaluated = Evaluated(
            observations.soc[rows],
            found.values[rows],
            observations.depth[rows],
            biome,
            None if found.part == "selection" else (observations.soc[marked], found.values[marked]),
        )
        title = opened.source_name(source)
        if found.shown is not None:
            title += f": {found.shown.name}, {found.shown.sites:,} sites"
        drawn = _deviation(opened, found, sites)
        return evaluation_figure(evaluated, drawn, columns=columns, title=title, notice=notice)

    return draw


def _deviation(opened: Opened, found: Answer, sites: Integers) -> tuple[Places, MapField] | None:
    """The map of the deviation, coloured as on the page; None where there is none."""
    values = found.deviation
    if not np.isfinite(values).any():
        return None
    title = "Observed − simulated, all layers seen"
    ends = limits(values, "2-98 %", diverging=True)
    chosen = _chosen(sites, opened.count)
    return _places(opened.dataset, "site"), MapField(values, title, "kgC m-2", True, ends, chosen)


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


def _changed(shown: Shown) -> Callable[[], Estimate] | None:
    """Solves the selection under the scenario; None without one."""
    scenario, opened, bedrock = shown.state.scenario, shown.opened, shown.base.bedrock
    if not scenario.active:
        return None
    change, sites = (dict(scenario.changes), scenario.climate), shown.state.selection.active
    return lambda: under_scenario(opened, change, bedrock, sites)


def _chosen(rows: Integers, n: int) -> NDArray[np.bool_] | None:
    """Which of `n` places are selected; None without a selection."""
    if not len(rows):
        return None
    chosen = np.zeros(n, dtype=bool)
    chosen[rows] = True
    return chosen


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


def _mean(group: Group, role: str) -> BiomeMean:
    return BiomeMean(group.name, group.n, group.budget.each, group.low, group.high, role)


def _places(ds: xr.Dataset, on: str) -> Places:
    """Where the sites or cells of a dataset are."""
    prefix = "" if on == "site" else "cell_"
    lon, lat = (ds[prefix + name].to_numpy().astype(float) for name in ("lon", "lat"))
    if on == "site":
        return Places(lon, lat)
    return Places(lon, lat, grid_step(lon, lat), "grid cells")
