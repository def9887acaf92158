"""The form of a new training: its options, read from the schema that the trainer is told by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from binn.errors import InputError
from binn.runs import RunRequest
from binn.training.config import OptimiserConfig, SplitConfig, TrainingConfig
from binn.training.live_map import QUANTITIES
from binn.training.presets import PRESETS, preset
from binn.training.split import split_sites

if TYPE_CHECKING:
    import xarray as xr

    from dashboard.state.page_state import PageState

__all__ = [
    "NUMBERS",
    "PRESET_NAMES",
    "QUANTITY_NAMES",
    "WHERE",
    "Number",
    "check_sites",
    "preset_values",
    "request_of",
    "site_options",
]

PRESET_NAMES = tuple(PRESETS)
QUANTITY_NAMES = {key: name for key, (name, _) in QUANTITIES.items()}
"""What the live map can show: key to name."""

WHERE = {"All sites": "all", "By region": "regions", "The selection": "selection"}
"""Which sites are trained on: what people read, and what the page calls it."""


@dataclass(frozen=True)
class Number:
    """A number that can be chosen, with the bounds that the schema gives it.

    Attributes
    ----------
    key : str
        As in `RunRequest`.
    label, description : str
        For people.
    whole : bool
        Whether it is an integer.
    low, high : float
        Bounds.
    above : bool
        Whether it must be above `low`, not equal to it.
    """

    key: str
    label: str
    description: str
    whole: bool
    low: float
    high: float
    above: bool

    def read(self, typed: str) -> float | int:
        """The number that somebody typed.

        Raises
        ------
        InputError
            With what is expected.
        """
        word = typed.strip().replace("_", "").replace(",", "")
        try:
            value: float = int(word) if self.whole else float(word)
        except ValueError:
            value = float("nan")
        if (value > self.low if self.above else value >= self.low) and value <= self.high:
            return value
        kind = "a whole number" if self.whole else "a number"
        start = f"above {self.low:,g}, at most" if self.above else f"from {self.low:,g} to"
        high = f"{self.high:,.0f}" if self.whole else f"{self.high:g}"
        raise InputError(f"Must be {kind} {start} {high}.")

    def written(self, value: float) -> str:
        """A value as it stands in the field."""
        return f"{value:d}" if self.whole else f"{value:g}"


def _number(model: Any, key: str, label: str, whole: bool = True) -> Number:
    field = model.model_fields[key]
    bounds: dict[str, float] = {}
    for one in field.metadata:
        bounds |= {name: getattr(one, name) for name in ("ge", "gt", "le") if hasattr(one, name)}
    return Number(
        key=key,
        label=label,
        description=field.description or "",
        whole=whole,
        low=bounds.get("ge", bounds.get("gt", 0)),
        high=bounds["le"],
        above="gt" in bounds,
    )


NUMBERS: dict[str, Number] = {
    number.key: number
    for number in (
        _number(TrainingConfig, "epochs", "Epochs"),
        _number(TrainingConfig, "members", "Members"),
        _number(TrainingConfig, "seed", "Seed"),
        _number(TrainingConfig, "batch_size", "Batch size"),
        _number(OptimiserConfig, "learning_rate", "Learning rate", whole=False),
        _number(SplitConfig, "folds", "Folds"),
    )
}
"""Numbers of the form, by key."""


def preset_values(name: str) -> dict[str, Any]:
    """What a preset says about everything in the form."""
    start = preset(name)
    values: dict[str, Any] = {
        key: getattr(start, key) for key in ("epochs", "members", "seed", "batch_size", "bedrock")
    }
    return values | {
        "learning_rate": start.optimiser.learning_rate,
        "folds": start.split.folds,
    }


def site_options(state: PageState, where: str, regions: tuple[str, ...]) -> dict[str, Any]:
    """The part of a request that says which sites.

    Parameters
    ----------
    state : PageState
        Its selection.
    where : {"all", "regions", "selection"}
    regions : tuple of str
        States and biomes.

    Raises
    ------
    InputError
        If nothing is chosen.
    """
    if where == "regions":
        if not regions:
            raise InputError("Choose at least one state or ecoregion.")
        return {"regions": regions}
    if where == "selection":
        sites = state.selection.sites
        if not len(sites):
            raise InputError("No site is selected: select some on the map, or train on all.")
        _, region = state.selection.region
        if region and _sites_of(state, region) == len(sites):
            return {"regions": (region,)}  # the same sites, and the run says which they are
        return {"sites": tuple(state.opened.dataset["profile_id"].to_numpy()[sites].astype(str))}
    return {}


def _sites_of(state: PageState, region: str) -> int:
    """How many sites a training on this region has: a state and a biome may share their name."""
    named = [state.opened.dataset[kind].to_numpy().astype(str) for kind in ("state", "biome")]
    return int(((named[0] == region) | (named[1] == region)).sum())


def request_of(
    data: str, preset_name: str, typed: Mapping[str, str], **more: Any
) -> tuple[RunRequest | None, dict[str, str]]:
    """The request that the form asks for, and what is wrong with it.

    Parameters
    ----------
    data : str
        Path or name of the dataset.
    preset_name : str
    typed : mapping
        What stands in the fields of `NUMBERS`.
    **more
        Other fields of `RunRequest`.

    Returns
    -------
    request : RunRequest or None
        None if something is wrong.
    faults : dict of str
        A sentence for each field that cannot be used; "" for the form as a whole.
    """
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for key, number in NUMBERS.items():
        try:
            values[key] = number.read(typed[key])
        except InputError as problem:
            faults[key] = str(problem)
    if faults:
        return None, faults
    try:
        return RunRequest.make(dataset=data, preset=preset_name, **values, **more), {}
    except InputError as problem:
        return None, {"": _sentence(str(problem))}


def check_sites(dataset: xr.Dataset, request: RunRequest) -> None:
    """Refuse a request whose sites are too few for its folds, before anything is started.

    Raises
    ------
    InputError
        With the numbers.
    """
    split_sites(dataset, request.training().split)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].rstrip(".") + "."
