"""Anybody's table of profiles: units, layouts, what is taken from where, and what can be wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from table_source import COLUMNS, LONG, MAPPING, NAMES, Read

from binn import open_dataset
from binn.cli import main
from binn.clm5 import Forcing, solve
from binn.datasets import validate
from binn.datasets.report import Report
from binn.datasets.table_mapping import read_mapping
from binn.datasets.tables import import_table
from binn.errors import InputError
from binn.parameters import to_physical


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_one_row_an_observation(read: Read, donor: Path, suffix: str) -> None:
    ds, report = read(suffix=suffix)
    assert ds["profile_id"].values.tolist() == ["b", "a", "c"]
    assert ds["obs_count"].values.tolist() == [2, 2, 1]
    np.testing.assert_allclose(ds["obs_depth"], [0.05, 0.25, 0.10, 0.40, 0.15])
    np.testing.assert_allclose(ds["obs_soc"], [30e3, 12e3, 25e3, 8e3, 20e3])
    assert ds["source_row"].values.tolist() == [1, 3, 5]
    assert (report.read["site"], report.kept["site"]) == (3, 3)
    other = open_dataset(donor)
    cell = ds["site_cell"].values
    np.testing.assert_array_equal(ds["cell_lon"].values[cell], [-98.0, -97.0, -96.5])
    for name in ("water", "temperature", "sand", "cwd", "nbedrock"):
        np.testing.assert_array_equal(ds[name].values[cell], other[name].values[[0, 2, 3]])
    parameters = to_physical(torch.full((3, 21), 0.5, dtype=torch.float64))
    state = solve(parameters, Forcing.from_dataset(ds, on="site"))
    assert (state.soc[:, 0] > 0).all()


def test_covariates_of_the_table_go_before_those_of_the_cells(read: Read) -> None:
    mapping = MAPPING | {"covariates": {"BIO1": "temp"}}
    ds, report = read(mapping=mapping)
    values = dict(zip(NAMES, ds["covariates"].values.T, strict=True))
    assert values["BIO1"].tolist() == [11.0, 14.0, 12.0]
    # the nearest cell has no covariates: those of the nearest that has
    assert values["Elevation"].tolist() == [300.0, 320.0, 320.0]
    assert "BIO1 of 1 of 3 profiles is not in the table" in "\n".join(report.notes)
    kinds = dict(zip(NAMES, ds["covariate_provenance"].values, strict=True))
    assert kinds == dict.fromkeys(NAMES, "synthetic")  # BIO1 is mixed
    whole, _ = read(table=LONG | {"temp": [11, 11, 14, 14, 9]}, mapping=mapping)
    assert whole["covariate_provenance"].values.tolist()[1] == "real"


def test_scaled_and_new_covariates(read: Read) -> None:
    covariates = {
        "Elevation": {"column": "temp", "scale": 100, "offset": 5},
        "wetness": {"column": "soc", "unit": "1", "kind": "numeric"},
    }
    table = LONG | {"temp": [11.0, 11.0, 14.0, 14.0, 9.0]}
    ds, _ = read(table, MAPPING | {"covariates": covariates})
    assert ds["covariate"].values.tolist() == [*NAMES, "wetness"]
    assert ds["covariates"].values[:, 0].tolist() == [1105.0, 1405.0, 905.0]
    assert ds["covariates"].values[:, 4].tolist() == [30.0, 25.0, 20.0]
    assert np.isnan(ds["cell_covariates"].values[:, 4]).all()


def test_provenance_is_honest(read: Read) -> None:
    ds, _ = read()
    assert ds["obs_soc"].attrs["provenance"] == ds["lon"].attrs["provenance"] == "real"
    assert ds["water"].attrs["provenance"] == ds["covariates"].attrs["provenance"] == "synthetic"
    assert "donor.nc" in ds["water"].attrs["comment"]
    assert "random numbers" in ds.attrs["notice"]
    assert "observed SOC: table.csv" in ds.attrs["source"]
    assert set(json.loads(ds.attrs["sha256"])) == {
        "table.csv",
        "mapping.json",
        "forcing: donor.nc",
    }
    about = {"title": "Mine", "licence": "CC BY 4.0", "source": "my survey"}
    named, _ = read(mapping=MAPPING | {"about": about})
    assert (named.attrs["title"], named.attrs["licence"]) == ("Mine", "CC BY 4.0")
    assert "my survey" in named.attrs["source"]


@pytest.mark.parametrize(
    ("units", "soc"),
    [
        ({"organic_carbon": "%", "bulk_density": "g cm-3"}, 0.02 * 1300 * 1000),
        ({"organic_carbon": "g/kg", "bulk_density": "kg m-3"}, 0.002 * 1.3 * 1000),
        ({"organic_carbon": "percent", "bulk_density": "Mg/m3"}, 0.02 * 1300 * 1000),
    ],
)
def test_organic_carbon_and_bulk_density(read: Read, units: dict[str, str], soc: float) -> None:
    table = {k: LONG[k] for k in ("id", "x", "y")} | {
        "top": [0, 10, 0, 10, 0],
        "bottom": [10, 30, 10, 30, 20],
        "oc": [2.0] * 5,
        "bd": [1.3] * 5,
        "stones": [0, 25, 50, 75, 0],
    }
    columns = {k: COLUMNS[k] for k in ("profile_id", "lon", "lat")} | {
        "upper": "top",
        "lower": "bottom",
        "organic_carbon": "oc",
        "bulk_density": "bd",
    }
    ds, _ = read(table, {"columns": columns, "units": units | {"depth": "cm"}})
    np.testing.assert_allclose(ds["obs_soc"], soc)
    np.testing.assert_allclose(ds["obs_depth"], [0.05, 0.2, 0.05, 0.2, 0.1])
    assert ds["obs_soc"].attrs["provenance"] == "derived"
    columns["coarse_fragments"] = "stones"
    units = units | {"depth": "cm", "coarse_fragments": "%"}
    ds, _ = read(table, {"columns": columns, "units": units})
    np.testing.assert_allclose(ds["obs_soc"], soc * np.array([1, 0.75, 0.5, 0.25, 1]))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("gC m-3", 1), ("g C/m3", 1), ("kgC/m^3", 1000), ("kg m-3", 1000), ("mg cm-3", 1000)],
)
def test_units_of_carbon(read: Read, unit: str, factor: float) -> None:
    ds, _ = read(mapping=MAPPING | {"units": {"depth": "m", "soc": unit}})
    np.testing.assert_allclose(ds["obs_soc"], np.array(LONG["soc"]) * factor)
    np.testing.assert_allclose(ds["obs_depth"], LONG["depth"])


def test_one_row_a_profile(read: Read) -> None:
    table = {
        "id": [7, 8],
        "x": [-98.1, -97.02],
        "y": [38.5, 38.6],
        "soc_5": [30.0, 25.0],
        "soc_20": [12.0, None],
        "deep": [90.0, 120.0],
        "soc_deep": [4.0, 5.0],
    }
    columns = {"profile_id": "id", "lon": "x", "lat": "y", "soc": ["soc_5", "soc_20", "soc_deep"]}
    mapping = MAPPING | {"columns": columns | {"depth": [5, 20, "deep"]}, "layout": "wide"}
    ds, report = read(table, mapping)
    assert ds["profile_id"].values.tolist() == [7, 8]
    np.testing.assert_allclose(ds["obs_depth"], [0.05, 0.20, 0.90, 0.05, 1.20])
    np.testing.assert_allclose(ds["obs_soc"], [30e3, 12e3, 4e3, 25e3, 5e3])
    assert (report.read["observation"], report.left_out) == (5, [])


def test_a_mapping_in_toml_without_sections(tmp_path: Path, donor: Path) -> None:
    table, mapping = tmp_path / "t.csv", tmp_path / "m.toml"
    table.write_text(
        "no;x;y;z;c\n1;-98,1;38,5;0,05;30\n2;-97,0;38,5;0,10;-9999\n1;-98,1;38,5;0,4;9\n"
    )
    mapping.write_text(
        'profile_id = "no"\nlon = "x"\nlat = "y"\ndepth = {column = "z", unit = "m"}\n'
        'soc = {column = "c", unit = "kgC m-3"}\n'
        '[file]\ndelimiter = ";"\ndecimal = ","\nmissing = [-9999]\n'
    )
    ds, report = import_table(table, mapping, donor)
    assert ds["profile_id"].values.tolist() == [1]
    np.testing.assert_allclose(ds["obs_depth"], [0.05, 0.4])
    assert report.counts() == {("observation", "missing SOC"): 1, ("site", "no observation"): 1}


def test_what_stays_behind_is_named(read: Read) -> None:
    table = {
        "id": ["a", "a", "a", "a", "b", "c", "c", "d", "e", None],
        "x": [-98.0] * 4 + [2.0, -97.0, -97.5, None, 400.0, -98.0],
        "y": [38.5] * 4 + [48.0, 38.5, 38.5, 38.5, 38.5, 38.5],
        "depth": [5, 15, 25, -5, 5, 5, 15, 5, 5, 5],
        "soc": [20, 0, None, 9, 9, 9, 9, 9, 9, 9],
    }
    ds, report = read(table)
    assert ds["profile_id"].values.tolist() == ["a"]
    reasons = {(e.table, e.row): e.reason for e in report.left_out}
    assert reasons == {
        ("observation", 2): "zero SOC",
        ("observation", 3): "missing SOC",
        ("observation", 4): "unphysical depth",
        ("site", 5): "no forcing within 50 km",
        ("site", 6): "coordinates that differ between its rows",
        ("site", 8): "missing coordinates",
        ("site", 9): "coordinates that are no longitude and latitude",
        ("observation", 10): "no profile_id",
    }
    assert Report.of(ds).left_out == report.left_out


def test_layers_and_shares_that_cannot_be_stay_behind(read: Read) -> None:
    columns = {"profile_id": "id", "lon": "x", "lat": "y", "upper": "top", "lower": "bottom"}
    columns |= {"organic_carbon": "oc", "bulk_density": "bd", "coarse_fragments": "stones"}
    units = {"depth": "cm", "organic_carbon": "%", "bulk_density": "g cm-3"}
    mapping = {"columns": columns, "units": units | {"coarse_fragments": "%"}}
    good = {"id": "a", "x": -97.0, "y": 38.5, "top": 0.0, "bottom": 10.0}
    good |= {"oc": 2.0, "bd": 1.3, "stones": 5.0}
    changes: list[dict[str, float]] = [{}, {"top": 20.0}, {"top": -4.0}, {"oc": 150.0}]
    changes += [{"bd": 1300.0}, {"stones": 120.0}, {"stones": -10.0}, {}, {"bottom": 20.0}]
    rows = [good | change for change in changes]
    ds, report = read({key: [row[key] for row in rows] for key in good}, mapping)
    np.testing.assert_allclose(ds["obs_depth"], [0.05, 0.1])
    np.testing.assert_allclose(ds["obs_soc"], 0.02 * 1300 * 0.95 * 1000)
    assert [(entry.row, entry.reason) for entry in report.left_out] == [
        *((row, "limits that are no layer") for row in (2, 3)),
        *((row, "impossible share or density") for row in (4, 5, 6, 7)),
        (8, "same depth and SOC as a row before"),
    ]
    with pytest.raises(InputError, match=r"observations: impossible share or density \(1\)"):
        read({key: [value] for key, value in (good | {"bd": 1300.0}).items()}, mapping)


def test_the_limit_of_distance(read: Read) -> None:
    """Ten kilometres: only the profiles within ten kilometres of a cell."""
    ds, report = read(max_distance=10)
    assert ds["profile_id"].values.tolist() == ["b"]
    detail = next(e.detail for e in report.left_out if e.id == "a")
    assert detail == "the nearest cell is 11 km away"
    with pytest.raises(InputError, match=r"no profile of .* is usable: no forcing within 1 km"):
        read(max_distance=1)
    with pytest.raises(InputError, match="must be above 0 km"):
        read(max_distance=0)


def test_cells_between_the_profiles_come_along(read: Read) -> None:
    """The rectangle of the profiles can be mapped, not only where they are."""
    table = LONG | {"y": [38.4, 38.4, 38.6, 38.6, 38.4], "x": [-98.1, -98.1, -96.9, -96.9, -98.1]}
    ds, _ = read(table)
    np.testing.assert_array_equal(ds["cell_lon"], [-98.0, -97.5, -97.0])
    assert ds["site_cell"].values.tolist() == [0, 2, 0]


def test_names_of_profiles(read: Read) -> None:
    """Plain integers are integers; anything else, zeros in front too, is text."""
    assert read(LONG | {"id": [3, 3, 12, 12, 40]})[0]["profile_id"].dtype.kind == "i"
    texts = read(LONG | {"id": ["03", "03", "12", "12", "40"]})[0]["profile_id"].values
    assert texts.tolist() == ["03", "12", "40"]


def test_a_unit_that_is_likely_wrong_is_noticed(read: Read) -> None:
    _, report = read(mapping=MAPPING | {"units": {"depth": "cm", "soc": "gC m-3"}})
    assert any("check the units in the mapping" in note for note in report.notes)


def test_the_mappings_of_the_documentation_are_understood(root: Path, tmp_path: Path) -> None:
    text = (root / "docs/importing.md").read_text("utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.toml"
        path.write_text(example)
        assert read_mapping(path).wide == bool(number)


def test_the_command(tmp_path: Path, donor: Path) -> None:
    table, mapping, out = tmp_path / "t.csv", tmp_path / "m.json", tmp_path / "out.nc"
    pd.DataFrame(LONG).to_csv(table, index=False)
    mapping.write_text(json.dumps(MAPPING))
    command = ["import", "table", str(table), str(out), "--mapping", str(mapping)]
    done = subprocess.run(
        [sys.executable, "-m", "binn", *command, "--forcing", str(donor)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(out)
    assert "profiles: 3 kept of 3 read" in done.stderr
    assert re.search(r"forcing of 3 profiles from 3 cells of .*donor\.nc", done.stderr)
    before = out.read_bytes()
    assert main([*command, "--forcing", str(donor)]) == 0
    assert out.read_bytes() == before
    assert main([*command, "--forcing", str(tmp_path / "none.nc")]) == 1
    assert out.read_bytes() == before


def test_forcing_of_the_demonstration(tmp_path: Path) -> None:
    """What is observed stays real; what is simulated stays named so."""
    table, mapping = tmp_path / "t.csv", tmp_path / "m.json"
    pd.DataFrame(LONG).to_csv(table, index=False)
    mapping.write_text(json.dumps(MAPPING))
    ds, _ = import_table(table, mapping, "demo")
    validate(ds)
    assert ds["obs_soc"].attrs["provenance"] == "real"
    assert ds["water"].attrs["provenance"] == "synthetic"
    assert "not for scientific conclusions" in ds.attrs["notice"]
    assert "true_parameters" not in ds
    assert "codes" in ds["covariate"].attrs
