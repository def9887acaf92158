"""What a result was made from: the data's fingerprint and the program's revision."""

from __future__ import annotations

import functools
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from binn.datasets.blocks import blocks

__all__ = ["dataset_fingerprint", "git_revision"]

_READ = (
    "lon",
    "lat",
    "profile_id",
    "site_cell",
    "obs_count",
    "obs_depth",
    "obs_soc",
    "covariate",
    "covariates",
    "cwd",
    "litter1",
    "litter2",
    "litter3",
    "altmax",
    "altmax_lastyear",
    "nbedrock",
    "oxygen",
    "nitrogen",
    "water",
    "temperature",
)


def dataset_fingerprint(ds: xr.Dataset, also: Sequence[str] = (), block: int | None = None) -> str:
    """sha256 over everything a training reads, whatever file it stands in.

    Two files with the same sites, observations, covariates and forcing have the same fingerprint,
    whenever and with whichever compression they were written.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical dataset.
    also : sequence of str
        Further variables to include.
    block : int, optional
        Bytes to read at once, for a dataset larger than memory; the result is the same.
    """
    digest = hashlib.sha256()
    for name in (*_READ, *also):
        digest.update(f"{name}{ds[name].shape}".encode())
        for start, values in blocks(ds[name], block):
            if values.dtype.kind in "iu":
                digest.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
            elif values.dtype.kind == "f":
                digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
            else:
                text = "\0".join(values.astype(str).reshape(-1).tolist())
                digest.update((("\0" if start else "") + text).encode())
    return digest.hexdigest()


@functools.cache
def git_revision() -> str | None:
    """Commit of this program, "+changes" added if files of it differ; None outside git.

    As it is when a process first asks, and remembered: the page asks once its modules are being
    imported, so that its files do not name what somebody commits while it runs.
    """
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # installed inside another's git?
        revision = git("rev-parse", "HEAD")
        return revision + ("+changes" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None
