"""The tutorial runs from top to bottom, and every view shows itself in a notebook."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import panel as pn
import pytest
from panel.viewable import Viewer

import binn
import dashboard.views
from binn.clm5 import INTERFACES, Forcing, solve, stock
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState

TUTORIAL = "docs/tutorial.ipynb"
# what surrounds the views of a page, and means nothing without one
FRAME = {"Header", "Notices", "Training"}


def view_classes() -> dict[str, type[Viewer]]:
    names = [
        one.name for one in pkgutil.walk_packages(dashboard.views.__path__, "dashboard.views.")
    ]
    return {
        name: one
        for module in map(importlib.import_module, names)
        for name, one in inspect.getmembers(module, inspect.isclass)
        if issubclass(one, Viewer) and one.__module__ == module.__name__
    }


@pytest.fixture(scope="module")
def state(opened: Opened) -> PageState:
    state = PageState(opened)
    state.results.start()
    state.selection.choose(np.arange(3))
    return state


@pytest.mark.filterwarnings("ignore:Both .variant. and .button_style.")  # of its own
@pytest.mark.parametrize("name", sorted(set(view_classes()) - FRAME))
def test_a_view_of_a_state_shows_itself(name: str, state: PageState) -> None:
    """Nothing but the state is given; the tutorial shows three of them in a kernel."""
    view = view_classes()[name](state)
    assert pn.panel(view).get_root().references()


def test_only_the_frame_of_the_page_needs_more_than_a_state() -> None:
    assert set(view_classes()) >= FRAME | {"FieldMap", "DepthProfile", "Traceability", "Comparison"}


def test_the_tutorial_is_kept_without_outputs(root: Path) -> None:
    path = root / TUTORIAL
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 10
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert path.stat().st_size < 40_000


def test_the_links_of_the_tutorial_lead_somewhere(root: Path) -> None:
    text = (root / TUTORIAL).read_text("utf-8")
    links = re.findall(r"\]\(([^)#\s]+)\)", text)
    assert len(links) >= 3
    assert not [link for link in links if not (root / "docs" / link).exists()]


@pytest.fixture(scope="module")
def executed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tutorial after a run in a folder of its own, by this Python, with warnings shown."""
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("tutorial")
    notebook = nbformat.read(root / TUTORIAL, as_version=4)
    own = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    with pytest.MonkeyPatch.context() as patch:
        for name in own:  # no other kernel, no settings of whoever runs the tests
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("PYTHONWARNINGS", "default")
        patch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "2"))
        client = NotebookClient(
            notebook,
            timeout=400,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute()
    assert (folder / "exports/traceability.pdf").stat().st_size > 10_000
    assert (folder / "exports/traceability.json").is_file()
    return notebook


def outputs(notebook: Any) -> list[Any]:
    return [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]


@pytest.mark.slow
def test_the_tutorial_runs_without_errors_and_warnings(executed: Any) -> None:
    found = outputs(executed)
    assert not [one for one in found if one.output_type == "error"]
    said = [one.text for one in found if one.output_type == "stream" and one.name == "stderr"]
    assert not said
    shown = [one.data for one in found if one.output_type in ("display_data", "execute_result")]
    assert sum("image/png" in data for data in shown) == 2
    views = {"page", "page-map", "page-traceability"}
    for cell in (one for one in executed.cells if one["id"] in views):
        assert any("text/html" in one.get("data", {}) for one in cell.outputs), cell["id"]


@pytest.mark.slow
def test_the_tutorial_finds_what_the_library_finds(executed: Any) -> None:
    """Its last cell, against numbers taken from pools and flows in another way."""
    found = ast.literal_eval(executed.cells[-1].outputs[-1].data["text/plain"])
    ds, model = binn.open_dataset("demo"), binn.load_checkpoint("demo")
    biome = ds["biome"].to_numpy()
    out = binn.predict(model, ds)
    total = stock(out["pools"].to_numpy().sum(1), 0.0, float(INTERFACES[-1]))
    carbon = {name: float(np.mean(np.asarray(total)[biome == name])) for name in np.unique(biome)}
    richest = max(carbon, key=carbon.__getitem__)
    assert found["richest biome"] == richest
    assert found["its storage, kgC m-2"] == pytest.approx(carbon[richest] / 1000, rel=1e-3)
    years = np.asarray(total) / out["influx"].to_numpy()
    assert found["its residence time, yr"] == pytest.approx(
        float(years[biome == richest].mean()), rel=1e-3
    )
    plains = np.flatnonzero(biome == "Great Plains")
    forcing = Forcing.from_dataset(ds).take(plains)
    for key, warming in (("Great Plains SOC 0-1 m, kgC m-2", 0.0), ("2 K warmer", 2.0)):
        solved = solve(
            out["parameters"].to_numpy()[plains], forcing.changed(warming=warming), model.bedrock
        )
        assert found[key] == pytest.approx(
            float(stock(solved.soc, 0.0, 1.0).mean()) / 1000, abs=1e-4
        )
    assert found["2 K warmer"] < found["Great Plains SOC 0-1 m, kgC m-2"]
    assert 0 < found["loss after 100 years, share"] < 1
    promised, exact = found["tau4s3, promised and solved"]
    assert promised == pytest.approx(exact, rel=0.25)
    assert found["sites selected on the page"] == int((biome == "North American Deserts").sum())
