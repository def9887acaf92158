"""What a figure or an export was made from: the file that lies beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import binn
from binn.datasets.demo.dataset import NOTICE
from binn.figures.citation import CITATIONS
from binn.fingerprint import dataset_fingerprint, git_revision

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NOTICE", "complete", "dataset_about", "notice_of"]


def notice_of(ds: xr.Dataset) -> str:
    """The sentence that simulated data carry wherever they are shown; empty for other data."""
    if str(ds["obs_soc"].attrs.get("provenance", "")) == "synthetic":
        return str(ds.attrs.get("notice", NOTICE))
    return ""


def dataset_about(ds: xr.Dataset, name: str) -> dict[str, Any]:
    """Which dataset it was.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical.
    name : str
        Path or name it was opened by.
    """
    return {
        "name": name,
        "title": str(ds.attrs.get("title", "")),
        "licence": str(ds.attrs.get("licence", "")),
        "provenance": str(ds["obs_soc"].attrs.get("provenance", "unknown")),
        "fingerprint": dataset_fingerprint(ds),
        "sites": int(ds.sizes["site"]),
    }


def complete(about: Mapping[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """The content of a sidecar: what is known of the state, and what made the files.

    Parameters
    ----------
    about : mapping
        State, dataset, checkpoint, bedrock scheme and notice, as far as they are known.
    files : sequence of str
        Names of the files it describes.
    """
    return {
        "figure": None,
        "state": None,
        "dataset": None,
        "checkpoint": None,
        "bedrock": None,
        "notice": "",
        **about,
        "files": list(files),
        "software": {
            "name": "BINN explorer",
            "version": binn.__version__,
            "git_revision": git_revision(),
        },
        "citation": list(CITATIONS),
    }
