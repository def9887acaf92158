"""The page around everything: header, drawer, theme."""

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
from dashboard.views.start import beginning, trouble

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
        Complete but for results that are still being computed.
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
    """Show the dataset; the first page of a process waits while it is read.

    It is read before the page is sent, not afterwards: hundreds of models that are put into a page
    already on the screen can reach the browser after the first changes to them.
    """
    library = pn.state.as_cached("binn-library", Library)
    document = pn.state.curdoc
    if document is not None:
        document.js_on_event("document_ready", CustomJS(code=_CLOSE_ON_PHONES))
    try:
        opened = library.open(settings.data, settings.checkpoints)
    except InputError as problem:
        shell.main = [trouble(str(problem))]
        return
    shell.header = [pn.Row(sizing_mode="stretch_width", margin=0, styles=_FLEXIBLE)]
    shell.sidebar = [pn.Column(sizing_mode="stretch_width", margin=0)]
    shell.main = [pn.Column(sizing_mode="stretch_width", margin=0)]
    _show(shell, opened)


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
