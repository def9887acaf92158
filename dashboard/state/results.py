"""What follows from session, selection and scenario: computed once, shared by all views."""

from __future__ import annotations

import param

from dashboard.state.estimate import Change, Estimate, solved
from dashboard.state.scenario import Scenario
from dashboard.state.selection import Selection
from dashboard.state.session import Session
from dashboard.state.work import Lane

__all__ = ["Results"]


class Results(param.Parameterized):
    """Steady states the views draw.

    Parameters
    ----------
    session, selection, scenario
        What the results follow.
    estimates, changes : Lane
        Where all sites, and the changed selection, are solved.
    """

    estimate = param.ClassSelector(
        class_=Estimate, default=None, doc="All sites; None until it is computed."
    )
    change = param.ClassSelector(
        class_=Change, default=None, doc="The selected sites under the scenario; None without one."
    )
    problem = param.String(default="", doc="One sentence if something could not be computed.")

    def __init__(
        self,
        session: Session,
        selection: Selection,
        scenario: Scenario,
        estimates: Lane | None = None,
        changes: Lane | None = None,
    ) -> None:
        super().__init__()
        self._session, self._selection, self._scenario = session, selection, scenario
        self._estimates, self._changes = estimates or Lane(), changes or Lane()
        session.param.watch(self._solve_all, "bedrock")
        selection.param.watch(self._solve_change, "sites")
        scenario.param.watch(self._solve_change, "changes")
        self.param.watch(self._solve_change, "estimate")

    def start(self) -> None:
        """Compute the first estimate."""
        self._solve_all()

    def _failed(self, sentence: str) -> None:
        self.problem = sentence

    def _solve_all(self, *_: object) -> None:
        opened, bedrock = self._session.opened, self._session.bedrock
        self._estimates.request(lambda: opened.estimate(bedrock), self._estimated, self._failed)

    def _estimated(self, estimate: Estimate) -> None:
        self.param.update(estimate=estimate, problem="")

    def _solve_change(self, *_: object) -> None:
        base, sites = self.estimate, self._selection.active
        if base is None or not self._scenario.changes:
            self._changes.forget()
            self.change = None
            return
        parameters = self._scenario.applied(base.parameters[sites])
        forcing = self._session.opened.forcing

        def work() -> Change:
            pools, soc = solved(parameters, forcing.take(sites), base.bedrock)
            return Change(sites=sites, parameters=parameters, pools=pools, soc=soc)

        self._changes.request(work, self._changed, self._failed)

    def _changed(self, change: Change) -> None:
        self.param.update(change=change, problem="")
