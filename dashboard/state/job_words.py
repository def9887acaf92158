"""What there is to say about a run: its state and what to do, its row in the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from binn.runs import Run
from dashboard.units import number

__all__ = ["DONE", "duration", "row_of", "said_no_more", "score_of", "state_sentence"]

_SHOWN = ("held_out", "test", "validation")
DONE: dict[str, tuple[str, Callable[[Run], bool]]] = {
    "cancel": ("It saves and stops.", lambda run: run.state == "running"),
    "resume": ("It is in the queue again.", lambda run: run.state == "queued"),
    "promote": ("Its checkpoint is the page's now.", lambda run: run.promoted),
    "demote": ("The page no longer begins with its checkpoint.", lambda run: not run.promoted),
    "delete": ("It is deleted.", lambda _: False),
}
"""What is said after an action, and of which runs it is true: the words go when it no longer is."""
_NAMES = {"held_out": "held out", "test": "test", "validation": "validation"}


def duration(seconds: float | None) -> str:
    """So many seconds, as people say it; "" if unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 36 else f"{hours / 24:.1f} d"


def score_of(run: Run) -> str:
    """The NSE that says most about a run so far, and of which sites; "" before the first."""
    for part in _SHOWN:
        if part in run.scores:
            return f"{number(run.scores[part])} {_NAMES[part]}"
    return "" if run.best_nse is None else f"{number(run.best_nse)} validation"


def said_no_more(what: str, run: Run, since: Run | None) -> bool:
    """Whether what was said after an action has become stale.

    Parameters
    ----------
    what : str
        A key of `DONE`; "" for words about an action that failed.
    run : Run
        As it is now.
    since : Run or None
        As it was when the words first stood beside it.
    """
    if what:
        return not DONE[what][1](run)
    return since is not None and (run.state, run.promoted) != (since.state, since.promoted)


def row_of(run: Run) -> dict[str, Any]:
    """A run in the list: plain values, all of them text but ``progress``."""
    epochs = f"{run.epoch:,} of {run.epochs:,}" if run.epochs else ""
    if run.members > 1:
        epochs += f", member {max(run.member, 1)} of {run.members}"
    if run.folds:
        epochs = f"fold {run.fold or 0} of {run.folds} done"
    return {
        "id": run.id,
        "state": "stopping" if run.stopping else run.state,
        "dataset": run.dataset.rstrip("/").rpartition("/")[2],
        "sites": run.sites,
        "preset": run.preset,
        "progress": round(run.progress, 4),
        "epochs": epochs,
        "left": duration(run.eta_seconds),
        "score": score_of(run),
        "started": (run.began or run.created)[:16].replace("T", " "),
        "promoted": run.promoted,
    }


def state_sentence(run: Run, runs: tuple[Run, ...] = (), allowed: bool = True) -> str:
    """What a run is doing or why it stopped, and what to do then.

    Parameters
    ----------
    run : Run
    runs : tuple of Run
        All of them, to tell its place in the queue.
    allowed : bool
        Whether the reader may do something about it.
    """
    resume = "Press Resume to go on from its last save" if allowed else ""
    if run.state == "queued":
        ahead = sum(one.state == "queued" and one.ticket < run.ticket for one in runs)
        busy = sum(one.state == "running" for one in runs)
        words = f"Waits for its turn: {busy} running, {ahead} before it in the queue"
        return _joined(words, run.message)
    if run.state == "running":
        return _running(run)
    if run.state == "done":
        scores = [f"{_NAMES[part]} {number(run.scores[part])}" for part in _SHOWN[::-1]
                  if part in run.scores]  # fmt: skip
        return _joined("Done", f"NSE {', '.join(scores)}" if scores else "", mark=": ")
    if run.state == "cancelled":
        where = f"Cancelled at epoch {run.epoch:,} of {run.epochs:,}" if run.epoch else "Cancelled"
        return _joined(where, resume)
    if run.state == "lost":
        gone = (
            "Lost: its process ended without a word (killed, out of memory, or a power cut); only "
            "the epochs since its last save are gone"
        )
        return _joined(gone, resume)
    why = f"Failed: {run.message.rstrip('.')}" if run.message else "Failed without an error message"
    return _joined(why, "Mend that and press Resume, or delete it" if allowed else "")


def _running(run: Run) -> str:
    if run.stopping:
        return "Saves and stops."
    if not run.epoch and not run.fold:
        return "Starts: reads the data."
    where = f"epoch {run.epoch:,} of {run.epochs:,}"
    if run.members > 1:
        where = f"member {run.member} of {run.members}, {where}"
    if run.folds:
        where = f"{run.fold or 0} of {run.folds} folds done"
    left = f", about {duration(run.eta_seconds)} left" if run.eta_seconds is not None else ""
    return f"Trains: {where}{left}."


def _joined(first: str, second: str, mark: str = ". ") -> str:
    return (f"{first}{mark}{second}" if second else first).rstrip(".") + "."
