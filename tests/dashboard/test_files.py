"""What the Export dialog writes: numbers of the selection, paper figures, and their origin."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from binn.errors import InputError
from dashboard.figures import paper
from dashboard.state.files import data_file
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState

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
