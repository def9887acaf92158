"""What is in a dataset, for ``binn info``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from binn.datasets.report import Report
from binn.datasets.schema import PROVENANCES
from binn.datasets.shipped import shipped_dataset
from binn.datasets.storage import file_sha256, open_dataset

__all__ = ["summary", "summary_lines"]

#: rows left out that are shown for reading
_ROWS = 200


def summary(path: str | Path) -> dict[str, Any]:
    """Dimensions, attributes, variables with ranges and provenance, and what was left out.

    Parameters
    ----------
    path : str or Path
        A canonical dataset, or the name of a shipped one.

    Returns
    -------
    dict
        Fit for JSON: keys kind, path, sha256 (of the file; None for a folder), dimensions,
        cells_with_covariates, attributes, inputs (sha256 by file), variables,
        covariate_provenance (names by provenance, if the dataset says), left_out, notes.

    Raises
    ------
    InputError
        When it is not a readable canonical dataset.
    """
    path = shipped_dataset(path) or path
    ds = open_dataset(path)
    known = np.isfinite(ds["cell_covariates"].values).all(axis=1)
    report = Report.of(ds)
    counts = [
        {"table": table, "reason": reason, "number": number}
        for (table, reason), number in report.counts().items()
    ]
    hidden = ("sha256", "notes")
    return {
        "kind": "dataset",
        "path": str(path),
        "sha256": file_sha256(path) if Path(path).is_file() else None,
        "dimensions": {str(name): size for name, size in ds.sizes.items()},
        "cells_with_covariates": int(known.sum()),
        "attributes": {str(k): _plain(v) for k, v in ds.attrs.items() if k not in hidden},
        "inputs": _inputs(ds),
        "variables": {str(name): _describe(array) for name, array in ds.variables.items()},
        "covariate_provenance": _by_provenance(ds),
        "left_out": {"counts": counts, "rows": [asdict(entry) for entry in report.left_out]},
        "notes": report.notes,
    }


def summary_lines(content: dict[str, Any]) -> list[str]:
    """The same for reading."""
    lines = [content["path"], f"sha256 {content['sha256']}"]
    lines += [f"{name}: {value}" for name, value in content["attributes"].items()]
    sizes = ", ".join(f"{name} {size}" for name, size in content["dimensions"].items())
    lines += ["", f"dimensions: {sizes}"]
    lines += [f"cells with covariates: {content['cells_with_covariates']}", ""]
    header = ("variable", "dimensions", "provenance", "unit", "range")
    rows = [header] + [
        (name, ", ".join(about["dims"]), about["provenance"], about["units"], _range(about))
        for name, about in content["variables"].items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if content["covariate_provenance"]:
        lines += ["", "covariates by provenance:"]
        lines += [
            f"  {kind} ({len(names)}): {', '.join(names)}"
            for kind, names in content["covariate_provenance"].items()
        ]
    left_out = content["left_out"]
    lines += ["", f"left out: {len(left_out['rows'])} (rows counted from 1)"]
    lines += [f"  {c['table']}, {c['reason']}: {c['number']}" for c in left_out["counts"]]
    lines += [
        f"    {r['table']} row {r['row']} ({r['id']}): {r['reason']} {r['detail']}".rstrip()
        for r in left_out["rows"][:_ROWS]
    ]
    if len(left_out["rows"]) > _ROWS:
        lines.append(f"    and {len(left_out['rows']) - _ROWS} more: --json lists them")
    lines += [f"note: {note}" for note in content["notes"]]
    lines += ["", "inputs (sha256):"]
    return lines + [f"  {digest}  {name}" for name, digest in content["inputs"].items()]


def _describe(array: xr.Variable) -> dict[str, Any]:
    about: dict[str, Any] = {
        "dims": list(map(str, array.dims)),
        "units": str(array.attrs.get("units", "")),
        "provenance": str(array.attrs.get("provenance", "")),
        "long_name": str(array.attrs.get("long_name", "")),
    }
    if array.dtype.kind in "fiu" and array.size:
        finite = array.values[np.isfinite(array.values)]
        about["missing"] = int(array.size - finite.size)
        if finite.size:
            about |= {"min": _plain(finite.min()), "max": _plain(finite.max())}
    elif array.size:
        names, number = np.unique(array.values.astype(str), return_counts=True)
        if names.size <= 20:
            about["values"] = dict(zip(names.tolist(), number.tolist(), strict=True))
        else:
            about["distinct"] = int(names.size)
    return about


def _by_provenance(ds: xr.Dataset) -> dict[str, list[str]]:
    """Names of covariates by where their values come from; empty if the dataset does not say."""
    if "covariate_provenance" not in ds:
        return {}
    kinds = ds["covariate_provenance"].values.astype(str)
    names = ds["covariate"].values.astype(str)
    return {kind: names[kinds == kind].tolist() for kind in PROVENANCES if (kinds == kind).any()}


def _range(about: dict[str, Any]) -> str:
    if "min" in about:
        missing = f", {about['missing']} missing" if about["missing"] else ""
        return f"{about['min']:.6g} to {about['max']:.6g}{missing}"
    if "values" in about:
        return ", ".join(f"{name or '(none)'} {n}" for name, n in about["values"].items())
    return f"{about['distinct']} distinct" if "distinct" in about else ""


def _inputs(ds: xr.Dataset) -> dict[str, str]:
    """Hash by file; a dataset of another maker may hold a single hash."""
    text = str(ds.attrs["sha256"])
    try:
        hashes = json.loads(text)
    except ValueError:
        return {"input": text}
    return hashes if isinstance(hashes, dict) else {"input": text}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
