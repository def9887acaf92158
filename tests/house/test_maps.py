"""One projected map per GeoViews backend: the versions pinned together do work together."""

from __future__ import annotations

import io

import geoviews as gv
import holoviews as hv
import numpy as np
import pytest
from cartopy import crs
from PIL import Image

from binn.datasets import outlines

ALBERS = crs.AlbersEqualArea(central_longitude=-96, standard_parallels=(29.5, 45.5))


@pytest.fixture
def lines() -> gv.Path:
    return gv.Path([np.array(line.coords) for line in outlines.borders().geoms])


def test_matplotlib_draws_albers(lines: gv.Path) -> None:
    hv.extension("matplotlib")
    lines = lines.opts(projection=ALBERS, color="black", backend="matplotlib")
    figure = hv.render(lines, backend="matplotlib")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    ink = np.asarray(Image.open(buffer).convert("L")) < 128
    assert 0.005 < ink.mean() < 0.2
    assert figure.axes[0].projection == ALBERS


def test_bokeh_draws_albers(lines: gv.Path) -> None:
    hv.extension("bokeh")
    plot = hv.render(lines.opts(projection=ALBERS, backend="bokeh"), backend="bokeh")
    xs = np.concatenate(plot.renderers[0].data_source.data["xs"])
    ys = np.concatenate(plot.renderers[0].data_source.data["ys"])
    # the lower 48 span about 4,600 by 2,900 km in this projection
    assert np.ptp(xs) == pytest.approx(4.6e6, rel=0.02)
    assert np.ptp(ys) == pytest.approx(2.9e6, rel=0.02)
