"""The commands ``binn import`` and ``binn info``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the commands to the parser (its subparsers object)."""
    importing = commands.add_parser(
        "import",
        help="make a dataset of somebody else's files",
        description="Make a canonical dataset (NetCDF) of somebody else's files.",
    )
    layouts = importing.add_subparsers(title="layouts", metavar="LAYOUT", required=True)
    demo = layouts.add_parser(
        "authors-demo",
        help="the BINN authors' New York set (BINN_Demo)",
        description=(
            "Import the New York set of the BINN authors. Get it first with "
            "`git clone https://github.com/Hardyxu8067/BINN_Demo`. Rows that are left out are "
            "listed on stderr by number and reason, and kept in the file."
        ),
    )
    demo.add_argument("source", metavar="SRC", help="the clone, or its folder Input_Data")
    demo.add_argument("out", metavar="OUT", help="NetCDF file to write")
    demo.set_defaults(run=import_authors_demo)

    trained = layouts.add_parser(
        "authors-checkpoint",
        help="a network the BINN authors' scripts trained (mlp_wrapper.pt)",
        description=(
            "Make a checkpoint folder of a torch file of the BINN authors' training scripts. "
            "Nothing in the file is run: only tensors are read."
        ),
    )
    trained.add_argument("source", metavar="FILE", help="their checkpoint (.pt)")
    trained.add_argument("out", metavar="OUT", help="checkpoint folder to write")
    trained.add_argument(
        "--limits",
        metavar="FILE",
        help=(
            "their col_max_min as text, 58 lines of min, max in the order of the network's "
            "covariates, or a dataset that carries it; without it the network takes numeric "
            "covariates that are already scaled to 0 to 1"
        ),
    )
    trained.set_defaults(run=import_authors_checkpoint)

    info = commands.add_parser(
        "info",
        help="what is in a dataset or a checkpoint",
        description="Show what is in a dataset (file) or a checkpoint (folder).",
    )
    info.add_argument(
        "file", metavar="FILE", help="dataset or checkpoint; demo is the embedded dataset"
    )
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=info_command)


def import_authors_demo(options: argparse.Namespace) -> None:
    """``binn import authors-demo SRC OUT``."""
    from binn.datasets.storage import check_target, write_dataset

    check_target(options.out)
    from binn.datasets.authors import import_authors_demo as read

    ds, report = read(options.source, _progress)
    _progress(f"writing {options.out}")
    write_dataset(ds, options.out)
    _progress("")
    print("\n".join(report.lines()), file=sys.stderr)
    print(options.out)


def import_authors_checkpoint(options: argparse.Namespace) -> None:
    """``binn import authors-checkpoint FILE OUT [--limits FILE]``."""
    from binn.authors_checkpoint import import_authors_checkpoint as convert

    convert(options.source, options.out, options.limits)
    print(options.out)


def info_command(options: argparse.Namespace) -> None:
    """``binn info FILE [--json]``."""
    from binn.datasets.shipped import shipped_dataset

    path = shipped_dataset(options.file) or Path(options.file)
    if path.is_dir() and path.suffix != ".zarr":
        from binn.checkpoint import describe

        content = describe(path)
        lines = list(_outline(content))
    else:
        from binn.datasets.summary import summary, summary_lines

        content = summary(options.file)
        lines = summary_lines(content)
    if options.json:
        print(json.dumps(content, indent=1, default=str))
    else:
        print("\n".join(lines))


def _outline(content: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Nested values for reading: one line each, deeper ones further in."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _outline(value, indent + "  ")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            yield f"{indent}{key}: {shown}"


def _progress(phrase: str) -> None:
    """Show what is being done: on one line of a terminal, on lines of a log."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{phrase}", end="", file=sys.stderr, flush=True)
    elif phrase:
        print(phrase, file=sys.stderr, flush=True)
