"""Tables beside the plots hold what is drawn, and cost nothing while they are closed."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from binn.clm5 import Forcing, local_sensitivity, soc_at_depth, solve, stock
from binn.clm5.column import INTERFACES, NODES, POOL_NAMES, TOPS
from binn.parameters import KEYS, PARAMETERS
from dashboard.state.listed import MOST
from dashboard.state.opened import Opened
from dashboard.state.page_state import PageState
from dashboard.tables import OnDemand
from dashboard.units import number, with_unit
from dashboard.views.evaluation import Evaluation
from dashboard.views.inspector import Inspector
from dashboard.views.profile import DepthProfile
from dashboard.views.site import SiteParameters
from dashboard.views.summary import MapSummary
from dashboard.views.way import WayThere

# CLM5's defaults, some of which the prior does not cover
pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


@pytest.fixture
def state(opened: Opened) -> PageState:
    found = PageState(opened)
    found.results.start()
    return found


def unfold(numbers: OnDemand) -> None:
    """What a press on its heading does."""
    numbers.layout.active = [0]


def tables(numbers: OnDemand) -> list[dict[str, list[str]]]:
    """Tables as they are read: of each, its rows by their name, then ``head`` and ``caption``."""
    found = []
    for each in re.findall(r"<table>.*?</table>", numbers.content.object, re.S):
        cells = [
            [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
            for row in re.findall(r"<tr>.*?</tr>", each)
        ]
        names = [row[0] for row in cells[1:]]
        rows = dict(zip(names, cells[1:], strict=True))
        caption = re.sub("<[^>]+>", "", re.findall(r"<caption>.*?</caption>", each)[0])
        found.append({**rows, "head": cells[0], "caption": [caption]})
    return found


def solved(state: PageState):  # type: ignore[no-untyped-def]
    opened = state.opened
    return solve(opened.parameters, Forcing.from_dataset(opened.dataset), bedrock=opened.bedrock)


def test_a_closed_table_is_not_made(state: PageState) -> None:
    """A brush must not pay for what nobody looks at."""
    made = []
    numbers = OnDemand("Numbers", lambda: made.append(1) or "<table></table>")
    numbers.renew()
    assert not made
    assert not numbers.content.object
    unfold(numbers)
    numbers.renew()
    assert len(made) == 2
    numbers.layout.active = []
    numbers.renew()
    assert len(made) == 2
    views = (MapSummary(state), DepthProfile(state), SiteParameters(state))
    state.selection.choose([2, 3])
    assert not any(view.numbers.content.object for view in views)


def test_the_map_by_ecoregion_and_of_the_selection(state: PageState) -> None:
    view = MapSummary(state)
    unfold(view.numbers)
    values = stock(solved(state).soc, 0, 1).numpy() / 1000
    biome = state.opened.dataset["biome"].to_numpy().astype(str)
    (regions,) = tables(view.numbers)
    assert regions["head"] == ["Ecoregion", "n", "Median", "10 %", "90 %"]
    assert "kgC m⁻²" in regions["caption"][0]
    for name in np.unique(biome):
        inside = values[biome == name]
        told = [number(float(np.percentile(inside, level))) for level in (50, 10, 90)]
        assert regions[name or "none"][1:] == [f"{len(inside)}", *told]
    assert regions["All sites"][1] == f"{len(values)}"
    state.selection.choose([4, 9])  # an open table follows
    regions, chosen = tables(view.numbers)
    assert regions["Selection"][1] == "2"
    for site in (4, 9):
        row = chosen[f"{state.selection.profile(site)} (#{site})"]
        assert row[-1] == number(float(values[site]))
        assert float(row[1]) == pytest.approx(float(state.opened.dataset["lat"][site]), abs=1e-3)


def test_a_map_of_cells_lists_cells(state: PageState) -> None:
    view = MapSummary(state)
    state.field.on = "cell"
    state.selection.choose_cells([4])
    unfold(view.numbers)
    regions, chosen = tables(view.numbers)
    assert "All grid cells" in regions
    inside = int((state.opened.site_cell == 4).sum())
    assert chosen["4"][4] == f"{inside}"
    assert chosen["4"][5] == number(float(state.results.mapped.values[4]))


def test_many_selected_sites_are_not_all_listed(
    state: PageState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.state.listed.MOST", 3)
    assert MOST > 3
    state.selection.choose(range(10))
    view = MapSummary(state)
    unfold(view.numbers)
    chosen = tables(view.numbers)[1]
    assert chosen["caption"][0].endswith("the first 3 of 10")
    assert len(chosen) == 3 + 2


def test_the_profile_of_several_sites(state: PageState) -> None:
    sites = [3, 4, 8]
    state.selection.choose(sites)
    state.scenario.warming = 2.0
    view = DepthProfile(state)
    unfold(view.numbers)
    layers, each = tables(view.numbers)
    opened = state.opened
    forcing = Forcing.from_dataset(opened.dataset)
    soc = solved(state).soc.numpy()[sites] / 1000
    warm = solve(opened.parameters, forcing.changed(warming=2.0), bedrock=opened.bedrock)
    after = np.median(warm.soc.numpy()[sites], axis=0) / 1000
    rows, owner = opened.observations.of(np.array(sites))
    depth, observed = opened.observations.depth[rows], opened.observations.soc[rows] / 1000
    column = layers["head"].index
    changed = column("Changed, median")
    for layer, node in enumerate(NODES):
        row = layers[number(float(node))]
        low, middle, high = np.percentile(soc[:, layer], (25, 50, 75))
        assert row[1] == number(float(middle))
        assert row[2] == f"{number(float(low))} to {number(float(high))}"
        assert row[changed] == number(float(after[layer]))
        inside = observed[(depth >= TOPS[layer]) & (depth < INTERFACES[layer])]
        assert row[-1] == f"{len(inside)}"
        if len(inside):
            assert row[-3] == number(float(np.median(inside)))
    assert sum(int(row[-1]) for name, row in layers.items() if name not in ("head", "caption")) > 0
    assert each["head"][2:4] == ["Observed", opened.source_name("binn")]
    assert view.numbers.content.object.count("(#3)") == int((owner == 0).sum())


def test_observations_are_listed_beside_what_is_simulated_there(state: PageState) -> None:
    import torch

    state.selection.choose([5])
    view = DepthProfile(state)
    unfold(view.numbers)
    opened = state.opened
    rows, _ = opened.observations.of(np.array([5]))
    forcing = Forcing.from_dataset(opened.dataset)
    there = soc_at_depth(
        solved(state).soc[5].expand(len(rows), -1),
        torch.from_numpy(opened.observations.depth[rows]),
        nbedrock=forcing.per_site("nbedrock")[5].expand(len(rows)),
    ).numpy()
    found = re.findall(r"<td>(.*?)</td>" * 4, view.numbers.content.object.split("<table>")[-1])
    assert len(found) == len(rows)
    for row, value, cells in zip(rows, there, found, strict=True):
        seen = float(opened.observations.soc[row])
        told = (float(opened.observations.depth[row]), seen / 1000, float(value) / 1000)
        assert cells[:3] == tuple(map(number, told))


def test_pools_are_listed_while_they_are_drawn(state: PageState) -> None:
    state.selection.choose([1])
    view = DepthProfile(state)
    unfold(view.numbers)
    view.parts = "Pools"
    pools = tables(view.numbers)[1]
    assert pools["head"] == ["Depth (m)", *POOL_NAMES]
    expected = solved(state).pools[1, :, 0].numpy() / 1000
    assert pools[number(float(NODES[0]))][1:] == [number(float(one)) for one in expected]


def test_parameters_in_their_units(state: PageState) -> None:
    view = SiteParameters(state)
    state.selection.choose([2])
    state.scenario.set("q10", 2.5)
    unfold(view.numbers)
    (found,) = tables(view.numbers)
    for k, parameter in enumerate(PARAMETERS):
        row = found[parameter.key]
        value = float(state.opened.parameters[2, k])
        assert row[1].removesuffix(" (outside)") == with_unit(value, parameter.unit)
        assert row[-1] == parameter.long_name
        assert row[-2] == with_unit(parameter.default, parameter.unit)
    assert found["q10"][found["head"].index("Changed")] == with_unit(2.5, PARAMETERS[2].unit)


def test_sensitivities_as_numbers(state: PageState) -> None:
    view = Inspector(state)
    state.selection.choose([7])
    view._parts.active = [0]
    unfold(view.numbers)
    (found,) = tables(view.numbers)
    opened = state.opened
    forcing = Forcing.from_dataset(opened.dataset).take([7])
    there = solve(opened.parameters[[7]], forcing, bedrock=opened.bedrock)
    expected = local_sensitivity(there, *state.field.depth).detach().numpy()[0] / 1000
    told = [found[key][1] for key in KEYS]
    assert told == [number(float(one)) for one in expected]


def test_the_way_there_as_numbers(state: PageState) -> None:
    view = WayThere(state)
    state.selection.choose([7])
    view._panel.active = [0]
    unfold(view.numbers)
    assert not view.numbers.content.object
    state.scenario.warming = 2.0
    (found,) = tables(view.numbers)
    years = [name for name in found if name[:1].isdigit()]
    assert years[0] == "0"
    assert years[-1] == "200"
    stocks = [float(found[year][1]) for year in years]
    assert all(later <= sooner for sooner, later in pairwise(stocks))
    after = solve(
        state.opened.parameters[[7]],
        Forcing.from_dataset(state.opened.dataset).take([7]).changed(warming=2.0),
        bedrock=state.opened.bedrock,
    )
    assert found["new equilibrium"][1] == number(float(stock(after.soc, 0, 1)[0]) / 1000)


def test_deviations_by_biome(state: PageState) -> None:
    view = Evaluation(state)
    unfold(view.numbers)
    (found,) = tables(view.numbers)
    shown = view.answer.deviation
    known = np.isfinite(shown)
    biome = state.opened.dataset["biome"].to_numpy().astype(str)
    assert found["All sites shown"][1] == f"{known.sum()}"
    for name in np.unique(biome[known]):
        inside = shown[known & (biome == name)].astype(np.float32).astype(float)
        assert found[name or "none"][2] == number(float(np.median(inside)))
