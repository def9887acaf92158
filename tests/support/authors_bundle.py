"""A small input folder in the layout of the paper's: SYNTHETIC numbers, real names and shapes.

Fields of the CESM2 run are of full size but sparse: only a few cells are written, the rest of the
grid is NaN, as the sea is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import scipy.io

from binn.datasets.authors_bundle_layout import ENV_COLUMNS, FORCING
from binn.datasets.authors_layout import cesm2_centre, cesm2_index
from binn.datasets.covariates import covariate

WOSIS = "wosis_2019_snap_shot"
SPINUP = "cesm2_simu/spinup_ss"
CASE = "sasu_f05_g16_checked_step4_cesm2_ss_4da_661_680"
MODEL = "cesm2_clm5_cen_vr_v2"
PRODA = f"{MODEL}_whole_time_exp_pc_cesm2_23_cross_valid_0"
THICKNESS = np.array(
    [
        *(0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28, 0.32),
        *(0.36, 0.4, 0.44, 0.54, 0.64, 0.74, 0.84, 0.94, 1.04, 1.14),
    ]
)
LAYERED = {name for name in FORCING if name not in ("altmax", "altmax_lastyear", "nbedrock")}


@dataclass
class Bundle:
    """What stands in the files, before it is turned round and written."""

    profiles: np.ndarray
    layers: np.ndarray
    env: np.ndarray
    grid: np.ndarray
    limits: np.ndarray
    gelman_rubin: np.ndarray
    chain_r2: np.ndarray
    eligible: np.ndarray
    representative: np.ndarray
    site_u: np.ndarray
    grid_u: np.ndarray
    #: (latitude, longitude) of the cells that have forcing
    cells: list[tuple[int, int]] = field(default_factory=list)
    #: canonical name -> (cell, [layer,] month), as CESM2 has it (litter by layer)
    forcing: dict[str, np.ndarray] = field(default_factory=dict)


def make(profiles: int = 12, points: int = 5) -> Bundle:
    """Twelve profiles in Kansas and Missouri on three cells; every filter would pass them all."""
    rng = np.random.default_rng(7)
    lon = -98.0 + np.arange(profiles) % 3 * 1.3 + rng.uniform(-0.1, 0.1, profiles)
    lat = 38.5 + rng.uniform(-0.05, 0.05, profiles)
    ids = 500 + 7 * rng.permutation(profiles)
    info = np.stack(
        [ids, np.full(profiles, 229), np.full(profiles, 156), lon, lat, np.full(profiles, 4),
         np.full(profiles, 1990)],
        axis=1,
    ).astype(float)  # fmt: skip
    layers = []
    for row in rng.permutation(profiles):
        for upper in (0.0, 20.0, 50.0):
            soc = 30e3 * np.exp(-upper / 40) * rng.uniform(0.8, 1.2)
            layers.append([ids[row], 1990, upper, upper + 10, upper + 5, 1.0, soc, 1.3, 0])
    env = _env(rng, lon, lat)
    env[:, 0], env[:, 1] = np.arange(1, profiles + 1), ids
    bundle = Bundle(
        profiles=info,
        layers=np.array(layers),
        env=env,
        grid=_env(rng, np.linspace(-98.25, -95.25, points), np.full(points, 38.75))[:, 3:-1],
        limits=np.stack([env.min(axis=0) - 1, env.max(axis=0) + 1], axis=1),
        gelman_rubin=np.full((profiles, 21), 1.01),
        chain_r2=np.full((profiles, 3), 0.8),
        eligible=np.arange(1, profiles + 1)[:, None],
        representative=np.arange(1, profiles + 1)[None, ::2],
        site_u=rng.uniform(0.2, 0.8, (profiles, 21)),
        grid_u=rng.uniform(0.2, 0.8, (points, 21)),
    )
    where = np.concatenate([np.stack([lon, lat], axis=1), bundle.grid[:, :2]])
    bundle.cells = sorted(set(zip(*map(np.ndarray.tolist, cesm2_index(*where.T)), strict=True)))
    for name in FORCING:
        shape = (len(bundle.cells), *((20,) if name in LAYERED else ()), 12)
        values = rng.uniform(0.3, 0.9, shape)
        if name == "temperature":
            values = 275 + 20 * values
        elif name in ("altmax", "altmax_lastyear"):
            values = np.full(shape, 41.998)
        elif name == "nbedrock":
            values = np.repeat(rng.integers(12, 21, (shape[0], 1)), 12, axis=1).astype(float)
        elif name == "sand":
            values = np.repeat(rng.uniform(20, 60, (*shape[:2], 1)), 12, axis=2)
        elif name == "oxygen":
            values = np.ones(shape)
        elif name in ("cwd", "litter1", "litter2", "litter3"):
            values = 30 * values * np.exp(-np.arange(20) / 4)[None, :, None]
        bundle.forcing[name] = values
    return bundle


def _env(rng: np.random.Generator, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """All 81 columns: whole classes, numbers inside their bounds."""
    columns = []
    for name in ENV_COLUMNS:
        values = rng.integers(1, 12, len(lon)).astype(float)
        columns.append(values if covariate(name).kind == "category" else values + 0.5)
    env = np.stack(columns, axis=1)
    env[:, ENV_COLUMNS.index("Lon")], env[:, ENV_COLUMNS.index("Lat")] = lon, lat
    return env


def write(bundle: Bundle, root: Path, *, transposed: bool = True, old_matlab: bool = False) -> Path:
    """Write the folder as the authors have it.

    `transposed`: as HDF5 and NetCDF show MATLAB's arrays; `old_matlab`: the tables that they keep
    in MATLAB 5 files in such files.
    """
    (root / WOSIS).mkdir(parents=True)
    (root / SPINUP).mkdir(parents=True)
    (root / "PRODA_Results").mkdir()
    end = "wosis_2019_snapshot_hugelius_mishra"
    for name, variable, values in (
        (f"soc_profile_{end}.nc", "soc_profile_info", bundle.profiles),
        (f"soc_data_integrate_{end}.nc", "data_soc_integrate", bundle.layers),
    ):
        with h5py.File(root / WOSIS / name, "w") as file:
            file[variable] = values.T if transposed else values
    for name, variable, values in (
        (f"{end}_env_info.mat", "EnvInfo", bundle.env),
        ("world_grid_envinfo_present.mat", "EnvInfo", bundle.grid),
        (f"world_grid_envinfo_present_{MODEL}_whole_time_col_max_min.mat", "col_max_min",
         bundle.limits),
        (f"{MODEL}_para_gr.mat", "para_gr", bundle.gelman_rubin),
        (f"{MODEL}_stat_r2.mat", "stat_r2", bundle.chain_r2),
        (f"eligible_profile_loc_0_{MODEL}_whole_time.mat", "eligible_loc_0", bundle.eligible),
        (f"{end}_representative_profiles.mat", "sample_profile_id", bundle.representative),
    ):  # fmt: skip
        if old_matlab:
            scipy.io.savemat(root / WOSIS / name, {variable: values}, do_compression=True)
        else:
            _matlab_73(root / WOSIS / name, variable, values.T if transposed else values)
    for name in FORCING:
        write_field(bundle, root, name, transposed=transposed)
    rows = np.arange(1, len(bundle.profiles) + 1)
    points = np.arange(1, len(bundle.grid) + 1)
    for run in (1, 2):
        shift = 0.01 * (run - 1.5)
        for start, values in (
            ("nn_site_loc_full", rows),
            ("nn_para_result_full", bundle.site_u + shift),
            ("valid_grid_loc", points),
            ("grid_para_result", bundle.grid_u + shift),
        ):
            np.savetxt(root / f"PRODA_Results/{start}_{PRODA}_{run}.csv", values, delimiter=",")
    return root


def field_path(root: Path, name: str) -> Path:
    """Where a field of the CESM2 run lies."""
    return root / SPINUP / f"{CASE}_{FORCING[name]}.mat"


def write_field(
    bundle: Bundle, root: Path, name: str, *, transposed: bool = True, shape: tuple[int, int] = ()
) -> None:
    """Write one field: NaN except where the bundle has cells."""
    lat, lon = shape or (384, 576)
    depth = (20,) if name in LAYERED else ()
    full = (12, *depth, lon, lat) if transposed else (lat, lon, *depth, 12)
    chunk = (12, *depth, 8, 8) if transposed else (8, 8, *depth, 12)
    with _matlab_file(field_path(root, name)) as file:
        values = file.create_dataset(
            "var_record_monthly_mean", full, "f8", chunks=chunk, fillvalue=np.nan, compression=1
        )
        for (row, column), cell in zip(bundle.cells, bundle.forcing[name], strict=True):
            if row >= lat or column >= lon:
                continue
            if transposed:
                values[..., column, row] = cell.T
            else:
                values[row, column] = cell


def _matlab_file(path: Path) -> h5py.File:
    """An HDF5 file that begins as MATLAB 7.3 begins its own."""
    file = h5py.File(path, "w", userblock_size=512)
    file.close()
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    return h5py.File(path, "r+")


def _matlab_73(path: Path, variable: str, values: np.ndarray) -> None:
    with _matlab_file(path) as file:
        file[variable] = values


def change(path: Path, variable: str, action: Callable[[np.ndarray], np.ndarray | None]) -> None:
    """Rewrite one array of an HDF5 file."""
    with h5py.File(path, "r+") as file:
        values = file[variable][...]
        changed = action(values)
        del file[variable]
        file[variable] = values if changed is None else changed


__all__ = ["Bundle", "cesm2_centre", "change", "field_path", "make", "write", "write_field"]
