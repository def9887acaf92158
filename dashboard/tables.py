"""Tables for reading: plain HTML that screen readers know, folded away until somebody wants it."""

from __future__ import annotations

from collections.abc import Sequence

import panel_material_ui as pmui
from panel.pane import HTML

from dashboard.theme import plain

__all__ = ["folded", "table"]

_STYLE = """
<style>
.wrap { overflow-x: auto }
table { border-collapse: collapse; font-size: 0.8rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: 0 0 4px; opacity: 0.75 }
th, td { padding: 2px 12px 2px 0; text-align: right; white-space: nowrap; vertical-align: bottom }
th:first-child { text-align: left }
thead th { font-weight: 600; white-space: normal; min-width: 3.2rem }
tbody th { font-weight: 400 }
tbody tr { border-top: 1px solid rgba(128, 128, 128, 0.25) }
</style>
"""


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
        f"<caption>{plain(caption)}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def folded(title: str, content: HTML) -> pmui.Accordion:
    """Something under a heading that opens it, closed at first; reachable by keyboard."""
    return pmui.Accordion(
        (title, content),
        active=[],
        sizing_mode="stretch_width",
        margin=(4, 8),
        sx={"boxShadow": "none", "& .MuiAccordion-root": {"boxShadow": "none"}},
    )
