"""The commands ``binn runs ...``: trainings in the background, the same that the page shows."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from binn.cli_arguments import positive, say
from binn.cli_training_options import add_training_options, read_request
from binn.errors import InputError

if TYPE_CHECKING:
    from binn.runs import Run, Runs

__all__ = ["register"]

_DONE_OTHERWISE = 1
_COLUMNS = ("id", "state", "progress", "left", "preset", "dataset", "NSE", "")


def register(commands: Any) -> None:
    """Add the commands to the parser (its subparsers object)."""
    runs = commands.add_parser(
        "runs",
        help="start, watch and stop trainings in the background",
        description="Trainings as processes of their own, in one folder that the page and every "
        "terminal see. Nothing has to stay open: whoever looks moves the queue on.",
    )
    verbs = runs.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _verb(verbs, "list", _list, "list all runs, newest first")
    _verb(verbs, "show", _show, "tell all about one run", one=True)
    start = _verb(verbs, "start", _start, "start a run, or queue it; prints its id")
    start.add_argument(
        "data", metavar="DATA", help="dataset (NetCDF), or the name of a shipped one"
    )
    add_training_options(start)
    start.set_defaults(usage_error=start.error)
    _verb(verbs, "watch", _watch, "follow a run until it has ended", one=True)
    cancel = _verb(verbs, "cancel", _cancel, "let a run save and stop", one=True)
    cancel.add_argument(
        "--no-wait", action="store_true", help="do not wait until it has saved and stopped"
    )
    _verb(verbs, "resume", _resume, "go on with a stopped, failed or lost run", one=True)
    _verb(verbs, "delete", _delete, "remove a run with all it saved", one=True)
    promote = _verb(verbs, "promote", _promote, "make its checkpoint the page's choice")
    which = promote.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="id of the run")
    which.add_argument("--none", action="store_true", help="take the choice back")
    limits = _verb(verbs, "limits", _limits, "show or set how much may run at once")
    limits.add_argument("--at-once", type=positive, metavar="N", help="trainings at once")
    limits.add_argument("--threads", type=positive, metavar="N", help="threads of all together")
    limits.add_argument(
        "--grace", type=float, metavar="SECONDS", help="time to save when it is cancelled"
    )


def _verb(
    verbs: Any,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    help: str,  # noqa: A002
    one: bool = False,
) -> argparse.ArgumentParser:
    """A command with what all of them take."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help)
    if one:
        parser.add_argument("id", metavar="ID", help="id of the run: binn runs list")
    parser.add_argument(
        "--runs", metavar="FOLDER", help="folder of the runs (BINN_RUNS, or runs in this folder)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _of(options: argparse.Namespace) -> Runs:
    from binn.runs import Runs

    return Runs(options.runs)


def _print(options: argparse.Namespace, run: Run) -> None:
    """One run, as one line or as JSON."""
    print(json.dumps(run.as_json(), indent=1) if options.json else _line(run))


def _list(options: argparse.Namespace) -> None:
    found = _of(options).list()
    if options.json:
        print(json.dumps([run.as_json() for run in found], indent=1))
        return
    rows = [_COLUMNS, *(_cells(run) for run in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _cells(run: Run) -> tuple[str, ...]:
    nse = run.scores.get("test", run.scores.get("held_out", run.best_nse))
    note = f"promoted; {run.message}" if run.promoted and run.message else run.message
    return (
        run.id,
        "stopping" if run.stopping else run.state,
        f"{run.progress:.0%}",
        _duration(run.eta_seconds),
        run.preset,
        run.dataset.rpartition("/")[2],
        "" if nse is None else f"{nse:.3f}",
        note or ("promoted" if run.promoted else ""),
    )


def _line(run: Run) -> str:
    return "  ".join(filter(None, _cells(run)))


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _show(options: argparse.Namespace) -> None:
    runs = _of(options)
    runs.list()  # moves the queue on
    run = runs.get(options.id)
    if options.json:
        about: dict[str, Any] = run.as_json()
        about["config"] = runs.config(run.id).model_dump(mode="json")
        about["history"] = runs.history(run.id)
        print(json.dumps(about, indent=1))
        return
    for key, value in run.as_json().items():
        if value not in (None, "", {}):
            text = ", ".join(f"{k} {v:.4f}" for k, v in value.items()) if key == "scores" else value
            print(f"{key:15s} {text}")
    log = runs.log(run.id).splitlines()
    print("".join(f"\n{line}" for line in log[-10:]))


def _start(options: argparse.Namespace) -> None:
    runs = _of(options)
    run_id = runs.start(read_request(options))
    if options.json:
        _print(options, runs.get(run_id))
        return
    run = runs.get(run_id)
    say("queued: its turn comes" if run.state == "queued" else "started")
    print(run_id)


def _watch(options: argparse.Namespace) -> int:
    runs = _of(options)
    seen = 0
    run = runs.get(options.id)
    for run in runs.watch(options.id):
        if options.json:
            print(json.dumps(run.as_json()), flush=True)
            continue
        lines = runs.log(run.id).splitlines()
        for line in lines[seen:]:
            print(line, flush=True)
        seen = len(lines)
    say(_line(run))
    return 0 if run.state == "done" else _DONE_OTHERWISE


def _cancel(options: argparse.Namespace) -> None:
    runs = _of(options)
    runs.cancel(options.id, wait=not options.no_wait)
    _print(options, runs.get(options.id))


def _resume(options: argparse.Namespace) -> None:
    runs = _of(options)
    runs.resume(options.id)
    _print(options, runs.get(options.id))


def _delete(options: argparse.Namespace) -> None:
    _of(options).delete(options.id)
    print(json.dumps({"deleted": options.id}) if options.json else f"{options.id} is deleted")


def _promote(options: argparse.Namespace) -> None:
    runs = _of(options)
    runs.promote(None if options.none else options.id)
    if options.json:
        print(json.dumps({"promoted": runs.promoted()}))
        return
    if not options.id:
        print("no run is promoted")
    elif (folds := len(runs.checkpoints(options.id))) > 1:
        print(f"the {folds} folds of {options.id} are the page's checkpoints")
    else:
        print(f"{options.id} is the page's checkpoint")


def _limits(options: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from binn.runs import Limits

    runs = _of(options)
    given = {"runs": options.at_once, "threads": options.threads, "grace": options.grace}
    changes = {name: value for name, value in given.items() if value is not None}
    if changes:
        try:
            runs.set_limits(Limits.model_validate(runs.limits.model_dump() | changes))
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{first['loc'][0]}: {first['msg']}") from None
        runs.advance()
    held = runs.limits.model_dump()
    print(
        json.dumps(held)
        if options.json
        else "\n".join(f"{name:8s} {value:g}" for name, value in held.items())
    )
