"""Trainings as one visitor sees them, and what this visitor may do to them.

The runs folder is the truth: nothing is remembered here but what was read from it, so all visitors
of all servers on one folder see the same. Whether somebody may change anything is asked here, at
the last place before it happens, and not only where buttons are drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from binn.errors import InputError
from dashboard.state.job_comparison import Curve, curves
from dashboard.state.permission import HOW_TO_ALLOW

if TYPE_CHECKING:
    from binn.runs import LiveMap, Run, RunRequest, Runs
    from binn.training.run_folder import RunConfig

__all__ = ["MOST", "Detail", "Jobs", "Look", "StartOnce"]

MOST = 6
"""So many runs are compared at once: there are no more colours that everybody can tell apart."""

_TAIL = 30
"""Lines of the log that are shown."""
_DOUBLE = 1.0
"""Seconds within which the same request again is the second half of a double click."""


@dataclass(frozen=True, eq=False)
class Detail:
    """More about one run.

    Attributes
    ----------
    run : Run
    config : RunConfig or None
        None if its file is damaged.
    curves : list of Curve
    log : str
        The last lines.
    map : LiveMap or None
        None before the first validation.
    card : str
        The model card of its checkpoint (of each fold, where each has one); "" if it has none yet.
    """

    run: Run
    config: RunConfig | None
    curves: list[Curve]
    log: str
    map: LiveMap | None
    card: str


@dataclass(frozen=True, eq=False)
class Look:
    """All runs, newest first, and more about those that are chosen."""

    runs: tuple[Run, ...]
    details: tuple[Detail, ...]


class StartOnce:
    """Lets one press of a button start one run, however often it is pressed meanwhile.

    A second press is none before the first has been answered; and none shortly after it if it asks
    for the very same, as a double click does when the answer is quick.

    Parameters
    ----------
    clock : callable, optional
        Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asked: object = None
        self._started: tuple[object, float] | None = None

    def begin(self, request: object) -> bool:
        """Whether to start this now; False for a press that is to be ignored."""
        if self._asked is not None:
            return False
        if self._started is not None:
            last, when = self._started
            if request == last and self._clock() - when < _DOUBLE:
                return False
        self._asked = request
        return True

    def answered(self, started: bool) -> None:
        """The answer has come: the run is there, or it could not be started."""
        self._started = (self._asked, self._clock()) if started else None
        self._asked = None


class Jobs:
    """The runs of a folder, for one visitor.

    Everything here reads or writes files: call it off the event loop.

    Parameters
    ----------
    runs : Runs
        The folder.
    allowed : bool
        Whether this visitor may change anything.
    """

    def __init__(self, runs: Runs, allowed: bool) -> None:
        self._runs, self._allowed = runs, allowed
        self._kept: dict[str, tuple[object, Detail]] = {}

    @property
    def allowed(self) -> bool:
        """Whether this visitor may change anything."""
        return self._allowed

    def look(self, chosen: Sequence[str] = ()) -> Look:
        """What there is now; runs that are gone are left out."""
        runs = self._runs.list()
        known = {run.id: run for run in runs}
        wanted = [known[one] for one in chosen[:MOST] if one in known]
        found = Look(runs, tuple(self._detail(run) for run in wanted))
        self._kept = {run.id: self._kept[run.id] for run in wanted if run.id in self._kept}
        return found

    def _detail(self, run: Run) -> Detail:
        """Read again while it trains; once after it has ended."""
        mark = (run.state, run.updated, run.promoted)
        held = self._kept.get(run.id)
        if held is not None and held[0] == mark and run.ended:
            return held[1]
        try:
            config = self._runs.config(run.id)
        except InputError:
            config = None
        detail = Detail(
            run=run,
            config=config,
            curves=curves(self._either(self._runs.history, run.id, [])),
            log="\n".join(self._either(self._runs.log, run.id, "").splitlines()[-_TAIL:]),
            map=self._either(self._runs.live_map, run.id, None),
            card=_card(run),
        )
        self._kept[run.id] = (mark, detail)
        return detail

    @staticmethod
    def _either(read: Any, run_id: str, otherwise: Any) -> Any:
        """What a run has; what stands for nothing if it was deleted just now."""
        try:
            return read(run_id)
        except InputError:
            return otherwise

    def start(self, request: RunRequest) -> str:
        """Start or queue a run; its id.

        Raises
        ------
        InputError
            If this visitor may not, or it cannot be started.
        """
        self._check()
        return self._runs.start(request)

    def cancel(self, run_id: str) -> None:
        """Ask a run to save and stop; returns at once.

        Raises
        ------
        InputError
            If this visitor may not, or there is nothing to cancel.
        """
        self._check()
        self._runs.cancel(run_id)

    def resume(self, run_id: str) -> None:
        """Go on with a stopped run.

        Raises
        ------
        InputError
            If this visitor may not, or it cannot be resumed.
        """
        self._check()
        self._runs.resume(run_id)

    def delete(self, run_id: str) -> None:
        """Remove a run and all it saved.

        Raises
        ------
        InputError
            If this visitor may not, or it is running or in use.
        """
        self._check()
        self._runs.delete(run_id)

    def promote(self, run_id: str | None) -> None:
        """Make a run's checkpoint the page's; None: no longer.

        Raises
        ------
        InputError
            If this visitor may not, or it has no checkpoint.
        """
        self._check()
        self._runs.promote(run_id)

    def _check(self) -> None:
        if not self._allowed:
            raise InputError(HOW_TO_ALLOW)


def _card(run: Run) -> str:
    """Model cards of the checkpoints of a run, one after the other."""
    from binn.checkpoint import find_ensemble

    try:
        cards = [folder / "README.md" for folder in find_ensemble(run.path)]
        return "\n---\n\n".join(card.read_text(encoding="utf-8") for card in cards)
    except (InputError, OSError):  # there is none yet, or it is just being replaced
        return ""
