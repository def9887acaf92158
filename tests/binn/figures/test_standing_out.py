"""What stands out in a figure, and what lies on nothing else: selections, bands, notices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import N, drawn_texts
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from numpy.testing import assert_allclose

from binn.figures import (
    COLUMNS,
    MapField,
    map_figure,
    profile_figure,
    profile_of_sites,
    traceability_figure,
)
from binn.figures.style import ROLES

WIDTHS = tuple(COLUMNS)


def test_only_one_profile_has_a_band(rng):
    from matplotlib.collections import FillBetweenPolyCollection

    soc = np.geomspace(30e3, 100.0, 20) * rng.uniform(0.8, 1.2, (7, 20))
    roles = {"PRODA": "proda", "BINN": "binn", "Truth": "truth"}
    lines = [profile_of_sites(name, soc, role) for name, role in roles.items()]
    figure = profile_figure(lines)
    axes = figure.axes[0]
    bands = [one for one in axes.collections if isinstance(one, FillBetweenPolyCollection)]
    assert len(bands) == 1
    assert bands[0].get_facecolor()[0][:3] == pytest.approx(to_rgb(ROLES["binn"][0]))
    assert len(axes.lines) == 3
    texts = drawn_texts(figure)
    for words in ("BINN (median, quartiles)", "PRODA (median)", "Truth (median)"):
        assert words in texts


def boxes_of(figure, *words) -> list:
    """Where the legends and the texts with these words are, as drawn."""
    from matplotlib.text import Text

    FigureCanvasAgg(figure).draw()
    texts = [one for one in figure.findobj(Text) if one.get_text() in words]
    return [one.get_window_extent() for one in (*figure.legends, *texts)]


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_notice_lies_on_nothing(traced, columns, scale):
    many = np.array([f"Invented biome with a long name {k % 12}" for k in range(N)])
    traced = replace(traced, biome=many, chosen=np.arange(N) < 5)
    figure = traceability_figure(traced, scale=scale, columns=columns, notice="Invented numbers")
    legend, notice = boxes_of(figure, "Invented numbers")
    assert not legend.overlaps(notice)
    for axes in figure.axes:
        assert axes.get_xscale() == scale
        assert not axes.get_tightbbox().overlaps(legend)
    if scale == "linear":
        assert figure.axes[0].get_xlim()[0] == 0.0


def test_selected_sites_stand_out_in_the_diagrams(traced):
    chosen = np.arange(N) % 4 == 0
    figure = traceability_figure(replace(traced, chosen=chosen))
    marked = figure.axes[0].collections[1].get_offsets()
    assert_allclose(marked, np.column_stack([traced.influx, traced.residence_time])[chosen])


def test_selected_places_stand_out_on_a_map(places, rng):
    values, chosen = rng.uniform(1, 9, N), np.arange(N) < 7
    values[3] = np.nan
    figure = map_figure(places, MapField(values, "Number", "1", chosen=chosen))
    points = figure.axes[0].collections[0]
    assert_allclose(points.get_array()[-6:], np.delete(values[:7], 3))  # drawn last
    assert set(points.get_alpha()[-6:]) == {1.0}
    assert points.get_alpha()[:-6].max() < 0.5
    assert "n = 39 sites, 6 selected" in drawn_texts(figure)
    rings = figure.axes[0].collections[-1]
    assert_allclose(rings.get_offsets(), points.get_offsets()[-6:])
