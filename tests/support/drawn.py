"""What tests of paper figures share: how many places they draw, and the words on a figure."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.text import Text

__all__ = ["N", "drawn_texts"]

N = 40


def drawn_texts(figure: Figure) -> str:
    """Every text of a figure, a line each."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))
