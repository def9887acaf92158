"""The link to a view: everything a visitor chose, in a versioned and checked form.

A link is a query string. Writing one and reading it gives the same state; a value that cannot be
used falls back to the default and is named in a notice, so that nothing is changed in silence.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from dashboard.state.opened import SOURCES
from dashboard.state.page_state import PageState
from dashboard.state.scenario import Scenario

__all__ = ["TABS", "VERSION", "packed_sites", "read_link", "write_link"]

VERSION = 1
TABS = {
    "explore": "Explore",
    "traceability": "Traceability",
    "binn-vs-proda": "BINN vs PRODA",
    "what-if": "What if",
    "evaluation": "Evaluation",
    "training": "Training",
    "methods": "Methods",
}
"""Tabs as links name them, and their titles, in order."""
_FEW = 60
"""Up to so many sites are listed in a link; more are packed."""
_MOST_PACKED = 200_000
"""Characters; far more than any selection of a dataset that fits into memory needs."""
_FIELD = {"field": "key", "from": "source", "show": "on", "definition": "definition"}
_LOOK = {
    "axes": "traceability_scale",
    "lines": "profile_parts",
    "soc-axis": "profile_scale",
    "down-to": "profile_depth",
    "row": "enlarged",
    "part": "evaluated",
    "scored": "scored",
    "above": "above",
    "years": "years",
    "way": "way_open",
}
"""Settings of views, of :class:`dashboard.state.look.Look`."""
_ANSWERS = {"yes": True, "no": False}
_KEYS = (
    *("v", "data", "checkpoint", "tab", "theme", "bedrock", *_FIELD, "depth", "reach", "limits"),
    *("n", "sites", "packed", "region", "parameters", *Scenario.CLIMATE, "scope", "map"),
    *_LOOK,
)


def write_link(state: PageState, tab: str = "explore", data: str = "", checkpoint: str = "") -> str:
    """The query string of a view, without the question mark; what is at its default is left out.

    Parameters
    ----------
    state : PageState
    tab : str
        One of :data:`TABS`.
    data, checkpoint : str
        As the choosers name them.
    """
    field, scenario = state.field, state.scenario
    found: dict[str, str] = {"v": str(VERSION), "data": data, "checkpoint": checkpoint, "tab": tab}
    found["theme"] = "dark" if state.session.dark else ""
    found["bedrock"] = state.session.bedrock
    for name, parameter in _FIELD.items():
        if getattr(field, parameter) != field.param[parameter].default:
            found[name] = getattr(field, parameter)
    if field.depth != field.param.depth.default:
        found["depth"] = _numbers(field.depth)
    if field.reach != field.param.reach.default:
        found["reach"] = field.reach
    if field.reach == "fixed":
        found["limits"] = _numbers(field.limits)
    found |= _selection(state)
    found["parameters"] = ",".join(f"{k}:{v!r}" for k, v in sorted(scenario.changes.items()))
    for name, nothing in Scenario.CLIMATE.items():
        if getattr(scenario, name) != nothing:
            found[name] = repr(float(getattr(scenario, name)))
    for name, parameter in (("scope", "scope"), ("map", "show")):
        if getattr(scenario, parameter) != scenario.param[parameter].default:
            found[name] = getattr(scenario, parameter)
    for name, parameter in _LOOK.items():
        value = getattr(state.look, parameter)
        if value != state.look.param[parameter].default:
            answers = {answer: word for word, answer in _ANSWERS.items()}
            found[name] = answers[value] if isinstance(value, bool) else str(value)
    return urlencode({key: value for key, value in found.items() if value})


def _selection(state: PageState) -> dict[str, str]:
    selection = state.selection
    if not len(selection):
        return {}
    known = {"n": str(selection.count)}
    kind, name = selection.region
    if name:
        return {**known, "region": f"{kind}:{name}"}
    if len(selection) <= _FEW:
        return {**known, "sites": ",".join(map(str, selection.sites))}
    return {**known, "packed": packed_sites(selection.sites, selection.count)}


def packed_sites(sites: NDArray[np.int64], count: int) -> str:
    """A set of sites among `count` of them, as a few hundred to a few thousand characters."""
    mask = np.zeros(count, dtype=bool)
    mask[sites] = True
    packed = zlib.compress(np.packbits(mask).tobytes(), 9)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_link(state: PageState, query: Mapping[str, str]) -> tuple[str, list[str]]:
    """Bring a state to what a link says.

    Parameters
    ----------
    state : PageState
        Of the dataset and checkpoint that the link names; changed.
    query : mapping of str
        The parsed query string.

    Returns
    -------
    tab : str
        One of :data:`TABS`.
    notices : list of str
        A sentence for every value that could not be used.
    """
    notices: list[str] = []
    query = {key: value for key, value in query.items() if value}
    unknown = sorted(set(query) - set(_KEYS))
    if unknown:
        notices.append(f"The link holds something unknown ({', '.join(unknown)[:80]}): left out.")
    if query and query.get("v", str(VERSION)) != str(VERSION):
        notices.append(
            f"The link is of version {query['v'][:20]!r}, this page reads version {VERSION}: what "
            "is still understood was used."
        )

    def use(key: str, apply: Callable[[str], Any]) -> None:
        if key not in query:
            return
        try:
            apply(query[key])
        except (ValueError, KeyError, TypeError, zlib.error, OverflowError) as problem:
            reason = f" ({problem})" if isinstance(problem, InputError) else ""
            notices.append(
                f"The link's {key}={query[key][:40]!r} cannot be used{reason}: left as it was."
            )

    field, scenario, selection = state.field, state.scenario, state.selection
    use("bedrock", lambda value: state.session.param.update(bedrock=value))
    use(
        "theme",
        lambda value: state.session.param.update(dark={"dark": True, "light": False}[value]),
    )
    for name, parameter in _FIELD.items():
        use(name, lambda value, parameter=parameter: _set(state, parameter, value))
    use("depth", lambda value: field.param.update(depth=_range(value)))
    use("limits", lambda value: field.param.update(limits=_range(value)))
    use("reach", lambda value: field.param.update(reach=value))
    if any(key in query for key in ("sites", "packed", "region")):
        if query.get("n", str(selection.count)) == str(selection.count):
            use("region", lambda value: selection.choose_region(*value.split(":", 1)))
            use("sites", lambda value: selection.choose(_whole(value), "from the link"))
            use("packed", lambda value: selection.choose(_unpacked(value, selection.count), "link"))
        else:
            notices.append(
                "The link's selection belongs to a dataset with another number of sites: left out."
            )
    use("parameters", lambda value: _set_parameters(scenario, value))
    for name in Scenario.CLIMATE:
        use(name, lambda value, name=name: scenario.param.update(**{name: _finite(value)}))
    use("scope", lambda value: scenario.param.update(scope=value))
    use("map", lambda value: scenario.param.update(show=value))
    for name, parameter in _LOOK.items():
        use(name, lambda value, parameter=parameter: _set_look(state, parameter, value))
    tab = query.get("tab", "explore")
    if tab not in TABS:
        notices.append(f"The link's tab={tab[:40]!r} does not exist: Explore is shown.")
        tab = "explore"
    return tab, notices


def _set(state: PageState, parameter: str, value: str) -> None:
    if parameter == "source":
        opened = state.opened
        missing = {
            "proda": "proda" not in opened.sources,
            "difference": "proda" not in opened.sources,
            "truth": "truth" not in opened.sources,
            "spread": not opened.has_folds,
        }
        if missing.get(value):
            raise InputError("this dataset and checkpoint do not have it")
    state.field.param.update(**{parameter: value})


def _set_look(state: PageState, parameter: str, value: str) -> None:
    default = state.look.param[parameter].default
    chosen: object = value
    if isinstance(default, bool):
        chosen = _ANSWERS[value]
    elif isinstance(default, int):
        chosen = int(value)
    needed = {"enlarged": "proda", "scored": value}.get(parameter, "binn")
    if needed not in state.opened.sources and needed in SOURCES:
        raise InputError("this dataset does not have it")
    state.look.param.update(**{parameter: chosen})


def _set_parameters(scenario: Scenario, value: str) -> None:
    """All or none of them."""
    found = {}
    for part in value.split(","):
        key, number = part.split(":")
        trial = Scenario()
        trial.set(key, _finite(number))
        found |= trial.changes
    scenario.changes = found


def _numbers(pair: tuple[float, float]) -> str:
    return ",".join(repr(float(end)) for end in pair)


def _range(value: str) -> tuple[float, float]:
    low, high = (_finite(end) for end in value.split(","))
    if not low < high:
        raise InputError("the first number must be the smaller one")
    return low, high


def _finite(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise InputError("it is not a finite number")
    return number


def _whole(value: str) -> list[int]:
    return [int(part) for part in value.split(",")]


def _unpacked(value: str, count: int) -> Any:
    if len(value) > _MOST_PACKED:
        raise InputError("it is too long")
    size = (count + 7) // 8
    engine = zlib.decompressobj()
    packed = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    bits = engine.decompress(packed, size + 1)
    if len(bits) != size:
        raise InputError("it is damaged")
    return np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8), count=count))
