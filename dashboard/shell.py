"""The page around everything: header, drawer, theme; and opening data without holding up others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import panel as pn
import panel_material_ui as pmui
from bokeh.models import CustomJS

from binn.errors import InputError
from dashboard.settings import Settings
from dashboard.state.library import Library, Opened
from dashboard.state.work import Deliver, Lane, at_once
from dashboard.theme import page_style, theme_config
from dashboard.views.start import beginning, opening, trouble

if TYPE_CHECKING:
    from dashboard.explorer import Explorer

__all__ = ["page"]

_TITLE = "BINN explorer"
_FLEXIBLE = {"min-width": "0", "flex": "1 1 0", "width": "0", "justify-content": "flex-end"}
"""The header's words give way before its buttons do."""
_NARROW = 600
"""Below so many pixels the drawer opens over the page, so it starts closed."""
_CLOSE_ON_PHONES = f"""
if (window.innerWidth < {_NARROW}) {{
  for (const doc of Bokeh.documents) {{
    for (const root of doc.roots()) {{
      if (root.data?.sidebar_open) root.data.sidebar_open = false
    }}
  }}
}}
"""


def page(settings: Settings | InputError) -> pmui.Page:
    """The page of one visitor.

    Parameters
    ----------
    settings : Settings or InputError
        What to open, or why that could not be understood.

    Returns
    -------
    panel_material_ui.Page
        At once; data that nobody has opened before in this process appears in it when it is ready.
    """
    shell = pmui.Page(
        title=_TITLE,
        site_url="",
        sidebar_width=264,
        sidebar_open=not _on_phone(),
        theme_config=theme_config(),
        sx=page_style(),
        meta_description="Soil carbon on a map: look at it, select, change what it depends on.",
    )
    if isinstance(settings, InputError):
        shell.main = [trouble(str(settings))]
    elif not settings.data:
        shell.main = [beginning()]
    else:
        _open(shell, settings)
    return shell


def _open(shell: pmui.Page, settings: Settings) -> None:
    """Show the dataset: now if the process knows it, else as soon as it has been read."""
    library = pn.state.as_cached("binn-library", Library)
    document = pn.state.curdoc
    if document is not None:
        document.js_on_event("document_ready", CustomJS(code=_CLOSE_ON_PHONES))
    shell.header = [pn.Row(sizing_mode="stretch_width", margin=0, styles=_FLEXIBLE)]
    shell.sidebar = [pn.Column(sizing_mode="stretch_width", margin=0)]
    shell.main = [pn.Column(sizing_mode="stretch_width", margin=0)]
    known = library.find(settings.data, settings.checkpoints)
    if known is not None:
        _show(shell, known)
        return
    shell.main[0].objects = [opening(settings.data)]

    def work() -> Opened:
        import dashboard.explorer  # noqa: F401  (heavy: its import must not hold up other pages)

        return library.open(settings.data, settings.checkpoints)

    def failed(sentence: str) -> None:
        shell.main[0].objects = [trouble(sentence)]
        shell.sidebar = []

    def done(opened: Opened) -> None:
        try:
            _show(shell, opened)
        except Exception:
            failed("The page could not be built; the server's log says why.")
            raise

    _lane("opening").request(work, done, failed)


def _show(shell: pmui.Page, opened: Opened) -> Explorer:
    from dashboard.explorer import Explorer

    explorer = Explorer(opened, estimates=_lane("solving"), changes=_lane("solving"))
    explorer.session.dark = shell.dark_theme
    shell.param.watch(lambda event: explorer.session.param.update(dark=event.new), "dark_theme")
    shell.header[0].objects = explorer.header
    shell.sidebar[0].objects = explorer.drawer
    shell.main[0].objects = [explorer.main]
    return explorer


def _lane(kind: str) -> Lane:
    """A lane of this visitor into the process's one worker of a kind; headless, none is needed."""
    document = pn.state.curdoc
    if document is None:
        return Lane()
    executor = pn.state.as_cached(
        f"binn-{kind}", ThreadPoolExecutor, max_workers=1, thread_name_prefix=f"binn-{kind}"
    )
    return Lane(executor, _next_turn(document))


def _next_turn(document: object) -> Deliver:
    """Deliver results in the visitor's next turn of the event loop, under the document's lock."""
    if document is None:
        return at_once

    def deliver(function: object) -> None:
        document.add_next_tick_callback(function)  # type: ignore[attr-defined]

    return deliver


def _on_phone() -> bool:
    """A first guess from what the browser says it is; its width decides when the page is there."""
    return "Mobi" in (pn.state.headers or {}).get("User-Agent", "")
