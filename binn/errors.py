"""The one exception that is meant for people."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Something a user gave is wrong: one sentence saying what, where and what to do.

    The command line prints the message on stderr and exits with 1; the page shows it as a notice.
    Anything else that escapes is a defect of this project and keeps its traceback.
    """
