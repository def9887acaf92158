"""Which sites train, validate and test: ten folds from seed 12345, sites of one place together.

The rule (stored with every checkpoint): distinct coordinates, in order of first appearance, are
shuffled by ``numpy.random.RandomState(seed)`` and cut into `folds` parts exactly as scikit-learn's
``KFold(folds, shuffle=True, random_state=seed)`` does; part `fold` is the test set. Of the rest,
``RandomState(seed + 1 + fold)`` draws `validation_share` of the distinct coordinates (rounded) to
validate; what remains trains. With ``group="none"`` every site counts as a place of its own, which
is the authors' split: neighbours of a test site, at the very same coordinates, may then train.
Where the rule names regions or sites, the others are left out first and are in no part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from binn.errors import InputError
from binn.training.config import SplitConfig

__all__ = ["Split", "chosen_sites", "split_sites"]


@dataclass(frozen=True)
class Split:
    """Sites of the three parts, as sorted positions along `site`.

    Attributes
    ----------
    train, validation, test : ndarray (n,) of int
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    def part(self, name: str) -> NDArray[np.int64]:
        """Sites of the part called `name`; "all" is every site of the three."""
        if name == "all":
            return np.sort(np.concatenate([self.train, self.validation, self.test]))
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def digest(self) -> str:
        """sha256 over the three parts, to recognise the same split again."""
        text = "|".join(
            ",".join(map(str, part)) for part in (self.train, self.validation, self.test)
        )
        return hashlib.sha256(text.encode()).hexdigest()


def chosen_sites(ds: xr.Dataset, config: SplitConfig) -> NDArray[np.int64]:
    """Positions of the sites that the rule's regions and sites leave.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset; `state`, `biome` and `profile_id` are read where they are asked for.
    config : SplitConfig
        The rule.

    Returns
    -------
    ndarray (n,) of int
        Sorted.

    Raises
    ------
    InputError
        If the dataset has no such region or site, or no site is in both.
    """
    keep = np.ones(ds.sizes["site"], dtype=bool)
    if config.regions:
        state, biome = (ds[name].to_numpy().astype(str) for name in ("state", "biome"))
        known = np.unique(np.concatenate([state, biome])).tolist()
        for name in config.regions:
            if name not in known:
                raise InputError(
                    f"the dataset has no state or biome {name!r}; it has {_some(known)}"
                )
        keep &= np.isin(state, config.regions) | np.isin(biome, config.regions)
    if config.sites:
        ids = ds["profile_id"].to_numpy().astype(str)
        strange = sorted(set(config.sites) - set(ids.tolist()))
        if strange:
            raise InputError(
                f"the dataset has no site of the profile id {_some(strange)}: give ids that it has"
            )
        keep &= np.isin(ids, config.sites)
    if len(keep) and not keep.any():
        raise InputError("none of the sites asked for is in the regions asked for: widen either")
    return np.flatnonzero(keep)


def split_sites(ds: xr.Dataset, config: SplitConfig) -> Split:
    """Split the sites of a dataset.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset; `lon` and `lat` are read.
    config : SplitConfig
        The rule.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        If there are too few places for every part to have a site, or the sites the rule names are
        not there.
    """
    chosen = chosen_sites(ds, config)
    if config.group == "coordinates":
        place = _places(ds["lon"].to_numpy()[chosen], ds["lat"].to_numpy()[chosen])
    else:
        place = np.arange(len(chosen))
    n_places = int(place.max()) + 1 if len(place) else 0
    if n_places < config.folds + 1:
        whose = "the chosen sites have" if config.regions or config.sites else "the dataset has"
        raise InputError(
            f"{whose} {n_places} distinct places, too few for {config.folds} folds with a "
            "validation part; use fewer folds or more sites"
        )
    order = np.arange(n_places)
    np.random.RandomState(config.seed).shuffle(order)
    sizes = np.full(config.folds, n_places // config.folds)
    sizes[: n_places % config.folds] += 1
    stop = int(sizes[: config.fold + 1].sum())
    test = order[stop - sizes[config.fold] : stop]

    rest = np.setdiff1d(np.arange(n_places), test)
    n_validation = min(max(round(len(rest) * config.validation_share), 1), len(rest) - 1)
    draw = np.random.RandomState((config.seed + 1 + config.fold) % 2**32)
    validation = draw.permutation(rest)[:n_validation]
    train = np.setdiff1d(rest, validation)
    return Split(*(chosen[np.isin(place, part)] for part in (train, validation, test)))


def _places(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of each site's place; places are counted in order of first appearance."""
    _, first, inverse = np.unique(
        np.stack([lon, lat], axis=1), axis=0, return_index=True, return_inverse=True
    )
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]


def _some(names: list[str]) -> str:
    """The first few names, and how many there are besides."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
