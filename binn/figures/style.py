"""How paper figures look: sizes in millimetres, fonts, colours that everybody can tell apart.

Figures are drawn with matplotlib's objects, never with pyplot, so that several threads of a server
may draw; matplotlib's settings are one for the whole process, so :func:`drawing` lets one figure at
a time use them.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

__all__ = [
    "COLUMNS",
    "GROUP_COLOURS",
    "GROUP_MARKERS",
    "INK",
    "MM",
    "MUTED",
    "OKABE_ITO",
    "ROLES",
    "colormap",
    "decades",
    "drawing",
    "footer",
    "footnote",
    "group_looks",
    "labelled",
    "letter",
    "new_figure",
    "plain_number",
    "short",
    "written_unit",
]

MM = 1.0 / 25.4
"""One millimetre in inches."""
COLUMNS = {"single": 89.0, "double": 183.0}
"""Widths of journal columns, mm."""
OKABE_ITO = {
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
    "yellow": "#f0e442",
    "blue": "#0072b2",
    "vermillion": "#d55e00",
    "purple": "#cc79a7",
    "grey": "#8a8a8a",
}
"""Okabe and Ito (2008): colours that stay apart for colour-blind readers."""
INK, MUTED = "#1d2125", "#68717a"
ROLES: dict[str, tuple[str, str, str]] = {
    "binn": (OKABE_ITO["blue"], "o", "-"),
    "proda": (OKABE_ITO["orange"], "^", "--"),
    "truth": (OKABE_ITO["green"], "D", "-."),
    "changed": (OKABE_ITO["vermillion"], "s", (0, (5, 1.5))),  # type: ignore[dict-item]
    "input": (OKABE_ITO["green"], "v", "--"),
}
"""Colour, marker and line of what is drawn, by role: told apart without colour too."""
GROUP_COLOURS = tuple(
    OKABE_ITO[name]
    for name in ("green", "orange", "purple", "yellow", "sky", "grey", "vermillion", "blue")
)
"""Colours of groups of sites, such as biomes, in the order of their names; from the start again."""
GROUP_MARKERS = {
    "circle": ("o", "●"),
    "square": ("s", "■"),
    "triangle": ("^", "▲"),
    "diamond": ("D", "◆"),
    "inverted_triangle": ("v", "▼"),
    "star": ("*", "★"),
    "hex": ("h", "⬢"),
    "circle_dot": ("$◉$", "◉"),
    "square_dot": ("$▣$", "▣"),
    "diamond_dot": ("$◈$", "◈"),
}
"""Markers of the same groups: for people (and Bokeh), for matplotlib, and as a character."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
    "font.size": 7.0,
    "axes.titlesize": 7.0,
    "axes.labelsize": 7.0,
    "xtick.labelsize": 6.0,
    "ytick.labelsize": 6.0,
    "legend.fontsize": 6.0,
    "legend.frameon": False,
    "axes.linewidth": 0.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.35,
    "ytick.minor.width": 0.35,
    "xtick.major.size": 2.2,
    "ytick.major.size": 2.2,
    "xtick.minor.size": 1.3,
    "ytick.minor.size": 1.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "pdf.fonttype": 42,  # TrueType: editable, and what journals ask for
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # looks the same where the font is missing
    "svg.hashsalt": "binn",  # the same figure gives the same file
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
_LOCK = threading.RLock()
_MANY_DECADES, _ONE_DECADE = 150.0, 8.0


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib with the settings of paper figures; one figure at a time."""
    _needs_matplotlib()
    import matplotlib as mpl

    with _LOCK, mpl.rc_context(_SETTINGS):
        yield


def new_figure(columns: str, height: float) -> Figure:
    """An empty figure as wide as a journal column.

    Parameters
    ----------
    columns : {"single", "double"}
        89 or 183 mm wide.
    height : float
        mm.

    Raises
    ------
    InputError
        For another width, or without matplotlib.
    """
    if columns not in COLUMNS:
        raise InputError(f"columns={columns!r} is not known; use one of {tuple(COLUMNS)}")
    _needs_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMNS[columns] * MM, height * MM), layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=1.2 * MM, h_pad=1.2 * MM)
    return figure


def footer(figure: Figure, notice: str) -> None:
    """Say at the foot of a figure what its reader must know; nothing if there is nothing to say."""
    if notice:
        figure.supxlabel(notice, fontsize=5.0, color=MUTED, x=0.995, ha="right")


def footnote(figure: Figure, notice: str, room: float = 3.0) -> None:
    """As :func:`footer`, under a legend that stands below the axes: layout and legend make room.

    Parameters
    ----------
    figure : Figure
        Its legends at "outside lower center" are lifted.
    notice : str
    room : float
        mm.
    """
    if not notice:
        return
    height = float(figure.get_size_inches()[1]) / MM
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0.0, room / height, 1.0, 1.0 - room / height))
    for legend in figure.legends:
        legend.borderaxespad += room * MM * 72.0 / legend.prop.get_size_in_points()
    figure.text(0.995, 1.0 / height, notice, fontsize=5.0, color=MUTED, ha="right", va="bottom")


def group_looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and matplotlib's marker of each group, by its place among all names in order."""
    markers = [marker for marker, _ in GROUP_MARKERS.values()]
    return {
        name: (GROUP_COLOURS[k % len(GROUP_COLOURS)], markers[k % len(markers)])
        for k, name in enumerate(sorted(set(names)))
    }


def letter(axes: Axes, text: str) -> None:
    """The letter of a panel, bold, above its upper left corner."""
    axes.set_title(text, loc="left", fontweight="bold", fontsize=8.0)


def decades(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers: 1, 2, 5, 10, ..., or 1, 10, ... if many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    low, high = axis.get_view_interval()
    subs = (1.0,) if high / low > _MANY_DECADES else (1.0, 2.0, 5.0)
    few = high / low < _ONE_DECADE
    axis.set_major_locator(MaxNLocator(5) if few else LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(value)))
    axis.set_minor_formatter(NullFormatter())


@cache
def colormap(name: str) -> ListedColormap:
    """A colour map of Crameri (2018): ``batlow`` for magnitudes, ``vik`` around zero.

    Raises
    ------
    InputError
        If the package that holds the colours is not installed.
    """
    _needs_matplotlib()
    from matplotlib.colors import ListedColormap

    spec = find_spec("cmcrameri")
    if spec is None or spec.origin is None:
        raise _missing("cmcrameri")
    # read as data: importing the package would import pyplot
    lines = (Path(spec.origin).parent / "cmaps" / f"{name}.txt").read_text("ascii").splitlines()
    return ListedColormap([[float(part) for part in line.split()] for line in lines if line], name)


def written_unit(unit: str) -> str:
    """A unit in print: ``gC m-2 yr-1`` becomes ``gC m⁻² yr⁻¹``, and ``1`` nothing."""
    if unit == "1":
        return ""
    return re.sub(r"(?<=[A-Za-z])-?\d+", lambda power: power[0].translate(_SUPERSCRIPT), unit)


def labelled(title: str, unit: str) -> str:
    """What an axis shows, with its unit: ``SOC (gC m⁻³)``."""
    unit = written_unit(unit)
    return f"{title} ({unit})" if unit else title


def short(value: float, digits: int = 2) -> str:
    """A number with so many significant digits, as people write it."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}×10{str(int(power)).translate(_SUPERSCRIPT)}"
    else:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def plain_number(value: float) -> str:
    """A number to four significant digits at most, without zeros at its end."""
    text = f"{value:.4g}"
    return short(value, 1) if "e" in text else text.replace("-", "−")


def _missing(package: str) -> InputError:
    return InputError(
        f"figures need {package}, which is not installed: pip install 'binn-explorer[app]'"
    )


def _needs_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise _missing("matplotlib")
