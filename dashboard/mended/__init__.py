"""Where Panel and Bokeh are mended (ADR 0014): a file each says what is wrong and what is done."""

from dashboard.mended.hearing import HEAR_ALL_CHANGES
from dashboard.mended.messages import leave_none_behind
from dashboard.mended.painting import PAINT_WHAT_CHANGED
from dashboard.mended.references import look_only_where_models_can_be
from dashboard.mended.sending import breathe_before_sending

__all__ = ["IN_THE_BROWSER", "in_the_server"]

IN_THE_BROWSER = PAINT_WHAT_CHANGED + HEAR_ALL_CHANGES
"""Script for a page that has loaded Bokeh and Panel, before anything is drawn."""


def in_the_server() -> None:
    """Before the first page; once more: nothing happens."""
    leave_none_behind()
    look_only_where_models_can_be()
    breathe_before_sending()
