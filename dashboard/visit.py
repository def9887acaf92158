"""What one visitor has open, and how another dataset or checkpoint is opened instead."""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import panel as pn
import panel_material_ui as pmui

from binn.runs import Runs
from dashboard.asked import Found, find, wanted
from dashboard.garbage import Sweeper
from dashboard.lanes import lane, visited
from dashboard.settings import Settings
from dashboard.state.attention import Attention
from dashboard.state.catalogue import Catalogue
from dashboard.state.library import Library
from dashboard.state.link import read_link, write_link
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.permission import anybody_may_train, may_train
from dashboard.state.queue_keeper import QueueKeeper
from dashboard.theme import first_heading
from dashboard.turns import in_turns
from dashboard.views.header import Header
from dashboard.views.notices import Notices

if TYPE_CHECKING:
    from dashboard.views.export import Export

__all__ = ["Visit"]

TITLE = "BINN explorer"
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


class Visit:
    """What one visitor has open.

    The dataset is read before the page is sent, not afterwards: hundreds of models that are put
    into a page already on the screen can reach the browser after the first changes to them. So
    another dataset is another visit: the browser is sent to its link once it has been read.

    Parameters
    ----------
    shell : panel_material_ui.Page
        Filled here.
    settings : Settings
        What the server was started with.

    Raises
    ------
    InputError
        If what it was started with cannot be used.
    """

    def __init__(self, shell: pmui.Page, settings: Settings) -> None:
        self._shell, self._document = shell, visited()
        if self._document is not None:
            pn.state.as_cached("binn-sweeper", Sweeper).enter(self._document)
        library = pn.state.as_cached("binn-library", Library, device=settings.device)
        self._library: Library = library
        self._catalogue = Catalogue(settings.data, settings.checkpoints)
        self._runs = _runs(str(self._catalogue.runs), settings)
        self._allowed = may_train(settings, pn.state.user)
        self._opening = lane("opening")
        self._notices = Notices()
        self._export: Export | None = None
        self._dialogs, self._over, self._drawer, self._main = (
            pn.Column(sizing_mode="stretch_width", margin=0) for _ in range(4)
        )
        self._bar = pn.Row(sizing_mode="stretch_width", styles=_FLEXIBLE)
        shell.header, shell.sidebar, shell.main = [self._bar], [self._drawer], [self._main]
        query = dict(parse_qsl(_query(), keep_blank_values=False))
        if "theme" in query:
            shell.dark_theme = query["theme"] == "dark"
        data, checkpoints = wanted(settings, query, self._catalogue, self._runs)
        if self._document is not None and not library.at_hand(data, checkpoints):
            self._wait(data, checkpoints, query)
            return
        found = find(settings, query, self._catalogue, self._runs, library)
        self._main.objects = self._built(found)
        self._begin()

    def _wait(self, data: str, checkpoints: tuple[str, ...], query: dict[str, str]) -> None:
        """Others are there: read it aside, then have the browser come again."""
        notices = self._notices
        notices.wait(f"Opening {Catalogue.name_of(data)} …")
        self._main.objects = [first_heading(TITLE), notices]

        def read(_: object) -> None:
            notices.go(urlencode(query))

        pn.state.onload(
            lambda: self._opening.request(
                lambda: self._library.prepare(data, checkpoints), read, notices.say
            )
        )

    def _built(self, found: Found) -> list[object]:
        """The page's body, and the state behind it."""
        from dashboard.explorer import Explorer

        self._names = found.names
        state = PageState(found.opened, *(lane(kind) for kind in ("solving", "solving", "folds")))
        self._state = state
        self._tab, notes = read_link(state, found.query)
        for note in filter(None, (found.note, *notes)):
            self._notices.say(note)
        shell = self._shell
        state.session.dark = shell.dark_theme
        shell.param.watch(lambda event: state.session.param.update(dark=event.new), "dark_theme")
        self._explorer = Explorer(state, found.names, lane, self._training)
        return [first_heading(TITLE), self._over, self._explorer.main, self._dialogs]

    def _begin(self) -> None:
        """Open the first tab; first the map, then what changes it, then what it is solved by."""
        in_turns(pn.state.curdoc, [self._fill])
        self._explorer.start(self._tab)
        results = self._state.results
        if self._document is not None:
            self._watching = results.param.watch(self._solved, "estimate")
        if self._document is None or results.at_hand:
            results.start()
        else:  # the page is on its way before anything is solved
            self._document.add_next_tick_callback(results.start)

    def _fill(self) -> None:
        """What takes the browser a while: widgets."""
        self._header = Header(
            self._state,
            list(self._catalogue.datasets()),
            list(self._catalogue.models()),
            *self._names,
            switch=self._switch,
            copy=self._copy,
            export=self._show_export,
        )
        self._bar.append(self._header)
        self._drawer.extend((self._header.drawer, *self._explorer.drawer()))
        self._over.append(self._notices)

    def _solved(self, *_: object) -> None:
        """The first map is there: soon what the other tabs need."""
        self._state.results.param.unwatch(self._watching)
        self._document.add_timeout_callback(self._prepare, _SOON)

    def _prepare(self) -> None:
        Thread(target=_load_the_rest, args=(self._state.opened,), daemon=True).start()

    def _training(self, attention: Attention) -> object:
        from dashboard.views.training import Training

        return Training(
            self._state,
            attention,
            runs=self._runs,
            allowed=self._allowed,
            on_promote=lambda run: self._switch(self._names[0], self._catalogue.run_name(run)),
            lane=lane("runs"),
        )

    def _show_export(self) -> None:
        """The dialog is built when it is first asked for, open: no change on its way."""
        from dashboard.views.export import Export

        first, export = self._export is None, self._export
        if export is None:
            exporting = lane("exporting")
            export = Export(self._state, self._names, lambda: self._explorer.tab, exporting)
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


def _load_the_rest(opened: Opened) -> None:
    """What else is needed, while visitors look at the first page; once a process and a dataset."""
    _import_the_rest()
    opened.prepare()


@cache
def _import_the_rest() -> None:
    """What the other tabs need, before somebody opens them."""
    from binn.fingerprint import git_revision

    git_revision()  # of what is imported here; asked later, it would be that of a later commit
    for name in _OTHERS:
        import_module(name)
    gc.freeze()  # modules stay: looking for garbage among them would hold up every visitor
