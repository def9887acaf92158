"""Another climate and all of CONUS: what views draw is what the library computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from binn.clm5 import Forcing, local_sensitivity, solve, stock, transient
from binn.diagnostics import components, traceability
from binn.parameters import index
from dashboard.state.field import FIELDS
from dashboard.state.inspect import covariates, forces, sensitivities
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.state.way import way

pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


@pytest.fixture
def state(opened: Opened) -> PageState:
    found = PageState(opened)
    found.results.start()
    return found


def expected(opened: Opened, sites: np.ndarray, parameters: np.ndarray, **climate: float):  # type: ignore[no-untyped-def]
    forcing = Forcing.from_dataset(opened.dataset).changed(**climate).take(sites)
    return solve(torch.from_numpy(parameters[sites]), forcing)


@pytest.mark.parametrize("sites", [[4], [3, 8, 21], []], ids=["one", "several", "none"])
@pytest.mark.parametrize("scope", ["selection", "all"])
def test_a_warmer_drier_poorer_climate(state: PageState, sites: list[int], scope: str) -> None:
    state.selection.choose(sites)
    climate = {"warming": 2.0, "npp": 0.8, "moisture": 0.9}
    state.scenario.param.update(scope=scope, **climate)
    state.scenario.set("tau4s3", 300.0)
    where = np.arange(45) if scope == "all" or not sites else np.array(sites)
    parameters = state.opened.parameters.copy()
    parameters[:, index("tau4s3")] = 300.0
    change, truth = state.results.change, expected(state.opened, where, parameters, **climate)
    np.testing.assert_array_equal(change.sites, where)
    np.testing.assert_allclose(change.soc, truth.soc.numpy(), rtol=1e-12)
    for definition in ("stock", "published"):
        for key, value in components(truth, definition).items():
            found = change.estimate.components[definition][key]
            np.testing.assert_allclose(found, value.numpy(), rtol=1e-9, err_msg=key)
    for key, value in traceability(truth).items():
        np.testing.assert_allclose(change.estimate.traceability[key], value.numpy(), rtol=1e-12)
    shown = state.results.changed_map
    base = expected(state.opened, where, state.opened.parameters)
    difference = (stock(truth.soc, 0, 1) - stock(base.soc, 0, 1)).numpy() / 1000
    np.testing.assert_allclose(shown.values[where], difference, rtol=1e-9, atol=1e-9)
    assert np.isnan(np.delete(shown.values, where)).all()
    assert shown.diverging
    assert shown.low == -shown.high
    state.scenario.reset()
    assert state.results.change is None
    assert state.results.changed_map is None


def test_on_the_grid(state: PageState) -> None:
    opened = state.opened
    state.field.on = "cell"
    assert len(state.results.mapped.values) == 9
    grid = solve(
        torch.from_numpy(opened.parameters_of("binn", "cell")),
        Forcing.from_dataset(opened.dataset, on="cell"),
    )
    np.testing.assert_allclose(
        state.results.mapped.values, stock(grid.soc, 0, 1).numpy() / 1000, rtol=1e-12
    )
    state.selection.choose_cells([2, 5])
    members = np.flatnonzero(np.isin(opened.site_cell, [2, 5]))
    np.testing.assert_array_equal(state.selection.sites, members)
    state.scenario.warming = 3.0
    np.testing.assert_array_equal(state.results.change_cells.sites, [2, 5])
    assert (state.results.changed_map.values[[2, 5]] < 0).all()


def test_observed_values_of_a_cell_are_means_of_its_sites(state: PageState) -> None:
    state.field.param.update(key="soc_observed", on="site")
    each, cell = state.results.mapped.values, state.opened.site_cell
    state.field.on = "cell"
    for number, value in enumerate(state.results.mapped.values):
        of = each[(cell == number) & np.isfinite(each)]
        np.testing.assert_allclose(value, of.mean() if len(of) else np.nan)


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_every_field_can_be_mapped_on_both(state: PageState, key: str) -> None:
    for on, n in (("site", 45), ("cell", 9)):
        state.field.param.update(key=key, on=on)
        shown = state.results.mapped
        assert (shown.key, shown.on, len(shown.values)) == (key, on, n)
        assert shown.low < shown.high


def test_the_way_ends_where_solving_does(state: PageState) -> None:
    opened, sites = state.opened, np.array([1, 7, 30])
    found = way(
        opened, opened.parameters, sites, ({}, {"warming": 2.0}), "conserving", 40, (0.0, 1.0)
    )
    forcing = opened.forcing.take(sites)
    base = solve(torch.from_numpy(opened.parameters[sites]), forcing)
    path = transient(base, forcing.changed(warming=2.0), 40, top=0.0, bottom=1.0)
    np.testing.assert_allclose(
        found.middle, np.median(path.soc_stock.numpy(), axis=1) / 1000, rtol=1e-12
    )
    end = stock(solve(base.parameters, forcing.changed(warming=2.0)).soc, 0, 1).numpy()
    assert found.end == pytest.approx(np.median(end) / 1000, rel=1e-12)
    assert found.middle[0] > found.middle[-1] > found.end  # slow pools are not there yet


def test_a_way_of_many_sites_starts_where_all_of_them_are(
    state: PageState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.state.way.MOST_SITES", 15)
    opened, sites = state.opened, np.arange(state.opened.count)
    warmer = ({}, {"warming": 2.0})
    found = way(opened, opened.parameters, sites, warmer, "conserving", 1, (0.0, 1.0))
    held = np.sort(stock(opened.estimate("conserving").soc, 0, 1).numpy()) / 1000
    assert (found.sites, found.of) == (15, len(held))
    for start, share in ((found.low, 0.25), (found.middle, 0.5), (found.high, 0.75)):
        at = round(share * (len(held) - 1))
        assert held[at - 2] * 0.999 <= start[0] <= held[at + 2] * 1.001


def test_sensitivities_are_the_adjoints(state: PageState) -> None:
    opened, sites = state.opened, np.array([0, 11])
    found = sensitivities(opened, opened.parameters[sites], sites, "conserving", (0.0, 0.5))
    solved = solve(torch.from_numpy(opened.parameters[sites]), opened.forcing.take(sites))
    np.testing.assert_allclose(found, local_sensitivity(solved, 0.0, 0.5).numpy() / 1000)
    assert (found[:, index("tau4cwd")] == 0).all()


def test_forcing_and_covariates_of_a_selection(state: PageState) -> None:
    opened, dataset = state.opened, state.opened.dataset
    found = forces(opened, np.array([4]))
    cell = int(dataset["site_cell"][4])
    total = sum(
        float(dataset[name][cell].sum()) for name in ("cwd", "litter1", "litter2", "litter3")
    )
    assert found.litter.sum() == pytest.approx(total)
    assert -10 < found.temperature.min() < found.temperature.max() < 45
    rows = {row[-1]: row for row in covariates(opened, np.array([4, 9]))}
    warmth = dataset["covariates"].to_numpy()[[4, 9], 0]
    name, value, _, unit, _ = rows["BIO1"]
    assert (name, unit) == ("Annual mean temperature", "°C")
    assert float(value.replace("−", "-")) == pytest.approx(np.median(warmth), rel=1e-3)
    assert rows["ESA_Land_Cover"][3] == "class number"  # no names in these data


@pytest.mark.slow
def test_the_spread_over_the_folds_of_the_demonstration() -> None:
    import binn

    state = PageState.open("demo", "demo")
    state.field.param.update(key="q10", source="spread")
    members = [model.physical(state.opened.dataset) for model in binn.load_ensemble("demo")]
    expected = np.std([each[:, index("q10")] for each in members], axis=0, ddof=1)
    assert len(members) == 10
    np.testing.assert_allclose(state.results.mapped.values, expected, rtol=1e-12)
    assert state.results.problem == ""
