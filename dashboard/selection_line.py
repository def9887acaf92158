"""The line that every tab with sites has: how many are selected, and the way to let go of them."""

from __future__ import annotations

import panel_material_ui as pmui
import param
from panel.layout import Row
from panel.viewable import Viewer

from dashboard.state.attention import Attention
from dashboard.state.page_state import PageState
from dashboard.theme import plain, text

__all__ = ["SelectionLine"]


class SelectionLine(Viewer):
    """The text "N sites selected" with Clear.

    Parameters
    ----------
    state : PageState
        What is shown and changed.
    attention : Attention, optional
        Whether somebody looks.
    """

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        self._selection = state.selection
        self._count = text(styles={"font-weight": "600"}, size="1rem", margin=(4, 8, 0, 8))
        self._clear = pmui.Button(label="Clear", variant="text", size="small", margin=0)
        self._clear.on_click(lambda _: state.selection.clear())
        self._say()
        (attention or Attention()).follow(self._say, state.selection, ["sites"])

    def _say(self, *_: param.parameterized.Event) -> None:
        self._count.object = plain(self._selection.words)
        self._clear.disabled = not len(self._selection)

    def __panel__(self) -> Row:
        return Row(self._count, self._clear, margin=0)
