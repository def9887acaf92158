"""Colours of maps that can be told from what they lie on."""

from __future__ import annotations

import numpy as np
import pytest
from bokeh.models import ColorBar

from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.theme import batlow, ink, theme_config, vik
from dashboard.views.map import FieldMap

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(colour: str) -> np.ndarray:
    """CIE L*a*b* under D65."""
    xyz = _TO_XYZ @ linear(colour) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """Of WCAG 2."""
    low, high = sorted(float(_TO_XYZ[1] @ linear(each)) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [batlow(), vik()])
def test_no_colour_is_lost_on_the_dark_ground(palette: tuple[str, ...]) -> None:
    ground = ink(True)["ground"]
    apart = [np.linalg.norm(lab(colour) - lab(ground)) for colour in palette]
    assert min(apart) > 20
    assert min(contrast(palette[end], ground) for end in (0, -1)) > 2.5


@pytest.mark.parametrize("dark", [False, True])
def test_lines_stand_out_from_the_page(dark: bool) -> None:
    page = "#15191d" if dark else "#ffffff"
    for role in ("base", "changed", "blue", "vermillion", "text", "muted"):
        assert contrast(ink(dark)[role], page) > 3, role
    assert contrast(ink(dark)["text"], ink(dark)["ground"]) > 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_button_can_be_read_under_the_pointer_too(theme: str) -> None:
    root = theme_config()[theme]["components"]["MuiToggleButton"]["styleOverrides"]["root"]
    chosen = root["&.MuiButtonBase-root.MuiToggleButton-root.Mui-selected"]
    (held,) = (one for key, one in chosen.items() if ":hover" in key)
    for state in (chosen, held):
        assert contrast(state["color"], state["backgroundColor"]) > 7


def test_few_selected_places_are_ringed(opened: Opened) -> None:
    state = PageState(opened)
    state.results.start()
    view = FieldMap(state)
    assert not len(view._rings.data["x"])
    state.selection.choose([3, 9])
    np.testing.assert_array_equal(view._rings.data["x"], view._x[[3, 9]])
    assert view._ring.glyph.size > view._points.glyph.size
    state.field.on = "cell"
    np.testing.assert_array_equal(view._rings.data["x"], view._shapes.x[state.selection.cells])
    state.field.on = "site"
    state.selection.clear()
    assert not len(view._rings.data["x"])


def test_many_selected_places_are_not_ringed(opened: Opened, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("dashboard.views.map._RINGED", 5)
    state = PageState(opened)
    view = FieldMap(state)
    state.selection.choose(range(6))
    assert not len(view._rings.data["x"])
    state.selection.choose(range(5))
    assert len(view._rings.data["x"]) == 5


def test_the_map_lies_on_the_ground_of_its_theme(opened: Opened) -> None:
    state = PageState(opened)
    view = FieldMap(state)
    for dark in (True, False):
        state.session.dark = dark
        floor = view.figure.select_one({"name": "ground"})
        assert (floor.fill_color, floor.level) == (ink(dark)["ground"], "image")
        (bar,) = view.figure.select(ColorBar)
        assert bar.bar_line_color == ink(dark)["border"]
