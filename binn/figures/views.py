"""The figures of a dataset by name: what ``binn figures`` draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.clm5 import solve, stock, transient
from binn.errors import InputError
from binn.figures.comparison import ComparisonRow, comparison_figure
from binn.figures.evaluation import Evaluated, evaluation_figure
from binn.figures.maps import MapField, map_figure
from binn.figures.material import Answer, Material
from binn.figures.parameters import parameters_figure, parameters_of_sites
from binn.figures.profile import Observed, profile_figure, profile_of_sites
from binn.figures.traceability import Traced, traceability_figure
from binn.figures.transient import TimePanel, series_of_sites, transient_figure
from binn.observations import Observations
from binn.parameters import KEYS, PARAMETERS, index
from binn.quantities import COMPONENT_NAMES, TRACEABILITY_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIELDS", "FIGURES", "Choice", "draw", "field_of"]

Floats = NDArray[np.float64]

_KILO = 1e-3
FIELDS = ("soc_stock", *COMPONENT_NAMES, *TRACEABILITY_NAMES, *KEYS)
"""What can be mapped."""


@dataclass(frozen=True)
class Choice:
    """What the figures show.

    Attributes
    ----------
    field : str
        Of the map; a key of :data:`FIELDS`.
    top, bottom : float
        Depth range of stocks, m.
    on : {"auto", "site", "cell"}
        Where maps are drawn; "auto" prefers a complete regular grid.
    sites : tuple of int
        Profile ids of `profile` and `parameters`; empty for all sites.
    warming, npp, moisture : float
        The change of climate of `transient`, as :meth:`binn.clm5.Forcing.changed` takes it.
    years : int
        How long `transient` is followed.
    columns : {"single", "double"}
        Width.
    """

    field: str = "soc_stock"
    top: float = 0.0
    bottom: float = 1.0
    on: str = "auto"
    sites: tuple[int, ...] = ()
    warming: float = 2.0
    npp: float = 1.0
    moisture: float = 1.0
    years: int = 100
    columns: str = "double"


def draw(figure: str, material: Material, choice: Choice) -> tuple[Figure, dict[str, Any]]:
    """Draw one figure; the second result is the content of its sidecar.

    Parameters
    ----------
    figure : str
        A key of :data:`FIGURES`.

    Raises
    ------
    InputError
        For an unknown figure, or data that it cannot be drawn of.
    """
    if figure not in FIGURES:
        raise InputError(f"there is no figure {figure!r}; choose from {', '.join(FIGURES)}")
    drawn, used = FIGURES[figure](material, choice)
    shown = {key: value for key, value in asdict(choice).items() if key in used}
    return drawn, material.about(figure, shown | {"columns": choice.columns})


def field_of(key: str, answer: Answer, top: float, bottom: float) -> tuple[Floats, str, str]:
    """Values, name and unit of a field.

    Raises
    ------
    InputError
        For an unknown field or a depth range outside the column.
    """
    if key == "soc_stock":
        values = stock(answer.state.soc, top, bottom).numpy() * _KILO
        return values, f"SOC stock, {top:g}–{bottom:g} m", "kgC m-2"
    for names, found in (
        (COMPONENT_NAMES, answer.components),
        (TRACEABILITY_NAMES, answer.traceability),
    ):
        if key in names:
            return found[key], *names[key]
    if key not in KEYS:
        raise InputError(f"there is no field {key!r}; choose from {', '.join(FIELDS)}")
    parameter = PARAMETERS[index(key)]
    return answer.parameters[:, index(key)], parameter.long_name, parameter.unit


Drawn = tuple["Figure", tuple[str, ...]]


def _map(material: Material, choice: Choice) -> Drawn:
    on = material.mapped_on() if choice.on == "auto" else choice.on
    answer = material.answer("binn", on)
    values, title, unit = field_of(choice.field, answer, choice.top, choice.bottom)
    field = MapField(values, f"{title}, {material.title('binn')}", unit)
    places = material.places(on, answer.rows)
    drawn = map_figure(places, field, columns=choice.columns, notice=material.notice)
    return drawn, ("field", "top", "bottom", "on")


def _profile(material: Material, choice: Choice) -> Drawn:
    sites, title = _sites(material, choice)
    observations = Observations.from_dataset(material.ds)
    lines = [
        profile_of_sites(material.title(source), answer.soc[at], source)
        for source, answer, at in _answers(material, sites)
    ]
    seen, _ = observations.of(sites)
    observed = Observed(observations.depth[seen], observations.soc[seen])
    drawn = profile_figure(
        lines, observed, title=title, columns=choice.columns, notice=material.notice
    )
    return drawn, ("sites",)


def _parameters(material: Material, choice: Choice) -> Drawn:
    sites, title = _sites(material, choice)
    series = [
        parameters_of_sites(material.title(source), answer.parameters[at], source)
        for source, answer, at in _answers(material, sites)
    ]
    drawn = parameters_figure(series, title=title, columns=choice.columns, notice=material.notice)
    return drawn, ("sites",)


def _traceability(material: Material, choice: Choice) -> Drawn:
    answer = material.answer()
    names = ("influx", "residence_time", "baseline_residence_time", "environmental_scalar")
    biome = material.ds["biome"].to_numpy().astype(str)[answer.rows]
    terms = {name: answer.traceability[name] for name in names}
    traced = Traced(**terms, biome=biome, chosen=None)
    return traceability_figure(traced, columns=choice.columns, notice=material.notice), ()


def _comparison(material: Material, choice: Choice) -> Drawn:
    second = material.second
    if second is None:
        raise InputError(
            f"{material.name} holds no PRODA parameters to compare with: `binn proda` computes them"
        )
    on = material.mapped_on() if choice.on == "auto" else choice.on
    answers = [material.answer(source, on) for source in ("binn", second)]
    both, *at = np.intersect1d(answers[0].rows, answers[1].rows, return_indices=True)
    if not len(both):
        raise InputError(f"no {on} of {material.name} has both sets of parameters")
    rows = [
        ComparisonRow(*about, answers[0].components[key][at[0]], answers[1].components[key][at[1]])
        for key, about in COMPONENT_NAMES.items()
    ]
    drawn = comparison_figure(
        material.places(on, both),
        rows,
        (material.title("binn"), material.title(second)),
        columns=choice.columns,
        notice=material.notice,
    )
    return drawn, ("on",)


def _evaluation(material: Material, choice: Choice) -> Drawn:
    rows, simulated = material.simulated(material.answer())
    if not len(rows):
        raise InputError(f"{material.name} holds no observations to compare with")
    observations = Observations.from_dataset(material.ds)
    owner = np.repeat(np.arange(len(observations.count)), observations.count)[rows]
    biome = material.ds["biome"].to_numpy().astype(str)[owner]
    evaluated = Evaluated(observations.soc[rows], simulated, observations.depth[rows], biome)
    title = f"{material.title('binn')}, {len(np.unique(owner)):,} sites"
    drawn = evaluation_figure(
        evaluated, title=title, columns=choice.columns, notice=material.notice
    )
    return drawn, ()


def _transient(material: Material, choice: Choice) -> Drawn:
    state = material.answer().state
    forcing = state.forcing.changed(choice.warming, choice.npp, choice.moisture)
    with material.solving("binn"):
        way = transient(
            state, forcing, choice.years, store="totals", top=choice.top, bottom=choice.bottom
        )
        end = stock(solve(state.parameters, forcing, state.bedrock).soc, choice.top, choice.bottom)
    start = way.soc_stock[0]
    change = ((way.soc_stock - start) * _KILO).numpy()
    net = (way.input - way.respiration).numpy()
    panels = [
        TimePanel(
            f"Change of SOC stock, {choice.top:g}–{choice.bottom:g} m",
            "kgC m-2",
            [series_of_sites(material.title("binn"), change)],
            end=float(np.median((end - start).numpy())) * _KILO,
            zero=True,
        ),
        TimePanel(
            "Input − respiration",
            "gC m-2 yr-1",
            [series_of_sites(material.title("binn"), net)],
            zero=True,
        ),
    ]
    title = f"{_change_in_words(choice)}, {len(state.parameters):,} sites"
    drawn = transient_figure(
        way.years.numpy(), panels, title=title, columns=choice.columns, notice=material.notice
    )
    return drawn, ("top", "bottom", "warming", "npp", "moisture", "years")


FIGURES: dict[str, Callable[[Material, Choice], Drawn]] = {
    "map": _map,
    "profile": _profile,
    "parameters": _parameters,
    "traceability": _traceability,
    "comparison": _comparison,
    "evaluation": _evaluation,
    "transient": _transient,
}
"""All figures by name, in the order they are drawn."""


def _sites(material: Material, choice: Choice) -> tuple[NDArray[np.int64], str]:
    """Positions of the chosen sites, and what to call them."""
    ids = material.ds["profile_id"].to_numpy().astype(np.int64)
    if not choice.sites:
        return np.arange(len(ids)), f"All {len(ids):,} sites"
    unknown = [one for one in choice.sites if one not in ids]
    if unknown:
        raise InputError(f"{material.name} holds no profile {', '.join(map(str, unknown))}")
    sites = np.flatnonzero(np.isin(ids, choice.sites))
    if len(sites) == 1:
        return sites, f"Profile {choice.sites[0]}, {material.ds['biome'].to_numpy()[sites[0]]}"
    return sites, f"{len(sites):,} sites"


def _answers(
    material: Material, sites: NDArray[np.int64]
) -> list[tuple[str, Answer, NDArray[np.int64]]]:
    """Every set of parameters that these sites have: (source, answer, rows)."""
    found = []
    for source in material.sources:
        answer = material.answer(source)
        at = np.flatnonzero(np.isin(answer.rows, sites))
        if len(at):
            found.append((source, answer, at))
    return found


def _change_in_words(choice: Choice) -> str:
    words = [f"{choice.warming:+g} K".replace("-", "−")] if choice.warming else []
    words += [f"carbon input × {choice.npp:g}"] if choice.npp != 1 else []
    words += [f"moisture × {choice.moisture:g}"] if choice.moisture != 1 else []
    return ", ".join(words) or "Unchanged climate"
