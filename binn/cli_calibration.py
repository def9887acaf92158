"""The commands ``binn calibrate``, ``binn proda`` and ``binn import authors-proda``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from binn.cli_arguments import natural, positive, say
from binn.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from binn.calibration import Calibration

__all__ = ["register", "register_import"]

_METHODS = ("adaptive", "published", "kalman", "genetic")
_BEDROCK = ("conserving", "published")
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_OF_THE_TASK = (
    "sites",
    "method",
    "iterations",
    "chains",
    "seed",
    "bedrock",
    "network",
    "epochs",
    "runs",
)


def register(commands: Any) -> None:
    """Add the commands to the parser (its subparsers object)."""
    _register_calibrate(commands)
    _register_proda(commands)


def register_import(layouts: Any) -> None:
    """Add ``authors-proda`` to the layouts of ``binn import``."""
    results = layouts.add_parser(
        "authors-proda",
        help="PRODA's published results (PRODA_Results, CSV)",
        description="Import the parameters that PRODA's authors published: at sites and on the "
        "grid, of every run of their network. Normalised values stay as they are and name their "
        "ranges; physical ones are taken between BINN's, as the BINN authors do.",
    )
    results.add_argument("source", metavar="SRC", help="the folder PRODA_Results")
    results.add_argument("out", metavar="OUT", help="NetCDF file to write")
    results.set_defaults(run=import_authors_proda)


def _register_calibrate(commands: Any) -> None:
    calibrate = commands.add_parser(
        "calibrate",
        help="find the parameters of one site from its own profile",
        description="Calibrate one site against its own observations, by MCMC, an ensemble Kalman "
        "inversion or an evolutionary search: parameters with what the profile leaves open, and "
        "how well they fit.",
    )
    calibrate.add_argument("data", metavar="DATA", help="dataset, or demo")
    calibrate.add_argument(
        "--site", required=True, metavar="ID", help="profile id, or # and the site's number from 0"
    )
    calibrate.add_argument(
        "--method",
        choices=_METHODS,
        default="adaptive",
        help="adaptive Metropolis (adaptive), the authors' annealed MCMC (published), ensemble "
        "Kalman inversion (kalman), or evolutionary search (genetic)",
    )
    calibrate.add_argument(
        "--iterations",
        type=positive,
        metavar="N",
        help="steps of a chain (50,000; published 70,000) or of the inversion (30), generations "
        "(500)",
    )
    calibrate.add_argument("--chains", type=positive, metavar="N", help="chains of MCMC (4, or 3)")
    calibrate.add_argument("--seed", type=natural, default=0, help="seed (0)")
    calibrate.add_argument(
        "--bedrock", choices=_BEDROCK, default="conserving", help="process model (conserving)"
    )
    calibrate.add_argument(
        "--out", metavar="FILE", help="also write everything to a file: .nc (members too) or .json"
    )
    calibrate.add_argument("--json", action="store_true", help="print JSON")
    calibrate.set_defaults(run=calibrate_command, usage_error=calibrate.error)


def _register_proda(commands: Any) -> None:
    proda = commands.add_parser(
        "proda",
        help="PRODA: calibrate sites, then learn their parameters with a network",
        description="PRODA in two steps: MCMC at sites, then a network from covariates to their "
        "parameters, which predicts every site and grid cell into DIR/proda.nc. Ctrl-C keeps what "
        "is finished; --resume goes on exactly.",
    )
    proda.add_argument("data", metavar="DATA", help="dataset, or demo")
    proda.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    proda.add_argument(
        "--sites", type=_sites, metavar="N|all", help="sites to calibrate, drawn by the seed (all)"
    )
    proda.add_argument(
        "--method", choices=("published", "adaptive"), help="MCMC of the site step (published)"
    )
    proda.add_argument(
        "--iterations", type=positive, metavar="N", help="steps of a chain (70,000 or 50,000)"
    )
    proda.add_argument("--chains", type=positive, metavar="N", help="chains a site (3 or 4)")
    proda.add_argument("--seed", type=natural, help="of sites, chains and networks (0)")
    proda.add_argument("--bedrock", choices=_BEDROCK, help="process model (conserving)")
    proda.add_argument(
        "--network",
        choices=("published", "default"),
        help="the authors' network, or ours: small, trained by squared error (default)",
    )
    proda.add_argument("--epochs", type=positive, help="of a network (60; published 6000)")
    proda.add_argument("--runs", type=positive, help="networks from different seeds (10)")
    where = proda.add_mutually_exclusive_group()
    where.add_argument("--threads", type=positive, default=1, help="threads of the site step (1)")
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="a running Dask scheduler, such as tcp://host:8786"
    )
    proda.add_argument(
        "--dataset",
        metavar="FILE",
        help="also write the dataset with PRODA's parameters in it (.nc), for the page",
    )
    proda.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in DIR, as it was begun; another --network may be given",
    )
    proda.set_defaults(run=proda_command)


def calibrate_command(options: argparse.Namespace) -> None:
    """``binn calibrate DATA --site ID --method M``."""
    if options.chains and options.method in ("kalman", "genetic"):
        options.usage_error(f"--chains: the method {options.method} has none")
    out = _checked_out(options.out, options.data)
    import binn
    from binn.calibration import CalibrationProblem, calibrate_problem
    from binn.calibration.profile_names import numbered
    from binn.calibration.site_report import site_lines, site_report

    ds = binn.open_dataset(options.data)
    site = _find(ds, options.site)
    problem = CalibrationProblem.from_dataset(numbered(ds), [site], bedrock=options.bedrock)
    more = {} if options.chains is None else {"chains": options.chains}
    found = calibrate_problem(
        problem,
        options.method,
        iterations=options.iterations,
        seed=options.seed,
        report=say,
        **more,
    )
    name = ds["profile_id"].to_numpy()[site]
    about = site_report(found, problem) | {"profile_id": name.item()}
    if out is not None:
        _write(out, found, about)
    if options.json:
        print(json.dumps(about, indent=1))
    else:
        print("\n".join(site_lines(about)))


def proda_command(options: argparse.Namespace) -> int:
    """``binn proda DATA --out DIR``."""
    import binn
    from binn.calibration.proda_run import ProdaTask, read_task, run_proda
    from binn.streaming import Stopped

    out = Path(options.out)
    if options.dataset is not None:
        from binn.datasets.storage import check_target

        check_target(options.dataset)
    given = {
        name: getattr(options, name) for name in _OF_THE_TASK if getattr(options, name) is not None
    }
    held = read_task(out).model_dump() if options.resume else {}
    task = ProdaTask.model_validate({**held, **given})
    ds = binn.open_dataset(options.data)
    try:
        path = run_proda(
            ds,
            out,
            task,
            threads=options.threads,
            scheduler=options.scheduler,
            resume=options.resume,
            report=say,
        )
    except Stopped as stop:
        say(str(stop))
        return _INTERRUPTED
    if options.dataset is not None:
        _write_with_proda(ds, path, options.dataset)
        say(f"wrote {options.dataset}")
    print(path)
    return 0


def _write_with_proda(ds: xr.Dataset, result: Path, out: str) -> None:
    """The dataset with PRODA's parameters, as a canonical file."""
    import xarray as xr

    from binn.datasets.storage import reading, write_dataset

    names = ("proda_parameters", "proda_parameters_site")
    with reading(result), xr.open_dataset(result, engine="h5netcdf") as found:
        more = {name: found[name].load().variable for name in names}
    write_dataset(ds.assign(more), out)


def import_authors_proda(options: argparse.Namespace) -> None:
    """``binn import authors-proda SRC OUT``."""
    from binn.datasets.storage import check_target

    out = Path(options.out)
    check_target(out)
    from binn.calibration.authors_proda import import_authors_proda as read
    from binn.calibration.authors_proda import write_authors_proda

    ds = read(Path(options.source), say)
    write_authors_proda(ds, out)
    for on, noun in (("site", "profiles"), ("cell", "grid points")):
        if on in ds.sizes:
            say(f"{noun}: {ds.sizes[on]} in {ds.sizes['run']} runs")
    say(f"means held inside 0.0001 to 1 before they became parameters: {ds.attrs['clipped']}")
    print(out)


def _find(ds: xr.Dataset, text: str) -> int:
    """Position of the site that was meant."""
    import numpy as np

    if text.startswith("#"):
        if not text[1:].isdecimal() or int(text[1:]) >= ds.sizes["site"]:
            raise InputError(
                f"there is no site {text}: sites go from #0 to #{ds.sizes['site'] - 1}"
            )
        return int(text[1:])
    rows = np.flatnonzero(ds["profile_id"].to_numpy().astype(str) == text.strip())
    if not len(rows):
        raise InputError(
            f"no profile has the id {text!r}: give a profile id of the dataset, or # and a site's "
            "number from 0"
        )
    return int(rows[0])


def _checked_out(name: str | None, data: str) -> Path | None:
    """Where to write, refused before any work is done."""
    if name is None:
        return None
    path = Path(name)
    if path.suffix not in (".nc", ".json"):
        raise InputError(f"cannot write {path}: name it .nc or .json")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"cannot write {path}: it is a folder, or its folder does not exist")
    if path.exists() and Path(data).exists() and path.samefile(data):
        raise InputError(f"{path} is the dataset itself: give another name for the calibration")
    return path


def _write(path: Path, found: Calibration, about: dict[str, Any]) -> None:
    from binn.atomic import saving, write_file

    if path.suffix == ".json":
        content = (json.dumps(about, indent=1) + "\n").encode()
    else:
        ds = found.to_dataset()
        ds["members"] = (
            ("site", "member", "parameter"),
            found.members,
            {"long_name": "draws of the posterior, or the last ensemble, normalised", "units": "1"},
        )
        for key, values in found.trace.items():
            dims = ("site", *(f"trace_{size}" for size in values.shape[1:]))
            ds[f"trace_{key}"] = (dims, values)
        content = bytes(ds.to_netcdf(None, engine="h5netcdf", format="NETCDF4"))
    with saving("the calibration", path):
        write_file(path, content)


def _sites(text: str) -> int | str:
    return text if text == "all" else positive(text)
