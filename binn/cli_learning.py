"""The commands ``binn predict`` and ``binn evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_arguments import positive, say
from binn.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from binn.model import BINN

__all__ = ["register"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_PARTS = ("test", "validation", "train", "all")


def register(commands: Any) -> None:
    """Add the commands to the parser (its subparsers object)."""
    _register_predict(commands)
    _register_evaluate(commands)


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
        type=positive,
        metavar="ROWS",
        help="rows predicted at once (4096), a multiple of 32",
    )
    where = predict.add_mutually_exclusive_group()
    where.add_argument(
        "--threads", type=positive, default=1, help="chunks predicted side by side (1)"
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
        models = binn.load_ensemble(options.checkpoint, options.device)
        attributes = predict_to_file(
            models,
            data,
            out,
            options.on,
            options.definition,
            chunk=options.chunk or CHUNK,
            threads=options.threads,
            scheduler=options.scheduler,
            resume=options.resume,
            report=say,
        )
    except Stopped as stop:
        say(str(stop))
        return _INTERRUPTED
    if attributes["skipped_cells"]:
        say(f"{attributes['skipped_cells']} cells without covariates are left out")
    _say_caveats(models, attributes["unknown_categories"])
    print(out)
    return 0


def _say_caveats(models: list[BINN], unknown: str) -> None:
    """Say what makes results doubtful: categories not known, numbers that were not scaled."""
    from binn.authors_limits import reads_scaled

    if unknown:
        say(f"categories that training did not know get the average of the known ones: {unknown}")
    if any(reads_scaled(model.config.inputs) for model in models):
        say(
            "the results are meaningless: this network takes numeric covariates scaled to 0 to 1, "
            "datasets hold raw ones; convert it again with `binn import authors-checkpoint "
            "--limits FILE`"
        )


def evaluate_command(options: argparse.Namespace) -> None:
    """``binn evaluate CKPT DATA``."""
    import binn
    from binn.prediction import category_sentences, known_rows, unknown_categories
    from binn.training.fit import check_device

    check_device(options.device)
    models = binn.load_ensemble(options.checkpoint, options.device)
    ds = binn.open_dataset(options.data)
    scores = _scores(models, ds, options.split)
    say(f"scored on {scores['sites']} sites: {scores['why']}")
    unknown = unknown_categories(models, ds, "site", known_rows(models, ds, "site"))
    _say_caveats(models, category_sentences(unknown))
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
