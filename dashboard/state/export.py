"""Data of a selection as files: NetCDF after CF, or tables in a zip, with what they were made from.

Nothing here waits for a screen: give it a dataset, the chosen rows and the estimates to write.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from binn.errors import InputError
from dashboard.state.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["SOURCES", "about_export", "csv_zip", "gathered", "netcdf"]

SOURCES = ("binn", "proda", "truth", "changed")
"""Whose numbers can be exported; `changed` are those under the scenario."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold: the same data give the same file
_SITE = ("profile_id", "lon", "lat", "state", "biome", "site_cell", "obs_count")
_CELL = ("cell_lon", "cell_lat", "cell_biome")
_OBSERVED = ("obs_depth", "obs_soc")


def about_export(
    ds: xr.Dataset,
    name: str,
    *,
    checkpoint: str,
    bedrock: str,
    definition: str,
    state: Mapping[str, Any],
) -> dict[str, Any]:
    """What the files were made from, as it lies beside them.

    Parameters
    ----------
    ds : xarray.Dataset
        The whole dataset.
    name : str
        Path or name it was opened by.
    checkpoint : str
        Name of the checkpoint, or "" for CLM5's default parameters.
    bedrock, definition : str
        Bedrock scheme, and definition of the components.
    state : mapping
        What the page shows: selection, scenario, ...; fit for JSON.
    """
    from binn.figures.sidecar import complete, dataset_about, notice_of

    return complete(
        {
            "state": dict(state),
            "dataset": dataset_about(ds, name),
            "checkpoint": checkpoint or "none: CLM5 default parameters",
            "bedrock": bedrock,
            "definition": definition,
            "notice": notice_of(ds),
        },
        [],
    )


def gathered(
    ds: xr.Dataset,
    rows: NDArray[np.int64],
    estimates: Mapping[str, Estimate],
    *,
    on: str = "site",
    definition: str = "stock",
) -> xr.Dataset:
    """The numbers of some sites (or cells) by one or several sources.

    Parameters
    ----------
    ds : xarray.Dataset
        Canonical.
    rows : ndarray (k,) of int
        Positions of the sites or cells; written in rising order, each once.
    estimates : mapping of str to Estimate
        By source, of :data:`SOURCES`: of all rows of the dataset, or of `rows` in rising order.
    on : {"site", "cell"}
    definition : {"stock", "published"}
        Of the components.

    Returns
    -------
    xarray.Dataset
        Variables of :func:`binn.predict` with a leading dimension `source`; places, names and, on
        sites, observations of the dataset.

    Raises
    ------
    InputError
        For no rows, no estimate, or an estimate of another number of rows.
    """
    import xarray as xr

    from binn.datasets.schema import variable
    from binn.parameters import PARAMETERS
    from binn.prediction import coordinates, variables

    rows = np.unique(np.asarray(rows, dtype=np.int64))
    if not len(rows):
        raise InputError("there is nothing to export: no site is selected")
    if not estimates:
        raise InputError("there is nothing to export yet: nothing has been computed")
    unknown = [source for source in estimates if source not in SOURCES]
    if unknown:
        raise InputError(f"there is no source {unknown[0]!r}; use one of {SOURCES}")
    chosen = {source: _taken(one, rows, ds.sizes[on]) for source, one in estimates.items()}
    out = xr.Dataset(coords={"source": list(chosen), **coordinates(on, rows)})
    observed = _observed(ds, rows) if on == "site" else None
    for name, (dims, attributes) in variables(on, definition, spread=False).items():
        if name == "mass_balance":
            continue
        if name == "soc_obs":
            values = None if observed is None else _simulated(chosen, estimates, ds, observed)
        else:
            values = [_value(one, name, definition, at) for one, at in chosen.values()]
        if values is not None:
            out[name] = (("source", *dims), np.stack(values), attributes)
    out["parameter_unit"] = ("parameter", [one.unit for one in PARAMETERS])
    out["parameter_unit"].attrs = {"long_name": "unit of the parameter"}
    out["parameter_name"] = ("parameter", [one.long_name for one in PARAMETERS])
    out["parameter_name"].attrs = {"long_name": "what the parameter is"}
    copied = [(name, {on: rows}) for name in (_SITE if on == "site" else _CELL)]
    copied += [(name, {"obs": observed}) for name in _OBSERVED if observed is not None]
    for name, at in copied:
        out[name] = ds[name].isel(at).variable
        entry = variable(name)
        out[name].attrs = {"units": entry.units, "long_name": entry.long_name} | ds[name].attrs
    bedrock = {one.bedrock for one, _ in chosen.values()}
    out.attrs = {"bedrock": ", ".join(sorted(bedrock)), "definition": definition}
    return out


def netcdf(found: xr.Dataset, about: Mapping[str, Any]) -> bytes:
    """The numbers as a NetCDF4 file.

    Parameters
    ----------
    found : xarray.Dataset
        Of :func:`gathered`.
    about : mapping
        Of :func:`about_export`; becomes attributes of the file.
    """
    written = found.copy()
    software = about["software"]
    written.attrs = {
        "Conventions": "CF-1.11",
        "title": f"Export of {about['dataset']['title'] or about['dataset']['name']}",
        "source": f"{software['name']} {software['version']}, revision {software['git_revision']}",
        "history": "exported from the page",
        "references": " | ".join(about["citation"]),
        "licence": about["dataset"]["licence"],
        "notice": about["notice"],
        "provenance": about["dataset"]["provenance"],
        "dataset": about["dataset"]["name"],
        "dataset_fingerprint": about["dataset"]["fingerprint"],
        "checkpoint": about["checkpoint"],
        "state": json.dumps(about["state"], ensure_ascii=False, default=str),
        **found.attrs,
    }
    packed = {"zlib": True, "complevel": 4, "shuffle": True}
    encoding = {
        name: packed for name, array in written.data_vars.items() if array.dtype.kind in "fiu"
    }
    return bytes(written.to_netcdf(None, engine="h5netcdf", format="NETCDF4", encoding=encoding))


def csv_zip(found: xr.Dataset, about: Mapping[str, Any]) -> bytes:
    """The numbers as tables: sites (or cells), layers, observations, and what their columns mean.

    Parameters
    ----------
    found, about
        As :func:`netcdf`.

    Returns
    -------
    bytes
        A zip of ``sites.csv`` (or ``cells.csv``), ``layers.csv``, ``observations.csv``,
        ``columns.csv`` (unit and meaning of each column), ``about.json`` and ``citation.txt``.
    """
    on = "site" if "site" in found.sizes else "cell"
    tables = {f"{on}s": _places_table(found, on), "layers": _layers_table(found, on)}
    if "obs_soc" in found:
        tables["observations"] = _observations_table(found)
    texts: dict[str, str | bytes] = {f"{name}.csv": _csv(table) for name, table in tables.items()}
    texts["columns.csv"] = _csv(_columns_table(found, tables))
    names = [*texts, "citation.txt"]
    texts["about.json"] = json.dumps(
        {**about, "files": names}, indent=1, ensure_ascii=False, default=str
    )
    texts["citation.txt"] = "\n".join(about["citation"]) + "\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in texts.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return content.getvalue()


def _csv(table: pd.DataFrame) -> bytes:
    """A table as text; by pyarrow, which lets other threads of a server go on meanwhile."""
    import pyarrow as pa
    from pyarrow import csv

    sink = pa.BufferOutputStream()
    options = csv.WriteOptions(quoting_style="needed")
    csv.write_csv(pa.Table.from_pandas(table, preserve_index=False), sink, options)
    return bytes(sink.getvalue())


def _taken(one: Estimate, rows: NDArray[np.int64], n: int) -> tuple[Estimate, Any]:
    """An estimate, and where the rows stand in it."""
    if len(one) == n:
        return one, rows
    if len(one) == len(rows):
        return one, slice(None)
    raise InputError(f"an estimate of {len(one)} rows does not fit {len(rows)} selected of {n}")


def _value(one: Estimate, name: str, definition: str, at: Any) -> NDArray[np.float64]:
    if name in ("parameters", "pools", "soc"):
        return np.asarray(getattr(one, name))[at]
    found = one.components[definition].get(name)
    return np.asarray(one.traceability[name] if found is None else found)[at]


def _observed(ds: xr.Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the observations of some sites."""
    from binn.observations import Observations

    return Observations.from_dataset(ds).of(rows)[0]


def _simulated(
    chosen: Mapping[str, tuple[Estimate, Any]],
    estimates: Mapping[str, Estimate],
    ds: xr.Dataset,
    observed: NDArray[np.int64],
) -> list[NDArray[np.float64]] | None:
    """SOC where it was observed, by source: NaN where one has none; None if no source has any."""
    each = [estimates[source].soc_observed_depths for source in chosen]
    if not any(len(one) for one in each):
        return None
    missing = np.full(len(observed), np.nan)
    whole = ds.sizes["obs"]
    return [
        one[observed] if len(one) == whole else one if len(one) == len(observed) else missing
        for one in each
    ]


def _places_table(found: xr.Dataset, on: str) -> pd.DataFrame:
    """A row for each source and site (or cell): parameters, components, traceability."""
    import pandas as pd

    each = []
    for source in found["source"].to_numpy():
        one = found.sel(source=source)
        columns: dict[str, Any] = {"source": np.full(found.sizes[on], source)}
        columns |= {name: found[name].to_numpy() for name in _identity(on)}
        parameters = one["parameters"].transpose(on, "parameter").to_numpy()
        columns |= dict(zip(found["parameter"].to_numpy(), parameters.T, strict=True))
        columns |= {
            str(name): one[name].to_numpy()
            for name in found.data_vars
            if found[name].dims == ("source", on)
        }
        each.append(pd.DataFrame(columns))
    return pd.concat(each, ignore_index=True)


def _layers_table(found: xr.Dataset, on: str) -> pd.DataFrame:
    """A row for each source, site (or cell) and layer: SOC and pools."""
    import pandas as pd

    from binn.clm5.column import N_LAYERS, NODES, THICKNESS

    key = _identity(on)[0]
    n = found.sizes[on]
    each = []
    for source in found["source"].to_numpy():
        one = found.sel(source=source)
        pools = one["pools"].transpose("pool", on, "layer").to_numpy()
        columns = {
            "source": np.full(n * N_LAYERS, source),
            key: np.repeat(found[key].to_numpy(), N_LAYERS),
            "layer": np.tile(np.arange(1, N_LAYERS + 1), n),
            "depth": np.tile(NODES, n),
            "thickness": np.tile(THICKNESS, n),
            "soc": one["soc"].transpose(on, "layer").to_numpy().ravel(),
        }
        columns |= {
            str(name): values.ravel()
            for name, values in zip(found["pool"].to_numpy(), pools, strict=True)
        }
        each.append(pd.DataFrame(columns))
    return pd.concat(each, ignore_index=True)


def _observations_table(found: xr.Dataset) -> pd.DataFrame:
    """A row for each observation; a column of simulated SOC for each source that has it."""
    import pandas as pd

    count = found["obs_count"].to_numpy().astype(int)
    columns: dict[str, Any] = {"profile_id": np.repeat(found["profile_id"].to_numpy(), count)}
    columns |= {name: found[name].to_numpy() for name in _OBSERVED}
    if "soc_obs" in found:
        columns |= {
            f"soc_{source}": found["soc_obs"].sel(source=source).to_numpy()
            for source in found["source"].to_numpy()
        }
    return pd.DataFrame(columns)


def _columns_table(found: xr.Dataset, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Unit and meaning of every column of every table."""
    import pandas as pd

    from binn.clm5.column import POOL_NAMES, POOLS
    from binn.parameters import PARAMETERS

    known = {
        "source": ("1", "whose numbers: " + ", ".join(SOURCES)),
        "cell": ("1", "index (from 0) of the cell"),
        "layer": ("1", "layer, counted from 1 at the surface"),
        "depth": ("m", "depth of the layer's node"),
        "thickness": ("m", "thickness of the layer"),
        **{name: ("gC m-3", words) for name, words in zip(POOLS, POOL_NAMES, strict=True)},
        **{one.key: (one.unit, one.long_name) for one in PARAMETERS},
        **{
            f"soc_{source}": ("gC m-3", f"simulated soil organic carbon, {source}")
            for source in SOURCES
        },
    }
    rows = []
    for table, content in tables.items():
        for column in content.columns:
            if column in known:
                unit, words = known[column]
            else:
                attributes = found[column].attrs
                unit, words = attributes.get("units", ""), attributes.get("long_name", "")
            rows.append({"table": table, "column": column, "unit": unit, "description": words})
    return pd.DataFrame(rows)


def _identity(on: str) -> tuple[str, ...]:
    """What tells a site or a cell from others, the key first."""
    return _SITE[:-2] if on == "site" else ("cell", *_CELL)
