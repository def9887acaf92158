"""Export: the selection's numbers or a view as a paper figure, prepared off the event loop."""

from __future__ import annotations

import io
from collections.abc import Callable

import panel_material_ui as pmui
from panel.layout import Column
from panel.viewable import Viewer

from binn.errors import InputError
from binn.figures.save import FORMATS
from dashboard.figures import VIEWS, paper
from dashboard.state.files import DATA_FORMATS, File, data_file
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.theme import plain, text

__all__ = ["Export"]

_TITLES = {
    "map": "Map",
    "change": "Map of the change",
    "profile": "Depth profile",
    "parameters": "Parameters",
    "traceability": "Traceability",
    "comparison": "BINN vs PRODA",
    "evaluation": "Evaluation",
    "transient": "The way to the new equilibrium",
}
_OF_TAB = {
    "explore": "map",
    "what-if": "change",
    "traceability": "traceability",
    "binn-vs-proda": "comparison",
    "evaluation": "evaluation",
}
_WIDE = {"sizing_mode": "stretch_width", "size": "small", "margin": (8, 4)}


class Export(Viewer):
    """A dialog: choose, prepare, save.

    Parameters
    ----------
    state : PageState
        What is exported.
    names : (str, str), optional
        Of the dataset and checkpoint, as links name them.
    tab : callable, optional
        Returns the tab that is open.
    lane : Lane, optional
        Where files are written.
    """

    def __init__(
        self,
        state: PageState,
        names: tuple[str, str] = ("demo", "demo"),
        tab: Callable[[], str] = lambda: "explore",
        lane: Lane | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._state, self._names, self._tab, self._lane = state, names, tab, lane or Lane()
        views = {_TITLES.get(view, view.capitalize()): view for view in VIEWS}
        self.what = pmui.RadioButtonGroup(
            label="Export",
            options={"Data": "data", "Figure": "figure"},
            value="data",
            color="default",
            **_WIDE,
        )
        kinds = {words: kind for kind, words in DATA_FORMATS.items()}
        self.kind = pmui.Select(label="File", options=kinds, value="csv", **_WIDE)
        self.view = pmui.Select(label="View", options=views, value="map", visible=False, **_WIDE)
        self.format = pmui.RadioButtonGroup(
            label="Format",
            options={one.upper(): one for one in FORMATS},
            value="png",
            color="default",
            visible=False,
            **_WIDE,
        )
        self.columns = pmui.RadioButtonGroup(
            label="Width",
            options={"One column (89 mm)": "single", "Two columns (183 mm)": "double"},
            value="double",
            color="default",
            visible=False,
            **_WIDE,
        )
        self._prepare = pmui.Button(label="Prepare file", variant="contained", **_WIDE)
        self._save = pmui.FileDownload(visible=False, variant="outlined", **_WIDE)
        self._words = text(size="0.85rem", margin=(4, 4), sizing_mode="stretch_width")
        self._dialog = pmui.Dialog(
            Column(
                self.what, self.kind, self.view, self.format, self.columns,
                self._words, self._prepare, self._save,
                sizing_mode="stretch_width",
                min_width=280,
            ),
            title="Export",
            show_close_button=True,
            close_on_click=True,
            open=False,
        )  # fmt: skip
        choices = (self.what, self.kind, self.view, self.format, self.columns)
        for choice in choices:
            choice.param.watch(self._chosen, "value")
        self._prepare.on_click(lambda _: self._begin())

    def show(self) -> None:
        """Open the dialog, on the view that is looked at."""
        self.view.value = _OF_TAB.get(self._tab(), self.view.value)
        self._chosen()
        self._dialog.open = True

    def _chosen(self, *_: object) -> None:
        figure = self.what.value == "figure"
        self.kind.visible = not figure
        for widget in (self.view, self.format, self.columns):
            widget.visible = figure
        self._save.visible, self._prepare.disabled = False, False
        self._lane.forget()
        state = self._state
        place = "sites" if state.field.on == "site" else "grid cells"
        which = state.selection.words if len(state.selection) else f"All {place}"
        words = "What the view shows now, with a sidecar (JSON) and the citation."
        if not figure:
            also = " and under the change of What if" if state.scenario.active else ""
            words = (
                f"{which}: parameters, pools, SOC, components and traceability by every source"
                f"{also}, observations, units, what it was made from, and the citation."
            )
        self._words.object = plain(f"{words} {state.session.notice}".strip())

    def _file(self) -> File:
        if self.what.value == "data":
            return data_file(self._state, self.kind.value, self._tab(), self._names)
        view, kind = self.view.value, self.format.value
        drawn = paper(view, self._state, columns=self.columns.value, tab=self._tab())
        return File(f"binn-{self._names[0]}-{view}-{kind}.zip", lambda: drawn.zipped([kind]))

    def _begin(self) -> None:
        try:
            file = self._file()
        except InputError as problem:
            self._failed(str(problem))
            return
        self._prepare.disabled = True
        self._words.object = plain(f"Writing {file.name} …")
        self._lane.request(file.write, lambda content: self._done(file, content), self._failed)

    def _done(self, file: File, content: bytes) -> None:
        self._prepare.disabled = False
        size = len(content) / 1e6
        self._words.object = plain(f"{file.name} is ready ({size:.2g} MB).")
        self._save.param.update(
            file=io.BytesIO(content),
            filename=file.name,
            label=f"Save {file.name}",
            visible=True,
        )

    def _failed(self, sentence: str) -> None:
        self._prepare.disabled = False
        self._words.object = plain(sentence[:1].upper() + sentence[1:])

    def __panel__(self) -> pmui.Dialog:
        return self._dialog
