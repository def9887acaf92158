"""The options of ``binn train --slurm``: hand the training to Slurm instead of running it here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from binn.training.run_folder import RunConfig

__all__ = ["add_slurm_options", "submit_training"]

_ONLY_WITH_SLURM = ("partition", "time", "gpus", "nodes", "tasks", "executor")
_MINUTES = 240


def add_slurm_options(train: argparse.ArgumentParser, positive: Callable[[str], int]) -> None:
    """Add the options to the parser of ``binn train``.

    Parameters
    ----------
    train : ArgumentParser
        The parser.
    positive : callable
        Reads a whole number of 1 or more.
    """
    slurm = train.add_argument_group(
        "Slurm",
        "With --slurm the run is prepared here and queued; this command returns at once, and the "
        "run folder tells how it goes. DATA and RUN have to be where the cluster sees them.",
    )
    slurm.add_argument("--slurm", action="store_true", help="train on the cluster, by submitit")
    slurm.add_argument("--partition", metavar="NAME", help="partition of the cluster (its default)")
    slurm.add_argument(
        "--time",
        type=positive,
        metavar="MINUTES",
        help=f"longest time of a job ({_MINUTES}); what is not finished then is saved and goes on "
        "in another one, up to three times",
    )
    slurm.add_argument(
        "--gpus", type=positive, metavar="N", help="GPUs a node, with --device cuda (1)"
    )
    slurm.add_argument("--nodes", type=positive, metavar="N", help="machines (1)")
    slurm.add_argument(
        "--tasks", type=positive, metavar="N", help="processes a node (one a GPU; 1 without)"
    )
    slurm.add_argument(
        "--executor",
        choices=("slurm", "local", "debug"),
        help="who runs the job: Slurm, processes on this machine, or this very process (Slurm, or "
        "local where there is none)",
    )


def submit_training(
    options: argparse.Namespace,
    what: Callable[[], RunConfig],
    report: Callable[[str], None],
) -> bool:
    """Queue the training, if ``--slurm`` asks for that.

    Parameters
    ----------
    options : Namespace
        Of ``binn train``.
    what : callable
        Reads from them what is to be done.
    report : callable
        Told what was done, a line at a time.

    Returns
    -------
    bool
        Whether it was asked for.

    Raises
    ------
    InputError
        As `binn.training.slurm.submit`.
    """
    if not options.slurm:
        for name in _ONLY_WITH_SLURM:
            if getattr(options, name) is not None:
                options.usage_error(f"--{name} is for --slurm")
        return False
    on_gpus = options.device == "cuda"
    if options.gpus and not on_gpus:
        options.usage_error("--gpus needs --device cuda")
    if options.scheduler:
        options.usage_error("--scheduler is a Dask cluster: leave out --slurm, or leave out that")

    import binn
    from binn.errors import InputError
    from binn.fingerprint import dataset_fingerprint
    from binn.training.slurm import SlurmOptions, submit

    gpus = (options.gpus or 1) if on_gpus else 0
    asked = SlurmOptions(
        partition=options.partition,
        minutes=options.time or _MINUTES,
        gpus=gpus,
        nodes=options.nodes or 1,
        tasks=options.tasks or max(gpus, 1),
        threads=options.threads,
        executor=options.executor,
    )
    config = what()
    folds = config.kind == "folds"
    if folds and asked.processes > 1:
        raise InputError(
            f"{asked.processes} processes train one fold together: name it by --fold K, or train "
            "all folds in one process"
        )
    ds = binn.open_dataset(options.data)
    training = config.training.changed(split={"fold": 0}) if folds else config.training
    read = {"data_fingerprint": dataset_fingerprint(ds), "training": training}
    here = {"threads": options.threads, "device": options.device}
    run = config.model_copy(update=read | here)
    job = submit(run, options.out, asked, resume=options.resume, report=report)
    if options.executor == "debug":
        job.result()
    return True
