"""One set of sites: by tap, brush, id, region; always ascending, never a site that is not there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_data import COLUMNS, FIRST_ID, ROWS, TOGETHER

from binn.errors import InputError
from dashboard.state.opened import Opened
from dashboard.state.places import Places
from dashboard.state.selection import Selection

SITES = COLUMNS * ROWS + 3


def selection_of(opened: Opened) -> Selection:
    names = ("lon", "lat", "profile_id", "state", "biome")
    return Selection(Places(*(opened.dataset[name].to_numpy() for name in names)))


@pytest.fixture
def selection(opened: Opened) -> Selection:
    return selection_of(opened)


@pytest.mark.parametrize("together", TOGETHER)
def test_a_tap_takes_everything_at_that_place(
    selection: Selection, together: tuple[int, ...]
) -> None:
    for site in together:
        selection.clear()
        selection.tap(site)
        assert selection.sites.tolist() == list(together)
        assert str(len(together)) in selection.how
    assert selection.shared[list(together)].tolist() == [len(together)] * len(together)


def test_a_tap_on_a_lonely_site_takes_only_it(selection: Selection) -> None:
    selection.tap(7)
    assert selection.sites.tolist() == [7]
    assert selection.words == "1 site selected"


def test_taps_with_shift_add_and_take_away(selection: Selection) -> None:
    selection.tap(7)
    selection.tap(3, extend=True)
    assert selection.sites.tolist() == [3, 7, 42, 43]
    selection.tap(42, extend=True)
    assert selection.sites.tolist() == [7]


@settings(deadline=None)
@given(chosen=st.lists(st.integers(0, SITES - 1)))
def test_a_selection_is_a_set(opened: Opened, chosen: list[int]) -> None:
    selection = selection_of(opened)
    selection.choose(chosen)
    assert selection.sites.tolist() == sorted(set(chosen))
    assert len(selection) == len(set(chosen))
    assert len(selection.active) == (len(selection) or SITES)
    selection.clear()
    assert selection.words == "No site selected"


@pytest.mark.parametrize("wrong", [[-1], [SITES], [0, 999]])
def test_a_site_that_is_not_there_is_refused(selection: Selection, wrong: list[int]) -> None:
    selection.choose([4])
    with pytest.raises(InputError, match="not among"):
        selection.choose(wrong)
    assert selection.sites.tolist() == [4]


def test_a_typed_id_takes_one_of_those_that_share_a_place(selection: Selection) -> None:
    selection.find(str(FIRST_ID + 42))
    assert selection.sites.tolist() == [42]
    selection.find(f"#3, {FIRST_ID + 44} #43")
    assert selection.sites.tolist() == [3, 43, 44]


@pytest.mark.parametrize("text", ["77", "#45", "#-1", "#x", f"{FIRST_ID} nobody"])
def test_an_unknown_id_changes_nothing(selection: Selection, text: str) -> None:
    selection.choose([4])
    with pytest.raises(InputError):
        selection.find(text)
    assert selection.sites.tolist() == [4]


def test_ids_read_as_floats_are_whole_numbers() -> None:
    ids = np.array([1001.0, 1002.0])
    selection = Selection(
        Places(np.zeros(2), np.zeros(2), ids, np.array(["a", "a"]), np.array(["", ""]))
    )
    selection.find("1002")
    assert selection.sites.tolist() == [1]
    assert selection.regions("biome") == []


def test_regions(selection: Selection, opened: Opened) -> None:
    assert selection.regions("state") == ["Lower", "Upper"]
    selection.choose_region("state", "Upper")
    expected = np.flatnonzero(opened.dataset["lat"].to_numpy() > 42.5)
    np.testing.assert_array_equal(selection.sites, expected)
    with pytest.raises(InputError):
        selection.choose_region("state", "Atlantis")


def test_watchers_hear_only_of_changes(selection: Selection) -> None:
    heard: list[object] = []
    selection.param.watch(heard.append, "sites")
    selection.choose([2, 1])
    selection.choose([1, 2])
    selection.choose([1, 2, 2])
    assert len(heard) == 1
