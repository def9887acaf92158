"""Build a page bit by bit, so that no visitor waits for another one's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import panel as pn
from bokeh.document import Document

__all__ = ["in_turns"]


def in_turns(document: Document | None, steps: Iterable[Callable[[], object]]) -> None:
    """Do each step in a turn of the event loop of its own; at once where there is none.

    Not before the page is there: what is put into it earlier may come after changes to it.

    Parameters
    ----------
    document : bokeh.document.Document or None
        The visitor's; None in a script or notebook.
    steps : iterable of callable
        In this order.
    """
    waiting = list(steps)
    if document is None:
        for step in waiting:
            step()
        return

    def turn() -> None:
        waiting.pop(0)()
        if waiting:
            document.add_next_tick_callback(turn)

    pn.state.onload(lambda: document.add_next_tick_callback(turn))
