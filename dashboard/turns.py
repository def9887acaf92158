"""Build a page bit by bit: no visitor waits for another one, nor for a tab that was left."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import panel as pn
import param
from bokeh.document import Document

from dashboard.state.attention import Attention

__all__ = ["in_turns"]


def in_turns(
    document: Document | None,
    steps: Iterable[Callable[[], object]],
    attention: Attention | None = None,
) -> None:
    """Do each step in a turn of the event loop of its own; at once where there is none.

    Not before the page is there: what is put into it earlier may come after changes to it.

    Parameters
    ----------
    document : bokeh.document.Document or None
        The visitor's; None in a script or notebook.
    steps : iterable of callable
        In this order.
    attention : Attention, optional
        While nobody looks, what is left waits: the tab that was opened instead comes first.
    """
    waiting = list(steps)
    if document is None:
        for step in waiting:
            step()
        return

    def turn() -> None:
        if attention is not None and not attention.looked_at:
            watcher = attention.param.watch(lambda event: again(event, watcher), "looked_at")
            return
        waiting.pop(0)()
        if waiting:
            document.add_next_tick_callback(turn)

    def again(event: param.parameterized.Event, watcher: param.parameterized.Watcher) -> None:
        if event.new:
            event.obj.param.unwatch(watcher)
            document.add_next_tick_callback(turn)

    pn.state.onload(lambda: document.add_next_tick_callback(turn))
