"""What is drawn is what was given: each figure, in both widths."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import N, drawn_texts
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.testing import assert_allclose

from binn.clm5 import NODES
from binn.clm5.column import INTERFACES
from binn.diagnostics.metrics import metrics
from binn.errors import InputError
from binn.figures import (
    COLUMNS,
    ComparisonRow,
    Evaluated,
    MapField,
    Observed,
    ParameterValues,
    Places,
    ProfileLine,
    TimePanel,
    TimeSeries,
    Traced,
    biome_means,
    comparison_figure,
    evaluation_figure,
    map_figure,
    parameters_figure,
    parameters_of_sites,
    profile_figure,
    profile_of_sites,
    series_of_sites,
    traceability_figure,
    transient_figure,
)
from binn.figures.comparison import correlation
from binn.figures.evaluation import residuals
from binn.figures.maps import albers, colour_limits, grid_step
from binn.figures.style import MM, colormap, labelled, plain_number, short
from binn.figures.traceability import BiomeMean
from binn.parameters import LOWER, UPPER, to_normalised, to_physical

WIDTHS = tuple(COLUMNS)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_map_of_sites_holds_their_values(places, rng, columns):
    values = rng.uniform(1, 9, N)
    values[3] = np.nan
    field = MapField(values, "SOC stock, 0–1 m", "kgC m-2", limits=(2.0, 8.0))
    figure = map_figure(places, field, columns=columns, notice="Invented numbers")
    assert_allclose(figure.get_size_inches()[0], COLUMNS[columns] * MM)
    points = figure.axes[0].collections[0]
    assert_allclose(points.get_array(), np.delete(values, 3))
    assert points.get_clim() == (2.0, 8.0)
    x, y = albers().transform_point(places.lon[0], places.lat[0], _plate())
    assert_allclose(points.get_offsets()[0], (x, y), rtol=1e-12)
    assert figure.axes[0].projection == albers()
    texts = drawn_texts(figure)
    for words in ("SOC stock, 0–1 m (kgC m⁻²)", "n = 39 sites", "Invented numbers"):
        assert words in texts


def _plate():
    from cartopy import crs

    return crs.PlateCarree()


def test_a_map_of_cells_covers_them():
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.arange(-100, -97), np.arange(40, 43)))
    step = grid_step(lon, lat / 2)
    assert step == (1.0, 0.5)
    places = Places(lon.astype(float), lat.astype(float), (1.0, 1.0), "grid cells")
    figure = map_figure(places, MapField(np.arange(9.0), "Number", "1", diverging=True))
    cells = figure.axes[0].collections[0]
    assert_allclose(cells.get_array(), np.arange(9.0))
    low, high = cells.get_clim()
    assert low == -high
    assert cells.get_cmap().name == "vik"
    corner = cells.get_paths()[0].vertices[0]
    assert_allclose(corner, albers().transform_point(-100.5, 39.5, _plate()), rtol=1e-9)
    assert "n = 9 grid cells" in drawn_texts(figure)


def test_cells_that_are_no_grid_are_told(rng):
    assert grid_step(np.zeros(1), np.zeros(1)) is None
    assert grid_step(rng.uniform(0, 9, 30), rng.uniform(0, 9, 30)) is None
    corners = np.array([0.0, 9.0, 0.0, 9.0]), np.array([0.0, 0.0, 9.0, 9.0])
    assert grid_step(*corners) == (9.0, 9.0)
    far = np.append(corners[0], 1.0), np.append(corners[1], 1.0)
    assert grid_step(*far) is None  # whole steps, but nobody has a neighbour
    assert grid_step(np.zeros(4), np.arange(4.0)) is None


def test_colour_limits_are_an_interval():
    values = np.arange(101.0)
    assert colour_limits(values, values) == pytest.approx((2.0, 98.0))
    assert colour_limits(values - 20, diverging=True) == pytest.approx((-78.0, 78.0))
    assert colour_limits(np.full(5, 4.0)) == (2.0, 6.0)
    assert colour_limits(np.full(5, np.nan)) == (0.0, 1.0)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("log", [False, True])
def test_a_profile_holds_its_lines_and_points(rng, columns, log):
    soc = np.geomspace(30e3, 100.0, 20) * rng.uniform(0.8, 1.2, (7, 20))
    observed = Observed(rng.uniform(0, 1.4, 9), rng.uniform(1e3, 3e4, 9))
    lines = [profile_of_sites("BINN", soc), ProfileLine("PRODA", soc[0], "proda")]
    figure = profile_figure(lines, observed, title="Somewhere", log=log, columns=columns)
    axes = figure.axes[0]
    assert_allclose(axes.lines[0].get_xdata() * 1e3, np.median(soc, axis=0))
    assert_allclose(axes.lines[0].get_ydata(), NODES)
    assert_allclose(axes.lines[1].get_xdata() * 1e3, soc[0])
    points = next(one for one in axes.collections if len(one.get_offsets()) == 9)
    assert_allclose(points.get_offsets(), np.column_stack([observed.soc / 1e3, observed.depth]))
    assert axes.get_ylim()[0] > axes.get_ylim()[1] == 0.0
    assert axes.get_xscale() == ("log" if log else "linear")
    texts = drawn_texts(figure)
    assert "observed, n = 9" in texts
    assert "BINN (median, quartiles)" in texts
    assert profile_of_sites("one", soc[:1]).low is None


def test_a_profile_that_ends_at_bedrock_is_drawn_on_a_logarithmic_axis():
    soc = np.where(NODES < 1.0, 1e4, 0.0)
    figure = profile_figure([ProfileLine("BINN", soc)], log=True)
    x = figure.axes[0].lines[0].get_xdata()
    assert np.isnan(x[NODES > 1.0]).all()
    assert figure.axes[0].get_xlim()[0] > 0


@pytest.mark.parametrize("columns", WIDTHS)
def test_parameters_stand_on_their_prior_ranges(rng, columns):
    values = to_physical(rng.uniform(0, 1, (5, 21)))
    series = [parameters_of_sites("BINN", values), ParameterValues("PRODA", values[0], "proda")]
    figure = parameters_figure(series, columns=columns)
    first, second = figure.axes[0].lines[:2]
    assert_allclose(first.get_xdata(), to_normalised(np.median(values, axis=0)))
    assert_allclose(second.get_xdata(), to_normalised(values[0]))
    assert len(figure.axes[0].get_yticklabels()) == 21
    assert "0.9999" in drawn_texts(figure)


def test_parameters_outside_the_prior_are_named():
    values = 0.5 * (LOWER + UPPER)
    values[3] = 10.0
    figure = parameters_figure([ParameterValues("Defaults", values)])
    assert np.isnan(figure.axes[0].lines[0].get_xdata()[3])
    assert figure.axes[0].lines[1].get_xdata()[3] > 1.0
    assert any(text.get_text() == "10" for text in figure.axes[0].texts)


@pytest.mark.parametrize("columns", WIDTHS)
def test_traceability_draws_the_means_of_the_biomes(traced, columns):
    meadow, forest = means = biome_means(traced)
    assert [(one.biome, one.n) for one in means] == [("Meadow", 25), ("Forest", 15)]
    influx, storage = traced.influx[:25], (traced.influx * traced.residence_time)[:25]
    assert_allclose(meadow.mean["influx"], influx.mean())
    assert_allclose(meadow.mean["influx"] * meadow.mean["residence_time"], storage.mean())
    assert_allclose(
        meadow.mean["baseline_residence_time"] / meadow.mean["environmental_scalar"],
        meadow.mean["residence_time"],
    )
    assert_allclose(
        meadow.mean["baseline_residence_time"],
        np.average(traced.baseline_residence_time[:25], weights=influx),
    )
    quartiles = np.percentile(traced.residence_time[25:], (25, 75))
    assert_allclose((forest.low["residence_time"], forest.high["residence_time"]), quartiles)
    picked = BiomeMean("Selection", 2, meadow.mean, meadow.low, meadow.high)
    figure = traceability_figure(traced, [picked], columns=columns)
    first, second = figure.axes
    for axes, x, y in (
        (first, "influx", "residence_time"),
        (second, "environmental_scalar", "baseline_residence_time"),
    ):
        for k, one in enumerate([*means, picked]):
            across, up, mark = axes.lines[3 * k : 3 * k + 3]
            assert_allclose(mark.get_xydata(), [[one.mean[x], one.mean[y]]])
            assert_allclose(across.get_xdata(), (one.low[x], one.high[x]))
            assert_allclose(up.get_ydata(), (one.low[y], one.high[y]))
        sites = axes.collections[0].get_offsets()
        assert_allclose(sites, np.column_stack([getattr(traced, x), getattr(traced, y)]))
    assert "Meadow, n = 25" in drawn_texts(figure)
    assert "Selection, n = 2" in drawn_texts(figure)
    assert "lines: storage (kgC m⁻²)" in drawn_texts(figure)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_comparison_draws_both_and_their_difference(places, rng, columns):
    first = rng.uniform(0.2, 0.6, N)
    second = first + rng.normal(0, 0.02, N)
    second[5] = np.nan
    rows = [
        ComparisonRow("Carbon transfer efficiency", "1", first, second),
        ComparisonRow("Plant carbon input", "gC m-2 yr-1", 900 * first, 900 * first),
    ]
    known = np.delete(np.arange(N), 5)
    r, n = correlation(rows[0])
    assert n == N - 1
    assert_allclose(r, np.corrcoef(first[known], second[known])[0, 1])
    figure = comparison_figure(places, rows, ("BINN", "PRODA"), columns=columns)
    maps = [axes for axes in figure.axes if hasattr(axes, "projection")]
    assert len(maps) == (6 if columns == "double" else 2)
    arrays = [axes.collections[0].get_array() for axes in maps]
    limits = [axes.collections[0].get_clim() for axes in maps]
    if columns == "double":
        assert_allclose(arrays[0], first)
        assert_allclose(arrays[1], second[known])
        assert limits[0] == limits[1]
        assert_allclose(arrays[2], (first - second)[known])
        assert limits[2][0] == -limits[2][1]
    else:
        assert_allclose(arrays[0], (first - second)[known])
    texts = drawn_texts(figure)
    for words in (f"r = {short(r)}, n = 39", "BINN − PRODA", "Plant carbon input (gC m⁻² yr⁻¹)"):
        assert words in texts


@pytest.fixture
def evaluated(rng) -> Evaluated:
    observed = rng.lognormal(9, 1, 300)
    simulated = observed * rng.lognormal(0, 0.3, 300)
    biome = np.where(rng.uniform(size=300) < 0.7, "Meadow", "Forest")
    return Evaluated(observed, simulated, rng.uniform(0, 2.4, 300), biome)


@pytest.mark.parametrize("columns", WIDTHS)
def test_an_evaluation_shows_its_scores_and_residuals(evaluated, columns):
    scores = metrics(evaluated.observed, evaluated.simulated)
    figure = evaluation_figure(evaluated, columns=columns)
    texts = drawn_texts(figure)
    for words in (f"NSE = {short(scores['nse'])}", "n = 300", short(scores["rmse"] / 1e3)):
        assert words in texts
    density, by_depth, by_biome = figure.axes[:3]
    counted = density.collections[0].get_array()
    assert counted.sum() == pytest.approx(300, abs=2)
    for axes, name in ((by_depth, "depth"), (by_biome, "biome")):
        groups = residuals(evaluated, name)
        assert sum(one.n for one in groups) == 300
        medians = next(line for line in axes.lines if line.get_label() == "median")
        assert_allclose(medians.get_xdata() * 1e3, [one.median for one in groups])
    layer = (evaluated.depth >= INTERFACES[4]) & (evaluated.depth < INTERFACES[5])
    within = (evaluated.simulated - evaluated.observed)[layer]
    label = f"{INTERFACES[4]:g}–{INTERFACES[5]:g}"
    found = next(one for one in residuals(evaluated, "depth") if one.label == label)
    assert found.n == layer.sum()
    assert found.bias == pytest.approx(within.mean())


@pytest.mark.parametrize("columns", WIDTHS)
def test_time_series_hold_their_values(rng, columns):
    years, values = np.arange(11.0), rng.normal(size=(11, 6))
    panel = TimePanel(
        "Change of SOC", "kgC m-2", [series_of_sites("+2 K", values)], end=-1.0, zero=True
    )
    flux = TimePanel("Flux", "gC m-2 yr-1", [TimeSeries("input", values[:, 0], "input")])
    figure = transient_figure(years, [panel, flux], columns=columns)
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    assert_allclose(lines["+2 K (median, quartiles)"].get_ydata(), np.median(values, axis=1))
    assert_allclose(lines["+2 K (median, quartiles)"].get_xdata(), years)
    assert_allclose(lines["input"].get_ydata(), values[:, 0])
    assert_allclose(lines["new equilibrium"].get_ydata(), -1.0)
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:  # the legend lies on no line and no band
        assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1.0


def test_what_cannot_be_drawn_is_said(places, traced, evaluated):
    two = np.arange(2.0)
    nothing = np.full(N, np.nan)
    for draw, message in (
        (lambda: map_figure(places, MapField(two, "x", "1")), "40 places but 2 values"),
        (lambda: map_figure(places, MapField(nothing, "x", "1")), "'x' has no value anywhere"),
        (
            lambda: map_figure(places, MapField(places.lon, "x", "1"), columns="triple"),
            "columns='triple'",
        ),
        (lambda: profile_figure([]), "at least one line"),
        (lambda: profile_figure([ProfileLine("BINN", two)]), r"BINN: \(2,\) values"),
        (lambda: parameters_figure([]), "no parameters"),
        (lambda: parameters_figure([ParameterValues("BINN", two)]), r"BINN: \(2,\) values"),
        (lambda: comparison_figure(places, []), "nothing to compare"),
        (
            lambda: comparison_figure(places, [ComparisonRow("x", "1", nothing, places.lon)]),
            "no pair of values",
        ),
        (lambda: residuals(evaluated, "state"), "'depth' or 'biome'"),
        (lambda: transient_figure(two, []), "no time series"),
        (
            lambda: transient_figure(
                two, [TimePanel("x", "1", [TimeSeries("line", np.arange(3.0))])]
            ),
            r"line: \(3,\) values for \(2,\) years",
        ),
        (
            lambda: biome_means(Traced(nothing, nothing, nothing, nothing, traced.biome)),
            "no site has an influx",
        ),
    ):
        with pytest.raises(InputError, match=message):
            draw()


def test_numbers_and_units_are_written_as_people_write_them():
    assert labelled("SOC", "gC m-3 yr-1") == "SOC (gC m⁻³ yr⁻¹)"
    assert labelled("Scalar", "1") == "Scalar"
    assert [short(value) for value in (12345.6, 0.4567, -1.234e-4, 0.0)] == [
        "12,346",
        "0.46",
        "−1.2×10⁻⁴",
        "0",
    ]
    assert [plain_number(value) for value in (0.9999, 0.0016, 3e-5, 400.0)] == [
        "0.9999",
        "0.0016",
        "3×10⁻⁵",
        "400",
    ]
    assert colormap("batlow").N == colormap("vik").N == 256
