"""Build a page bit by bit: no visitor waits for another one, nor for a tab that was left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document

from dashboard.state.attention import Attention

__all__ = ["in_turns"]

_BREATH = 5
"""Milliseconds between two steps: what has arrived from other visitors is answered in them."""
Step = Callable[[], object]


def in_turns(
    document: Document | None, steps: Iterable[Step], attention: Attention | None = None
) -> None:
    """Do each step in a turn of the event loop of its own; at once where there is none.

    Not before the page is there: what is put into it earlier may come after changes to it. Steps
    of one page are done in the order in which they were asked for.

    Parameters
    ----------
    document : bokeh.document.Document or None
        The visitor's; None in a script or notebook.
    steps : iterable of callable
        In this order.
    attention : Attention, optional
        While nobody looks, what is left waits: the tab that was opened instead comes first.
    """
    if document is None:
        for step in steps:
            step()
        return
    queue = _QUEUES.setdefault(document, _Queue())
    queue.jobs.append(_Job(list(steps), attention))
    if attention is not None:
        attention.param.watch(lambda event: event.new and _go_on(document, queue), "looked_at")
    pn.state.onload(lambda: _go_on(document, queue))


@dataclass
class _Job:
    steps: list[Step]
    attention: Attention | None

    @property
    def waits(self) -> bool:
        """Whether nobody looks."""
        return self.attention is not None and not self.attention.looked_at


@dataclass
class _Queue:
    """What is still to be built of a page."""

    jobs: list[_Job] = field(default_factory=list)
    busy: bool = False


_QUEUES: WeakKeyDictionary[Document, _Queue] = WeakKeyDictionary()


def _go_on(document: Document, queue: _Queue) -> None:
    """Have the next step done soon, if there is one and none is on its way."""
    queue.jobs = [job for job in queue.jobs if job.steps]
    if queue.busy or all(job.waits for job in queue.jobs):
        return
    queue.busy = True

    def turn() -> None:
        queue.busy = False
        job = next((job for job in queue.jobs if job.steps and not job.waits), None)
        try:
            if job is not None:
                with pn.io.unlocked():  # what it changes in one message
                    job.steps.pop(0)()
        finally:
            _go_on(document, queue)

    document.add_timeout_callback(turn, _BREATH)
