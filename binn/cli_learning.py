"""The commands ``binn train``, ``binn predict`` and ``binn evaluate``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_slurm import add_slurm_options, submit_training
from binn.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from binn.model import BINN
    from binn.training.config import TrainingConfig
    from binn.training.ranks import Ranks

__all__ = ["register"]

_PRESETS = ("paper", "paper-printed", "default", "quick")
_USER_ERROR = 1
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_PARTS = ("test", "validation", "train", "all")
_OF_THE_RUN = ("preset", "config", "epochs", "seed", "members", "bedrock", "fold")


def register(commands: Any) -> None:
    """Add the commands to the parser (its subparsers object)."""
    _register_train(commands)
    _register_predict(commands)
    _register_evaluate(commands)


def _register_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a model on a dataset",
        description="Train BINN on a dataset. Ctrl-C saves; --resume goes on exactly. Several "
        "processes share every batch: torchrun --nproc-per-node N -m binn train ...",
    )
    train.add_argument("data", metavar="DATA", help="dataset (NetCDF) or the name of a shipped one")
    train.add_argument("--out", required=True, metavar="RUN", help="run folder to write")
    train.add_argument(
        "--preset",
        choices=_PRESETS,
        help="where the options start: the authors' run scripts (paper), what their paper prints "
        "(paper-printed), ours (default), or a demonstration in under a minute (quick)",
    )
    train.add_argument("--config", metavar="FILE", help="all options, from a JSON file")
    train.add_argument("--epochs", type=_positive, help="passes over the training sites")
    train.add_argument("--seed", type=_natural, help="seed of weights, dropout and batches")
    train.add_argument("--members", type=_positive, help="networks that are averaged")
    train.add_argument(
        "--bedrock", choices=("conserving", "published"), help="process model below bedrock"
    )
    train.add_argument("--device", default="cpu", help="torch device (cpu)")
    train.add_argument("--threads", type=_positive, default=1, help="threads of torch (1)")
    which = train.add_mutually_exclusive_group()
    which.add_argument("--fold", type=_natural, metavar="K", help="fold to hold out, from 0 (0)")
    which.add_argument(
        "--folds", action="store_true", help="train every fold and pool their held-out scores"
    )
    train.add_argument(
        "--resume", action="store_true", help="go on with the run in RUN, as it was begun"
    )
    add_slurm_options(train, _positive)
    train.set_defaults(run=train_command, usage_error=train.error)


def _register_predict(commands: Any) -> None:
    predict = commands.add_parser(
        "predict",
        help="predict parameters, pools and SOC",
        description="Predict every site or grid cell of a dataset, which need not fit in memory. "
        "Of a folder with several folds, the median over the folds and their spread. Until it is "
        "whole, the prediction is in OUT.part: Ctrl-C keeps it, --resume goes on exactly.",
    )
    predict.add_argument("checkpoint", metavar="CKPT", help="checkpoint or run folder")
    predict.add_argument("data", metavar="DATA", help="dataset")
    predict.add_argument("out", metavar="OUT", help="NetCDF file, or Zarr folder (.zarr), to write")
    predict.add_argument("--on", choices=("site", "cell"), default="site", help="rows (site)")
    predict.add_argument(
        "--definition",
        choices=("stock", "published"),
        default="stock",
        help="definition of the components (stock)",
    )
    predict.add_argument("--device", default="cpu", help="torch device (cpu)")
    predict.add_argument(
        "--chunk",
        type=_positive,
        metavar="ROWS",
        help="rows predicted at once (4096), a multiple of 32",
    )
    where = predict.add_mutually_exclusive_group()
    where.add_argument(
        "--threads", type=_positive, default=1, help="chunks predicted side by side (1)"
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="a running Dask scheduler, such as tcp://host:8786"
    )
    predict.add_argument("--resume", action="store_true", help="go on with an unfinished OUT.part")
    predict.set_defaults(run=predict_command)


def _register_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="score a model against observations",
        description="Score simulated against observed SOC, pooled over all points: NSE, r, RMSE "
        "and bias (gC m-3), n. By default on the sites that were held out of training, if the "
        "dataset is the one the model was trained on, and else on all sites.",
    )
    evaluate.add_argument("checkpoint", metavar="CKPT", help="checkpoint or run folder")
    evaluate.add_argument("data", metavar="DATA", help="dataset")
    evaluate.add_argument("--split", choices=_PARTS, help="sites to score")
    evaluate.add_argument("--json", action="store_true", help="print JSON")
    evaluate.add_argument("--device", default="cpu", help="torch device (cpu)")
    evaluate.set_defaults(run=evaluate_command)


def train_command(options: argparse.Namespace) -> int:
    """``binn train DATA --out RUN ...``."""
    given = [name for name in _OF_THE_RUN if getattr(options, name) is not None]
    if options.resume and given:
        options.usage_error(
            f"--resume goes on with the options the run was begun with: leave out --{given[0]}"
        )
    if options.preset and options.config:
        options.usage_error("give --preset or --config, not both")
    if submit_training(options, lambda: _what_to_train(options), _say):
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
    from binn.training.config import TrainingConfig
    from binn.training.fit import fit
    from binn.training.folds import fit_folds

    told = ranks.lead(lambda: _what_to_train(options))
    sent: Any = None if told is None else [told[0].model_dump_json(), told[1]]
    text, folds = ranks.same(sent)
    config = TrainingConfig.model_validate_json(text)
    ds = ranks.together(lambda: binn.open_dataset(options.data))
    arguments: dict[str, Any] = {
        "device": options.device,
        "resume": options.resume,
        "report": _say,
        "threads": options.threads,
        "data": whole_name(options.data),
    }
    if not folds:
        fit(config, ds, options.out, ranks=ranks, **arguments)
    elif ranks.size > 1:
        raise InputError(
            f"{ranks.size} processes train one fold together: name it by --fold K, or train all "
            "folds without torchrun"
        )
    else:
        fit_folds(config, ds, options.out, **arguments)


def whole_name(data: str) -> str:
    """Name of a dataset that holds in any folder: a shipped one, or the whole path."""
    from binn.datasets.shipped import shipped_dataset

    return data if shipped_dataset(data) else str(Path(data).expanduser().resolve())


def _what_to_train(options: argparse.Namespace) -> tuple[TrainingConfig, bool]:
    """Configuration, and whether all folds are wanted."""
    from pydantic import ValidationError

    from binn.training.config import TrainingConfig
    from binn.training.presets import preset
    from binn.training.run_folder import read_run_config

    if options.resume:
        held = read_run_config(Path(options.out))
        if options.folds and held.kind != "folds":
            raise InputError(f"the run in {options.out} is of one fold: resume it without --folds")
        return held.training, held.kind == "folds"
    try:
        if options.config:
            try:
                text = Path(options.config).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"cannot read the options {options.config}: {error}") from None
            config = TrainingConfig.model_validate_json(text)
        else:
            config = preset(options.preset or "default")
        changes: dict[str, Any] = {
            name: getattr(options, name)
            for name in ("epochs", "seed", "members", "bedrock")
            if getattr(options, name) is not None
        }
        if options.fold is not None:
            changes["split"] = {"fold": options.fold}
        return config.changed(**changes), options.folds
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the options"
        raise InputError(f"the options do not fit: {where}: {first['msg']}") from None


def predict_command(options: argparse.Namespace) -> int:
    """``binn predict CKPT DATA OUT``."""
    import binn
    from binn.prediction import CHUNK
    from binn.streaming import Stopped, predict_to_file
    from binn.streaming.target import check_target
    from binn.training.fit import check_device

    data, out = Path(options.data), Path(options.out)
    check_target(out)
    check_device(options.device)
    if data.exists() and out.exists() and out.samefile(data):
        raise InputError(f"{out} is the dataset itself: give another name for the prediction")
    try:
        attributes = predict_to_file(
            binn.load_ensemble(options.checkpoint, options.device),
            data,
            out,
            options.on,
            options.definition,
            chunk=options.chunk or CHUNK,
            threads=options.threads,
            scheduler=options.scheduler,
            resume=options.resume,
            report=_say,
        )
    except Stopped as stop:
        _say(str(stop))
        return _INTERRUPTED
    if attributes["skipped_cells"]:
        _say(f"{attributes['skipped_cells']} cells without covariates are left out")
    if attributes["unknown_categories"]:
        _say(
            "categories that training did not know get the average of the known ones: "
            f"{attributes['unknown_categories']}"
        )
    print(out)
    return 0


def evaluate_command(options: argparse.Namespace) -> None:
    """``binn evaluate CKPT DATA``."""
    import binn
    from binn.training.fit import check_device

    check_device(options.device)
    models = binn.load_ensemble(options.checkpoint, options.device)
    ds = binn.open_dataset(options.data)
    scores = _scores(models, ds, options.split)
    _say(f"scored on {scores['sites']} sites: {scores['why']}")
    if options.json:
        print(json.dumps(scores, indent=1))
        return
    for key, unit in (("nse", ""), ("r", ""), ("rmse", " gC m-3"), ("bias", " gC m-3"), ("n", "")):
        value = scores[key]
        text = f"{value:.5g}" if isinstance(value, float) else str(value)
        print(f"{key:5s} {text}{unit}")


def _scores(models: list[BINN], ds: xr.Dataset, wanted: str | None) -> dict[str, Any]:
    """Scores of the wanted part, which part it was, and why.

    Of several models (folds), each is scored on its own part and the points are pooled.
    """
    import numpy as np

    from binn.evaluation import score, simulate_observations
    from binn.fingerprint import dataset_fingerprint

    fingerprint = dataset_fingerprint(ds)
    records = [model.checkpoint for model in models]
    same = all(
        one is not None
        and one.split is not None
        and one.data is not None
        and one.data.fingerprint == fingerprint
        for one in records
    )
    part = wanted or ("test" if same else "all")
    if part == "all":
        if len(models) > 1:
            raise InputError(
                f"there are {len(models)} folds here: each can be scored on the sites it held out "
                "of this dataset; to score one of them on all sites, name it"
            )
        why = (
            "all sites, as asked"
            if wanted
            else "all sites, since this is not the dataset the model was trained on"
        )
    elif not same:
        raise InputError(
            f"there are no {part} sites here: the model was not trained on this dataset; leave out "
            "--split, or give --split all"
        )
    elif len(models) > 1:
        why = f"the {part} sites of each of {len(models)} folds, pooled"
    else:
        why = f"the {part} sites of its training (fold {_fold(models[0])})"
    sites = [_sites_of(model, ds, part) for model in models]
    pairs = [
        simulate_observations(model, ds, some) for model, some in zip(models, sites, strict=True)
    ]
    rows, simulated = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return {
        **score(ds, rows, simulated),
        "split": part,
        "why": why,
        "sites": sum(map(len, sites)),
        "same_data": same,
        "bedrock": models[0].bedrock,
    }


def _fold(model: BINN) -> int | None:
    record = model.checkpoint
    return record.split.rule.fold if record is not None and record.split is not None else None


def _sites_of(model: BINN, ds: xr.Dataset, part: str) -> NDArray[np.int64]:
    """Sites of a part of the model's own split, made again from its rule."""
    import numpy as np

    from binn.training.split import split_sites

    if part == "all":
        return np.arange(ds.sizes["site"])
    assert model.checkpoint is not None
    assert model.checkpoint.split is not None
    split = split_sites(ds, model.checkpoint.split.rule)
    if split.digest() != model.checkpoint.split.digest:
        raise InputError("the checkpoint's split cannot be made again; give --split all")
    return split.part(part)


def _positive(text: str) -> int:
    value = _natural(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _natural(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
