"""Ecoregions of a user's shapefile: projections, spellings, shores, and what can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import authors_bundle
import numpy as np
import pyproj
import pytest
import shapefile
import xarray as xr

from binn.cli import main
from binn.datasets import open_dataset, validate
from binn.datasets.ecoregion_files import read_ecoregions, use_ecoregions
from binn.errors import InputError

#: the projection of EPA's file
LAEA = "+proj=laea +lat_0=45 +lon_0=-100 +x_0=0 +y_0=0 +R=6370997 +units=m +no_defs +type=crs"
DESERT = [(-118.0, 36.0), (-110.0, 36.0), (-110.0, 42.0), (-118.0, 42.0)]
PLAINS = [(-104.0, 36.0), (-96.0, 36.0), (-96.0, 44.0), (-104.0, 44.0)]
LAKE = [(-109.0, 38.0), (-108.0, 38.0), (-108.0, 40.0), (-109.0, 40.0)]


def write_shapefile(
    path: Path, crs: str = LAEA, field: str = "NA_L1NAME", names: tuple[str, ...] | None = None
) -> Path:
    """Three rectangles of longitude and latitude, in a projection."""
    names = names or ("NORTH AMERICAN DESERTS", "GREAT PLAINS", "WATER")
    to = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    with shapefile.Writer(str(path), shapeType=shapefile.POLYGON) as writer:
        writer.field("NA_L1CODE", "C", size=254)
        writer.field(field, "C", size=254)
        for number, (name, ring) in enumerate(zip(names, (DESERT, PLAINS, LAKE), strict=True)):
            dense = [
                (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t)
                for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True)
                for t in np.linspace(0, 1, 50, endpoint=False)
            ]
            corners = [to.transform(x, y) for x, y in reversed(dense)]
            writer.poly([[*corners, corners[0]]])
            writer.record(str(10 - number), name)
    path.with_suffix(".prj").write_text(pyproj.CRS(crs).to_wkt("WKT1_ESRI"))
    return path


@pytest.mark.parametrize("crs", [LAEA, "EPSG:4326", "EPSG:5070"])
def test_points_find_their_polygon_in_any_projection(tmp_path: Path, crs: str) -> None:
    regions = read_ecoregions(write_shapefile(tmp_path / "eco.shp", crs))
    lon = [-117.9, -114.0, -96.1, -108.5, -95.95, -90.0, np.nan]
    lat = [36.1, 41.9, 43.9, 39.0, 40.0, 40.0, 40.0]
    assert regions.biome(lon, lat).tolist() == [
        "North American Deserts",
        "North American Deserts",
        "Great Plains",
        "",  # in the middle of a lake
        "Great Plains",  # four kilometres outside
        "",
        "",
    ]


def test_names_take_the_spelling_of_the_schematic_ones(tmp_path: Path) -> None:
    names = ("SOUTHERN SEMIARID HIGHLANDS", "Temperate  Sierras", "TROPICAL DRY FORESTS")
    regions = read_ecoregions(write_shapefile(tmp_path / "eco.shp", names=names))
    assert regions.names.tolist() == [
        "Southern Semi-Arid Highlands",
        "Temperate Sierras",
        "Tropical Dry Forests",
    ]


def test_a_dataset_says_which_polygons_it_has(
    tmp_path: Path, canonical: Callable[..., xr.Dataset]
) -> None:
    ds = canonical(sites=3, cells=2)
    ds["lon"].values[:], ds["lat"].values[:] = [-114.0, -100.0, -80.0], 40.0
    ds["cell_lon"].values[:], ds["cell_lat"].values[:] = [-100.0, -114.0], 40.0
    path = write_shapefile(tmp_path / "NA_CEC_Eco_Level1.shp")
    use_ecoregions(ds, path)
    validate(ds)
    assert ds["biome"].values.tolist() == ["North American Deserts", "Great Plains", ""]
    assert ds["cell_biome"].values.tolist() == ["Great Plains", "North American Deserts"]
    assert ds["biome"].attrs["provenance"] == ds["cell_biome"].attrs["provenance"] == "real"
    assert "NA_CEC_Eco_Level1.shp" in ds.attrs["ecoregions"]
    assert {"NA_CEC_Eco_Level1.shp", "NA_CEC_Eco_Level1.dbf"} <= set(json.loads(ds.attrs["sha256"]))


def test_polygons_far_from_all_sites_are_refused(
    tmp_path: Path, canonical: Callable[..., xr.Dataset]
) -> None:
    ds = canonical()
    ds["lon"].values[:], ds["lat"].values[:] = 2.0, 48.0
    with pytest.raises(InputError, match="no profile lies in or near a polygon"):
        use_ecoregions(ds, write_shapefile(tmp_path / "eco.shp"))


@pytest.mark.parametrize("suffix", [".shp", ".shx", ".dbf", ".prj"])
def test_a_missing_part_is_named(tmp_path: Path, suffix: str) -> None:
    path = write_shapefile(tmp_path / "eco.shp")
    path.with_suffix(suffix).unlink()
    with pytest.raises(InputError, match=rf"lack .*eco\{suffix}"):
        read_ecoregions(path)


def test_a_file_without_names_of_level_1_is_refused(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "eco.shp", field="NA_L2NAME")
    with pytest.raises(InputError, match=r"has no names of level I .*NA_L1CODE, NA_L2NAME"):
        read_ecoregions(path)


@pytest.mark.parametrize("suffix", [".shp", ".dbf"])
def test_half_a_download_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_shapefile(tmp_path / "eco.shp")
    part = path.with_suffix(suffix)
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with pytest.raises(InputError, match=r"eco\.shp"):
        read_ecoregions(path)


def test_an_unknown_projection_is_refused(tmp_path: Path) -> None:
    path = write_shapefile(tmp_path / "eco.shp")
    path.with_suffix(".prj").write_text("nonsense")
    with pytest.raises(InputError, match="names no projection"):
        read_ecoregions(path)


def test_something_else_is_no_shapefile(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no shapefile"):
        read_ecoregions(tmp_path / "eco.geojson")


def test_an_importer_takes_them(tmp_path: Path) -> None:
    source = authors_bundle.write(authors_bundle.make(), tmp_path / "source")
    shapes = write_shapefile(tmp_path / "NA_CEC_Eco_Level1.shp")
    out = tmp_path / "out.nc"
    command = ["import", "authors-bundle", str(source), str(out), "--ecoregions"]
    assert main([*command, str(tmp_path / "none.shp")]) == 1
    assert not out.exists()
    assert main([*command, str(shapes)]) == 0
    ds = open_dataset(out)
    west = ds["lon"].values < -96.5
    assert set(ds["biome"].values[west]) == {"Great Plains"}
    assert set(ds["biome"].values[~west]) == {""}
    assert "NA_CEC_Eco_Level1.shp" in ds.attrs["ecoregions"]
