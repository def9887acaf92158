"""The split: a partition, scikit-learn's folds, and no site beside its twin in another part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold

import binn
from binn.errors import InputError
from binn.training.config import SplitConfig
from binn.training.split import chosen_sites, split_sites


def places(lon: list[float]) -> xr.Dataset:
    return xr.Dataset({"lon": ("site", lon), "lat": ("site", [45.0] * len(lon))})


@given(
    st.lists(st.integers(0, 40), min_size=60, max_size=150),
    st.integers(0, 9),
    st.sampled_from(["coordinates", "none"]),
)
def test_every_site_is_in_one_part(lon: list[int], fold: int, group: str) -> None:
    ds = places([float(x) for x in lon])
    if group == "coordinates" and len(set(lon)) < 11:
        return
    split = split_sites(ds, SplitConfig(fold=fold, group=group))
    together = np.concatenate([split.train, split.validation, split.test])
    assert sorted(together) == list(range(len(lon)))
    assert min(map(len, (split.train, split.validation, split.test))) > 0
    if group == "coordinates":
        parts = [{lon[i] for i in part} for part in (split.train, split.validation, split.test)]
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_folds_are_those_of_scikit_learn() -> None:
    ds = places(list(np.linspace(-80, -70, 103)))
    expected = KFold(10, shuffle=True, random_state=12345).split(np.arange(103))
    for fold, (_, test) in enumerate(expected):
        for group in ("none", "coordinates"):
            split = split_sites(ds, SplitConfig(fold=fold, group=group))
            assert list(split.test) == list(test)


def test_every_site_is_tested_once() -> None:
    ds = places([float(x % 37) for x in range(100)])
    tests = [split_sites(ds, SplitConfig(fold=fold)).test for fold in range(10)]
    assert sorted(np.concatenate(tests)) == list(range(100))


def test_a_ninth_of_the_rest_validates() -> None:
    split = split_sites(places(list(range(100))), SplitConfig())
    assert (len(split.train), len(split.validation), len(split.test)) == (80, 10, 10)


def test_seed_and_fold_change_it_and_nothing_else_does() -> None:
    ds = places(list(range(100)))
    first = split_sites(ds, SplitConfig())
    assert first.digest() == split_sites(ds, SplitConfig()).digest()
    assert first.digest() != split_sites(ds, SplitConfig(seed=1)).digest()
    assert first.digest() != split_sites(ds, SplitConfig(fold=1)).digest()


def test_too_few_places() -> None:
    with pytest.raises(InputError, match="10 distinct places, too few for 10 folds"):
        split_sites(places(list(range(10)) * 4), SplitConfig())


def test_new_york_keeps_its_twins_together(new_york: Path) -> None:
    ds = binn.open_dataset(new_york)
    place = list(zip(ds["lon"].values, ds["lat"].values, strict=True))
    shared = {one for one in place if place.count(one) > 1}
    assert len(shared) > 0
    for fold in range(10):
        split = split_sites(ds, SplitConfig(fold=fold))
        sides = [{place[i] for i in part} for part in (split.train, split.validation, split.test)]
        assert sum(map(len, sides)) == len(set(place))


def regions() -> xr.Dataset:
    """40 places: two states, each half meadow and half forest."""
    ds = places([float(x) for x in range(40)])
    ds["state"] = "site", np.repeat(["Upper", "Lower"], 20)
    ds["biome"] = "site", np.tile(np.repeat(["Meadow", "Forest"], 10), 2)
    ds["profile_id"] = "site", 500 + np.arange(40)
    return ds


def test_sites_of_a_region() -> None:
    ds = regions()
    assert list(chosen_sites(ds, SplitConfig(regions=("Upper",)))) == list(range(20))
    split = split_sites(ds, SplitConfig(regions=("Meadow",), folds=3))
    assert list(split.part("all")) == [*range(10), *range(20, 30)]
    assert min(map(len, (split.train, split.validation, split.test))) > 0
    both = SplitConfig(regions=("Lower", "Meadow"))
    assert list(chosen_sites(ds, both)) == [*range(10), *range(20, 40)]


def test_sites_by_id() -> None:
    ids = [539, *range(500, 525)]
    config = SplitConfig.model_validate({"sites": ids})
    assert list(split_sites(regions(), config).part("all")) == [*range(25), 39]
    assert SplitConfig.model_validate_json(config.model_dump_json()) == config
    within = config.model_copy(update={"regions": ("Lower",)})
    assert list(chosen_sites(regions(), within)) == [*range(20, 25), 39]


def test_all_sites_named_is_the_same_as_none_named() -> None:
    ds = regions()
    named = SplitConfig.model_validate({"sites": ds["profile_id"].values.tolist()})
    assert split_sites(ds, named).digest() == split_sites(ds, SplitConfig()).digest()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"regions": ["Atlantis"]}, "no state or biome 'Atlantis'; it has Forest, Lower, Meadow"),
        ({"sites": [500, 7]}, "no site of the profile id 7"),
        ({"sites": [500], "regions": ["Lower"]}, "none of the sites asked for"),
        ({"sites": [500, 501]}, "the chosen sites have 2 distinct places, too few for 10 folds"),
    ],
)
def test_sites_that_cannot_be_chosen(rule: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_sites(regions(), SplitConfig.model_validate(rule))
