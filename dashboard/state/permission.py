"""Who may train on this machine: starting, stopping, deleting and promoting runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

__all__ = ["HOW_TO_ALLOW", "TRAINERS", "anybody_may_train", "may_train"]

TRAINERS = "BINN_TRAINERS"
"""Environment: names of users who may train, separated by commas."""

HOW_TO_ALLOW = (
    "Training is switched off on this server. Whoever runs it can switch it on for every visitor, "
    "by `panel serve app.py --args --allow-training`, or for users who log in and are named in "
    f"the environment variable {TRAINERS}."
)
"""What somebody is told who may not."""


class _Chosen(Protocol):
    @property
    def allow_training(self) -> bool: ...


def may_train(
    settings: _Chosen, user: str | None, environment: Mapping[str, str] = os.environ
) -> bool:
    """Whether a visitor may train: the server was started so, or the user is named.

    Parameters
    ----------
    settings : Settings
        ``allow_training`` of ``--args --allow-training``.
    user : str or None
        Who has logged in (``pn.state.user``); None for somebody anonymous.
    environment : mapping
        Its `TRAINERS`.

    Returns
    -------
    bool
    """
    return settings.allow_training or (user is not None and user in _named(environment))


def anybody_may_train(settings: _Chosen, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether there are visitors of this server who may train; arguments as `may_train`."""
    return settings.allow_training or bool(_named(environment))


def _named(environment: Mapping[str, str]) -> set[str]:
    return {name.strip() for name in environment.get(TRAINERS, "").split(",")} - {""}
