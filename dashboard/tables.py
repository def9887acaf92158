"""Tables for reading: plain HTML that screen readers know, folded away until somebody wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import panel_material_ui as pmui
from panel.pane import HTML

from dashboard.theme import plain

__all__ = ["OnDemand", "folded", "table"]

_STYLE = """
<style>
div { visibility: inherit !important } /* else what is folded away is read and tabbed to */
.wrap { overflow-x: auto }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: 6px 0 4px; opacity: 0.75 }
caption span { display: block; max-width: calc(100vw - 48px) }
th, td { padding: 2px 12px 2px 0; text-align: right; white-space: nowrap; vertical-align: bottom }
th:first-child { text-align: left }
thead th { font-weight: 600; white-space: normal; min-width: 3.2rem }
tbody th { font-weight: 400 }
tbody tr { border-top: 1px solid rgba(128, 128, 128, 0.25) }
</style>
"""
_QUIET = {
    "boxShadow": "none",
    "& .MuiAccordion-root": {"boxShadow": "none"},
    "& .MuiAccordionSummary-root, & .MuiAccordionSummary-root.Mui-expanded": {
        "minHeight": 28,
        "padding": "0 8px",
    },
    "& .MuiAccordionSummary-content, & .MuiAccordionSummary-content.Mui-expanded": {
        "margin": "2px 0"
    },
    "& .MuiAccordionSummary-content *": {"fontSize": "0.85rem"},
    "& .MuiAccordionDetails-root": {"padding": "0 0 8px"},
}
"""A line among others, not a heading that shouts."""


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as HTML; every cell shows exactly its text.

    Parameters
    ----------
    caption : str
        What it holds, with units where a column does not say its own.
    head : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        The first cell of a row is its name.
    """
    columns = "".join(f'<th scope="col">{plain(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{plain(name)}</th>'
        + "".join(f"<td>{plain(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return (
        f'{_STYLE}<div class="wrap" tabindex="0" role="group" aria-label="{plain(caption)}"><table>'
        f"<caption><span>{plain(caption)}</span></caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def folded(title: str, content: HTML) -> pmui.Accordion:
    """Something under a heading that opens it, closed at first; reachable by keyboard."""
    return pmui.Accordion(
        (title, content),
        active=[],
        sizing_mode="stretch_width",
        margin=(2, 8),
        sx=_QUIET,
    )


class OnDemand:
    """A folded table that is made when somebody opens it, and again while it stays open.

    While it is closed it costs nothing: what changes meanwhile is neither worked out nor sent.

    Parameters
    ----------
    title : str
        Its heading, which opens it.
    make : callable
        Returns the table, as :func:`table` makes it.

    Attributes
    ----------
    content : panel.pane.HTML
    layout : panel_material_ui.Accordion
    """

    def __init__(self, title: str, make: Callable[[], str]) -> None:
        self._make = make
        self.content = HTML(sizing_mode="stretch_width", margin=(0, 8))
        self.layout = folded(title, self.content)
        self.layout.param.watch(self.renew, "active")

    def renew(self, *_: object) -> None:
        """The numbers have changed."""
        if self.layout.active:
            self.content.object = self._make()
