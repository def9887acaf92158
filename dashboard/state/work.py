"""Work that must not hold up the page: each kind of request has a lane, the newest one wins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from binn.errors import InputError

__all__ = ["Lane", "at_once"]

_LOG = logging.getLogger(__name__)

Deliver = Callable[[Callable[[], None]], None]
"""Runs a function where state may be changed: at once, or in the next turn of the event loop."""


def at_once(function: Callable[[], None]) -> None:
    """Deliver right here: for scripts and tests, where there is no event loop."""
    function()


class Lane:
    """One kind of request; a new one makes those before it void.

    Parameters
    ----------
    executor : concurrent.futures.ThreadPoolExecutor, optional
        Where the work is done; without one, in the caller's thread.
    deliver : callable, optional
        How a result gets back to where state may be changed.
    """

    def __init__(
        self, executor: ThreadPoolExecutor | None = None, deliver: Deliver = at_once
    ) -> None:
        self._executor = executor
        self._deliver = deliver
        self._newest = 0
        self._waiting: Future[Any] | None = None

    def request(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str], None],
    ) -> None:
        """Do `work` and hand its result to `done`, unless something newer was asked for meanwhile.

        Parameters
        ----------
        work : callable
            Pure: touches no state. Runs in the executor.
        done : callable
            Gets the result, where state may be changed.
        failed : callable
            Gets one sentence for people if the work could not be done.
        """
        self._newest += 1
        mine = self._newest
        if self._waiting is not None:
            self._waiting.cancel()

        def attempt() -> Callable[[], None]:
            try:
                result = work()
            except InputError as problem:
                sentence = str(problem)
                return lambda: failed(sentence)
            except Exception:  # noqa: BLE001  (a page must say it, whatever it was)
                _LOG.exception("a computation failed")
                return lambda: failed("The computation failed; the server's log says why.")
            return lambda: done(result)

        def finish(outcome: Callable[[], None]) -> None:
            if mine == self._newest:
                outcome()

        if self._executor is None:
            finish(attempt())
            return
        self._waiting = self._executor.submit(attempt)

        def arrived(future: Future[Callable[[], None]]) -> None:
            if not future.cancelled():
                outcome = future.result()
                self._deliver(lambda: finish(outcome))

        self._waiting.add_done_callback(arrived)

    def forget(self) -> None:
        """Make everything asked for so far void."""
        self._newest += 1
