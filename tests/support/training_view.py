"""What tests of the Training tab share: other runs, and what the tab says and offers."""

from __future__ import annotations

import shutil

from binn.runs import Runs
from binn.training.run_folder import write_status
from dashboard.views.training import Training

EPOCHS = 3
ONE, TWO = "0001-quick-00a1", "0002-quick-00a2"


def copied(runs: Runs, number: int, state: str, **status: object) -> str:
    """Another run, whose status says so."""
    new = f"{number:04d}-quick-00b{number}"
    shutil.copytree(runs.folder / ONE, runs.folder / new)
    write_status(runs.folder / new, {"state": state, "epoch": 2, "epochs": EPOCHS, **status})
    return new


def words(view: Training) -> str:
    """All text of the part beside the form."""
    panes = view.details.panel.select(lambda one: isinstance(getattr(one, "object", None), str))
    return "\n".join(pane.object for pane in panes if pane.visible)


def offered(view: Training) -> set[str]:
    return {key for key, button in view.details.buttons.items() if button.visible}
