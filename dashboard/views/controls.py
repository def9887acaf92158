"""The drawer: what the map shows, and sites by region or by id."""

from __future__ import annotations

import panel_material_ui as pmui
import param
from panel.layout import Column
from panel.viewable import Viewer

from binn.errors import InputError
from dashboard.state.field import COLUMN_DEPTH, FIELDS, FieldChoice
from dashboard.state.selection import Selection
from dashboard.theme import plain, text

__all__ = ["Controls"]

_NO_REGION = "–"


class Controls(Viewer):
    """Field, depth range, colour limits; region and id.

    Parameters
    ----------
    field, selection
        What is chosen here.
    """

    def __init__(self, field: FieldChoice, selection: Selection, **params: object) -> None:
        super().__init__(**params)
        self._field, self._selection = field, selection
        wide = {"sizing_mode": "stretch_width", "size": "small", "margin": (10, 16)}
        groups: dict[str, dict[str, str]] = {}
        for one in FIELDS.values():
            groups.setdefault(one.group, {})[_label(one.key)] = one.key
        self.field = pmui.Select(label="Field", groups=groups, value=field.key, **wide)
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
            options={"2–98 %": "2-98 %", "Min–max": "min-max"},
            value=field.reach,
            color="default",
            **wide,
        )
        regions: dict[str, dict[str, tuple[str, str]]] = {"": {_NO_REGION: ("", "")}}
        for kind, heading in (("biome", "Ecoregion (schematic)"), ("state", "State")):
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
        self.depth.param.watch(self._deepened, "value_throttled")
        self.reach.param.watch(lambda event: field.param.update(reach=event.new), "value")
        self.region.param.watch(self._region_chosen, "value")
        self.find.param.watch(self._sought, "value")
        selection.param.watch(self._selected, ["sites", "how"])
        field.param.watch(self._follow, ["key", "depth", "reach"])
        self._follow()

    def _chosen(self, event: param.parameterized.Event) -> None:
        self._field.key = event.new

    def _deepened(self, event: param.parameterized.Event) -> None:
        top, bottom = (round(float(end), 2) for end in event.new)
        if bottom > top:
            self._field.depth = (top, bottom)
        else:
            with param.edit_constant(self.depth):
                self.depth.param.update(value=self._field.depth, value_throttled=self._field.depth)

    def _region_chosen(self, event: param.parameterized.Event) -> None:
        kind, name = self._regions[event.new]
        if name:
            self._selection.choose_region(kind, name)

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
        if self._regions[self.region.value][1] != self._selection.how:
            self.region.value = ":"

    def _follow(self, *_: param.parameterized.Event) -> None:
        field = self._field
        self.field.value, self.reach.value, self.depth.value = field.key, field.reach, field.depth
        self.depth.disabled = not field.field.over_depth

    def __panel__(self) -> Column:
        return Column(
            self.field,
            self.depth,
            self.reach,
            pmui.Divider(margin=(10, 16)),
            self.region,
            self.find,
            self._answer,
            sizing_mode="stretch_width",
        )


def _label(key: str) -> str:
    """A field's name as it is listed; parameters begin with their key."""
    field = FIELDS[key]
    return f"{key} · {field.label}" if field.group == "Parameters" else field.label
