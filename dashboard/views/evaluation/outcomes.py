"""Results of experiments, drawn: methods on the same folds, and numbers by parameter."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure

from binn.parameters import KEYS
from dashboard.state.experiments import ByParameter, Methods
from dashboard.tables import table
from dashboard.theme import legend, quiet
from dashboard.units import number
from dashboard.views.evaluation.drawn import Drawn, entries_of, score_cells, style

__all__ = ["draw_by_parameter", "draw_methods"]

_ROW = 17


def draw_methods(found: Methods) -> Drawn:
    """NSE of several methods on the same folds: pooled, and mean and spread of the folds."""
    names = list(found.scores)
    fig = figure(
        name=f"evaluation-{found.file}",
        title=found.title,
        x_axis_label="NSE on held-out sites (1)",
        y_range=Range1d(len(names) - 0.4, -0.6),
        sizing_mode="stretch_width",
        height=90 + 2 * _ROW * len(names),
        toolbar_location=None,
        tools="",
    )
    mean, spread = (
        np.array([found.scores[name][key] for name in names]) for key in ("nse_mean", "nse_sd")
    )
    source = ColumnDataSource(
        {
            "method": names,
            "row": np.arange(len(names)),
            "nse": np.array([found.scores[name]["nse"] for name in names]),
            "mean": mean,
            "low": mean - spread,
            "high": mean + spread,
        },
        name=f"evaluation-{found.file}",
    )
    bars = fig.segment("low", "row", "high", "row", source=source, line_width=2)
    colour, marker = style(0)
    marks = fig.scatter(
        "nse", "row", source=source, marker=marker, size=10, fill_color=colour, line_width=0.6
    )
    tips = [("", "@method"), ("NSE, pooled", "@nse{0.000}"), ("Mean of the folds", "@mean{0.000}")]
    fig.add_tools(HoverTool(renderers=[marks], tooltips=tips))
    fig.yaxis.ticker = FixedTicker(ticks=list(range(len(names))))
    fig.yaxis.major_label_overrides = dict(enumerate(names))
    fig.grid.grid_line_alpha = 0.25
    words = [
        f"BINN is {number(gap['nse'], 2)} of NSE ahead of {name} "
        f"(95 % over places: {number(gap['low'], 2)} to {number(gap['high'], 2)})."
        for name, gap in found.gaps.items()
    ]
    head = ["Method", "n", "NSE", "r", "RMSE (kgC m⁻³)", "Bias (kgC m⁻³)", "Folds, mean NSE", "SD"]
    rows = [
        [name, *score_cells(one), number(one["nse_mean"], 4), number(one["nse_sd"], 2)]
        for name, one in found.scores.items()
    ]
    numbers = table(f"{found.title} (file {found.file})", head, rows)
    return Drawn(
        [quiet(fig)],
        lambda colours: (
            entries_of(["pooled"], colours) + legend([("─", "inherit", "mean ± SD of the folds")])
        ),
        " ".join(words),
        numbers,
        [bars, marks],
        [(marks, 0)],
    )


def draw_by_parameter(found: ByParameter) -> Drawn:
    """A number a parameter, for each test of an experiment."""
    names = list(found.series)
    keys = [key for key in KEYS if any(key in one for one in found.series.values())]
    fig = figure(
        name=f"evaluation-{found.file}",
        title=found.title,
        x_axis_label=f"{found.measure} (1)",
        y_range=Range1d(len(keys) - 0.4, -0.6),
        sizing_mode="stretch_width",
        height=90 + _ROW * len(keys),
        toolbar_location=None,
        tools="",
    )
    inked: list[object] = [Span(location=0, dimension="height", line_width=1)]
    fig.add_layout(inked[0])
    coloured: list[tuple[object, int]] = []
    for i, name in enumerate(names):
        colour, marker = style(i)
        known = {k: v for k, v in found.series[name].items() if v is not None}
        source = ColumnDataSource(
            {
                "key": list(known),
                "row": [keys.index(key) for key in known],
                "value": list(known.values()),
                "test": [name] * len(known),
            },
            name=f"evaluation-{found.file}-{i}",
        )
        marks = fig.scatter(
            "value", "row", source=source, marker=marker, size=8, fill_color=colour, line_width=0.6
        )
        inked.append(marks)
        coloured.append((marks, i))
        tips = [("", "@key"), ("", "@test"), (found.measure, "@value{0.000}")]
        fig.add_tools(HoverTool(renderers=[marks], tooltips=tips))
    fig.yaxis.ticker = FixedTicker(ticks=list(range(len(keys))))
    fig.yaxis.major_label_overrides = dict(enumerate(keys))
    fig.grid.grid_line_alpha = 0.25
    rows = [
        [key, *("–" if (v := found.series[n].get(key)) is None else number(v) for n in names)]
        for key in keys
    ]
    titled = [f"{name} ({found.notes[name]})" if found.notes[name] else name for name in names]
    words = (
        f"{found.title}: {found.measure}, {len(keys)} parameters, "
        f"{len(names)} test{'s' * (len(names) > 1)}. A parameter without a mark was retrieved as "
        "one value everywhere, or not tested."
    )
    caption = f"{found.title}: {found.measure} (file {found.file})"
    return Drawn(
        [quiet(fig)],
        lambda colours: entries_of(titled, colours),
        words,
        table(caption, ["Parameter", *titled], rows),
        inked,
        coloured,
    )
