"""Moved sliders, and what the selection looks like under them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from binn.clm5 import solve
from binn.errors import InputError
from binn.parameters import KEYS, LOWER, PARAMETERS, UPPER, Parameter, index
from dashboard.state.opened import Opened
from dashboard.state.places import Places
from dashboard.state.results import Results
from dashboard.state.scenario import (
    Scenario,
    decimals,
    slider_positions,
    slider_step,
    snapped,
)
from dashboard.state.selection import Selection
from dashboard.state.session import Session
from dashboard.state.work import Lane

pytestmark = pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")


def build(opened: Opened, lane: Lane | None = None) -> tuple[Session, Selection, Scenario, Results]:
    session, scenario = Session(opened), Scenario()
    names = ("lon", "lat", "profile_id", "state", "biome")
    selection = Selection(Places(*(opened.dataset[name].to_numpy() for name in names)))
    results = Results(session, selection, scenario, changes=lane)
    results.start()
    return session, selection, scenario, results


@settings(deadline=None)
@given(key=st.sampled_from(KEYS), share=st.floats(0, 1))
def test_a_change_holds_for_all_sites_and_leaves_the_rest(key: str, share: float) -> None:
    parameters = np.linspace(LOWER, UPPER, 4)
    before = parameters.copy()
    column = index(key)
    value = min(LOWER[column] + share * (UPPER - LOWER)[column], UPPER[column])
    scenario = Scenario()
    scenario.set(key, value)
    changed = scenario.applied(parameters)
    assert (changed[:, column] == value).all()
    np.testing.assert_array_equal(np.delete(changed, column, 1), np.delete(before, column, 1))
    np.testing.assert_array_equal(parameters, before)
    scenario.reset()
    np.testing.assert_array_equal(scenario.applied(parameters), before)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=KEYS)
@pytest.mark.parametrize("end", ["below", "above", "nan"])
def test_outside_the_prior_is_refused(parameter, end) -> None:  # type: ignore[no-untyped-def]
    width = parameter.upper - parameter.lower
    value = {"below": parameter.lower - width, "above": parameter.upper + width, "nan": np.nan}[end]
    scenario = Scenario()
    with pytest.raises(InputError, match=parameter.key):
        scenario.set(parameter.key, value)
    assert scenario.changes == {}


@settings(deadline=None)
@given(parameter=st.sampled_from(PARAMETERS), share=st.floats(-0.2, 1.2))
def test_slider_positions_are_exactly_what_is_written_beside_them(
    parameter: Parameter, share: float
) -> None:
    value = parameter.lower + share * (parameter.upper - parameter.lower)
    position = snapped(parameter, value)
    assert parameter.lower <= position <= parameter.upper
    assert float(f"{position:.{decimals(parameter)}f}") == position
    assert snapped(parameter, position) == position
    if 0 <= share <= 1:
        assert abs(position - value) <= 1.001 * slider_step(parameter)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=KEYS)
def test_both_ends_are_slider_positions(parameter: Parameter) -> None:
    assert snapped(parameter, parameter.lower) == parameter.lower
    assert snapped(parameter, parameter.upper) == parameter.upper
    steps = (parameter.upper - parameter.lower) / slider_step(parameter)
    assert 99 < steps < 1000


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(InputError, match="tau9"):
        Scenario().set("tau9", 1.0)


def test_resetting_one_keeps_the_others() -> None:
    scenario = Scenario()
    scenario.set("q10", 2.0)
    scenario.set("beta", 0.9)
    scenario.reset("q10")
    assert scenario.changes == {"beta": 0.9}


def test_sliders_stand_at_the_median_or_the_change(opened: Opened) -> None:
    sites = np.array([1, 5, 9])
    estimate = opened.estimate("conserving")
    positions, outside = slider_positions(estimate, sites, {"q10": 2.5})
    assert positions[index("q10")] == 2.5
    assert positions[index("tau4s3")] == np.median(opened.parameters[sites, index("tau4s3")])
    assert "efolding" in outside  # CLM5 has 10 m, the prior ends at 1 m
    assert positions[index("efolding")] == UPPER[index("efolding")]
    assert ((positions >= LOWER) & (positions <= UPPER)).all()


@pytest.mark.parametrize("sites", [[4], [3, 42, 43], []], ids=["one", "several", "none: all"])
@pytest.mark.parametrize("bedrock", ["conserving", "published"])
def test_the_change_is_what_solve_gives(opened: Opened, sites: list[int], bedrock: str) -> None:
    session, selection, scenario, results = build(opened)
    session.bedrock = bedrock
    selection.choose(sites)
    assert results.change is None
    for parameter in PARAMETERS:
        value = parameter.lower + 0.37 * (parameter.upper - parameter.lower)
        scenario.set(parameter.key, value)
        chosen = np.array(sites) if sites else np.arange(selection.count)
        expected = opened.parameters[chosen]
        for key, moved in scenario.changes.items():
            expected[:, KEYS.index(key)] = moved
        state = solve(torch.from_numpy(expected), opened.forcing.take(chosen), bedrock=bedrock)
        assert results.change is not None
        np.testing.assert_array_equal(results.change.sites, chosen)
        np.testing.assert_allclose(results.change.soc, state.soc.numpy(), rtol=1e-12)
        np.testing.assert_allclose(results.change.pools, state.pools.numpy(), rtol=1e-12)
    scenario.reset()
    assert results.change is None


def test_the_change_follows_selection_and_scheme(opened: Opened) -> None:
    session, selection, scenario, results = build(opened)
    scenario.set("tau4s3", 300.0)
    selection.choose([2])
    assert results.change is not None
    first = results.change.soc
    assert first.shape == (1, 20)
    session.bedrock = "published"
    assert results.estimate is not None
    assert results.estimate.bedrock == "published"
    assert not np.array_equal(results.change.soc, first)
    selection.choose([2, 3])
    assert results.change.soc.shape == (2, 20)


def test_the_newest_request_wins() -> None:
    """Old work that ends late, or has not begun, never overwrites what was asked for later."""
    arrived: list[Callable[[], None]] = []
    done: list[str] = []
    hold, begun = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert hold.wait(30)
        return "old"

    with ThreadPoolExecutor(1) as executor:
        lane = Lane(executor, arrived.append)
        lane.request(slow, done.append, done.append)
        assert begun.wait(30)
        lane.request(lambda: "never begun", done.append, done.append)
        lane.request(lambda: "new", done.append, done.append)
        hold.set()
    for deliver in arrived:
        deliver()
    assert done == ["new"]


def test_a_failure_is_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []

    def refused() -> None:
        raise InputError("The reason.")

    def broken() -> None:
        raise ZeroDivisionError

    for work in (refused, broken):
        Lane().request(work, pytest.fail, said.append)
    assert said[0] == "The reason."
    assert "log" in said[1]
    assert "ZeroDivisionError" in caplog.text


def test_what_is_forgotten_does_not_arrive() -> None:
    arrived: list[Callable[[], None]] = []
    done: list[int] = []
    with ThreadPoolExecutor(1) as executor:
        lane = Lane(executor, arrived.append)
        lane.request(lambda: 1, done.append, pytest.fail)
        lane.forget()
    for deliver in arrived:
        deliver()
    assert done == []
