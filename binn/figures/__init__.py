"""Paper figures: plain arrays in, matplotlib figures out, in millimetres and with fonts embedded.

Each module holds one figure and the small classes it takes: `maps`, `profile`, `parameters`,
`traceability`, `comparison`, `evaluation`, `transient`. `save` writes a figure with the file that
says what it was made from. ``binn figures``, the page and notebooks call the same functions.
"""

from binn.figures.comparison import ComparisonRow, comparison_figure
from binn.figures.evaluation import Evaluated, evaluation_figure
from binn.figures.maps import MapField, Places, map_figure
from binn.figures.parameters import ParameterValues, parameters_figure, parameters_of_sites
from binn.figures.profile import Observed, ProfileLine, profile_figure, profile_of_sites
from binn.figures.save import FORMATS, rendered, save, save_all
from binn.figures.style import COLUMNS
from binn.figures.traceability import Traced, biome_means, traceability_figure
from binn.figures.transient import TimePanel, TimeSeries, series_of_sites, transient_figure

__all__ = [
    "COLUMNS",
    "FORMATS",
    "ComparisonRow",
    "Evaluated",
    "MapField",
    "Observed",
    "ParameterValues",
    "Places",
    "ProfileLine",
    "TimePanel",
    "TimeSeries",
    "Traced",
    "biome_means",
    "comparison_figure",
    "evaluation_figure",
    "map_figure",
    "parameters_figure",
    "parameters_of_sites",
    "profile_figure",
    "profile_of_sites",
    "rendered",
    "save",
    "save_all",
    "series_of_sites",
    "traceability_figure",
    "transient_figure",
]
