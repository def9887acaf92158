"""What stands behind the numbers: the model, the schemes, the data card, what to cite."""

from __future__ import annotations

import html

from panel.pane import HTML
from panel.viewable import Viewer

from dashboard.state.lessons import lessons
from dashboard.state.page_state import PageState
from dashboard.theme import plain

__all__ = ["Methods"]

_STYLE = """
<style>
div { max-width: 46rem; padding: 0 1rem 2rem; line-height: 1.5; font-size: 0.92rem }
h2 { font-size: 1.02rem; margin: 1.3rem 0 0.3rem }
p { margin: 0.3rem 0 }
a { color: inherit; text-decoration-thickness: 1px; text-underline-offset: 2px }
pre { overflow-x: auto; padding: 0.5rem 0.7rem; background: rgba(128,128,128,0.13) }
</style>
"""
_MODEL = """
<h2>The process model</h2>
<p>Seven pools in 20 soil layers (CLM5), solved at steady state for each site:</p>
<p style="font-family:serif;font-size:1.1rem;text-align:center"><i>B I</i> + <i>A K X</i> −
<i>V X</i> = 0</p>
<p><i>I</i> is the plant carbon input and <i>B</i> its allocation to pools and depths; <i>A</i>
holds the transfers between pools; <i>K</i> the decomposition rates, which are baseline turnover
modified by temperature, water, oxygen, nitrogen and depth; <i>V</i> the vertical transport.
SOC is the sum of the fast, slow and passive soil pools.</p>
<h2>The network</h2>
<p>BINN (Xu et al. 2025) maps each site's covariates to the model's 21 parameters, inside their
prior ranges, and is trained on observed SOC through the process model.</p>
<h2>Bedrock schemes</h2>
<p><b>Conserving</b>: litter enters above bedrock only, nothing crosses it, and respiration equals
input. <b>Published</b>: the code of the paper to rounding; pools exist below bedrock, and carbon
is not conserved there. Observations below the deepest soil node take that node's value under
the conserving scheme.</p>
<h2>Limits</h2>
<p>Steady state only: no history of land use or climate. The turnover time of coarse woody debris
(tau4cwd) has no effect on SOC at steady state and cannot be learned from it. Ecoregions are
schematic, not EPA polygons, unless the data card says otherwise.</p>
<h2>Definitions</h2>
<p>Components <b>by stock</b> weight layers and pools by their stocks (gC m⁻²); <b>as published</b>
repeats the authors' code for their figure 5: baseline decomposition weighted by concentrations,
and the normalised beta under the name of input allocation. Traceability: storage (all seven pools,
litter and wood included) = carbon influx × residence time; residence time = baseline residence
time / environmental scalar.</p>
<h2>Cite</h2>
<p>Xu et al. 2025, arXiv:2502.00672 (BINN). Colour maps: Crameri 2018; Okabe and Ito 2008.</p>
"""


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
    """

    def __init__(
        self,
        state: PageState,
        names: tuple[str, str] = ("demo", "demo"),
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._session, self._names = state.session, names

    def _lessons(self) -> str:
        parts = []
        for lesson in lessons(self._session.opened, *self._names):
            links = " · ".join(
                f'<a href="?{html.escape(query)}">{plain(words)}</a>'
                for words, query in lesson.links
            )
            parts.append(f"<p><b>{plain(lesson.title)}.</b> {plain(lesson.words)} {links}</p>")
        return f"<h2>Three lessons</h2>{''.join(parts)}"

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

    def __panel__(self) -> HTML:
        return HTML(
            f"{_STYLE}<div>{self._lessons()}{self._card()}{_MODEL}{_OWN}</div>",
            sizing_mode="stretch_width",
            margin=0,
        )
