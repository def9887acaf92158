"""A view of the page as a paper figure, with the file that says what it was made from.

:func:`paper` reads the page's state, which takes no time, and returns a :class:`Paper`; drawing and
writing that need nothing of the page any more and may happen in another thread.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from binn.errors import InputError
from binn.figures.citation import citation_text
from binn.figures.save import files_of
from binn.figures.sidecar import dataset_about, notice_of
from dashboard.figures import views
from dashboard.state.link import write_link
from dashboard.state.page_state import PageState

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["VIEWS", "Paper", "paper"]

VIEWS: dict[str, Callable[[views.Shown], Callable[[], Figure]]] = {
    "map": views.mapped,
    "change": views.changed_map,
    "profile": views.profile,
    "parameters": views.parameters,
    "traceability": views.traceability,
    "comparison": views.comparison,
    "evaluation": views.evaluation,
    "transient": views.way_there,
}
"""Every view that has a paper figure, by name."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold: the same view gives the same file


@dataclass(frozen=True, eq=False)
class Paper:
    """A figure that is not drawn yet.

    Attributes
    ----------
    name : str
        Of the view, and of its files.
    draw : callable
        Returns the figure; may wait for the process model.
    describe : callable
        Returns the content of the sidecar.
    """

    name: str
    draw: Callable[[], Figure]
    describe: Callable[[], dict[str, Any]]

    def files(self, formats: Iterable[str] = ("png",)) -> dict[str, bytes]:
        """The figure in some formats, its sidecar and what to cite: file name to content.

        Parameters
        ----------
        formats : iterable of {"png", "svg", "pdf"}

        Raises
        ------
        InputError
            If the view has nothing to draw, or for another format.
        """
        found = files_of(self.draw(), self.name, formats, self.describe())
        return {**found, "citation.txt": (citation_text() + "\n").encode()}

    def zipped(self, formats: Iterable[str] = ("png",)) -> bytes:
        """:meth:`files` as one zip, for a download."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, data in self.files(formats).items():
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, data)
        return content.getvalue()


def paper(
    view: str,
    state: PageState,
    columns: str = "double",
    tab: str = "explore",
    years: int | None = None,
) -> Paper:
    """The paper figure of a view as it is now.

    Parameters
    ----------
    view : str
        A key of :data:`VIEWS`.
    state : PageState
        What the page shows; read here and not kept.
    columns : {"single", "double"}
        Width.
    tab : str
        The page's tab, for the link in the sidecar.
    years : int, optional
        How long ``transient`` is followed; by default as long as on the page.

    Raises
    ------
    InputError
        If there is no such view, or it has nothing to draw at present.
    """
    if view not in VIEWS:
        raise InputError(f"there is no paper figure of {view!r}; choose from {', '.join(VIEWS)}")
    opened, bedrock = state.opened, state.session.bedrock
    years = state.look.years if years is None else years
    shown = views.Shown(state, columns, years, notice_of(opened.dataset))
    draw = VIEWS[view](shown)
    selection = state.selection
    about: dict[str, Any] = {
        "figure": view,
        "state": {
            "link": write_link(state, tab, opened.data, ",".join(opened.checkpoints)),
            "selected": len(selection),
            "selected_how": selection.how,
            "scenario": {**state.scenario.changes, **state.scenario.climate},
            "columns": columns,
        },
        "checkpoint": opened.checkpoint or "none: CLM5 default parameters",
        "bedrock": bedrock,
        "definition": state.field.definition,
        "notice": shown.notice,
    }

    def describe() -> dict[str, Any]:
        return {**about, "dataset": dataset_about(opened.dataset, opened.data)}

    return Paper(view, draw, describe)
