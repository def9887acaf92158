"""Commands that measure: ``binn benchmark`` and ``binn experiment``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_arguments import natural, positive, say
from binn.errors import InputError

if TYPE_CHECKING:
    from binn.training.config import TrainingConfig

__all__ = ["register"]

_TRAINED = {
    "recovery": (
        "how well known parameters are found again",
        "Train on simulated observations, with the four parameters free that the paper leaves "
        "free, and with all 21; sites held out at random and in squares of 4 degrees. Correlation "
        "of retrieved with true parameters. The dataset must know the true ones, as demo does.",
    ),
    "cross-validation": (
        "BINN and what it has to beat, on held-out sites",
        "Ten folds of BINN, of a random forest, of one parameter vector and of the mean by depth: "
        "pooled scores, scores by fold, and how much BINN is ahead. Trains ten models.",
    ),
}


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this module."""
    benchmark = commands.add_parser(
        "benchmark",
        help="measure what solving costs on this machine",
        description="Cost of the steady state, its gradient, a training step and all of CONUS, in "
        "CPU milliseconds of one thread, beside the published way and the memory bus.",
    )
    benchmark.add_argument("--json", action="store_true", help="print JSON")
    benchmark.add_argument(
        "--quick", action="store_true", help="measure the dense backends on 32 sites only"
    )
    benchmark.add_argument(
        "--seconds", type=float, default=1.0, help="time given to each figure (1)"
    )
    benchmark.add_argument(
        "--most", type=int, default=25_925, metavar="N", help="largest number of sites (25,925)"
    )
    benchmark.set_defaults(run=_benchmark)

    experiment = commands.add_parser(
        "experiment",
        help="answer a question of the paper on a dataset",
        description="Experiments of the paper on any dataset. The result is printed as JSON and "
        "written to a file, which the page shows if it lies beside the dataset.",
    )
    names = experiment.add_subparsers(title="experiments", metavar="NAME", required=True)
    sensitivity = names.add_parser(
        "sensitivity",
        help="which parameters decide how much carbon a soil holds",
        description="Variance-based sensitivity of SOC to each parameter over its prior range, "
        "mean over sites: Sobol's first-order and total indices of the stock, and the index as the "
        "paper defines it. The paper's size is --sites 512 --draws 1000 --values 100, a billion "
        "solves; the usual size here takes a few minutes.",
    )
    _add_common(sensitivity)
    sensitivity.add_argument(
        "--definition", choices=("sobol", "published", "both"), default="both", help="which (both)"
    )
    sensitivity.add_argument("--sites", type=positive, help="sites (64, or all of fewer)")
    sensitivity.add_argument(
        "--draws",
        type=positive,
        help="points of Sobol's sequence (1024), draws of the others (200)",
    )
    sensitivity.add_argument(
        "--values", type=positive, default=50, help="values of the fixed parameter (50)"
    )
    sensitivity.add_argument("--seed", type=natural, help="of sites and draws (the paper's, 12355)")
    sensitivity.add_argument(
        "--bedrock",
        choices=("conserving", "published"),
        default="conserving",
        help="process model of Sobol's indices (conserving)",
    )
    sensitivity.set_defaults(run=_sensitivity)
    for name, (short, long) in _TRAINED.items():
        trained = names.add_parser(name, help=short, description=long)
        _add_common(trained)
        trained.add_argument(
            "--preset",
            choices=("paper", "paper-printed", "default", "quick"),
            default="default",
            help="options of the training (default)",
        )
        trained.add_argument("--epochs", type=positive, help="passes over the training sites")
        trained.add_argument("--seed", type=natural, help="of weights and batches")
        trained.set_defaults(run=_trained, experiment=name)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="dataset, or demo")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="JSON file to write (NAME.json beside the dataset; none for demo)",
    )


def _benchmark(options: argparse.Namespace) -> None:
    from binn.experiments.efficiency import measure
    from binn.experiments.efficiency_report import markdown

    if options.most < 1 or not options.seconds >= 0:
        raise InputError("--most must be at least 1 and --seconds not negative")
    found = measure(options.seconds, quick=options.quick, most=options.most)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print("  ".join(f"{key} {value}" for key, value in found["about"].items()))
    print("\n" + markdown(found))


def _sensitivity(options: argparse.Namespace) -> None:
    """``binn experiment sensitivity DATA``."""
    out = _target(options, "sensitivity")
    import binn
    from binn.experiments.run import sensitivity

    found = sensitivity(
        binn.open_dataset(options.data),
        definition=options.definition,
        sites=options.sites,
        draws=options.draws,
        values=options.values,
        seed=options.seed,
        bedrock=options.bedrock,
        report=say,
    )
    _give(found, out)


def _trained(options: argparse.Namespace) -> None:
    """``binn experiment recovery|cross-validation DATA``."""
    name = options.experiment.replace("-", "_")
    out = _target(options, name)
    import binn
    from binn.experiments import run

    config = _config(options)
    experiment = run.recovery if name == "recovery" else run.cross_validation
    _give(experiment(binn.open_dataset(options.data), config=config, report=say), out)


def _config(options: argparse.Namespace) -> TrainingConfig:
    from binn.training.presets import preset

    given = {name: getattr(options, name) for name in ("epochs", "seed")}
    changes = {name: value for name, value in given.items() if value is not None}
    return preset(options.preset).changed(**changes)


def _target(options: argparse.Namespace, name: str) -> Path | None:
    """Where the result goes; what is there already is left as it is."""
    from binn.datasets.shipped import shipped_dataset

    if options.out is not None:
        path = Path(options.out)
    elif shipped_dataset(options.data) is not None:
        return None
    else:
        path = Path(options.data).parent / f"{name}.json"
    if path.suffix != ".json":
        raise InputError(f"cannot write {path}: results are JSON; name it .json")
    if path.exists():
        raise InputError(f"{path} is there already: give another name by --out, or remove it")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    return path


def _give(found: dict[str, Any], out: Path | None) -> None:
    """Print the result, and write it."""
    text = json.dumps(found, indent=1)
    if out is not None:
        from binn.atomic import saving, write_file

        with saving("the result", out):
            write_file(out, (text + "\n").encode())
        say(f"wrote {out}")
    print(text)
