"""Trainings on this machine: start one, watch it, stop it, go on, compare, use its checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel as pn
import param
from panel.layout import Column, FlexBox
from panel.viewable import Viewer

from dashboard.run_details import RunDetails
from dashboard.run_form import RunForm
from dashboard.run_table import RunTable
from dashboard.state.attention import Attention
from dashboard.state.errands import Errands
from dashboard.state.job_form import check_sites
from dashboard.state.job_words import DONE, row_of
from dashboard.state.jobs import Jobs, Look, StartOnce
from dashboard.state.page_state import PageState
from dashboard.state.permission import HOW_TO_ALLOW
from dashboard.state.work import Lane
from dashboard.theme import plain, text
from dashboard.ticker import Ticker
from dashboard.turns import in_turns

if TYPE_CHECKING:
    from binn.runs import RunRequest, Runs

__all__ = ["Training"]

_SECONDS = 2.0
"""Between two looks at the runs folder."""

_FORM = {"flex": "1 1 260px", "min-width": "min(100%, 250px)", "max-width": "420px"}
_RUNS = {"flex": "3 1 460px", "min-width": "min(100%, 320px)"}


class Training(Viewer):
    """The form of a new training, the list of all of them, and what is chosen in it.

    The list is read from the runs folder again and again while somebody looks, and all visitors
    of all servers on that folder see the same.

    Parameters
    ----------
    state : PageState
        Its dataset is trained on.
    attention : Attention, optional
        Whether somebody looks.
    runs : Runs
        The runs folder.
    allowed : bool
        Whether this visitor may start, cancel, resume, delete and promote.
    on_promote : callable, optional
        Called with the id of a run whose checkpoint the page shall use now.
    lane : Lane, optional
        Where files are read and written.

    Attributes
    ----------
    table : RunTable
    form : RunForm
    details : RunDetails
    """

    def __init__(
        self,
        state: PageState,
        attention: Attention | None = None,
        *,
        runs: Runs,
        allowed: bool,
        on_promote: Callable[[str], None] | None = None,
        lane: Lane | None = None,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._state, self._attention, self._on_promote = state, attention, on_promote
        self._jobs, self._once = Jobs(runs, allowed), StartOnce()
        self._errands = Errands(lane or Lane())
        self._look: Look | None = None
        self.table = RunTable(sizing_mode="stretch_width", margin=(0, 8))
        self.form = RunForm(state, attention, self._start, allowed)
        self.details = RunDetails(self._act, allowed)
        self._count = text(size="1rem", styles={"font-weight": "600"}, margin=(4, 8, 0, 8))
        self._note = text(size="0.88rem", margin=(2, 8), sizing_mode="stretch_width")
        self._trouble = text(size="0.88rem", margin=(2, 8), sizing_mode="stretch_width")
        self._note.object = plain("" if allowed else HOW_TO_ALLOW)
        self._note.visible = not allowed
        self._panel = FlexBox(
            Column(self.form.panel, styles=_FORM, margin=0), sizing_mode="stretch_width", margin=0
        )
        listed = Column(self._count, self._note, self._trouble, self.table, styles=_RUNS, margin=0)
        steps = (
            lambda: self._panel.append(listed),
            lambda: listed.append(self.details.panel),
        )
        in_turns(pn.state.curdoc, steps, attention)
        self._ticker = Ticker(self._tick, _SECONDS)
        self.table.param.watch(self._chosen, "chosen")
        attention.follow(self._redraw, state.session, ["dark"])
        attention.param.watch(self._attend, "looked_at")
        self._attend()

    @property
    def jobs(self) -> Jobs:
        """The runs, and what this visitor may do."""
        return self._jobs

    def refresh(self) -> None:
        """Look at the runs folder now."""
        # the ids are read when it is their turn: another choice may have been made meanwhile
        self._errands.add(lambda: self._jobs.look(tuple(self.table.chosen)), self._show, self._lost)

    def _attend(self, *_: param.parameterized.Event) -> None:
        if self._attention.looked_at:
            self.refresh()
            self._ticker.start()
        else:
            self._ticker.stop()

    def _tick(self) -> None:
        if self._errands.idle:
            self.refresh()

    def _chosen(self, *_: param.parameterized.Event) -> None:
        known = {run.id for run in self._look.runs} if self._look else set()
        wanted = [one for one in dict.fromkeys(self.table.chosen) if one in known]
        if wanted != self.table.chosen:
            self.table.chosen = wanted
            return
        self.refresh()

    def _show(self, look: Look) -> None:
        # in one message: figures that come with it must reach the browser before their numbers do,
        # and what Panel sends may have to wait for the socket, which what Bokeh sends would not
        with pn.io.hold():
            self._put(look)

    def _put(self, look: Look) -> None:
        first, self._look = self._look is None, look
        rows = [row_of(run) for run in look.runs]
        if rows != self.table.rows:
            self.table.rows = rows
        self._count.object = plain(_counted(look))
        self._trouble.object = ""
        ids = {run.id for run in look.runs}
        left = [one for one in self.table.chosen if one in ids]
        if first and look.runs and not left:
            left = [next((r.id for r in look.runs if r.state == "running"), look.runs[0].id)]
        if left != self.table.chosen:
            self.table.chosen = left  # which looks again
            return
        if [detail.run.id for detail in look.details] == left[: len(look.details)]:
            self.details.show(look, self._state.session.dark, len(left))

    def _lost(self, sentence: str) -> None:
        self._trouble.object = plain(sentence)

    def _redraw(self, *_: param.parameterized.Event) -> None:
        if self._look is not None:
            chosen = len(self.table.chosen)
            self.details.show(self._look, self._state.session.dark, chosen)

    def _start(self, request: RunRequest) -> None:
        if not self._once.begin(request):
            return
        self.form.say("Starting …")
        jobs, dataset = self._jobs, self._state.opened.dataset

        def work() -> str:
            if jobs.allowed:
                check_sites(dataset, request)
            return jobs.start(request)

        def done(run_id: str) -> None:
            self._once.answered(started=True)
            self.form.say(f"{run_id} is in the list.")
            self._errands.add(jobs.look, lambda look: self._begun(look, run_id), self._lost)

        def failed(why: str) -> None:
            self._once.answered(started=False)
            self.form.say(_sentence(why))

        self._errands.add(work, done, failed)

    def _begun(self, look: Look, run_id: str) -> None:
        """Choose the run that was just started."""
        self._look = look
        self.table.chosen = [run_id]

    def _act(self, what: str, run_id: str) -> None:
        jobs = self._jobs
        work = {
            "cancel": lambda: jobs.cancel(run_id),
            "resume": lambda: jobs.resume(run_id),
            "promote": lambda: jobs.promote(run_id),
            "demote": lambda: jobs.promote(None),
            "delete": lambda: jobs.delete(run_id),
        }[what]

        def done(_: object) -> None:
            self.details.say(DONE[what][0], what)
            self.refresh()
            if what == "promote" and self._on_promote is not None:
                self._on_promote(run_id)

        def failed(why: str) -> None:
            self.details.say(_sentence(why))
            self.refresh()

        self._errands.add(work, done, failed)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel


def _counted(look: Look) -> str:
    if not look.runs:
        return "No training here yet: choose a preset, then start one."
    states = [run.state for run in look.runs]
    parts = [f"{states.count(one)} {one}" for one in ("running", "queued") if one in states]
    return ", ".join([f"{len(states):,} training{'s' * (len(states) > 1)}", *parts])


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."
