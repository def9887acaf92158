"""The drawer: what the map shows, and sites by region or by id."""

from __future__ import annotations

import math

import panel_material_ui as pmui
import param
from panel.layout import Column, Row
from panel.viewable import Viewer

from binn.errors import InputError
from dashboard.state.field import COLUMN_DEPTH, FIELDS, MAP_SOURCES
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.theme import plain, text

__all__ = ["Controls"]

_NO_REGION = "–"
_FOLLOWED = ("key", "source", "on", "definition", "depth", "reach", "limits")


class Controls(Viewer):
    """Field, depth range, colour limits; region and id.

    Parameters
    ----------
    state : PageState
        What is chosen here.
    """

    def __init__(self, state: PageState, **params: object) -> None:
        super().__init__(**params)
        field, selection, opened = state.field, state.selection, state.opened
        self._field, self._selection, self._deepening = field, selection, False
        self._placing = False
        wide = {"sizing_mode": "stretch_width", "size": "small", "margin": (10, 16)}
        groups: dict[str, dict[str, str]] = {}
        for one in FIELDS.values():
            groups.setdefault(one.group, {})[_label(one.key)] = one.key
        self.field = pmui.Select(label="Field", groups=groups, value=field.key, **wide)
        available = [*opened.sources, *(["difference"] if "proda" in opened.sources else [])]
        available += ["spread"] if opened.has_folds else []
        names = {key: MAP_SOURCES[key] for key in MAP_SOURCES if key in available}
        if not opened.checkpoints:
            names["binn"] = opened.source_name("binn")
        self.source = pmui.Select(
            label="Source",
            options={name: key for key, name in names.items()},
            value=field.source,
            visible=len(names) > 1,
            **wide,
        )
        self.on = pmui.RadioButtonGroup(
            label="Show",
            options={"Sites": "site", "Grid": "cell"},
            value=field.on,
            color="default",
            **wide,
        )
        self.definition = pmui.RadioButtonGroup(
            label="Definition",
            options={"By stock": "stock", "As published": "published"},
            value=field.definition,
            color="default",
            **wide,
        )
        self.depth = pmui.RangeSlider(
            label="Depth (m)",
            start=0.0,
            end=COLUMN_DEPTH,
            step=0.1,
            value=field.depth,
            **wide,
        )
        self.reach = pmui.RadioButtonGroup(
            label="Colour limits",
            options={"2–98 %": "2-98 %", "Min–max": "min-max", "Fixed": "fixed"},
            value=field.reach,
            color="default",
            **wide,
        )
        self.low, self.high = (
            # text: a number field would show and take an ASCII minus only
            pmui.TextInput(label=label, min_width=0, **{**wide, "margin": margin})
            for label, margin in (
                ("Lower limit", (10, 4, 10, 16)),
                ("Upper limit", (10, 16, 10, 4)),
            )
        )
        self._ends = Row(self.low, self.high, sizing_mode="stretch_width", margin=0)
        regions: dict[str, dict[str, tuple[str, str]]] = {"": {_NO_REGION: ("", "")}}
        for kind, heading in (("biome", _ecoregions(opened)), ("state", "State")):
            names = selection.regions(kind)
            if names:
                regions[heading] = {name: (kind, name) for name in names}
        self._regions = {
            f"{kind}:{name}": (kind, name)
            for group in regions.values()
            for kind, name in group.values()
        }
        self.region = pmui.Select(
            label="Select a region",
            groups={
                heading: {name: f"{kind}:{region}" for name, (kind, region) in group.items()}
                for heading, group in regions.items()
            },
            value=":",
            **wide,
        )
        self.find = pmui.TextInput(
            label="Find profile id", placeholder="id, or # and site number", **wide
        )
        self._answer = text(size="0.8rem", margin=(0, 16), sizing_mode="stretch_width")
        self.field.param.watch(self._chosen, "value")
        for name in ("source", "on", "definition"):
            getattr(self, name).param.watch(
                lambda event, name=name: field.param.update(**{name: event.new}), "value"
            )
        for end in (self.low, self.high):
            end.param.watch(self._ended, "value")
        self.depth.param.watch(self._deepened, "value_throttled")
        self.reach.param.watch(self._reached, "value")
        self.region.param.watch(self._region_chosen, "value")
        self.find.param.watch(self._sought, "value")
        selection.param.watch(self._selected, ["sites", "how"])
        self._results = state.results
        field.param.watch(self._follow, list(_FOLLOWED))
        self._follow()
        self._selected()

    def _chosen(self, event: param.parameterized.Event) -> None:
        self._field.key = event.new

    def _deepened(self, event: param.parameterized.Event) -> None:
        top, bottom = (round(float(end), 2) for end in event.new)
        if bottom <= top:
            self._place_depth()
            return
        self._deepening = True
        try:
            self._field.depth = (top, bottom)
        finally:
            self._deepening = False

    def _place_depth(self) -> None:
        """The released value too: else releasing at its last place again would be no news."""
        with param.edit_constant(self.depth):
            self.depth.param.update(value=self._field.depth, value_throttled=self._field.depth)

    def _reached(self, event: param.parameterized.Event) -> None:
        """Fixed limits begin as they are now."""
        shown = self._results.mapped
        if event.new == "fixed" and self._field.reach != "fixed" and shown is not None:
            self._field.param.update(
                reach="fixed", limits=(float(f"{shown.low:.3g}"), float(f"{shown.high:.3g}"))
            )
        else:
            self._field.reach = event.new

    def _ended(self, _event: param.parameterized.Event) -> None:
        if self._placing or self._field.reach != "fixed":
            return
        try:
            low, high = (_read(one.value) for one in (self.low, self.high))
        except InputError as problem:
            self._answer.object = plain(str(problem))
            return
        if not low < high:
            self._answer.object = plain("The lower colour limit must be below the upper one.")
            return
        self._answer.object = ""
        self._field.limits = (low, high)

    def _place_limits(self) -> None:
        """Both: else the one that is new would be read beside the other's old one."""
        self._placing = True
        try:
            for box, limit in zip((self.low, self.high), self._field.limits, strict=True):
                if not _says(box.value, limit):  # else as it was typed
                    box.value = f"{limit:.10g}".replace("-", "−")
        finally:
            self._placing = False

    def _region_chosen(self, event: param.parameterized.Event) -> None:
        kind, name = self._regions[event.new]
        if name:
            self._selection.choose_region(kind, name)
        elif self._selection.region[1]:  # no region any more
            self._selection.clear()

    def _sought(self, event: param.parameterized.Event) -> None:
        self._answer.object = ""
        if not event.new.strip():
            return
        try:
            self._selection.find(event.new)
        except InputError as problem:
            self._answer.object = plain(str(problem))

    def _selected(self, *_: param.parameterized.Event) -> None:
        self._answer.object = ""
        kind, name = self._selection.region
        self.region.value = f"{kind}:{name}" if name else ":"

    def _follow(self, *_: param.parameterized.Event) -> None:
        field = self._field
        for name in ("source", "on", "definition", "reach"):
            getattr(self, name).value = getattr(field, name)
        if not self._deepening:  # never disturb the hand that is moving it
            self._place_depth()
        self.field.value = field.key
        self.depth.disabled = not field.field.over_depth
        self.definition.visible = field.field.group == "Components"
        self.source.disabled = field.field.measured
        self._ends.visible = field.reach == "fixed"
        if field.reach == "fixed":
            self._place_limits()

    def __panel__(self) -> Column:
        return Column(
            self.field,
            self.source,
            self.on,
            self.depth,
            self.reach,
            self._ends,
            pmui.Divider(margin=(10, 16)),
            self.region,
            self.find,
            self._answer,
            self.definition,  # last: it comes and goes with the field, and nothing shall move
            sizing_mode="stretch_width",
        )


def _read(typed: str) -> float:
    """A colour limit as somebody typed it.

    Raises
    ------
    InputError
        If it is no finite number.
    """
    try:
        value = float(typed.strip().replace("−", "-"))
    except ValueError:
        value = float("nan")
    if not math.isfinite(value):
        raise InputError(f"A colour limit must be a number, not {typed.strip() or 'empty'}.")
    return value


def _says(typed: str, limit: float) -> bool:
    """Whether what stands in a box is this limit."""
    try:
        return _read(typed) == limit
    except InputError:
        return False


def _label(key: str) -> str:
    """A field's name as it is listed; parameters begin with their key."""
    field = FIELDS[key]
    return f"{key} · {field.label}" if field.group == "Parameters" else field.label


def _ecoregions(opened: Opened) -> str:
    """What the biomes of the dataset are."""
    if "ecoregions" in opened.dataset.attrs:  # read from a shapefile that the user gave
        return "Ecoregion (EPA level I)"
    return "Ecoregion (schematic)"
