"""The Training tab as somebody uses it: its rows, its buttons, its form."""

from __future__ import annotations

from typing import Any

from binn.runs import Runs

MANY = 100_000
"""Epochs of a training that nobody waits for."""
AGREE = 5.0
"""Seconds within which all browsers show the same."""


def open_tab(one: Any) -> None:
    one.settled()
    one.page.get_by_role("tab", name="Training", exact=True).click()
    one.page.get_by_text("New training", exact=True).wait_for()


def start(one: Any, runs: Runs, epochs: int) -> str:
    before = {run.id for run in runs.list()}
    one.page.get_by_label("Epochs", exact=True).fill(str(epochs))
    one.page.get_by_role("button", name="Start training").click()
    one.until(lambda: len(runs.list()) > len(before), "the run to be in the folder")
    new = next(run.id for run in runs.list() if run.id not in before)
    row(one, new).wait_for()
    return new


def row(one: Any, run_id: str) -> Any:
    return one.page.locator(f'tr[data-run="{run_id}"]')


def shows(one: Any, run_id: str, state: str) -> bool:
    return bool(row(one, run_id).get_attribute("data-state") == state)


def percent(one: Any, run_id: str) -> int:
    bar = row(one, run_id).get_by_role("progressbar")
    return int(bar.get_attribute("aria-valuenow") or 0)


def button(one: Any, name: str) -> Any:
    return one.page.get_by_role("button", name=name, exact=True)
