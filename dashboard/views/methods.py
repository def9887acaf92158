"""What stands behind the numbers: the model, the schemes, the data card, what to cite."""

from __future__ import annotations

import html

from panel.layout import Column
from panel.pane import HTML
from panel.viewable import Viewer

from dashboard.equations import COMPONENTS, LEARNING, MODEL, SCALARS, TRACEABILITY
from dashboard.state.lessons import Lesson, lessons
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.theme import plain

__all__ = ["Methods"]

_STYLE = """
<style>
div { max-width: 46rem; padding: 0 1rem 2rem; line-height: 1.5; font-size: 0.92rem }
h2 { font-size: 1.02rem; margin: 1.3rem 0 0.3rem }
p { margin: 0.3rem 0 }
a { color: inherit; text-decoration-thickness: 1px; text-underline-offset: 2px }
.eq { text-align: center }
.eq span { display: inline-block; max-width: 100%; margin: 3px 1em }
.eq math { font-size: 1.05rem }
@media (max-width: 600px) { .eq span { margin: 3px 0.4em } .eq math { font-size: 0.85rem } }
sub { line-height: 0 }
li { margin: 0.2rem 0 }
pre { overflow-x: auto; padding: 0.5rem 0.7rem; background: rgba(128,128,128,0.13) }
</style>
"""
_LESSONS = f"{_STYLE}<style>div {{ padding-bottom: 0; min-height: 20rem }}</style>"
"""What is below them stays where it is while their numbers are computed."""
_LIMITS = """
<h2>Limits</h2>
<p>Steady state only: no history of land use or climate. The turnover time of coarse woody debris
(tau4cwd) has no effect on SOC at steady state and cannot be learned from it. Ecoregions are
schematic, not EPA polygons, unless the data card says otherwise.</p>
"""
_REFERENCES = (
    ("Xu et al. 2025, the paper of BINN", "arXiv:2502.00672", "https://arxiv.org/abs/2502.00672"),
    (
        "Tao et al. 2020, Frontiers in Big Data: PRODA over the conterminous United States",
        "doi:10.3389/fdata.2020.00017",
        "https://doi.org/10.3389/fdata.2020.00017",
    ),
    (
        "Tao et al. 2023, Nature: PRODA over the globe, and the diagnostics used here",
        "doi:10.1038/s41586-023-06042-3",
        "https://doi.org/10.1038/s41586-023-06042-3",
    ),
    (
        "Lawrence et al. 2019, the Community Land Model version 5 (CLM5)",
        "doi:10.1029/2018MS001583",
        "https://doi.org/10.1029/2018MS001583",
    ),
    ("Crameri 2018, Scientific colour maps: batlow and vik", "", ""),
    ("Okabe and Ito 2008, Color Universal Design: the colours of lines and marks", "", ""),
)
"""What to cite; an address where it is known for sure."""


_OWN = """
<h2>Your own data</h2>
<p>The profiles that the authors of BINN publish with their workshop (New York):</p>
<pre tabindex="0" role="group" aria-label="Commands">git clone https://github.com/Hardyxu8067/BINN_Demo
.venv/bin/binn import authors-demo BINN_Demo data/new_york.nc
.venv/bin/binn train data/new_york.nc --out runs/first --preset quick</pre>
<p>Datasets in <code>data/</code> and checkpoints in <code>runs/</code> then stand in the choosers
above. Tables of your own profiles: <code>binn import table --help</code>; the paper's whole input
folder: <code>binn import authors-bundle --help</code>.</p>
"""


class Methods(Viewer):
    """Lessons, equations, definitions and the card of the dataset that is open.

    Parameters
    ----------
    state : PageState
    names : (str, str), optional
        Of the dataset and checkpoint, as links name them.
    lane : Lane, optional
        Where the numbers of the lessons are computed.

    Attributes
    ----------
    lessons, rest : panel.pane.HTML
    """

    def __init__(
        self,
        state: PageState,
        names: tuple[str, str] = ("demo", "demo"),
        lane: Lane | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._session = state.session
        self.lessons, self.rest = (HTML(sizing_mode="stretch_width", margin=0) for _ in range(2))
        science = f"{MODEL}{SCALARS}{TRACEABILITY}{COMPONENTS}{LEARNING}{_LIMITS}"
        parts = (self._card(), science, self._references(), _OWN)
        self.rest.object = f"{_STYLE}<div>{''.join(parts)}</div>"
        self._say(f"<p>{plain('Computing their numbers …')}</p>")
        opened = state.session.opened
        (lane or Lane()).request(
            lambda: lessons(opened, *names),
            self._show,
            lambda sentence: self._say(f"<p>{plain(sentence)}</p>"),
        )

    def _say(self, content: str) -> None:
        self.lessons.object = f"{_LESSONS}<div><h2>Three lessons</h2>{content}</div>"

    def _show(self, found: list[Lesson]) -> None:
        parts = []
        for lesson in found:
            links = " · ".join(
                f'<a href="?{html.escape(query)}">{plain(words)}</a>'
                for words, query in lesson.links
            )
            parts.append(f"<p><b>{plain(lesson.title)}.</b> {plain(lesson.words)} {links}</p>")
        self._say("".join(parts))

    def _card(self) -> str:
        opened = self._session.opened
        dataset = opened.dataset
        rows = {
            "Dataset": opened.name,
            "Source": dataset.attrs.get("source", "not stated"),
            "Licence": dataset.attrs.get("licence", "not stated"),
            "Made by": dataset.attrs.get("history", "not stated"),
            "Observations": f"{opened.provenance}; {dataset.sizes['obs']:,} in "
            f"{dataset.sizes['site']:,} profiles, which share the forcing of "
            f"{dataset.sizes['cell']:,} cells",
            "Ecoregions": dataset.attrs.get("ecoregions", "schematic, drawn for this project"),
            "Notice": dataset.attrs.get("notice", ""),
            "Notes": dataset.attrs.get("notes", ""),
            "Parameters": opened.source,
        }
        cells = "".join(
            f'<tr><th scope="row" style="text-align:left;vertical-align:top;padding:2px 18px 2px 0;'
            f'white-space:nowrap">{plain(name)}</th><td>{plain(str(value))}</td></tr>'
            for name, value in rows.items()
            if str(value)
        )
        return f'<h2>Data card</h2><table style="font-size:inherit">{cells}</table>'

    @staticmethod
    def _references() -> str:
        items = []
        for words, shown, address in _REFERENCES:
            link = f'<a href="{address}" target="_blank" rel="noopener noreferrer">{shown}</a>'
            items.append(f"<li>{plain(words)}{f': {link}' if address else ''}.</li>")
        return f"<h2>Cite</h2><ul>{''.join(items)}</ul>"

    def __panel__(self) -> Column:
        return Column(self.lessons, self.rest, sizing_mode="stretch_width", margin=0)
