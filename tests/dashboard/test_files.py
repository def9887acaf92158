"""What the Export dialog writes: numbers of the selection, paper figures, and their origin."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from proda_data import UNKNOWN, opened_on_grid

from binn.errors import InputError
from dashboard.figures import paper
from dashboard.state.files import data_file
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.work import Lane

pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")
NAMES = ("synthetic", "none")


@pytest.fixture
def state(opened: Opened) -> PageState:
    found = PageState(opened)
    found.results.start()
    return found


def test_before_anything_is_computed(opened: Opened) -> None:
    with pytest.raises(InputError, match="moment"):
        data_file(PageState(opened), "csv", "explore", NAMES)


def test_numbers_of_the_selection_with_the_scenario(state: PageState) -> None:
    state.selection.choose([3, 8, 21])
    state.scenario.warming = 2.0
    file = data_file(state, "nc", "what-if", NAMES)
    assert file.name == "binn-synthetic-3-sites.nc"
    state.selection.clear()  # the file is of what was chosen then
    found = xr.load_dataset(io.BytesIO(file.write()), engine="h5netcdf")
    assert found["source"].values.tolist() == ["binn", "changed"]
    rows = [3, 8, 21]
    ids = state.opened.dataset["profile_id"].to_numpy()[rows]
    np.testing.assert_array_equal(found["profile_id"], ids)
    np.testing.assert_array_equal(found["soc"].sel(source="binn"), state.results.estimate.soc[rows])
    assert (found["soc"].sel(source="changed") < found["soc"].sel(source="binn"))[:, 0].all()
    assert json.loads(found.attrs["state"])["scenario"]["warming"] == 2.0
    assert found.attrs["provenance"]


class _Never(Lane):
    """Work that is asked for and never done."""

    def request(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def on_grid() -> Opened:
    """Sites and cells with PRODA and truth, SYNTHETIC."""
    return opened_on_grid()


@pytest.mark.parametrize("on", ["site", "cell"])
def test_every_source_is_there_whatever_the_page_has_computed(on_grid: Opened, on: str) -> None:
    state = PageState(on_grid, changes=_Never())
    state.results.start()
    state.field.on = on
    state.selection.choose(np.arange(12))
    state.scenario.param.update(warming=2.0, changes={"q10": 2.1})
    assert state.results.change is None
    assert state.results.get("truth", on) is None
    found = xr.load_dataset(
        io.BytesIO(data_file(state, "nc", "what-if", NAMES).write()), engine="h5netcdf"
    )
    assert found["source"].values.tolist() == ["binn", "proda", "truth", "changed"]
    rows = np.arange(12) if on == "site" else np.unique(on_grid.site_cell[:12])
    for source in ("binn", "proda", "truth"):
        solved = on_grid.estimate("conserving", source, on)
        np.testing.assert_array_equal(found["soc"].sel(source=source), solved.soc[rows])
    assert np.isnan(found["soc"].sel(source="proda")).any() == (on == "cell" and UNKNOWN in rows)

    whole = PageState(on_grid)  # where the page solves it itself
    whole.results.start()
    whole.field.on = on
    whole.scenario.param.update(warming=2.0, changes={"q10": 2.1}, scope="all")
    change = whole.results.change if on == "site" else whole.results.change_cells
    np.testing.assert_allclose(
        found["soc"].sel(source="changed"), change.soc[change.rows(rows)], rtol=1e-12
    )


def test_a_file_is_of_one_bedrock_scheme(on_grid: Opened) -> None:
    state = PageState(on_grid)
    state.results.start()
    state.results._estimates = _Never()
    state.session.bedrock = "published"  # chosen, not solved yet
    found = xr.load_dataset(
        io.BytesIO(data_file(state, "nc", "explore", NAMES).write()), engine="h5netcdf"
    )
    assert found.attrs["bedrock"] == "published"
    for source in ("binn", "proda", "truth"):
        solved = on_grid.estimate("published", source, "site")
        np.testing.assert_array_equal(found["soc"].sel(source=source), solved.soc)


def test_cells_that_a_scenario_leaves_alone_have_no_changed_numbers() -> None:
    on_grid = opened_on_grid()
    cell = on_grid.dataset["site_cell"]
    cell.data[cell.data == 8] = 0  # the last cell holds no site
    state = PageState(on_grid)
    state.results.start()
    state.field.on = "cell"
    state.scenario.warming = 2.0
    found = xr.load_dataset(
        io.BytesIO(data_file(state, "nc", "what-if", NAMES).write()), engine="h5netcdf"
    )
    changed = found["soc"].sel(source="changed").isel(layer=0)
    held = np.isin(found["cell"], on_grid.site_cell)
    assert not held.all()
    np.testing.assert_array_equal(np.isfinite(changed), held)


def test_tables_of_the_grid(state: PageState) -> None:
    state.field.on = "cell"
    file = data_file(state, "csv", "explore", NAMES)
    with zipfile.ZipFile(io.BytesIO(file.write())) as archive:
        cells = pd.read_csv(archive.open("cells.csv"))
        assert len(cells) == 9
        assert "tau4s3" in "".join(cells.columns)
        assert "2502.00672" in archive.read("citation.txt").decode()


@pytest.mark.parametrize("view", ["map", "profile", "parameters", "traceability"])
def test_a_paper_figure_of_each_view(state: PageState, view: str) -> None:
    files = paper(view, state, columns="single").files(["png"])
    assert files[f"{view}.png"].startswith(b"\x89PNG")
    about = json.loads(files[f"{view}.json"])
    assert "v=1" in about["state"]["link"]
    assert about["bedrock"] == "conserving"
