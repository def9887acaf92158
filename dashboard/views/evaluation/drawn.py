"""Figures of measured things with what belongs to them, and the marks they share."""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import Span
from bokeh.plotting import figure

from dashboard.theme import OKABE_ITO, Ink, legend
from dashboard.units import number

__all__ = ["Drawn", "entries_of", "score_cells", "style"]

_COLOURS = ("blue", "orange", "green", "purple", "sky", "vermillion", "yellow", "grey")
_MARKERS = {"circle": "●", "square": "■", "triangle": "▲", "diamond": "◆", "inverted_triangle": "▼"}
_KILO = 1e-3


class Drawn:
    """Figures with their legend, words and table.

    Attributes
    ----------
    figures : list of bokeh.plotting.figure
    legend, table : str
        HTML.
    words : str
    """

    def __init__(
        self, figures: list[figure], entries: str, words: str, numbers: str, inked: Sequence[object]
    ) -> None:
        self.figures, self.legend, self.words, self.table = figures, entries, words, numbers
        self._inked = inked

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        for drawn in self._inked:
            if isinstance(drawn, Span):
                drawn.line_color = colours["muted"]
            else:
                drawn.glyph.line_color = colours["text"]  # type: ignore[attr-defined]


def style(i: int) -> tuple[str, str]:
    """Colour and marker of the i-th series."""
    return OKABE_ITO[_COLOURS[i % len(_COLOURS)]], list(_MARKERS)[i % len(_MARKERS)]


def entries_of(names: Sequence[str]) -> str:
    """Legend of the series."""
    return legend(
        [
            (_MARKERS[marker], colour, name)
            for name, (colour, marker) in ((name, style(i)) for i, name in enumerate(names))
        ]
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
