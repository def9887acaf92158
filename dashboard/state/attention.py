"""Whether a view is looked at: what stands in a closed tab is redrawn when the tab is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import param

__all__ = ["Attention"]


class Attention(param.Parameterized):
    """Calls back on changes while somebody looks; what happened meanwhile is made up for once."""

    looked_at = param.Boolean(default=True, doc="Whether the views are on the screen.")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._late: dict[Callable[..., None], None] = {}
        self.param.watch(self._catch_up, "looked_at")

    def follow(
        self, callback: Callable[..., None], source: param.Parameterized, names: Sequence[str]
    ) -> None:
        """Have `callback` called, with the events, when these parameters change.

        After an absence it is called once without events.
        """

        def changed(*events: Any) -> None:
            if self.looked_at:
                callback(*events)
            else:
                self._late[callback] = None

        source.param.watch(changed, list(names))

    def _catch_up(self, *_: Any) -> None:
        if self.looked_at:
            late, self._late = self._late, {}
            for callback in late:
                callback()
