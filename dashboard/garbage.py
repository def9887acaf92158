"""Garbage is looked for when the server has nothing else to do.

Pages are full of objects that hold each other; only Python's collector finds those of a page that
was left. It looks at everything there is, 0.1 to 0.5 s with a few visitors, in which nobody is
answered, and by itself it does so in the middle of building a page.
"""

from __future__ import annotations

import gc
import threading
import time

from bokeh.document import Document
from panel.io import document as panel_document

__all__ = ["Sweeper"]

_NEVER = 2**31 - 1
_ENOUGH = 10
"""Collections of younger objects after which the old ones are due: Python's own number."""
_IDLE = 0.1
"""Share of a processor below which nobody is waiting for the process."""


class Sweeper:
    """A thread that collects garbage in quiet moments; from now on Python does not, unasked.

    Parameters
    ----------
    every : float
        Seconds between two looks at how busy the process is.
    longest : float
        Seconds after which it is done also without a quiet moment.

    Attributes
    ----------
    visitors : int
        Pages that are open. With none of them, what is left stays: it is never looked at again.
    """

    def __init__(self, every: float = 1.0, longest: float = 30.0) -> None:
        self._every, self._longest = every, longest
        self.visitors, self._asked = 0, False
        gc.set_threshold(*gc.get_threshold()[:2], _NEVER)
        panel_document._garbage_collect = self.ask  # its own, in the turn some seconds after a page
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="binn-sweeper", daemon=True)
        self._thread.start()

    def enter(self, document: Document) -> None:
        """Somebody has opened a page."""
        self.visitors += 1
        document.on_session_destroyed(self._left)

    def ask(self) -> None:
        """Collect in the next quiet moment."""
        self._asked = True

    def stop(self) -> None:
        """Watch no more; returns when the last look is over."""
        self._ended.set()
        self._thread.join()

    def _left(self, _: object) -> None:
        self.visitors -= 1
        self.ask()

    def _watch(self) -> None:
        used, since = time.process_time(), time.monotonic()
        while not self._ended.wait(self._every):
            before, used = used, time.process_time()
            now = time.monotonic()
            if not self._asked and gc.get_count()[2] <= _ENOUGH:
                since = now
            elif used - before < _IDLE * self._every or now - since > self._longest:
                self._sweep()

    def _sweep(self) -> None:
        self._asked = False
        alone = self.visitors == 0
        if alone:
            gc.unfreeze()
        gc.collect()
        if alone:
            gc.freeze()
