"""Calls a method again and again while it is wanted, without keeping its object alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import panel as pn
from panel.io.callbacks import PeriodicCallback

__all__ = ["Ticker"]


class Ticker:
    """A clock that runs between `start` and `stop`, and ends with its visitor's session.

    Parameters
    ----------
    method : bound method
        Called in the visitor's turn of the event loop; held weakly.
    seconds : float
        Between two calls.
    """

    def __init__(self, method: Callable[[], None], seconds: float) -> None:
        self._method = weakref.WeakMethod(method)  # type: ignore[arg-type]
        # in the background: the page's sign of being busy is not for this
        self._clock = PeriodicCallback(
            callback=self._tick, period=round(1000 * seconds), background=True, log=False
        )
        if pn.state.curdoc is not None:
            own = weakref.ref(self)
            pn.state.curdoc.on_session_destroyed(lambda _: _stop(own))

    @property
    def running(self) -> bool:
        """Whether it calls."""
        return bool(self._clock.running)

    def start(self) -> None:
        """Call from now on; again: nothing happens."""
        if not self.running:
            self._clock.start()

    def stop(self) -> None:
        """Call no more."""
        self._clock.stop()

    def _tick(self) -> None:
        method = self._method()
        if method is None:
            self.stop()
        else:
            method()


def _stop(own: weakref.ref[Ticker]) -> None:
    ticker = own()
    if ticker is not None:
        ticker.stop()
