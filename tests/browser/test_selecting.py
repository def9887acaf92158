"""Tap, box, lasso and typed ids select exactly the sites that are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from on_screen import Screen, drag, screen
from page_data import FIRST_ID, TOGETHER
from shapely import Polygon, contains_xy, points

import binn
from binn.parameters import KEYS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def explore(visit: Callable[..., object], site: str):  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    return one


def choose_tool(one, name: str) -> None:  # type: ignore[no-untyped-def]
    one.page.get_by_title(name).first.click()


def expect(one, sites: list[int]) -> None:  # type: ignore[no-untyped-def]
    """The map, the text and the other views agree on the selection."""
    one.until(lambda: one.selected() == sorted(sites), f"{one.selected()} to be {sites}")
    words = f"{len(sites)} site{'s' * (len(sites) > 1)} selected" if sites else "No site selected"
    one.page.get_by_text(words, exact=True).first.wait_for()


def test_tap_takes_the_site(explore, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    places = screen(explore.page, synthetic_path)
    for number in (7, 30):
        explore.page.mouse.click(*places.at[number])
        expect(explore, [number])
    explore.page.get_by_text(f"Profile {FIRST_ID + 30} (site #30)").first.wait_for()
    explore.page.mouse.click(*places.at[7])
    expect(explore, [7])


@pytest.mark.parametrize("together", TOGETHER)
def test_tap_takes_all_that_share_the_place(  # type: ignore[no-untyped-def]
    explore, synthetic_path: Path, together: tuple[int, ...]
) -> None:
    places = screen(explore.page, synthetic_path)
    explore.page.mouse.click(*places.at[together[0]])
    expect(explore, list(together))
    explore.page.get_by_text(f"{len(together)} profiles share this place").first.wait_for()


def test_shift_adds_and_a_tap_beside_changes_nothing(explore, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    places = screen(explore.page, synthetic_path)
    explore.page.mouse.click(*places.at[7])
    expect(explore, [7])
    explore.page.keyboard.down("Shift")
    explore.page.mouse.click(*places.at[30])
    explore.page.keyboard.up("Shift")
    expect(explore, [7, 30])
    explore.page.mouse.click(places.frame[0] + 6, places.frame[1] + 6)
    explore.page.wait_for_timeout(500)
    expect(explore, [7, 30])


def rectangle(places: Screen) -> tuple[float, float, float, float]:
    left, top, right, bottom = places.frame
    width, height = right - left, bottom - top
    return (
        places.clear_of(left + 0.25 * width, 0),
        places.clear_of(top + 0.2 * height, 1),
        places.clear_of(left + 0.7 * width, 0),
        places.clear_of(top + 0.65 * height, 1),
    )


def test_box(explore, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    places = screen(explore.page, synthetic_path)
    left, top, right, bottom = rectangle(places)
    expected = places.inside(left, top, right, bottom)
    assert 3 < len(expected) < 40
    drag(explore.page, [(left, top), (right, bottom)])  # the box is the tool at the start
    expect(explore, expected)
    choose_tool(explore, "Lasso Select")
    choose_tool(explore, "Box Select")
    drag(explore.page, [(left, bottom), (places.clear_of((left + right) / 2, 0), top)])
    expect(explore, places.inside(left, top, places.clear_of((left + right) / 2, 0), bottom))


def test_lasso(explore, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    places = screen(explore.page, synthetic_path)
    left, top, right, bottom = rectangle(places)
    path = [(left, bottom), ((left + right) / 2, top), (right, bottom)]
    triangle = Polygon(path)
    expected = np.flatnonzero(contains_xy(triangle, *places.at.T)).tolist()
    edges = [triangle.exterior.distance(p) for p in points(places.at)]
    assert min(edges) > 0.5, "a site stands on the lasso's edge: draw another one"
    assert 2 < len(expected) < 40
    choose_tool(explore, "Lasso Select")
    drag(explore.page, [*path, path[0]])
    expect(explore, expected)


def test_typed_ids_and_clear(explore) -> None:  # type: ignore[no-untyped-def]
    field = explore.page.get_by_label("Find profile id")
    field.fill(str(FIRST_ID + 42))
    field.press("Enter")
    expect(explore, [42])  # one of the three that share a place
    field.fill("#5, #6")
    field.press("Enter")
    expect(explore, [5, 6])
    field.fill("12345")
    field.press("Enter")
    explore.page.get_by_text("No profile has the id").first.wait_for()
    expect(explore, [5, 6])
    explore.page.get_by_role("button", name="Clear").first.click()
    expect(explore, [])


def test_a_region(explore, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    explore.page.get_by_role("combobox", name="Select a region").click()
    explore.page.get_by_role("menuitem", name="Upper").click()
    upper = binn.open_dataset(synthetic_path)["lat"].to_numpy() > 42.5
    expect(explore, np.flatnonzero(upper).tolist())


def test_views_follow_the_selection(explore, synthetic_path: Path, checkpoint: Path) -> None:  # type: ignore[no-untyped-def]
    predicted = binn.predict(binn.load_checkpoint(checkpoint), binn.open_dataset(synthetic_path))
    count = predicted["obs_count"].to_numpy()
    start = np.cumsum(count) - count
    places = screen(explore.page, synthetic_path)
    for sites in ([7], list(TOGETHER[0])):
        explore.page.mouse.click(*places.at[sites[0]])
        expect(explore, sites)
        soc = np.median(predicted["soc"].to_numpy()[sites], axis=0) / 1000
        explore.until(
            lambda soc=soc: np.allclose(explore.data("profile")["base"], soc, rtol=1e-6),
            "the drawn profile to be the predicted one",
        )
        bars = explore.data("parameters")
        assert bars["key"] == list(KEYS)
        median = np.median(predicted["parameters"].to_numpy()[sites], axis=0)
        np.testing.assert_allclose(bars["value"], median, rtol=1e-6)
        rows = np.concatenate([np.arange(start[s], start[s] + count[s]) for s in sites])
        points = explore.data("observed")
        measured = predicted["obs_soc"].to_numpy()[rows] / 1000
        np.testing.assert_allclose(points["soc"], measured, rtol=1e-6)
        np.testing.assert_allclose(points["depth"], predicted["obs_depth"].to_numpy()[rows])
