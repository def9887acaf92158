"""The command ``binn train``."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_arguments import positive, say
from binn.cli_slurm import add_slurm_options, submit_training
from binn.cli_training_options import OF_THE_RUN, add_training_options, read_request
from binn.errors import InputError

if TYPE_CHECKING:
    from binn.training.ranks import Ranks
    from binn.training.run_folder import RunConfig

__all__ = ["register"]

_USER_ERROR = 1


def register(commands: Any) -> None:
    """Add the command to the parser (its subparsers object)."""
    train = commands.add_parser(
        "train",
        help="train a model on a dataset",
        description="Train BINN on a dataset. Ctrl-C and SIGTERM save and stop, with exit status "
        "0: nothing was lost, and status.json in RUN says whether it is done or cancelled. "
        "--resume goes on exactly. Several processes share every batch: torchrun --nproc-per-node "
        "N -m binn train ...",
    )
    train.add_argument("data", metavar="DATA", help="dataset (NetCDF) or the name of a shipped one")
    train.add_argument("--out", required=True, metavar="RUN", help="run folder to write")
    add_training_options(train)
    train.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="with --folds: train them on a running Dask cluster, such as tcp://host:8786, that "
        "sees DATA and RUN",
    )
    train.add_argument(
        "--resume", action="store_true", help="go on with the run in RUN, as it was begun"
    )
    add_slurm_options(train, positive)
    train.set_defaults(run=train_command, usage_error=train.error)


def train_command(options: argparse.Namespace) -> int:
    """``binn train DATA --out RUN ...``."""
    given = [name for name in OF_THE_RUN if getattr(options, name) is not None]
    if options.resume and given:
        options.usage_error(
            "--resume goes on with the options the run was begun with: leave out "
            f"--{given[0].replace('_', '-')}"
        )
    if (options.parallel or options.scheduler) and not options.resume and options.folds is None:
        options.usage_error("--parallel and --scheduler are for --folds")
    if options.parallel and options.scheduler:
        options.usage_error("--scheduler trains as many folds at once as its cluster has workers")
    if options.threads is None:
        from binn.training.run_folder import read_run_config

        options.threads = read_run_config(Path(options.out)).threads if options.resume else 1
    if submit_training(options, lambda: _what_to_train(options), say):
        print(options.out)
        return 0
    from binn.training.ddp import joined

    first = True
    try:
        with joined(options.device) as ranks:
            first = ranks.first
            _train(options, ranks)
    except InputError:
        if first:
            raise
        return _USER_ERROR  # the first process says why
    finally:
        if first:
            _let_the_next_begin(Path(options.out).absolute().parent)
    if first:
        print(options.out)
    return 0


def _let_the_next_begin(folder: Path) -> None:
    """In a runs folder, whoever ends makes room for those who wait."""
    from binn.runs.limits import QUEUE
    from binn.runs.runs import Runs

    if (folder / QUEUE).exists():
        with contextlib.suppress(InputError):
            Runs(folder).advance(wait=False)


def _train(options: argparse.Namespace, ranks: Ranks) -> None:
    """Train as one of the processes, or alone."""
    import binn
    from binn.training.fit import fit
    from binn.training.folds import fit_folds
    from binn.training.run_folder import RunConfig

    told = ranks.lead(lambda: _what_to_train(options))
    config = RunConfig.model_validate_json(
        ranks.same("" if told is None else told.model_dump_json())
    )
    ds = ranks.together(lambda: binn.open_dataset(options.data))
    arguments: dict[str, Any] = {
        "device": options.device,
        "resume": options.resume,
        "report": say,
        "threads": options.threads,
        "data": config.data,
        "live_map": config.live_map,
        "save_every": config.save_every,
    }
    if config.kind == "run":
        if options.parallel or options.scheduler:
            raise InputError(
                f"the run in {options.out} is of one fold: --parallel and --scheduler are for all"
            )
        fit(config.training, ds, options.out, ranks=ranks, **arguments)
    elif ranks.size > 1:
        raise InputError(
            f"{ranks.size} processes train one fold together: name it by --fold K, or train all "
            "folds without torchrun"
        )
    else:
        arguments["parallel"] = options.parallel or config.parallel
        fit_folds(config.training, ds, options.out, scheduler=options.scheduler, **arguments)


def _what_to_train(options: argparse.Namespace) -> RunConfig:
    """What is to be done, as config.json says or will say."""
    from binn.datasets.shipped import whole_name
    from binn.training.run_folder import read_run_config

    if not options.resume:
        return read_request(options).run_config()
    held = read_run_config(Path(options.out))
    if options.folds is not None and held.kind != "folds":
        raise InputError(f"the run in {options.out} is of one fold: resume it without --folds")
    return held.model_copy(update={"data": whole_name(options.data)})
