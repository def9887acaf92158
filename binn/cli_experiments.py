"""Commands that measure: ``binn benchmark``."""

from __future__ import annotations

import argparse
import json

from binn.errors import InputError

__all__ = ["register"]


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
