"""What stands behind the numbers: the model, the schemes, the data card, what to cite."""

from __future__ import annotations

from panel.pane import HTML
from panel.viewable import Viewer

from dashboard.state.page_state import PageState
from dashboard.theme import plain

__all__ = ["Methods"]

_STYLE = """
<style>
div { max-width: 46rem; padding: 0 1rem 2rem; line-height: 1.5; font-size: 0.92rem }
h2 { font-size: 1.02rem; margin: 1.3rem 0 0.3rem }
p { margin: 0.3rem 0 }
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
schematic, not EPA polygons.</p>
<h2>Cite</h2>
<p>Xu et al. 2025, arXiv:2502.00672 (BINN). Colour maps: Crameri 2018; Okabe and Ito 2008.</p>
"""


class Methods(Viewer):
    """Equations, definitions and the card of the dataset that is open.

    Parameters
    ----------
    state : PageState
    """

    def __init__(self, state: PageState, **params: object) -> None:
        super().__init__(**params)
        self._session = state.session

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
            f"{_STYLE}<div>{self._card()}{_MODEL}</div>", sizing_mode="stretch_width", margin=0
        )
