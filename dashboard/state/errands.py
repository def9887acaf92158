"""Things to do one after the other off the event loop; none is dropped, unlike in a lane."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from dashboard.state.work import Lane

__all__ = ["Errands"]

Errand = tuple[Callable[[], Any], Callable[[Any], None], Callable[[str], None]]


class Errands:
    """A queue before one lane.

    Parameters
    ----------
    lane : Lane
        Its newest request would make those before it void, so it only gets one at a time.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._waiting: deque[Errand] = deque()
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether nothing is being done or waits."""
        return not self._busy

    def add(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
    ) -> None:
        """Do `work` when all before it is done; `done` and `failed` as in :class:`Lane`."""
        self._waiting.append((work, done, failed))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if not self._waiting:
            return
        work, done, failed = self._waiting.popleft()

        def then(say: Callable[[Any], None], what: Any) -> None:
            try:
                say(what)
            finally:
                self._next()

        self._lane.request(work, lambda found: then(done, found), lambda why: then(failed, why))
