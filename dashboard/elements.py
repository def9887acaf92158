"""The numbers of a state as HoloViews and GeoViews elements: to overlay, lay out and restyle.

The views of the page stand in :mod:`dashboard.views` and follow their state. An element is what was
there when it was made. Call ``geoviews.extension("bokeh")`` or ``("matplotlib")`` first.
"""

from __future__ import annotations

from typing import Any

import datashader as ds
import geoviews as gv
import holoviews as hv
import numpy as np
import pandas as pd
from cartopy import crs
from holoviews.operation.datashader import rasterize

from binn.clm5.column import NODES
from binn.datasets.outlines import borders
from binn.errors import InputError
from dashboard.state.evaluation import observed_rows, simulated
from dashboard.state.grid import grid_of
from dashboard.state.mapped import Mapped
from dashboard.state.page_state import PageState
from dashboard.theme import batlow, vik
from dashboard.units import written

__all__ = ["density", "depth_profile", "field_map"]

ALBERS = crs.AlbersEqualArea(
    central_longitude=-96, central_latitude=23, standard_parallels=(29.5, 45.5)
)
"""EPSG:5070, as on the page."""
_KILO = 1e-3
_SOC = hv.Dimension("soc", label="SOC", unit="kgC m⁻³")
_DEPTH = hv.Dimension("depth", label="Depth", unit="m")
_PLACES = ["Longitude", "Latitude"]
_MOST_RINGS = 500
_SIZE = {"bokeh": {"frame_width": 620}, "matplotlib": {"fig_inches": (8, 4.5)}}
_OBSERVED = {
    "bokeh": {"size": 4, "color": "#777777", "alpha": 0.5},
    "matplotlib": {"s": 8, "color": "#777777", "alpha": 0.5},
}
_OUTLINES = {
    "bokeh": {"color": "#777777", "line_width": 0.6},
    "matplotlib": {"color": "#777777", "linewidth": 0.4},
}
_RINGS = {
    "bokeh": {"size": 4, "fill_alpha": 0, "line_color": "black", "line_width": 0.5},
    "matplotlib": {"s": 4, "facecolors": "none", "edgecolors": "black", "linewidth": 0.3},
}


def field_map(state: PageState, pixels: int | None = None) -> hv.Overlay:
    """The map of the field that is chosen, in Albers equal area, over the borders of the states.

    Parameters
    ----------
    state : PageState
        Its field, source, depth and colour limits. Selected sites are ringed, up to 500 of them.
    pixels : int, optional
        Sites as an image of so many pixels across, each the mean of the sites in it (datashader),
        instead of as points.

    Returns
    -------
    holoviews.Overlay
        ``gv.Path`` of the borders, and ``gv.Points`` of the sites (or of cells that form no grid),
        or ``gv.Image`` of the grid. The value has the name ``value``, and the field's title and
        unit.

    Raises
    ------
    InputError
        If nothing is mapped yet (`PageState.open` solves at once).
    """
    shown = state.results.mapped
    if shown is None:
        raise InputError("nothing is mapped yet; make the state by PageState.open")
    value = hv.Dimension("value", label=shown.title, unit=written(shown.unit) or None)
    drawn = _cells(state, shown, value) if shown.on == "cell" else _sites(state, shown, value)
    if pixels is not None and isinstance(drawn, gv.Points):
        projected = gv.project(drawn, projection=ALBERS)
        height = max(1, round(pixels * np.ptp(projected.range(1)) / np.ptp(projected.range(0))))
        mean = ds.mean("value")
        drawn = rasterize(projected, aggregator=mean, width=pixels, height=height, dynamic=False)
        drawn = drawn.redim(**{drawn.vdims[0].name: value})
    lines = gv.Path([np.asarray(line.coords)[:, :2] for line in borders().geoms])
    layers = [_coloured(drawn, shown), _on_map(lines, _OUTLINES)]
    chosen = state.selection.sites
    if 0 < len(chosen) <= _MOST_RINGS:
        places = state.opened.dataset.isel(site=chosen)
        ringed = gv.Points((places["lon"].to_numpy(), places["lat"].to_numpy()), _PLACES)
        layers.append(_on_map(ringed, _RINGS))
    return _styled(hv.Overlay(layers), _SIZE)


def depth_profile(state: PageState) -> hv.Overlay:
    """SOC over depth of the selected sites, or of all: medians, and what was observed.

    Parameters
    ----------
    state : PageState

    Returns
    -------
    holoviews.Overlay
        A ``hv.Curve`` a source (BINN; PRODA and truth where known; the scenario), labelled, and a
        ``hv.Scatter`` of the observations; kgC m-3 against m, the surface on top.

    Raises
    ------
    InputError
        If nothing is solved yet.
    """
    results, opened, sites = state.results, state.opened, state.selection.active
    if results.estimate is None:
        raise InputError("nothing is solved yet; make the state by PageState.open")
    lines = {}
    for source in opened.sources:
        found = opened.estimate(state.session.bedrock, source)
        lines[opened.source_name(source)] = found.soc[sites]
    if results.change is not None:
        rows = results.change.rows(sites)
        if len(rows):
            lines["Scenario"] = results.change.soc[rows]
    curves = [
        hv.Curve((np.median(soc, axis=0) * _KILO, NODES), _SOC, _DEPTH, label=label)
        for label, soc in lines.items()
    ]
    observations = opened.observations
    rows = observed_rows(observations, sites)
    points = (observations.soc[rows] * _KILO, observations.depth[rows])
    observed = _styled(hv.Scatter(points, _SOC, _DEPTH, label="Observed"), _OBSERVED)
    return hv.Overlay([observed, *curves]).opts(invert_yaxis=True)


def density(state: PageState, source: str = "binn", pixels: int = 120) -> hv.QuadMesh:
    """Observed against simulated SOC at every observation, counted by datashader on log axes.

    Parameters
    ----------
    state : PageState
    source : {"binn", "proda", "truth"}
        Whose parameters.
    pixels : int
        Of each axis.

    Returns
    -------
    holoviews.QuadMesh
        Number of observations; both axes kgC m-3.

    Raises
    ------
    InputError
        If the dataset does not have that source.
    """
    estimate = state.opened.estimate(state.session.bedrock, source)
    observations = state.opened.observations
    values = {"observed": observations.soc, "simulated": simulated(state.opened, estimate)}
    pairs = pd.DataFrame(values) * _KILO
    pairs = pairs[(pairs > 0).all(axis=1)]
    ends = tuple(np.nanpercentile(pairs.to_numpy(), (0.02, 99.98)))
    canvas = ds.Canvas(
        plot_width=pixels, plot_height=pixels,
        x_range=ends, y_range=ends, x_axis_type="log", y_axis_type="log",
    )  # fmt: skip
    counted = canvas.points(pairs, "observed", "simulated", ds.count())
    counts = counted.to_numpy().astype(float)
    counts[counts == 0] = np.nan
    axes = [hv.Dimension(name, label=name.title(), unit="kgC m⁻³") for name in pairs]
    mesh = (counted["observed"].to_numpy(), counted["simulated"].to_numpy(), counts)
    return hv.QuadMesh(mesh, axes, hv.Dimension("count", label="Observations")).opts(
        logx=True, logy=True, cnorm="log", cmap=list(batlow()), colorbar=True
    )


def _sites(state: PageState, shown: Mapped, value: hv.Dimension) -> gv.Points:
    places = state.opened.dataset
    columns = (places["lon"].to_numpy(), places["lat"].to_numpy(), shown.values)
    return gv.Points((*columns, places["profile_id"].to_numpy()), _PLACES, [value, "profile"])


def _cells(state: PageState, shown: Mapped, value: hv.Dimension) -> gv.Image | gv.Points:
    grid = grid_of(state.opened)
    if grid is None:
        cells = state.opened.dataset
        columns = (cells["cell_lon"].to_numpy(), cells["cell_lat"].to_numpy(), shown.values)
        return gv.Points(columns, _PLACES, [value])
    left, bottom, right, top = grid.extent
    image = grid.image(shown.values)[::-1]  # its first row is the southernmost
    return gv.Image(image, bounds=(left, bottom, right, top), vdims=[value], crs=ALBERS)


def _coloured(drawn: Any, shown: Mapped) -> Any:
    """Colours and limits of the page."""
    colours: dict[str, Any] = {"cmap": list(vik() if shown.diverging else batlow())}
    colours |= {"colorbar": True, "clim": (shown.low, shown.high)}
    dots = {"bokeh": {}, "matplotlib": {}}
    if isinstance(drawn, gv.Points):
        dots = {"bokeh": {"color": "value", "size": 3}, "matplotlib": {"color": "value", "s": 2}}
    return _on_map(drawn, {name: colours | dots[name] for name in dots})


def _on_map(element: Any, styles: dict[str, dict[str, Any]]) -> Any:
    """An element in Albers equal area."""
    return _styled(element, {name: {"projection": ALBERS, **styles[name]} for name in styles})


def _styled(element: Any, styles: dict[str, dict[str, Any]]) -> Any:
    """An element with the style of each backend that is loaded."""
    for backend, style in styles.items():
        if backend in hv.Store.registry:
            element = element.opts(**style, backend=backend)
    return element
