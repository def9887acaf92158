"""The page around everything: header, drawer, theme, links, and what could not be opened."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import panel as pn
import panel_material_ui as pmui
from bokeh.models import CustomJS
from panel.util import edit_readonly

from binn.errors import InputError
from binn.runs import Runs
from dashboard import run_table  # noqa: F401  # a page sent before it is known cannot show it
from dashboard.messages import leave_none_behind
from dashboard.painting import PAINT_WHAT_CHANGED
from dashboard.settings import DEMO, Settings
from dashboard.state.attention import Attention
from dashboard.state.catalogue import Catalogue
from dashboard.state.library import Library
from dashboard.state.link import read_link, write_link
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.permission import anybody_may_train, may_train
from dashboard.state.queue_keeper import QueueKeeper
from dashboard.state.work import Deliver, Lane
from dashboard.theme import first_heading, page_style, theme_config
from dashboard.turns import in_turns
from dashboard.views.header import Header
from dashboard.views.notices import Notices
from dashboard.views.start import trouble

if TYPE_CHECKING:
    from bokeh.document import Document

    from dashboard.views.export import Export

__all__ = ["page"]

_TITLE = "BINN explorer"
_TEMPLATE = f"""{{% extends "base.html" %}}
{{% block postamble %}}
{{{{ super() }}}}
<script type="module-shim" src="{pmui.Page._render_esm(server=True)}"></script>
<script>{PAINT_WHAT_CHANGED}</script>
{{% endblock %}}
"""
"""The page asks for its widgets at once, not only when it knows which ones it holds."""
_OTHERS = (
    "torch",
    "dashboard.views.climate",
    "dashboard.views.comparison",
    "dashboard.views.evaluation",
    "dashboard.views.export",
    "dashboard.views.methods",
    "dashboard.views.scenario",
    "dashboard.views.traceability",
    "dashboard.views.training",
    "dashboard.views.way",
)
"""Imported once the first page stands: what its other tabs draw and compute with."""
_SOON = 1500
"""Milliseconds after the first map, in which the rest of the first page is built."""
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
    leave_none_behind()
    shell = pmui.Page(
        title=_TITLE,
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
    if isinstance(settings, InputError):
        shell.main = [trouble(str(settings))]
        return shell
    document = pn.state.curdoc
    if document is not None:
        document.js_on_event("document_ready", CustomJS(code=_CLOSE_ON_PHONES))
    try:
        _Visit(shell, settings)
    except InputError as problem:
        shell.main = [trouble(str(problem))]
    return shell


class _Visit:
    """What one visitor has open, and how another dataset or checkpoint is opened instead.

    The dataset is read before the page is sent, not afterwards: hundreds of models that are put
    into a page already on the screen can reach the browser after the first changes to them. So
    another dataset is another visit: the browser is sent to its link once it has been read.
    """

    def __init__(self, shell: pmui.Page, settings: Settings) -> None:
        from dashboard.explorer import Explorer

        self._library: Library = pn.state.as_cached("binn-library", Library, device=settings.device)
        self._catalogue = Catalogue(settings.data, settings.checkpoints)
        self._runs = _runs(str(self._catalogue.runs), settings)
        self._notices = Notices()
        query = dict(parse_qsl(_query(), keep_blank_values=False))
        opened = self._opened(settings, query)
        state = PageState(opened, *(_lane(kind) for kind in ("solving", "solving", "folds")))
        tab, notes = read_link(state, query)
        for note in notes:
            self._notices.say(note)
        self._state = state
        self._allowed = may_train(settings, pn.state.user)
        self._explorer = Explorer(state, self._names, _lane, self._training)
        self._opening = _lane("opening")
        if "theme" in query:
            shell.dark_theme = state.session.dark
        state.session.dark = shell.dark_theme
        shell.param.watch(lambda event: state.session.param.update(dark=event.new), "dark_theme")
        self._export: Export | None = None
        self._dialogs = pn.Column(sizing_mode="stretch_width", margin=0)
        header = pn.Row(sizing_mode="stretch_width", styles=_FLEXIBLE)
        over, drawer = (pn.Column(sizing_mode="stretch_width", margin=0) for _ in range(2))
        shell.header, shell.sidebar = [header], [drawer]
        shell.main = [
            pn.Column(
                first_heading(_TITLE),
                over,
                self._explorer.main,
                self._dialogs,
                sizing_mode="stretch_width",
                margin=0,
            )
        ]

        def fill() -> None:  # first the map, then what changes it: widgets take the browser a while
            header.append(self._choosers())
            drawer.extend((self._header.drawer, *self._explorer.drawer()))
            over.append(self._notices)

        in_turns(pn.state.curdoc, [fill])
        self._explorer.start(tab)
        self._document = _visited()
        if self._document is not None:
            self._watching = state.results.param.watch(self._solved, "estimate")
        if self._document is None or state.results.at_hand:
            state.results.start()
        else:  # the page is on its way before anything is solved
            self._document.add_next_tick_callback(state.results.start)

    def _solved(self, *_: object) -> None:
        """The first map is there: soon what the other tabs need, once for all visitors."""
        self._state.results.param.unwatch(self._watching)
        self._document.add_timeout_callback(self._prepare, _SOON)

    def _prepare(self) -> None:
        pn.state.as_cached("binn-others", _meanwhile, opened=self._state.opened)

    def _choosers(self) -> Header:
        """What stands above all tabs."""
        self._header = Header(
            self._state,
            list(self._catalogue.datasets()),
            list(self._catalogue.models()),
            *self._names,
            switch=self._switch,
            copy=self._copy,
            export=self._show_export,
        )
        return self._header

    def _opened(self, settings: Settings, query: dict[str, str]) -> Opened:
        """What the link names; what the server was started with if that cannot be had."""
        catalogue, names = self._catalogue, {}
        names["data"] = catalogue.name_of(settings.data)
        names["checkpoint"] = catalogue.models_name(settings.checkpoints)
        promoted = self._promoted(names["data"], settings)
        if promoted and not query.get("checkpoint"):
            names["checkpoint"] = promoted
        usual = {"data": names["data"], "checkpoint": catalogue.models_name(settings.checkpoints)}
        names |= {key: query[key] for key in names if query.get(key)}
        if names == usual:
            self._names = tuple(usual.values())
            return self._library.open(settings.data, settings.checkpoints)
        try:
            data = catalogue.dataset(names["data"])
            found = self._library.open(data, catalogue.model(names["checkpoint"]))
        except InputError as problem:
            self._notices.say(f"{_sentence(problem)} {usual['data']} is shown instead.")
            for key in ("sites", "packed", "region"):
                query.pop(key, None)
            self._names = tuple(usual.values())
            return self._library.open(settings.data, settings.checkpoints)
        self._names = tuple(names.values())
        return found

    def _promoted(self, data: str, settings: Settings) -> str:
        """The run that was chosen for this page, unless the server was told a checkpoint."""
        if settings.checkpoints not in ((), (DEMO,)):
            return ""
        chosen = self._runs.promoted()
        if chosen is None or Catalogue.name_of(self._runs.get(chosen).dataset) != data:
            return ""
        return self._catalogue.run_name(chosen)

    def _training(self, attention: Attention) -> object:
        from dashboard.views.training import Training

        return Training(
            self._state,
            attention,
            runs=self._runs,
            allowed=self._allowed,
            on_promote=lambda run: self._switch(self._names[0], self._catalogue.run_name(run)),
            lane=_lane("runs"),
        )

    def _show_export(self) -> None:
        """The dialog is built when it is first asked for, open: no change on its way."""
        from dashboard.views.export import Export

        first, export = self._export is None, self._export
        if export is None:
            lane = _lane("exporting")
            export = Export(self._state, self._names, lambda: self._explorer.tab, lane)
            self._export = export
        export.show()
        if first:
            self._dialogs.append(export)

    def _link(self, data: str, checkpoint: str) -> str:
        return write_link(self._state, self._explorer.tab, data, checkpoint)

    def _copy(self) -> None:
        self._notices.offer(self._link(*self._names))

    def _switch(self, data: str, checkpoint: str) -> None:
        """Read the other dataset or checkpoint, then send the browser there."""
        catalogue, library = self._catalogue, self._library
        known = dict(parse_qsl(self._link(data, checkpoint)))
        known.pop("bedrock", None)  # that of the checkpoint
        if data != self._names[0]:
            for key in ("n", "sites", "packed", "region"):
                known.pop(key, None)

        def work() -> None:
            library.open(catalogue.dataset(data), catalogue.model(checkpoint))

        def failed(sentence: str) -> None:
            self._header.back()
            self._notices.say(sentence)

        self._notices.wait(f"Opening {data} …")
        self._opening.request(work, lambda _: self._notices.go(urlencode(known)), failed)


def _sentence(problem: InputError) -> str:
    words = str(problem)
    return words[:1].upper() + words[1:].rstrip(".") + "."


def _runs(folder: str, settings: Settings) -> Runs:
    """The runs folder, read once for all visitors; where people may train its queue moves on."""
    if pn.state.curdoc is not None and anybody_may_train(settings):
        pn.state.as_cached("binn-queue", QueueKeeper, folder=folder)
    return pn.state.as_cached("binn-runs-folder", Runs, folder=folder)


def _query() -> str:
    """The query string of the page's address, as the browser sent it."""
    arguments = pn.state.session_args or {}
    pairs = [(key, value) for key, values in arguments.items() for value in values[:1]]
    return urlencode([(key, value.decode("utf-8", "replace")) for key, value in pairs])


def _visited() -> Document | None:
    """The visitor's document; None in a script, and while `panel serve --warm` tries the page."""
    return pn.state.curdoc if pn.state.headers else None


def _meanwhile(opened: Opened) -> Thread:
    """The thread in which everything else is loaded while visitors look at the first page."""

    def work() -> None:
        _import_the_rest()
        opened.prepare()

    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread


@cache
def _import_the_rest() -> None:
    """What the other tabs need, before somebody opens them."""
    from binn.fingerprint import git_revision

    git_revision()  # of what is imported here; asked later, it would be that of a later commit
    for name in _OTHERS:
        import_module(name)
    gc.freeze()  # modules stay: looking for garbage among them would hold up every visitor


def _lane(kind: str) -> Lane:
    """A lane of this visitor into the process's one worker of a kind; headless, none is needed."""
    document = _visited()
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


def _on_phone() -> bool:
    """A first guess from what the browser says it is; its width decides when the page is there."""
    return "Mobi" in (pn.state.headers or {}).get("User-Agent", "")
