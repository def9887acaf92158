"""What a visitor asked for: the dataset and checkpoint of a link, or the server's own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from binn.errors import InputError
from binn.runs import Runs
from dashboard.settings import DEMO, Settings
from dashboard.state.catalogue import Catalogue
from dashboard.state.library import Library
from dashboard.state.opened import Opened

__all__ = ["Found", "find", "wanted"]

_OF_THE_DATA = ("sites", "packed", "region")
"""Keys of a link that mean nothing on another dataset."""


@dataclass(frozen=True)
class Found:
    """What is shown.

    Attributes
    ----------
    opened : Opened
    names : (str, str)
        Of the dataset and checkpoint, as links name them.
    query : dict of str to str
        What of the link holds for it.
    note : str
        Why it is not what the link names, or "".
    """

    opened: Opened
    names: tuple[str, str]
    query: dict[str, str]
    note: str = ""


def find(
    settings: Settings,
    query: dict[str, str],
    catalogue: Catalogue,
    runs: Runs,
    library: Library,
) -> Found:
    """What the link names; what the server was started with if that cannot be had.

    Parameters
    ----------
    settings : Settings
        What the server was started with.
    query : dict of str to str
        The link.
    catalogue : Catalogue
        What may be opened.
    runs : Runs
        One of them may be promoted: then its checkpoint is the usual one.
    library : Library
        Opens it.

    Raises
    ------
    InputError
        If what the server was started with cannot be used.
    """
    server = _server(settings, catalogue)
    names = _names(settings, query, catalogue, runs)
    note = ""
    if names != server:
        try:
            opened = library.open(*_paths(names, catalogue))
            return Found(opened, names, query)
        except InputError as problem:
            note = f"{_sentence(problem)} {server[0]} is shown instead."
            query = {key: value for key, value in query.items() if key not in _OF_THE_DATA}
    return Found(library.open(settings.data, settings.checkpoints), server, query, note)


def wanted(
    settings: Settings, query: dict[str, str], catalogue: Catalogue, runs: Runs
) -> tuple[str, tuple[str, ...]]:
    """The dataset and checkpoints that `find` opens first, as `Library.open` takes them."""
    names = _names(settings, query, catalogue, runs)
    if names != _server(settings, catalogue):
        with suppress(InputError):  # `find` says it
            return _paths(names, catalogue)
    return settings.data, settings.checkpoints


def _server(settings: Settings, catalogue: Catalogue) -> tuple[str, str]:
    """Names of what the server was started with."""
    return catalogue.name_of(settings.data), catalogue.models_name(settings.checkpoints)


def _names(
    settings: Settings, query: dict[str, str], catalogue: Catalogue, runs: Runs
) -> tuple[str, str]:
    """Names of what is asked for."""
    data, checkpoints = _server(settings, catalogue)
    promoted = _promoted(data, settings, catalogue, runs)
    return query.get("data") or data, query.get("checkpoint") or promoted or checkpoints


def _paths(names: tuple[str, str], catalogue: Catalogue) -> tuple[str, tuple[str, ...]]:
    return catalogue.dataset(names[0]), catalogue.model(names[1])


def _promoted(data: str, settings: Settings, catalogue: Catalogue, runs: Runs) -> str:
    """The run that was chosen for this page, unless the server was told a checkpoint."""
    if settings.checkpoints not in ((), (DEMO,)):
        return ""
    chosen = runs.promoted()
    if chosen is None or Catalogue.name_of(runs.get(chosen).dataset) != data:
        return ""
    return catalogue.run_name(chosen)


def _sentence(problem: InputError) -> str:
    """What went wrong, as a sentence among others."""
    words = str(problem)
    return words[:1].upper() + words[1:].rstrip(".") + "."
