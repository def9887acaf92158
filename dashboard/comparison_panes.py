"""What stands around the figures of the comparison: words, colour bars, buttons, their order."""

from __future__ import annotations

from collections.abc import Callable

import panel_material_ui as pmui
from bokeh.plotting import figure
from panel.layout import Column, FlexBox
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from dashboard.comparison_ground import MAPS
from dashboard.comparison_row import FIGURES, TOOLS, colour_bar
from dashboard.state.comparison import Compared
from dashboard.state.comparison_words import DEFINITIONS
from dashboard.state.field import FieldChoice
from dashboard.theme import batlow, text, vik

__all__ = ["RowPanes", "top_bar"]

_SMALL = {"flex": "1 1 165px", "min-width": "165px"}
_LARGE = {"flex": "1 1 400px", "min-width": "min(100%, 400px)"}
_CAPTION = (
    '<div style="font-size:0.78rem;line-height:1.35"><b>BINN against PRODA</b><br>'
    "dashed: 1:1; shade: how many</div>"
)
_BUTTON = {"variant": "text", "size": "small", "margin": 0}


class RowPanes:
    """A row on the page.

    Parameters
    ----------
    select, enlarge : callable
        What its buttons do.

    Attributes
    ----------
    layout : Column
    title, words : HTML
        Headline and sentences.
    select : panel_material_ui.Button
    """

    def __init__(
        self,
        select: Callable[[object], None],
        enlarge: Callable[[object], None],
    ) -> None:
        self.title = text(size="0.95rem", styles={"font-weight": "600"}, margin=(2, 12, 2, 0))
        self.words = text(size="0.82rem", sizing_mode="stretch_width", margin=(0, 10))
        self.select = pmui.Button(label="Select where they differ most", **_BUTTON)
        self.select.on_click(select)
        self._enlarge = pmui.Button(label="Enlarge", **_BUTTON)
        self._enlarge.on_click(enlarge)
        said = dict.fromkeys(MAPS, "") | {"scatter": _CAPTION}
        self._bars = {
            one: HTML(said[one], sizing_mode="stretch_width", margin=0) for one in FIGURES
        }
        self._styles = _SMALL
        self._plots = FlexBox(sizing_mode="stretch_width", margin=(2, 4))
        head = FlexBox(
            self.title,
            self.select,
            self._enlarge,
            align_items="center",
            sizing_mode="stretch_width",
            margin=(6, 10, 0, 10),
        )
        self.layout = Column(
            head, self.words, self._plots, sizing_mode="stretch_width", margin=(0, 0, 8, 0)
        )

    def add(self, one: str, fig: figure) -> None:
        """Show another of the row's figures."""
        drawn = Bokeh(fig, sizing_mode="scale_width", aspect_ratio=fig.aspect_ratio, margin=0)
        self._plots.append(Column(self._bars[one], drawn, styles=self._styles, margin=(0, 6)))

    def name(self, binn: str, found: Compared) -> None:
        """Name the maps, each over its colours.

        Parameters
        ----------
        binn : str
            What stands for BINN.
        found : Compared
        """
        for one, title in MAPS.items():
            title = title.replace("BINN", binn)
            if one == "difference":
                limits = (vik(), -found.reach, found.reach)
            else:
                limits = (batlow(), found.low, found.high)
            self._bars[one].object = colour_bar(title, *limits, found.unit)

    def arrange(self, large: bool, folded: bool) -> None:
        """Show the plots large, as one of six rows, or not at all."""
        self._plots.visible = self.words.visible = not folded
        self._enlarge.label = "All rows" if large else "Enlarge"
        self._styles = _LARGE if large else _SMALL
        for drawn in self._plots:
            drawn.styles = self._styles


def top_bar(
    view: Viewer, field: FieldChoice, reset: Callable[[object], None], selected: Viewer
) -> FlexBox:
    """Definition of the components, what dragging does, the whole map again, the selection."""
    look = {"size": "small", "color": "default", "margin": (4, 8)}
    definition = pmui.RadioButtonGroup(
        label="Definition",
        options={words: key for key, words in DEFINITIONS.items()},
        value=field.definition,
        **look,
    )
    definition.link(field, value="definition", bidirectional=True)
    tool = pmui.RadioButtonGroup(label="Dragging", options=dict(TOOLS), value="box", **look)
    tool.link(view, value="tool", bidirectional=True)
    whole = pmui.Button(label="Whole map", **_BUTTON)
    whole.on_click(reset)
    return FlexBox(
        *(definition, tool, whole, selected),
        align_items="center",
        sizing_mode="stretch_width",
        margin=(4, 4),
    )
