"""21 sliders in physical units: the selection is solved again each time one is released."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import panel_material_ui as pmui
import param
from panel.layout import Column, FlexBox, Row
from panel.viewable import Viewer

from binn.errors import InputError
from binn.parameters import KEYS, MECHANISMS, PARAMETERS, Parameter
from dashboard.state.attention import Attention
from dashboard.state.page_state import PageState
from dashboard.state.scenario import (
    Scenario,
    decimals,
    slider_positions,
    slider_step,
    snapped,
)
from dashboard.theme import plain, text
from dashboard.units import number, with_unit, written

__all__ = ["ScenarioSliders"]

_NOTES = {
    "tau4cwd": "Not identifiable from SOC: no effect at steady state.",
    "cryo": "Acts only where the active layer is not deeper than 2 m.",
}


class ScenarioSliders(Viewer):
    """Sliders by mechanism, and what they do to the SOC stock.

    A slider that has not been moved stands at the selection's median, and each site keeps its own
    value; one that has been moved holds for all selected sites.

    Parameters
    ----------
    state : PageState
        What the sliders change and show.
    attention : Attention, optional
        Whether somebody looks.

    Attributes
    ----------
    outcome : panel.Row
        What the change does to the SOC stock, and Reset; stands where it stays in sight.
    """

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._selection, self._scenario = state.selection, state.scenario
        self._field, self._results = state.field, state.results
        self._placing, self._moved = False, ""
        self.sliders = {p.key: self._slider(p) for p in PARAMETERS}
        # never disabled: a React widget misses what changes between its rendering and its mounting
        self._reset = pmui.Button(label="Reset", variant="outlined", size="small", margin=0)
        self._reset.on_click(lambda _: state.scenario.reset())
        self._effect = text(sizing_mode="stretch_width", margin=0)
        self._outside = text(muted=True, size="0.8rem", sizing_mode="stretch_width", margin=(4, 10))
        self.outcome = Row(
            self._effect, self._reset, margin=(4, 8), sizing_mode="stretch_width", align="center"
        )
        self._place()
        self._say()
        attention.follow(self._place, state.selection, ["sites"])
        attention.follow(self._changed, state.scenario, list(Scenario.WATCHED))
        attention.follow(self._place, state.results, ["estimate"])
        attention.follow(self._say, state.results, ["estimate", "change", "problem"])
        attention.follow(self._say, state.selection, ["sites"])
        attention.follow(self._say, state.field, ["depth"])

    def _slider(self, parameter: Parameter) -> pmui.FloatSlider:
        unit = written(parameter.unit)
        label = f"{parameter.key} · {parameter.long_name}" + (f" ({unit})" if unit else "")
        slider = pmui.FloatSlider(
            label=label,
            start=parameter.lower,
            end=parameter.upper,
            value=parameter.lower,
            step=slider_step(parameter),
            format=_numeral(parameter),
            size="small",
            disabled=True,
            margin=(2, 12),
            sizing_mode="stretch_width",
        )

        def released(event: param.parameterized.Event) -> None:
            if self._placing:
                return
            self._moved = parameter.key
            try:
                self._scenario.set(parameter.key, snapped(parameter, float(event.new)))
            except InputError as problem:
                self._results.problem = str(problem)
            finally:
                self._moved = ""

        slider.param.watch(released, "value_throttled")
        return slider

    def _changed(self, *events: param.parameterized.Event) -> None:
        """Place only the sliders whose parameter was changed or given back."""
        moved = {
            key
            for event in events
            if event.name == "changes"
            for key, _ in event.old.items() ^ event.new.items()
        }
        self._place(keys=moved if events else KEYS)

    def _place(self, *_: param.parameterized.Event, keys: Collection[str] = KEYS) -> None:
        """Put sliders where they belong, and mark what was retrieved."""
        changes, estimate = self._scenario.changes, self._results.estimate
        if estimate is None:
            return
        sites = self._selection.active
        retrieved, outside = slider_positions(estimate, sites, {})
        at, _ = slider_positions(estimate, sites, changes)
        self._placing = True
        try:
            for parameter, value, mark in zip(PARAMETERS, at, retrieved, strict=True):
                if parameter.key not in keys:
                    continue
                slider = self.sliders[parameter.key]
                slider.param.update(
                    marks=[{"value": float(mark)}],
                    color="warning" if parameter.key in changes else "primary",
                    disabled=False,
                )
                if parameter.key == self._moved:
                    continue  # never disturb the hand that is moving it
                at_step = snapped(parameter, float(value))
                # the released value too: else releasing at its last place again would be no news
                with param.edit_constant(slider):
                    slider.param.update(value=at_step, value_throttled=at_step)
        finally:
            self._placing = False
        names = ", ".join(key for key in outside if key not in changes)
        self._outside.object = plain(
            f"{names}: outside the prior range; the slider stands at its end until it is moved."
            if names
            else ""
        )

    def _say(self, *_: param.parameterized.Event) -> None:
        """What the change does to the stock over the chosen depths."""
        estimate, change = self._results.estimate, self._results.change
        if self._results.problem:
            self._effect.object = plain(self._results.problem)
            return
        if estimate is None:
            self._effect.object = plain("Computing the steady state of all sites …")
            return
        sites = self._selection.active
        if self._scenario.scope == "all":
            sites = np.arange(len(estimate))
        top, bottom = self._field.depth
        before = _median_stock(estimate.soc[sites], top, bottom)
        several = f"median of {len(sites):,} sites" if len(sites) > 1 else "this site"
        sentence = f"SOC stock {top:g}–{bottom:g} m, {several}: {with_unit(before, 'kgC m-2')}"
        if change is not None and np.array_equal(change.sites, sites):
            after = _median_stock(change.soc, top, bottom)
            sentence += f" → {with_unit(after, 'kgC m-2')}"
            if before > 0:
                percent = 100 * (after / before - 1)
                sentence += f" ({'+' if percent >= 0 else ''}{number(percent)} %)"
        self._effect.object = plain(sentence)

    def __panel__(self) -> Column:
        groups = []
        for mechanism in MECHANISMS:
            members: list[object] = []
            for parameter in (p for p in PARAMETERS if p.mechanism == mechanism):
                members.append(self.sliders[parameter.key])
                if parameter.key in _NOTES:
                    note = text(_NOTES[parameter.key], muted=True, size="0.78rem", margin=(0, 12))
                    members.append(note)
            heading = text(
                mechanism, styles={"font-weight": "600"}, margin=(8, 12, 0, 12), size="0.85rem"
            )
            groups.append(Column(heading, *members, min_width=250, styles={"flex": "1 1 250px"}))
        explain = text(
            "A moved slider sets its parameter wherever the change holds; the others keep each "
            "site's own value. The mark is what was retrieved.",
            muted=True,
            size="0.8rem",
            sizing_mode="stretch_width",
            margin=(6, 10, 0, 10),
        )
        return Column(
            explain,
            self._outside,
            FlexBox(*groups, sizing_mode="stretch_width", align_items="flex-start"),
            sizing_mode="stretch_width",
        )


def _numeral(parameter: Parameter) -> str:
    """Number format of a slider: all the decimals that its positions have."""
    places = decimals(parameter)
    return "0." + "0" * places if places else "0"


def _median_stock(soc: np.ndarray, top: float, bottom: float) -> float:
    """Median over sites of the SOC stock between two depths, kgC m-2."""
    import torch

    from binn.clm5 import stock

    return float(np.median(stock(torch.from_numpy(soc), top=top, bottom=bottom).numpy())) * 1e-3
