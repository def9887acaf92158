"""Files a visitor can take away: the numbers of the selection, or a view as a paper figure."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from binn.errors import InputError
from dashboard.state.changed import under_scenario
from dashboard.state.estimate import Estimate
from dashboard.state.export import about_export, csv_zip, gathered, netcdf
from dashboard.state.link import write_link
from dashboard.state.page_state import PageState

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["DATA_FORMATS", "File", "data_file"]

_MANY = 2_000
"""Sites or cells; files of more are written apart from the server."""
DATA_FORMATS = {"csv": "Tables (CSV, zipped)", "nc": "NetCDF"}


@dataclass(frozen=True, eq=False)
class File:
    """A file that is not written yet.

    Attributes
    ----------
    name : str
        As the browser will save it.
    write : callable
        Returns its content; may take a while and needs nothing of the page any more.
    """

    name: str
    write: Callable[[], bytes]


def data_file(state: PageState, kind: str, tab: str, names: tuple[str, str]) -> File:
    """The numbers of the selected sites, or cells if the grid is shown, by every source there is.

    What the page has not computed is computed when the file is written: the other sources of the
    dataset, and what the scenario makes of BINN's parameters.

    Parameters
    ----------
    state : PageState
        Read now, not kept.
    kind : {"csv", "nc"}
    tab : str
        The page's tab, for the link in the file.
    names : (str, str)
        Of the dataset and checkpoint, as links name them.

    Raises
    ------
    InputError
        If nothing has been computed yet.
    """
    if kind not in DATA_FORMATS:
        raise InputError(f"data are not written as {kind!r}; choose from {', '.join(DATA_FORMATS)}")
    opened, on, scenario = state.opened, state.field.on, state.scenario
    bedrock, change = state.session.bedrock, (dict(scenario.changes), scenario.climate)
    base = state.results.get("binn", on)
    if base is None:
        raise InputError("the estimates are still being computed; export again in a moment")
    rows, active = _rows(state, base), scenario.active
    applies = _applies(state, rows)
    described = {
        "link": write_link(state, tab, *names),
        "selected": len(state.selection),
        "selected_how": state.selection.how,
        "scenario": {**change[0], **change[1]},
        "depth_m": list(state.field.depth),
    }
    definition = state.field.definition
    origin = {
        "checkpoint": opened.checkpoint,
        "bedrock": bedrock,
        "definition": definition,
        "state": described,
    }
    dataset, data = opened.dataset, opened.data

    def write() -> bytes:
        about = about_export(dataset, data, **origin)
        estimates = {source: opened.estimate(bedrock, source, on) for source in opened.sources}
        if active:
            changed = under_scenario(opened, change, bedrock, rows, on, applies)
            estimates["changed"] = changed
        numbers = gathered(dataset, rows, estimates, on=on, definition=definition)
        form = netcdf if kind == "nc" else csv_zip
        return form(numbers, about) if len(rows) <= _MANY else _apart(form, numbers, about)

    stem = f"binn-{names[0]}-{len(rows)}-{'sites' if on == 'site' else 'cells'}"
    return File(f"{stem}.{'nc' if kind == 'nc' else 'zip'}", write)


def _apart(form: Callable[..., bytes], numbers: xr.Dataset, about: dict[str, Any]) -> bytes:
    """Write a large file in a process of its own: compressing would hold up other visitors."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(form, numbers, about).result()


def _rows(state: PageState, base: Estimate) -> np.ndarray:
    """Selected sites or cells, or all; cells without parameters are left out."""
    if state.field.on == "site":
        return state.selection.active
    known = np.flatnonzero(np.isfinite(base.parameters).all(1))
    return np.intersect1d(known, state.selection.cells) if len(state.selection) else known


def _applies(state: PageState, rows: np.ndarray) -> np.ndarray:
    """Where the scenario applies: of the whole grid, unless it is for all, where sites are."""
    if state.field.on == "site" or state.scenario.scope == "all" or len(state.selection):
        return np.ones(len(rows), dtype=bool)
    return np.isin(rows, state.opened.site_cell)
