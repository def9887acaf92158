"""Trainings as child processes: start, queue, watch, cancel, resume, delete, promote.

There is no daemon. The runs folder is the truth, and whoever looks at it (a page, the command
line, a trainer that has just finished) moves the queue on under a file lock, so every server,
browser and terminal sees the same. A run is a folder of `binn.training.run_folder`; the process
that trains in it is ``python -m binn train ...`` in a session of its own, niced.

========== ====================================================================================
queued     waits for its turn (`Limits`: so many runs and so many threads at once)
running    its process lives; "starting" until the trainer has the data
done       trained to the end
failed     ended with an error: `Run.message` says which; may be resumed
cancelled  stopped and saved because somebody asked; may be resumed
lost       its process is gone without a word (killed, power cut); may be resumed
========== ====================================================================================

For the page, and for scripts::

    runs = Runs()                       # BINN_RUNS, or ./runs
    request = RunRequest(dataset="demo", preset="quick", epochs=10, regions=("Ohio",))
    id = runs.start(request)            # InputError if it cannot be: no room, no such dataset
    for run in runs.list():             # newest first, a few ms; also moves the queue on
        run.id, run.state, run.progress, run.eta_seconds, run.message
    runs.get(id)                        # one of them
    runs.history(id)                    # rows of metrics.jsonl, as dicts
    runs.log(id)                        # text
    runs.live_map(id)                   # LiveMap of the latest validation, or None
    runs.config(id)                     # RunConfig: everything that was asked for
    runs.cancel(id)                     # returns at once; `list` shows when it has stopped
    runs.resume(id)                     # cancelled, failed or lost: goes on exactly
    runs.delete(id)
    runs.promote(id)                    # the page's checkpoint from now on; None: no longer
                                        # (of a run over all folds: those of all of them)
    runs.promoted()                     # its id, or None
    runs.checkpoint(id)                 # Path of the best by validation, for load_checkpoint
    runs.checkpoints(id)                # a list of them: one, or that of each fold
    runs.limits, runs.set_limits(Limits(runs=2, threads=4))

`RunRequest.model_fields` and `TrainingConfig.model_fields` hold descriptions and bounds for a
form. Nothing here asks who may do what: that is the business of the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from binn.later import loader
from binn.runs.limits import Limits
from binn.runs.listing import runs_folder
from binn.runs.record import STATES, Run
from binn.runs.runs import Runs

if TYPE_CHECKING:
    from binn.runs.request import RunRequest
    from binn.training.live_map import LiveMap

__all__ = ["STATES", "Limits", "LiveMap", "Run", "RunRequest", "Runs", "runs_folder"]

#: what pays for torch or xarray is loaded when it is asked for: `binn runs list` is quick
_LATER = {"LiveMap": "binn.training.live_map", "RunRequest": "binn.runs.request"}


__getattr__ = loader(__name__, _LATER)
