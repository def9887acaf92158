"""The record of what a dataset was made of: sha256 by file name, in its attribute ``sha256``."""

from __future__ import annotations

import json
from collections.abc import Mapping

import xarray as xr

__all__ = ["add_sources", "source_record"]


def source_record(hashes: Mapping[str, str]) -> str:
    """Hash by file as the attribute holds it: the same files give the same text."""
    return json.dumps(dict(hashes), sort_keys=True)


def add_sources(ds: xr.Dataset, hashes: Mapping[str, str]) -> None:
    """Add files to the record of a dataset."""
    held = json.loads(str(ds.attrs.get("sha256", "{}")))
    ds.attrs["sha256"] = source_record(held | dict(hashes))
