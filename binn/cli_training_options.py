"""The options of a training, as ``binn train`` and ``binn runs start`` take them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_arguments import natural, positive
from binn.errors import InputError

if TYPE_CHECKING:
    from binn.runs.request import RunRequest

__all__ = ["OF_THE_RUN", "add_training_options", "read_request"]

OF_THE_RUN = (
    *("preset", "config", "epochs", "seed", "members", "batch_size", "learning_rate"),
    *("bedrock", "fold", "region", "sites", "map", "save_every"),
)
"""What is said when a run is begun, and holds until its end."""

_PRESETS = ("paper", "paper-printed", "default", "quick")
_ALL = 0  # `--folds` without a number: as many as the preset has


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the parser of a command; those that were not given are None."""
    parser.add_argument(
        "--preset",
        choices=_PRESETS,
        help="where the options start: the authors' run scripts (paper), what their paper prints "
        "(paper-printed), ours (default), or a demonstration in under a minute (quick)",
    )
    parser.add_argument("--config", metavar="FILE", help="all options, from a JSON file")
    parser.add_argument("--epochs", type=positive, help="passes over the training sites")
    parser.add_argument("--seed", type=natural, help="seed of weights, dropout and batches")
    parser.add_argument("--members", type=positive, help="networks that are averaged")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="sites a step")
    parser.add_argument(
        "--learning-rate", type=float, metavar="RATE", help="learning rate at the start"
    )
    parser.add_argument(
        "--bedrock", choices=("conserving", "published"), help="process model below bedrock"
    )
    parser.add_argument("--device", default="cpu", help="torch device (cpu)")
    parser.add_argument(
        "--threads", type=positive, help="threads of each training (1, or as it was begun)"
    )
    parser.add_argument(
        "--region",
        action="append",
        metavar="NAME",
        help="only sites of this state or biome; may be given again",
    )
    parser.add_argument(
        "--sites",
        metavar="IDS",
        help="only the sites of these profile ids: separated by commas, or a file that lists them",
    )
    parser.add_argument(
        "--save-every",
        type=float,
        metavar="SECONDS",
        help="save what resumes the run so often (10), after whole epochs",
    )
    parser.add_argument(
        "--map",
        metavar="KEY",
        help="what last/map.npz shows at the validation sites: soc_stock, or the key of a "
        "component or traceability quantity (soc_stock)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fold", type=natural, metavar="K", help="fold to hold out, from 0 (0)")
    which.add_argument(
        "--folds",
        type=positive,
        nargs="?",
        const=_ALL,
        metavar="K",
        help="train every fold, of K (10), and pool their held-out scores",
    )
    parser.add_argument(
        "--parallel", type=positive, metavar="N", help="with --folds: so many folds at once (1)"
    )


def read_request(options: argparse.Namespace) -> RunRequest:
    """What the options ask for.

    Parameters
    ----------
    options : Namespace
        Of a command with `add_training_options`, ``data`` and ``usage_error``.

    Raises
    ------
    InputError
        If a value does not fit, or a file cannot be read.
    """
    from binn.runs.request import RunRequest

    if options.preset and options.config:
        options.usage_error("give --preset or --config, not both")
    folds = options.folds is not None
    if options.parallel is not None and not folds:
        options.usage_error("--parallel is for --folds")
    given: dict[str, Any] = {
        "preset": options.preset,
        "options": _options_file(options.config) if options.config else None,
        **{name: getattr(options, name) for name in ("epochs", "seed", "members", "batch_size")},
        **{name: getattr(options, name) for name in ("learning_rate", "bedrock", "fold")},
        "folds": options.folds or None,
        "all_folds": folds,
        "parallel": options.parallel,
        "regions": options.region,
        "sites": _ids(options.sites) if options.sites is not None else None,
        "device": options.device,
        "threads": options.threads,
        "save_every": options.save_every,
        "live_map": options.map,
    }
    asked = {name: value for name, value in given.items() if value is not None}
    return RunRequest.make(dataset=options.data, **asked)


def _options_file(path: str) -> Any:
    """A file of options."""
    from pydantic import ValidationError

    from binn.runs.request import one_sentence
    from binn.training.config import TrainingConfig

    try:
        return TrainingConfig.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InputError(f"the options do not fit: {one_sentence(error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the options {path}: {error}") from None


def _ids(text: str) -> tuple[str, ...]:
    """Profile ids, from the option itself or from the file it names."""
    try:
        if Path(text).is_file():
            text = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the sites {text}: {error}") from None
    ids = tuple(text.replace(",", " ").split())
    if not ids:
        raise InputError("--sites lists no profile id")
    return ids
