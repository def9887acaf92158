"""The form of a new training: fields from the schema, each with a sentence when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel_material_ui as pmui
import param
from panel.layout import Column, FlexBox

from binn.errors import InputError
from dashboard.state.attention import Attention
from dashboard.state.job_form import (
    NUMBERS,
    PRESET_NAMES,
    QUANTITY_NAMES,
    WHERE,
    preset_values,
    request_of,
    site_options,
)
from dashboard.state.page_state import PageState
from dashboard.state.session import SCHEMES
from dashboard.theme import plain, text

__all__ = ["RunForm"]

_FIRST = "quick"
_HALF = {"flex": "1 1 118px", "min-width": "118px"}


class RunForm:
    """Fields, the button that starts, and what could not be understood.

    Parameters
    ----------
    state : PageState
        Its dataset is trained on, its selection may say on which sites.
    attention : Attention
        Whether somebody looks.
    start : callable
        Called with the `RunRequest` that the form asks for; says what comes of it.
    allowed : bool
        Whether the button is there at all.

    Attributes
    ----------
    panel : Column
    fields : dict
        Number fields by key of `NUMBERS`.
    """

    def __init__(
        self,
        state: PageState,
        attention: Attention,
        start: Callable[[Any], None],
        allowed: bool,
    ) -> None:
        self._state, self._start = state, start
        wide = {"sizing_mode": "stretch_width", "size": "small", "margin": (7, 6)}
        wide["disabled"] = not allowed
        self.preset = pmui.Select(
            label="Preset", options=list(PRESET_NAMES), value=_FIRST, searchable=False, **wide
        )
        self.fields = {
            key: pmui.TextInput(
                label=number.label, description=number.description, styles=_HALF, **wide
            )
            for key, number in NUMBERS.items()
        }
        self.all_folds = pmui.Checkbox(
            label="Train every fold, pool held-out scores", value=False, **wide
        )
        schemes = {name: key for key, name in SCHEMES.items()}
        self.bedrock = pmui.Select(label="Bedrock scheme", options=schemes, **wide)
        self.where = pmui.RadioButtonGroup(
            label="Sites", options=WHERE, value="all", color="default", **wide
        )
        names = [*state.selection.regions("biome"), *state.selection.regions("state")]
        self.regions = pmui.MultiChoice(
            label="Ecoregions and states",
            options=list(dict.fromkeys(names)),
            value=[],
            **{key: value for key, value in wide.items() if key != "size"},  # means rows there
        )
        self.map = pmui.Select(
            label="Live map shows",
            options={name: key for key, name in QUANTITY_NAMES.items()},
            value="soc_stock",
            **wide,
        )
        self.button = pmui.Button(
            label="Start training", color="primary", size="small", margin=(8, 6), visible=allowed
        )
        self._sites = text(size="0.8rem", muted=True, margin=(0, 8), sizing_mode="stretch_width")
        self._answer = text(size="0.85rem", margin=(2, 8), sizing_mode="stretch_width")
        self.preset.param.watch(self._fill, "value")
        for key, widget in self.fields.items():
            widget.param.watch(lambda _, key=key: self._check(key), "value")
        self.where.param.watch(self._say_sites, "value")
        self.button.on_click(lambda _: self.submit())
        attention.follow(self._say_sites, state.selection, ["sites"])
        self._fill()
        self._say_sites()
        self.panel = Column(
            text("New training", size="1rem", styles={"font-weight": "600"}, margin=(4, 8, 0, 8)),
            text(f"on {state.opened.name}", size="0.82rem", muted=True, margin=(0, 8, 4, 8)),
            self.preset,
            FlexBox(*self.fields.values(), sizing_mode="stretch_width", margin=0),
            self.all_folds,
            self.bedrock,
            self.where,
            self.regions,
            self._sites,
            self.map,
            self.button,
            self._answer,
            sizing_mode="stretch_width",
            margin=0,
        )

    def say(self, sentence: str) -> None:
        """What came of it, below the button."""
        self._answer.object = plain(sentence)

    def submit(self) -> None:
        """Hand over what the form asks for, or say what is wrong with it."""
        for key in NUMBERS:
            self._check(key)
        try:
            sites = site_options(self._state, self.where.value, tuple(self.regions.value))
        except InputError as problem:
            self.say(str(problem))
            return
        request, faults = request_of(
            self._state.opened.data,
            self.preset.value,
            {key: widget.value_input or widget.value for key, widget in self.fields.items()},
            bedrock=self.bedrock.value,
            all_folds=self.all_folds.value,
            live_map=self.map.value,
            **sites,
        )
        if request is None:
            self.say(faults.get("", "Mend the marked fields first."))
            return
        self._start(request)

    def _fill(self, *_: param.parameterized.Event) -> None:
        """All fields as the preset has them."""
        values = preset_values(self.preset.value)
        for key, widget in self.fields.items():
            widget.value = NUMBERS[key].written(values[key])
            self._check(key)
        self.bedrock.value = values["bedrock"]

    def _check(self, key: str) -> None:
        """Say beside the field what is wrong with it."""
        widget = self.fields[key]
        try:
            NUMBERS[key].read(widget.value)
        except InputError as problem:
            widget.param.update(error_state=True, helper_text=str(problem))
        else:
            widget.param.update(error_state=False, helper_text="")

    def _say_sites(self, *_: param.parameterized.Event) -> None:
        where, selection = self.where.value, self._state.selection
        self.regions.visible = where == "regions"
        if where == "all":
            words = f"{selection.count:,} sites, split into training, validation and test."
        elif where == "regions":
            words = "Only sites of these regions."
        else:
            words = f"{selection.words}, as selected now; later changes do not matter."
        self._sites.object = plain(words)
