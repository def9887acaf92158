"""What follows from session, selection, field and scenario: computed once, shared by all views."""

from __future__ import annotations

from typing import Any

import numpy as np
import param
from numpy.typing import NDArray

from binn.errors import InputError
from dashboard.state.estimate import Change, Estimate, estimate
from dashboard.state.field import FieldChoice, value_of
from dashboard.state.mapped import Mapped, changed_map, mapped, needed
from dashboard.state.scenario import Scenario
from dashboard.state.selection import Selection
from dashboard.state.session import Session
from dashboard.state.work import Lane

__all__ = ["Results"]

_MAPPED_BY = ("key", "source", "on", "definition", "depth", "reach", "limits")
Wanted = set[tuple[str, str]]


class Results(param.Parameterized):
    """Steady states the views draw.

    Parameters
    ----------
    session, selection, scenario, field
        What the results follow.
    estimates, changes, spreads : Lane
        Where all sites, what the scenario changes, and the spread over the folds are solved.
    """

    estimate = param.ClassSelector(
        class_=Estimate, default=None, doc="BINN on all sites; None until it is computed."
    )
    estimates = param.Dict(
        default={}, doc="Everything solved so far under the scheme: (source, on) to Estimate."
    )
    mapped = param.ClassSelector(
        class_=Mapped, default=None, doc="What the map shows; None until it is computed."
    )
    change = param.ClassSelector(
        class_=Change, default=None, doc="Sites under the scenario; None without one."
    )
    change_cells = param.ClassSelector(
        class_=Change, default=None, doc="Grid cells under the scenario, while the grid is shown."
    )
    changed_map = param.ClassSelector(
        class_=Mapped, default=None, doc="The map under the scenario; None without one."
    )
    waiting = param.Boolean(default=False, doc="Whether the map shows what was chosen before.")
    problem = param.String(default="", doc="One sentence if something could not be computed.")

    def __init__(
        self,
        session: Session,
        selection: Selection,
        scenario: Scenario,
        field: FieldChoice | None = None,
        estimates: Lane | None = None,
        changes: Lane | None = None,
        spreads: Lane | None = None,
    ) -> None:
        super().__init__()
        self._session, self._selection, self._scenario = session, selection, scenario
        self._field = field or FieldChoice()
        self._estimates, self._changes = estimates or Lane(), changes or Lane()
        self._spreads = spreads or Lane()
        self._asked: Wanted = {("binn", "site")}
        self._bedrock = ""
        self._mapped_from: tuple[object, ...] = ()
        self._climates: dict[tuple[object, ...], Any] = {}
        self._spread: tuple[object, NDArray[np.float64] | None] = (None, None)
        session.param.watch(self._map, "bedrock")
        self._field.param.watch(self._map, list(_MAPPED_BY))
        selection.param.watch(self._solve_change, "sites")
        scenario.param.watch(self._solve_change, list(scenario.WATCHED))
        self._field.param.watch(self._solve_change, "on")
        self._field.param.watch(self._map_change, list(_MAPPED_BY))
        scenario.param.watch(self._map_change, "show")
        self.param.watch(self._solve_change, "estimate")

    @property
    def at_hand(self) -> bool:
        """Whether all that the first view needs was computed before, for another visitor."""
        return all(self._session.opened.has(self._session.bedrock, *one) for one in self._wanted())

    def start(self) -> None:
        """Compute what the first view needs."""
        self._map()

    def get(self, source: str, on: str) -> Estimate | None:
        """An estimate under the present scheme, if it is there; ask for it with :meth:`want`."""
        return self.estimates.get((source, on))

    def want(self, *each: tuple[str, str]) -> None:
        """Have these estimates computed, now and whenever the scheme changes: (source, on)."""
        if not set(each) <= self._asked:
            self._asked |= set(each)
            self._solve()

    def _failed(self, sentence: str) -> None:
        self.param.update(problem=sentence, waiting=False)

    def _solve(self, *_: object) -> None:
        """Ask for what is missing under the present scheme, in one go."""
        opened, bedrock = self._session.opened, self._session.bedrock
        have = self.estimates if bedrock == self._bedrock else {}
        missing = sorted(self._wanted() - set(have))
        if not missing:
            return

        def work() -> tuple[str, dict[tuple[str, str], Estimate]]:
            return bedrock, {one: opened.estimate(bedrock, *one) for one in missing}

        if all(opened.has(bedrock, *one) for one in missing):
            self._estimates.forget()
            self._solved(work())
        else:
            self._estimates.request(work, self._solved, self._failed)

    def _wanted(self) -> Wanted:
        return self._asked | needed(self._field, self._session.opened)

    def _solved(self, answer: tuple[str, dict[tuple[str, str], Estimate]]) -> None:
        bedrock, found = answer
        kept = self.estimates if bedrock == self._bedrock else {}
        self._bedrock = bedrock
        every = {**kept, **found}
        self.param.update(estimates=every, estimate=every[("binn", "site")], problem="")
        self._map()
        self._map_change()

    def _map(self, *_: object) -> None:
        self._solve()
        field, session = self._field, self._session
        if self._bedrock != session.bedrock:
            self.waiting = True
            return  # comes with the answer
        if field.source == "spread" and not field.field.measured:
            self._ask_spread()
        spread = self._spread_now()
        settings = tuple(getattr(field, name) for name in _MAPPED_BY)
        made_of = tuple(self.get(*one) for one in sorted(needed(field, session.opened)))
        key = (*settings, session.bedrock, spread is None, *made_of)
        if key != self._mapped_from:
            found = mapped(field, session.opened, self.get, spread)
            if found is not None:
                self.mapped, self._mapped_from = found, key
            self.waiting = found is None
        else:
            self.waiting = False

    def _spread_key(self) -> tuple[object, ...]:
        field = self._field
        return (self._session.bedrock, field.on, field.key, field.depth, field.definition)

    def _spread_now(self) -> NDArray[np.float64] | None:
        key, values = self._spread
        return values if key == self._spread_key() else None

    def _ask_spread(self) -> None:
        key = self._spread_key()
        if self._spread[0] == key:
            return
        opened, bedrock, field = self._session.opened, self._session.bedrock, self._field
        chosen, on, depth, definition = field.field, field.on, field.depth, field.definition
        if chosen.key == "soc_residual":
            on = "site"

        def value(found: Estimate) -> NDArray[np.float64]:
            values = value_of(chosen, found, opened.observations, depth, definition)
            if values is None:
                raise InputError(f"{chosen.label} has no spread")
            return values

        def work() -> tuple[object, NDArray[np.float64]]:
            name = (chosen.key, str(depth), definition)
            return key, opened.spread(bedrock, on, value, name)

        self._spreads.request(work, self._spread_found, self._failed)

    def _spread_found(self, answer: tuple[object, NDArray[np.float64]]) -> None:
        self._spread = answer
        self.problem = ""
        self._map()

    def _solve_change(self, *_: object) -> None:
        base = self.estimate
        if base is None or not self._scenario.active:
            self._changes.forget()
            self.param.update(change=None, change_cells=None, changed_map=None)
            return
        scenario, opened = self._scenario, self._session.opened
        everywhere = scenario.scope == "all"
        sites = np.arange(opened.count) if everywhere else self._selection.active
        parts = {"site": (base.parameters, sites)}
        if self._field.on == "cell":
            self.want(("binn", "cell"))
            on_grid = opened.parameters_of("binn", "cell")
            cells = np.unique(opened.site_cell[sites])
            if everywhere:
                cells = np.arange(len(on_grid))
            cells = cells[np.isfinite(on_grid[cells]).all(1)]
            parts["cell"] = (on_grid, cells)
        applied = {on: scenario.applied(values[rows]) for on, (values, rows) in parts.items()}
        climate, bedrock = scenario.climate, base.bedrock

        def work() -> dict[str, Change]:
            return {
                on: Change(
                    rows, estimate(applied[on], self._climate(on, climate).take(rows), bedrock)
                )
                for on, (_, rows) in parts.items()
            }

        self._changes.request(work, self._changed, self._failed)

    def _climate(self, on: str, climate: dict[str, float]) -> Any:
        """Forcing of all sites or cells under a climate; the last one is kept."""
        opened = self._session.opened
        forcing = opened.forcing if on == "site" else opened.cell_forcing
        if climate == Scenario.CLIMATE:
            return forcing
        key = (on, *climate.values())
        if key not in self._climates:
            self._climates = {k: v for k, v in self._climates.items() if k[0] != on}
            self._climates[key] = forcing.changed(**climate)
        return self._climates[key]

    def _changed(self, found: dict[str, Change]) -> None:
        self.param.update(change=found["site"], change_cells=found.get("cell"), problem="")
        self._map_change()

    def _map_change(self, *_: object) -> None:
        on = self._field.on
        base, change = self.get("binn", on), self.change if on == "site" else self.change_cells
        if base is not None and change is not None:
            self.changed_map = changed_map(
                self._field, self._session.opened, base, change, self._scenario.show
            )
