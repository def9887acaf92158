"""What was measured beforehand, drawn: folds, training curves, results by parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d, Span
from bokeh.plotting import figure

from binn.parameters import KEYS
from dashboard.state.experiments import ByParameter, Folds, History
from dashboard.tables import table
from dashboard.theme import OKABE_ITO, Ink, legend, quiet
from dashboard.units import number

__all__ = ["Drawn", "draw_by_parameter", "draw_folds", "draw_history"]

_COLOURS = ("blue", "orange", "green", "purple", "sky", "vermillion", "yellow", "grey")
_MARKERS = {"circle": "●", "square": "■", "triangle": "▲", "diamond": "◆", "inverted_triangle": "▼"}
_KILO = 1e-3
_ROW = 17
_MOST = 12
"""So many training histories are drawn at most."""


class Drawn:
    """Figures with their legend, words and table.

    Attributes
    ----------
    figures : list of bokeh.plotting.figure
    legend, table : str
        HTML.
    words : str
    """

    def __init__(
        self, figures: list[figure], entries: str, words: str, numbers: str, inked: Sequence[object]
    ) -> None:
        self.figures, self.legend, self.words, self.table = figures, entries, words, numbers
        self._inked = inked

    def paint(self, colours: Ink) -> None:
        """Colours of the theme."""
        for drawn in self._inked:
            if isinstance(drawn, Span):
                drawn.line_color = colours["muted"]
            else:
                drawn.glyph.line_color = colours["text"]  # type: ignore[attr-defined]


def _style(i: int) -> tuple[str, str]:
    """Colour and marker of the i-th series."""
    return OKABE_ITO[_COLOURS[i % len(_COLOURS)]], list(_MARKERS)[i % len(_MARKERS)]


def _entries(names: Sequence[str]) -> str:
    return legend(
        [
            (_MARKERS[marker], colour, name)
            for name, (colour, marker) in ((name, _style(i)) for i, name in enumerate(names))
        ]
    )


def draw_folds(every: Sequence[Folds]) -> Drawn:
    """NSE of each fold, and pooled, of each cross-validation."""
    fig = figure(
        name="evaluation-folds",
        title="Cross-validation: held-out sites of each fold",
        x_axis_label="Fold",
        y_axis_label="NSE (1)",
        sizing_mode="stretch_width",
        height=260,
        toolbar_location=None,
        tools="",
    )
    inked, words, rows = [], [], []
    for i, folds in enumerate(every):
        colour, marker = _style(i)
        number_of = [one["fold"] if one["fold"] is not None else k for k, one in _counted(folds)]
        nse = np.array([one["nse"] for one in folds.each], dtype=float)
        source = ColumnDataSource(
            {
                "fold": number_of,
                **{key: [one[key] for one in folds.each] for key in ("nse", "r", "n")},
                "rmse": [one["rmse"] * _KILO for one in folds.each],
            },
            name="evaluation-folds" if not i else f"evaluation-folds-{i}",
        )
        marks = fig.scatter("fold", "nse", source=source, marker=marker, size=10, fill_color=colour)
        inked.append(marks)
        pooled = folds.pooled["nse"]
        fig.add_layout(
            Span(location=pooled, dimension="width", line_color=colour, line_dash="dashed")
        )
        tips = [
            ("Fold", "@fold"),
            ("NSE", "@nse{0.0000}"),
            ("r", "@r{0.000}"),
            ("RMSE", "@rmse{0.00} kgC m⁻³"),
            ("n", "@n{0,0}"),
        ]
        fig.add_tools(HoverTool(renderers=[marks], tooltips=tips))
        deviation = f" ± {number(float(nse.std(ddof=1)), 2)}" if len(nse) > 1 else ""
        words.append(
            f"{folds.name}: {len(nse)} folds, NSE pooled {number(pooled)} "
            f"(n = {folds.pooled['n']:,}), of the folds {number(float(nse.mean()))}{deviation}."
        )
        rows += [
            [f"{folds.name}, fold {k}", *_scores(one)]
            for k, one in zip(number_of, folds.each, strict=True)
        ]
        rows.append([f"{folds.name}, pooled", *_scores(folds.pooled)])
    fig.xgrid.grid_line_color = None
    fig.ygrid.grid_line_alpha = 0.25
    fig.xaxis.ticker = FixedTicker(ticks=list(range(max(len(one.each) for one in every))))
    head = ["Fold", "n", "NSE", "r", "RMSE (kgC m⁻³)", "Bias (kgC m⁻³)"]
    numbers = table("Scores on held-out sites", head, rows)
    return Drawn(
        [quiet(fig)], _entries([one.name for one in every]), " ".join(words), numbers, inked
    )


def _counted(folds: Folds) -> list[tuple[int, dict[str, object]]]:
    return list(enumerate(folds.each))


def _scores(one: dict[str, float]) -> list[str]:
    return [
        f"{one['n']:,}",
        number(one["nse"], 4),
        number(one["r"]),
        number(one["rmse"] * _KILO),
        number(one["bias"] * _KILO),
    ]


def draw_history(every: Sequence[History]) -> Drawn:
    """Loss and validation NSE by epoch of each training."""
    shown = every[:_MOST]
    figures, inked = [], []
    parts: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("loss", "Loss (of the training's own unit)", lambda key: f"{key}_loss"),
        ("nse", "NSE (1)", lambda key: f"{key}_nse"),
    )
    first_epoch = min(row["epoch"] for one in shown for row in one.rows)
    last_epoch = max(row["epoch"] for one in shown for row in one.rows)
    for what, label, column in parts:
        fig = figure(
            name=f"evaluation-history-{what}",
            title="Training: " + ("loss" if what == "loss" else "NSE of the validation sites"),
            x_axis_label="Epoch",
            y_axis_label=label,
            x_range=Range1d(first_epoch - 0.5, last_epoch + 0.5),
            sizing_mode="stretch_width",
            height=260,
            toolbar_location=None,
            tools="",
        )
        lines = []
        for i, one in enumerate(shown):
            colour, _ = _style(i)
            for member in sorted({row.get("member", 0) for row in one.rows}):
                rows = [row for row in one.rows if row.get("member", 0) == member]
                for part, dash in (("train", "solid"), ("validation", [6, 3])):
                    values = np.array(
                        [_number(row.get(column(part))) for row in rows], dtype=np.float64
                    )
                    if np.isfinite(values).any():
                        source = ColumnDataSource(
                            {"epoch": [row["epoch"] for row in rows], "value": values},
                            name=f"evaluation-history-{part}-{what}-{i}-{member}",
                        )
                        lines.append(
                            fig.line(
                                "epoch",
                                "value",
                                source=source,
                                line_color=colour,
                                line_dash=dash,
                                line_width=1.8,
                            )
                        )
        tips = [("Epoch", "@epoch"), (label, "@value{0.0000}")]
        fig.add_tools(HoverTool(renderers=lines, tooltips=tips, mode="mouse"))
        fig.grid.grid_line_alpha = 0.25
        figures.append(quiet(fig))
    rows = [
        [
            f"{one.name}, epoch {row['epoch']}",
            *(number(_number(row.get(key)), 4) for key in _CURVES),
        ]
        for one in shown
        for row in one.rows
    ]
    head = ["Training", "Training loss", "Validation loss", "Validation NSE"]
    words = [_best(one) for one in shown]
    if len(every) > len(shown):
        words.append(f"{len(every) - len(shown)} more trainings are not drawn.")
    entries = _entries([one.name for one in shown])
    entries += legend([("━", "inherit", "training"), ("╍", "inherit", "validation")])
    return Drawn(figures, entries, " ".join(words), table("Training history", head, rows), inked)


_CURVES = ("train_loss", "validation_loss", "validation_nse")


def _number(value: object) -> float:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if known else float("nan")  # type: ignore[arg-type]


def _best(one: History) -> str:
    nse = [_number(row.get("validation_nse")) for row in one.rows]
    if not np.isfinite(nse).any():
        return f"{one.name}: {len(one.rows)} epochs."
    best = int(np.nanargmax(nse))
    return (
        f"{one.name}: {len(one.rows)} epochs, best validation NSE {number(nse[best])} in epoch "
        f"{one.rows[best]['epoch']}."
    )


def draw_by_parameter(found: ByParameter) -> Drawn:
    """A number a parameter, for each test of an experiment."""
    names = list(found.series)
    keys = [key for key in KEYS if any(key in one for one in found.series.values())]
    fig = figure(
        name=f"evaluation-{found.file}",
        title=found.file,
        x_axis_label=f"{found.measure} (1)",
        y_range=Range1d(len(keys) - 0.4, -0.6),
        sizing_mode="stretch_width",
        height=90 + _ROW * len(keys),
        toolbar_location=None,
        tools="",
    )
    inked: list[object] = [Span(location=0, dimension="height", line_width=1)]
    fig.add_layout(inked[0])
    for i, name in enumerate(names):
        colour, marker = _style(i)
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
        f"{found.file}: {found.measure}, {len(keys)} parameters, "
        f"{len(names)} test{'s' * (len(names) > 1)}. A parameter without a mark was retrieved as "
        "one value everywhere, or not tested."
    )
    numbers = table(f"{found.measure} ({found.file})", ["Parameter", *titled], rows)
    return Drawn([quiet(fig)], _entries(titled), words, numbers, inked)
