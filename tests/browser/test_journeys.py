"""What people come for, from the first click to the number they leave with; on the demonstration.

Every number is worked out again with the library, apart from the page.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from on_screen import drag, placed, screen
from shapely import Polygon, contains_xy

import binn
from binn.clm5 import Forcing, solve, stock
from binn.diagnostics import COMPONENT_NAMES, components

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GREAT_PLAINS = [(-104, 49), (-97, 49), (-96, 41), (-97, 33), (-102, 33), (-104, 41)]
"""A rough outline, degrees."""
NEAR = 2.0
"""A lasso goes through whole pixels: sites so near to its edge may fall on either side."""
COMPONENT = "environmental_modifier"


@pytest.fixture(scope="session")
def soils() -> xr.Dataset:
    return binn.open_dataset("demo")


@pytest.fixture(scope="session")
def predicted(soils: xr.Dataset) -> xr.Dataset:
    return binn.predict(binn.load_checkpoint("demo"), soils)


def to_tab(one, name: str) -> None:  # type: ignore[no-untyped-def]
    one.page.get_by_role("tab", name=name, exact=True).click()


def choose_biome(one, name: str) -> None:  # type: ignore[no-untyped-def]
    one.page.get_by_role("combobox", name="Select a region").click()
    one.page.get_by_role("menuitem", name=name, exact=True).click()


def chosen(one, source: str, column: str = "chosen") -> list[int]:  # type: ignore[no-untyped-def]
    """Rows that a view draws as selected."""
    return one.page.evaluate(
        """([name, column]) => {
          const data = Bokeh.documents[0].get_model_by_name(name)?.data[column] ?? []
          return Array.from(data).flatMap((value, row) => value > 0 ? [row] : [])
        }""",
        [source, column],
    )


def shown_value(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace(",", "").replace("−", "-"))


def test_the_biome_with_most_carbon_and_how_long_it_stays(  # type: ignore[no-untyped-def]
    demo: str, visit, soils: xr.Dataset, predicted: xr.Dataset
) -> None:
    one = visit(f"{demo}?v=1&tab=traceability")
    one.page.get_by_role("button", name="Numbers by biome").click()
    table = one.page.get_by_role("table").filter(has_text="Traceable quantities by biome")
    table.wait_for()
    head = table.get_by_role("columnheader").all_inner_texts()
    assert table.bounding_box()["width"] < one.page.viewport_size["width"]
    rows = {}
    for row in table.locator("tbody tr").all():
        cells = [
            row.get_by_role("rowheader").inner_text(),
            *row.get_by_role("cell").all_inner_texts(),
        ]
        rows[cells[0]] = dict(zip(head, cells, strict=False))
    storage, residence = (
        next(name for name in head if name.replace("\N{NO-BREAK SPACE}", " ").startswith(words))
        for words in ("Storage", "Residence time")
    )
    biome = soils["biome"].to_numpy().astype(str)
    rows = {name: row for name, row in rows.items() if name in biome}
    most = max(rows, key=lambda name: shown_value(rows[name][storage]))
    means = predicted[["storage", "influx"]].to_dataframe().groupby(biome).mean()
    means["residence_time"] = means["storage"] / means["influx"]
    means = means.drop(index="", errors="ignore")
    assert most == means["storage"].idxmax()
    assert set(rows) == set(means.index)
    for name, row in rows.items():
        expected = means.loc[name]
        stored = 1000 * shown_value(row[storage])  # kgC m-2
        assert stored == pytest.approx(expected["storage"], rel=0.005), name
        assert shown_value(row[residence]) == pytest.approx(expected["residence_time"], rel=0.005)
    drawn = one.data("traceability-biomes")
    at = drawn["name"].index(most)
    assert drawn["residence_time"][at] == pytest.approx(means["residence_time"][most], rel=1e-6)
    # the same biome on the map: its stock of SOC, in words
    to_tab(one, "Explore")
    one.settled()
    choose_biome(one, most)
    sites = np.flatnonzero(biome == most)
    one.until(lambda: one.selected() == sites.tolist(), f"the sites of {most}")
    expected = np.median(stock(predicted["soc"].to_numpy()[sites], 0, 1)) / 1000
    words = one.page.get_by_text("Selected: median").first
    words.wait_for()
    said = words.inner_text().split("Selected: median")[1].split()[0]
    assert shown_value(said) == pytest.approx(expected, rel=0.005)


def test_the_great_plains_by_lasso_and_their_file(  # type: ignore[no-untyped-def]
    demo: str, visit, soils: xr.Dataset, predicted: xr.Dataset, tmp_path: Path
) -> None:
    one = visit(demo)
    one.settled()
    corners = placed(one.page, *np.array(GREAT_PLAINS, dtype=float).T).at
    at = screen(one.page, "demo").at
    one.page.get_by_title("Lasso Select").first.click()
    drag(one.page, [tuple(corner) for corner in [*corners, corners[0]]])
    one.until(lambda: len(one.selected()) > 100, "the Great Plains to be selected")
    sites = one.selected()
    outline = Polygon(corners)
    surely = np.flatnonzero(contains_xy(outline.buffer(-NEAR), *at.T))
    perhaps = np.flatnonzero(contains_xy(outline.buffer(NEAR), *at.T))
    assert set(surely.tolist()) <= set(sites) <= set(perhaps.tolist())
    one.page.get_by_text(f"{len(sites):,} sites selected", exact=True).first.wait_for()
    one.page.get_by_role("button", name="Export", exact=True).first.click()
    one.page.get_by_role("button", name="Prepare file").click()
    save = one.page.get_by_text(f"Save binn-demo-{len(sites)}-sites.zip").first
    save.wait_for()
    with one.page.expect_download() as download:
        save.click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    ids = soils["profile_id"].to_numpy()[sites].tolist()
    with zipfile.ZipFile(file) as archive:
        tables = {
            name: pd.read_csv(archive.open(f"{name}.csv"))
            for name in ("sites", "layers", "observations")
        }
    for source, table in tables["sites"].groupby("source"):
        assert table["profile_id"].tolist() == ids, source
    for table in tables.values():
        assert sorted(set(table["profile_id"])) == sorted(set(ids))
    table = tables["sites"].query("source == 'binn'")
    for name in ("storage", "residence_time", "environmental_modifier"):
        np.testing.assert_allclose(table[name], predicted[name].to_numpy()[sites], rtol=1e-6)
    layers = tables["layers"].query("source == 'binn'")["soc"].to_numpy().reshape(len(sites), -1)
    np.testing.assert_allclose(layers, predicted["soc"].to_numpy()[sites], rtol=1e-6)
    count = soils["obs_count"].to_numpy()
    assert len(tables["observations"]) == count[sites].sum()


def test_where_binn_and_proda_differ_most(demo: str, visit, soils: xr.Dataset) -> None:  # type: ignore[no-untyped-def]
    forcing = Forcing.from_dataset(soils, on="cell")
    network = binn.predict(binn.load_checkpoint("demo"), soils, on="cell")
    cells = network["cell"].to_numpy() if "cell" in network.coords else np.arange(forcing.n_sites)
    proda = soils["proda_parameters"].to_numpy()[cells]
    known = np.isfinite(proda).all(1)
    both = cells[known]
    state = solve(proda[known], forcing.take(both))
    theirs = components(state)[COMPONENT].numpy()
    ours = network[COMPONENT].to_numpy()[known]
    size = abs(ours - theirs)
    most = both[size >= np.quantile(size, 0.95)]
    sites = np.flatnonzero(np.isin(soils["site_cell"].to_numpy(), most)).tolist()
    biome = soils["cell_biome"].to_numpy().astype(str)[both]
    apart = pd.Series(size).groupby(biome).median().drop(index="", errors="ignore")
    r = np.corrcoef(ours, theirs)[0, 1]

    one = visit(f"{demo}?v=1&tab=binn-vs-proda")
    title = COMPONENT_NAMES[COMPONENT][0]
    agreed = f"r = {r:.3f}".replace("-", "−") + f", n = {len(both):,} cells"
    one.page.get_by_text(title).filter(has_text=agreed).first.wait_for()
    one.page.get_by_text(f"They differ most in {apart.idxmax()}: ").first.wait_for()
    order = list(COMPONENT_NAMES)
    button = one.page.get_by_role("button", name="Select where they differ most")
    one.until(lambda: button.count() == len(order), "all six rows")
    button.nth(order.index(COMPONENT)).click()
    one.page.get_by_text("Selected: r =").first.wait_for()
    to_tab(one, "Explore")
    one.settled()
    one.until(lambda: one.selected() == sites, f"{len(sites)} sites where they differ most")
    one.page.get_by_text(f"{len(sites):,} sites selected", exact=True).first.wait_for()


def test_one_selection_in_every_view_and_clear(demo: str, visit, soils: xr.Dataset) -> None:  # type: ignore[no-untyped-def]
    biome = soils["biome"].to_numpy().astype(str)
    names, counts = np.unique(biome[biome != ""], return_counts=True)
    name = str(names[counts.argsort()[len(names) // 2]])
    sites = np.flatnonzero(biome == name).tolist()
    one = visit(demo)
    one.settled()
    choose_biome(one, name)
    one.until(lambda: one.selected() == sites, f"the sites of {name}")
    one.page.get_by_text(f"{len(sites):,} sites selected", exact=True).first.wait_for()
    views = {"Traceability": "traceability-sites", "Evaluation": "evaluation-deviation"}
    for tab, source in views.items():
        to_tab(one, tab)
        one.until(lambda source=source: chosen(one, source) == sites, f"{name} in {tab}")

    def changed() -> list[int]:
        rows = "() => [...Bokeh.documents[0].get_model_by_name('what-if-sites').selected.indices]"
        return sorted(one.page.evaluate(rows))

    to_tab(one, "What if")
    one.page.wait_for_function("() => Bokeh.documents[0].get_model_by_name('what-if-sites')")
    one.until(lambda: changed() == sites, f"{name} in What if")
    one.page.get_by_role("button", name="Clear").locator("visible=true").first.click()
    one.until(lambda: changed() == [], "What if without a selection")
    for tab, source in views.items():
        to_tab(one, tab)
        one.until(lambda source=source: chosen(one, source) == [], f"{tab} without a selection")
    to_tab(one, "Explore")
    one.until(lambda: one.selected() == [], "Explore without a selection")
    one.page.get_by_text("No site selected", exact=True).first.wait_for()


def test_the_lesson_on_equal_storage(  # type: ignore[no-untyped-def]
    demo: str, visit, soils: xr.Dataset, predicted: xr.Dataset
) -> None:
    one = visit(f"{demo}?v=1&tab=methods")
    one.page.get_by_role("link", name="Show both biomes").click()
    one.page.get_by_role("tab", name="Traceability", exact=True, selected=True).wait_for()
    one.until(lambda: chosen(one, "traceability-sites"), "a selection")
    sites = chosen(one, "traceability-sites")
    biome = soils["biome"].to_numpy().astype(str)
    pair = sorted(set(biome[sites]))
    assert len(pair) == 2
    assert sites == np.flatnonzero(np.isin(biome, pair)).tolist()
    one.page.get_by_text(f"{len(sites):,} sites").first.wait_for()
    storage, influx = predicted["storage"].to_numpy(), predicted["influx"].to_numpy()
    stored = [storage[biome == name].mean() for name in pair]
    stays = [storage[biome == name].sum() / influx[biome == name].sum() for name in pair]
    assert max(stored) / min(stored) < 1.1
    assert max(stays) / min(stays) > max(stored) / min(stored)
