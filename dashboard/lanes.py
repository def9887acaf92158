"""Where a visitor's work is done: threads of the process, with answers in the visitor's turn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import panel as pn
from bokeh.document import Document

from dashboard.state.work import Deliver, Lane

__all__ = ["lane", "visited"]


def visited() -> Document | None:
    """The visitor's document; None in a script, and while `panel serve --warm` tries the page."""
    return pn.state.curdoc if pn.state.headers else None


def lane(kind: str) -> Lane:
    """A lane of this visitor into the process's one worker of a kind; headless, none is needed."""
    document = visited()
    if document is None:
        return Lane()
    executor = pn.state.as_cached(
        f"binn-{kind}", ThreadPoolExecutor, max_workers=1, thread_name_prefix=f"binn-{kind}"
    )
    return Lane(executor, _next_turn(document))


def _next_turn(document: Document) -> Deliver:
    """Deliver results in the visitor's next turn of the event loop, under the document's lock."""

    def deliver(function: Callable[[], None]) -> None:
        def turn() -> None:
            # all that changes goes in one message, to be painted once; not by `hold`, which drops
            # what changes between the page's departure and its arrival
            with pn.io.unlocked():
                function()

        document.add_next_tick_callback(turn)

    return deliver
