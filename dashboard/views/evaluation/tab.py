"""The Evaluation tab put together: what is asked, what is drawn, what is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param
from bokeh.events import SelectionGeometry
from panel.layout import Column, FlexBox
from panel.pane import HTML, Bokeh
from panel.viewable import Viewer

from dashboard.brushing import rows_within
from dashboard.selection_line import SelectionLine
from dashboard.state.attention import Attention
from dashboard.state.estimate import owners
from dashboard.state.evaluated import Answer, Question, Worker
from dashboard.state.evaluation import PARTS, score_rows
from dashboard.state.evidence import Evidence
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane
from dashboard.tables import OnDemand, folded, table
from dashboard.theme import UNSEEN_LABEL, ink, legend, plain, text
from dashboard.turns import in_turns
from dashboard.views.evaluation.boxes import ResidualBoxes
from dashboard.views.evaluation.density import MOST_POINTS, DensityScatter
from dashboard.views.evaluation.deviation import DeviationMap
from dashboard.views.evaluation.drawn import Drawn
from dashboard.views.evaluation.measured import draw_folds, draw_history
from dashboard.views.evaluation.outcomes import draw_by_parameter, draw_methods

__all__ = ["Evaluation"]

_KILO = 1e-3
_HALF = {"flex": "1 1 340px", "min-width": "min(100%, 340px)"}
_WIDE = {"sizing_mode": "stretch_width", "margin": (0, 10)}
_SELECTION = "selection"
_HEAD = (
    *("Sites", "with observations", "n", "NSE", "r", "RMSE", "Bias"),
    *("n not below", "NSE", "r", "RMSE", "Bias"),
)
_CAPTION = (
    "Scores, RMSE and bias (simulated − observed) in kgC m⁻³: over all observations, and over "
    "those not below the deepest soil node"
)


class Evaluation(Viewer):
    """Observed and simulated SOC, residuals, folds, training history, experiments.

    Parameters
    ----------
    state : PageState
        What is evaluated; boxes and lassos change its selection.
    attention : Attention, optional
        Whether somebody looks.
    lane : Lane, optional
        Where it is worked out; at once without one.
    runs : Path, optional
        Folder of runs, whose cross-validations of these data are shown too.

    Attributes
    ----------
    answer : Answer or None
        What is drawn.
    numbers : OnDemand
        The deviation map as a table.
    """

    part = param.Selector(
        default="test",
        objects={**{words: key for key, words in PARTS.items()}, "Selection": _SELECTION},
        doc="Sites that are drawn.",
    )
    above = param.Boolean(
        default=False, doc="Whether observations below the deepest soil node are left out."
    )
    source = param.Selector(default="binn", objects=["binn"], doc="Whose parameters are scored.")

    def __init__(
        self,
        state: PageState,
        attention: Attention | None = None,
        lane: Lane | None = None,
        runs: Path | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        opened = state.opened
        self.param.source.objects = {opened.source_name(one): one for one in opened.sources}
        state.look.tie(self, part="evaluated", above="above", source="scored")
        self._attention = attention = attention or Attention()
        self._session, self._selection = state.session, state.selection
        self._results, self._opened = state.results, opened
        self._lane, self._worker = lane or Lane(), Worker(opened, runs)
        self.answer: Answer | None = None
        self._evidence: Evidence | None = None
        self._measured: list[Drawn] = []
        lonlat = (opened.dataset[name].to_numpy() for name in ("lon", "lat"))
        self.scatter, self.map = DensityScatter(), DeviationMap(*lonlat)
        self.depths, self.biomes = ResidualBoxes("depth", "depth"), ResidualBoxes("biome", "biome")
        self._owner = owners(opened.observations)
        self._words = text("Computing …", size="0.88rem", styles={"font-weight": "500"}, **_WIDE)
        self._note = text(muted=True, size="0.8rem", **_WIDE)
        self._scores, self._depth_table, self._biome_table = (HTML(**_WIDE) for _ in range(3))
        self._legend = HTML(**_WIDE)
        self._selected = SelectionLine(state, attention)
        biome = opened.dataset["biome"].to_numpy().astype(str)
        self.numbers = OnDemand("Deviations by biome", lambda: self.map.table(biome))
        self._before = Column(sizing_mode="stretch_width", margin=0)
        self.scatter.figure.on_event(SelectionGeometry, self._brushed_scatter)
        self.map.figure.on_event(SelectionGeometry, self._brushed_map)
        self._ask()
        self._follow_theme()
        attention.follow(self._ask, self._results, ["estimates"])
        attention.follow(self._ask, self._selection, ["sites"])
        attention.follow(self._follow_theme, self._session, ["dark"])
        self.param.watch(self._ask, ["part", "above", "source"])

    def _ask(self, *_: param.parameterized.Event) -> None:
        self._results.want((self.source, "site"))
        estimate = self._results.get(self.source, "site")
        if estimate is None:
            self._words.object = plain(self._results.problem or "Computing …")
            return
        question = Question(estimate, self._selection.sites, self.part, self.above)
        self._lane.request(lambda: self._worker.answer(question), self._draw, self._fail)

    def _fail(self, sentence: str) -> None:
        self._words.object = plain(sentence)

    def _draw(self, answer: Answer) -> None:
        """Draw what differs from what is drawn."""
        before, self.answer = self.answer, answer
        if before is None or answer.density is not before.density:
            self.scatter.show(answer.density)
            for boxes, found, pane in (
                (self.depths, answer.by_depth, self._depth_table),
                (self.biomes, answer.by_biome, self._biome_table),
            ):
                boxes.show(found)
                pane.object = boxes.table(found)
        if before is None or answer.deviation is not before.deviation:
            self.map.show(answer.deviation)
            self.numbers.renew()
        self.map.choose(self._selection.sites)
        few = answer.selected
        if len(few) > MOST_POINTS:
            few = few[np.linspace(0, len(few) - 1, MOST_POINTS).astype(np.int64)]
        observed = self._opened.observations.soc[few] * _KILO
        self.scatter.highlight(observed, answer.values[few] * _KILO)
        if answer.evidence is not self._evidence:
            self._evidence = answer.evidence
            self._offer(answer)
            evidence = answer.evidence
            show = (lambda: self._show_evidence(evidence),)
            in_turns(pn.state.curdoc, show, self._attention)
        self._say(answer)

    def _offer(self, answer: Answer) -> None:
        """Offer only the parts that there are."""
        offered = {PARTS[key]: key for key in answer.parts} | {"Selection": _SELECTION}
        self.param.part.objects = offered
        if self.part not in offered.values():
            self.part = "all"

    def _say(self, answer: Answer) -> None:
        shown = answer.shown
        lines = [shown.words] if shown is not None else []
        chosen = answer.scores[-1] if len(self._selection) else None
        if chosen is not None and chosen is not shown:
            lines.append(chosen.words)
        self._words.object = plain("\n".join(lines))
        self._scores.object = table(_CAPTION, _HEAD, score_rows(answer.scores))
        outside = answer.density.outside if answer.density is not None else len(answer.rows)
        treated = "left out" if self.above else "included; if conserving, with that node's value"
        notes = [
            f"{self._opened.source_name(self.source)}, bedrock scheme {self._session.bedrock}.",
            f"Observations below the deepest soil node: {answer.below:,} ({treated}).",
            "The map sums observed − simulated over the observed layers, each weighted by its "
            "thickness, which is taken from the depths of its neighbours (the paper's Fig. "
            "6a); bias and residuals are simulated − observed: the other sign.",
        ]
        if outside:
            notes.append(f"Outside the axes of the density: {outside:,}.")
        if self.part == _SELECTION and not len(self._selection):
            notes.append("No site is selected: all are shown.")
        if len(answer.selected):
            every = f"all {len(answer.selected):,}"
            if len(answer.selected) > MOST_POINTS:
                every = f"{MOST_POINTS:,} of the {len(answer.selected):,}"
            notes.append(
                f"Points in the density: {every} observations of the selection, of whichever part."
            )
        if len(answer.parts) == 1:
            notes.append("There is no split to show: no single checkpoint trained on this dataset.")
        if len(self._opened.models) > 1:
            notes.append(
                "Of several checkpoints the median is scored, also on sites that some of them were "
                "trained on; scores of folds are of sites held out."
            )
        if self._session.notice:
            notes.append(self._session.notice)
        self._note.object = plain(" ".join(notes))

    def _show_evidence(self, evidence: Evidence) -> None:
        """Draw what was measured beforehand; once."""
        body: list[object] = []
        if evidence.folds:
            body += self._described(draw_folds(evidence.folds), "Numbers of the folds")
        if evidence.histories:
            body += self._described(draw_history(evidence.histories), "Numbers of the training")
        for methods in evidence.methods:
            body += self._described(draw_methods(methods), f"Numbers: {methods.title}")
        for found in evidence.by_parameter:
            body += self._described(draw_by_parameter(found), f"Numbers: {found.title}")
        for settings in evidence.settings:
            rows = [[name, value] for name, value in settings.pairs]
            pane = HTML(table(f"Settings in {settings.file}", ["Setting", "Value"], rows), **_WIDE)
            body.append(folded(f"Settings of a training ({settings.file})", pane))
        words = "Nothing was measured beforehand: no folds, history or experiment lies here."
        if evidence.others:
            words = f"Also there: {', '.join(evidence.others)}."
        if evidence.others or not body:
            body.append(text(words, muted=True, size="0.82rem", **_WIDE))
        # painted already: a change to a model can reach the browser before the model does
        self._before.objects = body

    def _described(self, drawn: Drawn, title: str) -> list[object]:
        """Figures with legend, words and table."""
        self._measured.append(drawn)
        drawn.paint(ink(self._session.dark))
        panes = [
            Column(
                Bokeh(fig, sizing_mode="stretch_width", height=fig.height),
                sizing_mode="stretch_width",
                styles=_HALF,
            )
            for fig in drawn.figures
        ]
        return [
            FlexBox(*panes, sizing_mode="stretch_width", margin=0),
            drawn.legend,
            text(drawn.words, size="0.85rem", **_WIDE),
            folded(title, HTML(drawn.table, **_WIDE)),
        ]

    def _brushed_scatter(self, event: SelectionGeometry) -> None:
        """Sites with an observation in the box or lasso, among those shown."""
        if self.answer is None or not event.final:
            return
        rows, soc = self.answer.rows, self._opened.observations.soc
        observed, values = soc[rows] * _KILO, self.answer.values[rows] * _KILO
        inside = rows[rows_within(event.geometry, observed, values, log=True)]
        self._selection.choose(np.unique(self._owner[inside]), "brushed in the evaluation")

    def _brushed_map(self, event: SelectionGeometry) -> None:
        """Sites in the box or lasso, among those shown."""
        if self.answer is None or not event.final:
            return
        sites = rows_within(event.geometry, self.map.x, self.map.y)
        shown = np.isfinite(self.answer.deviation[sites])
        self._selection.choose(sites[shown], "brushed in the evaluation")

    def _follow_theme(self, *_: param.parameterized.Event) -> None:
        colours = ink(self._session.dark)
        for drawn in (self.scatter, self.map, self.depths, self.biomes, *self._measured):
            drawn.paint(colours)
        self._legend.object = legend(
            [
                ("▬", colours["base"], "quartiles"),
                ("─", colours["base"], "5–95 %"),
                ("┃", colours["text"], "median"),
                ("◆", colours["changed"], "mean (bias)"),
            ]
        )

    def __panel__(self) -> Column:
        style = {"size": "small", "color": "default", "margin": (4, 10)}
        style |= {"stylesheets": [UNSEEN_LABEL], "description": ""}
        choices = [pmui.RadioButtonGroup.from_param(self.param.part, label="Sites drawn", **style)]
        if len(self.param.source.objects) > 1:
            source = pmui.RadioButtonGroup.from_param(
                self.param.source, label="Parameters scored", **style
            )
            choices.append(source)
        label = "Leave out observations below the deepest soil node"
        choices.append(
            pmui.Switch.from_param(
                self.param.above, label=label, description="", size="small", margin=(8, 10, 8, 30)
            )
        )

        def pair(*drawn: object) -> FlexBox:
            panes = [
                Column(
                    Bokeh(one.figure, sizing_mode="stretch_width", min_height=180),
                    sizing_mode="stretch_width",
                    styles=_HALF,
                )
                for one in drawn
            ]
            return FlexBox(*panes, sizing_mode="stretch_width", margin=0)

        whole = Column(
            FlexBox(
                *choices,
                self._selected,
                sizing_mode="stretch_width",
                margin=0,
                align_items="center",
            ),
            pair(self.scatter, self.map),
            self._words,
            self._scores,
            self._note,
            sizing_mode="stretch_width",
            margin=0,
        )
        tables = (
            folded("Residuals by depth", self._depth_table),
            folded("Residuals by biome", self._biome_table),
        )
        steps = (
            lambda: whole.extend((pair(self.depths, self.biomes), self._legend)),
            lambda: whole.extend((self.numbers.layout, *tables, self._before)),
        )
        in_turns(pn.state.curdoc, steps, self._attention)
        return whole
