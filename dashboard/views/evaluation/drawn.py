"""Figures of measured things with what belongs to them, and the marks they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bokeh.models import Line, Span
from bokeh.plotting import figure
from panel.pane import HTML

from dashboard.theme import OKABE_ITO, Ink, legend
from dashboard.units import number

__all__ = ["Drawn", "entries_of", "score_cells", "style"]

_COLOURS = ("blue", "orange", "green", "purple", "sky", "vermillion", "yellow", "grey")
_MARKERS = {"circle": "●", "square": "■", "triangle": "▲", "diamond": "◆", "inverted_triangle": "▼"}
_KILO = 1e-3


class Drawn:
    """Figures with their legend, words and table.

    Parameters
    ----------
    figures : list of bokeh.plotting.figure
    entries : callable
        The legend as HTML, in the colours of a theme.
    words, numbers : str
        Plain, and a table as HTML.
    inked : sequence
        Spans, and renderers whose lines have the colour of text.
    coloured : sequence of (object, int)
        Spans and renderers in the colour of the i-th series.

    Attributes
    ----------
    figures : list of bokeh.plotting.figure
    legend : HTML
    table : str
        HTML.
    words : str
    """

    def __init__(
        self,
        figures: list[figure],
        entries: Callable[[Ink], str],
        words: str,
        numbers: str,
        inked: Sequence[object],
        coloured: Sequence[tuple[object, int]],
    ) -> None:
        self.figures, self.words, self.table = figures, words, numbers
        self.legend = HTML(sizing_mode="stretch_width", margin=(0, 10))
        self._entries, self._inked, self._coloured = entries, inked, coloured

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        for drawn in self._inked:
            if isinstance(drawn, Span):
                drawn.line_color = colours["muted"]
            else:
                drawn.glyph.line_color = colours["text"]  # type: ignore[attr-defined]
        for one, i in self._coloured:
            colour = colours[_name(i)]
            if isinstance(one, Span):
                one.line_color = colour
            elif isinstance(one.glyph, Line):  # type: ignore[attr-defined]
                one.glyph.line_color = colour  # type: ignore[attr-defined]
            else:
                one.glyph.fill_color = colour  # type: ignore[attr-defined]
        self.legend.object = self._entries(colours)


def style(i: int) -> tuple[str, str]:
    """Colour (on a pale page) and marker of the i-th series."""
    return OKABE_ITO[_name(i)], list(_MARKERS)[i % len(_MARKERS)]


def _name(i: int) -> str:
    return _COLOURS[i % len(_COLOURS)]


def entries_of(names: Sequence[str], colours: Ink) -> str:
    """Legend of the series, in the colours of a theme."""
    return legend(
        [(_MARKERS[style(i)[1]], colours[_name(i)], name) for i, name in enumerate(names)]
    )


def score_cells(one: dict[str, float]) -> list[str]:
    """Scores as cells of a table, SOC in kgC m-3."""
    return [
        f"{one['n']:,}",
        number(one["nse"], 4),
        number(one["r"]),
        number(one["rmse"] * _KILO),
        number(one["bias"] * _KILO),
    ]
