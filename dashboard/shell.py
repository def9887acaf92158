"""The page around everything: its frame and theme, and what could not be opened."""

from __future__ import annotations

import panel as pn
import panel_material_ui as pmui
from bokeh.models import CustomJS
from panel.util import edit_readonly
from param.parameterized import Watcher

from binn.errors import InputError
from dashboard import mended, run_table  # noqa: F401  # a page sent before it is known cannot show it
from dashboard.settings import Settings
from dashboard.theme import page_style, theme_config
from dashboard.views.start import trouble
from dashboard.visit import TITLE, Visit

__all__ = ["page"]

_TEMPLATE = f"""{{% extends "base.html" %}}
{{% block postamble %}}
{{{{ super() }}}}
<script type="module-shim" src="{pmui.Page._render_esm(server=True)}"></script>
<script>{mended.IN_THE_BROWSER}</script>
{{% endblock %}}
"""
"""The page asks for its widgets at once, not only when it knows which ones it holds."""
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
        Its frame; the rest follows as it is read and computed (`Visit`).
    """
    mended.in_the_server()
    followed = set(_watchers())
    shell = pmui.Page(
        title=TITLE,
        template=_TEMPLATE,
        site_url="",
        sidebar_width=264,
        sidebar_open=not _on_phone(),
        sidebar_resizable=False,  # by mouse alone, and by a handle that has no role
        theme_config=theme_config(),
        sx=page_style(),
        busy_indicator=None,
        meta_description="Soil carbon on a map: look at it, select, change what it depends on.",
    )
    with edit_readonly(shell):
        shell.busy = False  # the map's words say what is computed; a flicker renders all anew
    for watcher in set(_watchers()) - followed:  # else the server's state keeps the page for ever
        pn.state.param.unwatch(watcher)
    if isinstance(settings, InputError):
        shell.main = [trouble(str(settings))]
        return shell
    document = pn.state.curdoc
    if document is not None:
        document.js_on_event("document_ready", CustomJS(code=_CLOSE_ON_PHONES))
    try:
        Visit(shell, settings)
    except InputError as problem:
        shell.main = [trouble(str(problem))]
    return shell


def _watchers() -> list[Watcher]:
    """Who follows whether the server is busy."""
    return list(pn.state.param.watchers.get("busy", {}).get("value", ()))


def _on_phone() -> bool:
    """A first guess from what the browser says it is; its width decides when the page is there."""
    return "Mobi" in (pn.state.headers or {}).get("User-Agent", "")
