"""The commands ``binn import`` and ``binn info``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_calibration import register_import as register_results

if TYPE_CHECKING:
    import xarray as xr

    from binn.datasets.report import Report

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
    _add_ecoregions(demo)
    demo.set_defaults(run=import_authors_demo)

    bundle = layouts.add_parser(
        "authors-bundle",
        help="the paper's full input folder (ENSEMBLE/INPUT_DATA)",
        description=(
            "Import the full input folder of the paper: WoSIS profiles, covariates, fields of the "
            "CESM2 run and, where they are there, the results of PRODA. The paper's filters whose "
            "files are there are applied; each says how many profiles it leaves out."
        ),
    )
    bundle.add_argument("source", metavar="SRC", help="the folder, or a clone that holds it")
    bundle.add_argument("out", metavar="OUT", help="NetCDF file to write")
    bundle.add_argument(
        "--proda-ranges",
        choices=("binn", "proda"),
        default="binn",
        help=(
            "ranges that PRODA's normalised parameters are read with: BINN's, as the paper does, "
            "or those of PRODA's own code (default: binn)"
        ),
    )
    bundle.add_argument(
        "--representative",
        action="store_true",
        help="only the authors' representative profiles, about a thousand",
    )
    _add_ecoregions(bundle)
    bundle.set_defaults(run=import_authors_bundle)

    table = layouts.add_parser(
        "table",
        help="your own profiles: CSV or Parquet with a mapping file",
        description=(
            "Import a table of soil profiles. A mapping file (TOML or JSON, see docs/importing.md) "
            "says which column is what, in which unit. Forcing, and covariates that the table has "
            "not, come from the nearest cell of another dataset."
        ),
    )
    table.add_argument("source", metavar="SRC", help="CSV or Parquet file")
    table.add_argument("out", metavar="OUT", help="NetCDF file to write")
    table.add_argument("--mapping", metavar="FILE", required=True, help="TOML or JSON file")
    table.add_argument(
        "--forcing",
        metavar="DATASET",
        required=True,
        help="dataset whose cells give the forcing: a path, or demo (simulated)",
    )
    table.add_argument(
        "--max-distance",
        metavar="KM",
        type=float,
        default=50.0,
        help="leave out profiles whose nearest cell is farther (default: 50)",
    )
    _add_ecoregions(table)
    table.set_defaults(run=import_table)

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

    register_results(layouts)

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


def _add_ecoregions(layout: argparse.ArgumentParser) -> None:
    """The option that every importer of profiles has."""
    layout.add_argument(
        "--ecoregions",
        metavar="FILE",
        help=(
            "EPA's shapefile of level-I ecoregions, NA_CEC_Eco_Level1.shp, instead of the "
            "schematic ones that ship with the program"
        ),
    )


def import_authors_demo(options: argparse.Namespace) -> None:
    """``binn import authors-demo SRC OUT [--ecoregions FILE]``."""
    from binn.datasets.storage import check_target

    check_target(options.out)
    from binn.datasets.authors import import_authors_demo as read

    _finish(*read(options.source, _progress), options)


def import_authors_bundle(options: argparse.Namespace) -> None:
    """``binn import authors-bundle SRC OUT [--proda-ranges R] [--representative] ...``."""
    from binn.datasets.storage import check_target

    check_target(options.out)
    from binn.datasets.authors_bundle import import_authors_bundle as read

    found = read(
        options.source,
        _progress,
        proda_ranges=options.proda_ranges,
        representative=options.representative,
    )
    _finish(*found, options, most=5)


def import_table(options: argparse.Namespace) -> None:
    """``binn import table SRC OUT --mapping FILE --forcing DATASET [--max-distance KM] ...``."""
    from binn.datasets.storage import check_target

    check_target(options.out)
    from binn.datasets.tables import import_table as read

    found = read(
        options.source,
        options.mapping,
        options.forcing,
        _progress,
        max_distance=options.max_distance,
    )
    _finish(*found, options, most=20)


def _finish(
    ds: xr.Dataset, report: Report, options: argparse.Namespace, most: int | None = None
) -> None:
    """Put real ecoregions in if they are given, write, and say what was left out."""
    from binn.datasets.storage import write_dataset

    if options.ecoregions:
        from binn.datasets.ecoregion_files import use_ecoregions

        _progress(f"finding ecoregions in {options.ecoregions}")
        use_ecoregions(ds, options.ecoregions)
    _progress(f"writing {options.out}")
    write_dataset(ds, options.out)
    _progress("")
    print("\n".join(report.lines(most)), file=sys.stderr)
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
