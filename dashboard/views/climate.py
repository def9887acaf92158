"""Another climate: warming, plant input and moisture; where it holds and how the map shows it."""

from __future__ import annotations

import panel_material_ui as pmui
import param
from panel.layout import Column, FlexBox
from panel.viewable import Viewer

from dashboard.state.attention import Attention
from dashboard.state.page_state import PageState
from dashboard.theme import text

__all__ = ["ClimateSliders"]

_SLIDERS = {
    "warming": ("Warming (K)", -2.0, 8.0, 0.1),
    "npp": ("Plant carbon input, times", 0.0, 2.0, 0.05),
    "moisture": ("Soil moisture scalar, times", 0.2, 2.0, 0.05),
}
_NOTE = (
    "Warming is added to soil temperature, the factor multiplies all four litter inputs, moisture "
    "multiplies the water scalar (held between 0.05 and 1). Active layer, oxygen, nitrogen and the "
    "retrieved parameters stay as they are."
)


class ClimateSliders(Viewer):
    """Three climate sliders, the scope of every change, and how the map shows it.

    Parameters
    ----------
    state : PageState
        Whose scenario is changed.
    attention : Attention, optional
        Whether somebody looks.
    """

    def __init__(
        self, state: PageState, attention: Attention | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        attention = attention or Attention()
        self._scenario, self._moved = state.scenario, ""
        self.sliders = {name: self._slider(name) for name in _SLIDERS}
        small = {"size": "small", "color": "default", "margin": (6, 12)}
        self.scope = pmui.RadioButtonGroup(
            label="Change", options={"Selection": "selection", "All of CONUS": "all"}, **small
        )
        self.show = pmui.RadioButtonGroup(
            label="Map shows", options={"Change": "difference", "Result": "absolute"}, **small
        )
        for widget, name in ((self.scope, "scope"), (self.show, "show")):
            widget.param.watch(
                lambda event, name=name: self._scenario.param.update(**{name: event.new}), "value"
            )
        self._place()
        attention.follow(self._place, state.scenario, [*_SLIDERS, "scope", "show"])

    def _slider(self, name: str) -> pmui.FloatSlider:
        label, start, end, step = _SLIDERS[name]
        slider = pmui.FloatSlider(
            label=label,
            start=start,
            end=end,
            step=step,
            value=float(getattr(self._scenario, name)),
            format="0.00",
            size="small",
            margin=(2, 12),
            sizing_mode="stretch_width",
        )

        def released(event: param.parameterized.Event) -> None:
            value = round(float(event.new), 4)
            if value == getattr(self._scenario, name):
                return
            self._moved = name
            try:
                self._scenario.param.update(**{name: value})
            finally:
                self._moved = ""

        slider.param.watch(released, "value_throttled")
        return slider

    def _place(self, *_: param.parameterized.Event) -> None:
        for name, slider in self.sliders.items():
            value = float(getattr(self._scenario, name))
            here = slider.value == value and slider.value_throttled == value
            if not here and name != self._moved:  # never disturb the hand that is moving it
                with param.edit_constant(slider):
                    slider.param.update(value=value, value_throttled=value)
            moved = value != self._scenario.CLIMATE[name]
            slider.color = "warning" if moved else "primary"
        self.scope.value, self.show.value = self._scenario.scope, self._scenario.show

    def __panel__(self) -> Column:
        return Column(
            FlexBox(self.scope, self.show, sizing_mode="stretch_width"),
            FlexBox(
                *(
                    Column(slider, min_width=200, styles={"flex": "1 1 200px"}, margin=0)
                    for slider in self.sliders.values()
                ),
                sizing_mode="stretch_width",
            ),
            text(_NOTE, muted=True, size="0.78rem", margin=(0, 12), sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
            margin=0,
        )
