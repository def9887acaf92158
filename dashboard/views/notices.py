"""Sentences over the page: what could not be used, what is awaited, the link asked for."""

from __future__ import annotations

import itertools

import panel_material_ui as pmui
from bokeh.models import CustomJS, TextInput
from panel.layout import Column, Row
from panel.pane import Bokeh
from panel.viewable import Viewer

from dashboard.theme import plain, text

__all__ = ["Notices"]

_SHOW = """
const url = location.origin + location.pathname + cb_obj.value.slice(cb_obj.value.indexOf('?'))
shown.value = url
history.replaceState(null, '', url)
if (navigator.clipboard) navigator.clipboard.writeText(url).catch(() => {})
"""
_GO = "location.search = cb_obj.value.slice(cb_obj.value.indexOf('?'))"


_OVER = """
:host {
  position: fixed; left: 50%; bottom: 14px; transform: translateX(-50%); z-index: 1250;
  width: min(680px, calc(100vw - 24px)); max-height: 40vh; overflow-y: auto;
  background: var(--mui-palette-background-paper, Canvas); border-radius: 4px;
  border-left: 3px solid #d55e00; box-shadow: 0 2px 12px rgba(0, 0, 0, 0.35);
}
"""
"""In sight wherever the page is scrolled to, and nothing moves when it comes or goes."""
_FIELD = """
label { font-size: 0.88rem }
.bk-input { background: transparent; color: inherit; border: 1px solid; font-size: 0.82rem }
"""


class Notices(Viewer):
    """Some words with a button to close them, and the link when it has been copied."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._words = text(sizing_mode="stretch_width", margin=(6, 10), size="0.88rem")
        close = pmui.Button(label="Close", variant="text", size="small", margin=(2, 8))
        close.on_click(lambda _: self._close())
        # Bokeh's own widgets: what they hold is handed to the browser's functions. With a link of
        # Panel's anywhere on it, a page would be searched through for others at every change
        self._query, self._target = TextInput(visible=False), TextInput(visible=False)
        self._shown = TextInput(
            title="Link to this view (copied)",
            sizing_mode="stretch_width",
            visible=False,
            stylesheets=[_FIELD],
        )
        self._query.js_on_change("value", CustomJS(args={"shown": self._shown}, code=_SHOW))
        self._target.js_on_change("value", CustomJS(code=_GO))
        self._number = itertools.count()
        self._line = Row(
            Column(self._words, Bokeh(self._shown), sizing_mode="stretch_width", margin=0),
            close,
            visible=False,
            sizing_mode="stretch_width",
            stylesheets=[_OVER],
            align="center",
            margin=0,
        )
        self._sentences: list[str] = []

    def say(self, sentence: str) -> None:
        """Add a sentence to those on the page."""
        self._sentences.append(sentence[:1].upper() + sentence[1:])
        self._show("\n".join(self._sentences))

    def wait(self, sentence: str) -> None:
        """Say what is being waited for."""
        self._show(sentence)

    def offer(self, query: str) -> None:
        """Copy the link with this query string, and show it."""
        self._show("")
        self._shown.visible = True
        self._query.value = self._once_more(query)

    def go(self, query: str) -> None:
        """Send the browser to this query string."""
        self._target.value = self._once_more(query)

    def _once_more(self, query: str) -> str:
        """Something new for the browser, even if the query string is the same as before."""
        return f"{next(self._number)}?{query}"

    def _show(self, words: str) -> None:
        self._words.object = f'<div role="status">{plain(words)}</div>'
        self._words.visible = bool(words)
        self._shown.visible = False
        self._line.visible = True

    def _close(self) -> None:
        self._sentences = []
        self._line.visible = False

    def __panel__(self) -> Column:
        hidden = (Bokeh(one, visible=False) for one in (self._query, self._target))
        return Column(self._line, *hidden, sizing_mode="stretch_width", margin=0)
