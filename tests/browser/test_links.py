"""A link brings back exactly the view it was copied from; choosers open other data."""

from __future__ import annotations

import numpy as np
import pytest

from binn.clm5 import Forcing, solve, stock

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STATE = """() => {
  const doc = Bokeh.documents[0]
  const at = name => doc.get_model_by_name(name)
  const mapper = at('map')?.below.find(r => r.type == 'ColorBar').color_mapper
  return {
    sites: [...(at('sites')?.selected.indices ?? [])].sort((a, b) => a - b),
    limits: mapper ? [mapper.low, mapper.high] : null,
  }
}"""


def open_tab(one, name: str) -> None:  # type: ignore[no-untyped-def]
    one.page.get_by_role("tab", name=name, exact=True).click()


def copied(one) -> str:  # type: ignore[no-untyped-def]
    """Press Copy link; the address of the page becomes the link."""
    before = one.page.url
    one.page.get_by_role("button", name="Copy link").click()
    one.until(lambda: one.page.url != before and "v=1" in one.page.url, "the link")
    return one.page.url


def test_a_copied_link_opens_the_same_view(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    first = visit(site)
    first.settled()
    box = first.page.get_by_label("Find profile id")
    box.fill("#3, #8, #21")
    box.press("Enter")
    first.until(lambda: first.selected() == [3, 8, 21], "three sites")
    values = [value for value in first.data("sites")["value"] if value is not None]
    ends = pytest.approx([min(values), max(values)], rel=1e-6)  # drawn in single precision
    assert first.page.evaluate(STATE)["limits"] != ends
    first.page.get_by_role("button", name="Min–max").click()
    first.until(lambda: first.page.evaluate(STATE)["limits"] == ends, "all the values as limits")
    expected = first.page.evaluate(STATE)
    link = copied(first)
    second = visit(link)
    second.settled()
    second.until(lambda: second.page.evaluate(STATE) == expected, "the same view")
    open_tab(second, "What if")
    slider = second.page.get_by_role("slider", name="Warming", exact=False).first
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    slider.blur()
    second.page.get_by_text("→").first.wait_for()
    sentence = second.page.get_by_text("SOC stock 0–1 m, median of 3 sites").first
    words = ""
    while words != (words := sentence.inner_text()):  # each press is solved on its own
        second.page.wait_for_timeout(2000)
    third = visit(copied(second))
    third.page.get_by_text(words, exact=True).first.wait_for()
    third.page.get_by_role("tab", name="What if", exact=True, selected=True).wait_for()


def test_a_link_keeps_how_plots_are_looked_at(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    first = visit(site)
    first.settled()
    for name in ("Pools", "8.6 m"):
        first.page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
    open_tab(first, "Traceability")
    first.data("traceability-storage-linear-contours")
    first.page.get_by_role("button", name="Log", exact=True).locator("visible=true").click()
    first.data("traceability-storage-log-contours")
    open_tab(first, "Evaluation")
    leave = first.page.get_by_label("Leave out observations below the deepest soil node")
    leave.check()
    first.page.get_by_text("(left out)").first.wait_for()
    second = visit(copied(first))
    second.page.get_by_text("(left out)").first.wait_for()
    assert leave.is_checked()
    open_tab(second, "Traceability")
    second.data("traceability-storage-log-contours")
    open_tab(second, "Explore")
    second.settled()
    for name in ("Pools", "8.6 m"):
        pressed = second.page.get_by_role("button", name=name, exact=True, pressed=True)
        pressed.locator("visible=true").wait_for()


def test_what_a_link_says_wrongly_is_named(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(f"{site}?v=1&sites=5,99999&field=soc_stock&depth=9,1&reach=far")
    one.settled()
    for words in ("The link's sites=", "The link's depth=", "The link's reach="):
        one.page.get_by_text(words).first.wait_for()
    assert one.selected() == []
    one = visit(f"{site}?data=passwd&sites=1")
    one.settled()
    one.page.get_by_text("There is no dataset 'passwd' here").first.wait_for()
    assert one.selected() == []


def test_another_dataset_is_opened_by_its_chooser(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    assert len(one.data("sites")["value"]) == 45
    for chooser, name in (("Checkpoint", "CLM5 defaults"), ("Dataset", "demo")):
        one.page.get_by_role("combobox", name=chooser).click()
        one.page.get_by_role("menuitem", name=name, exact=True).click()
        one.page.wait_for_url("**data=demo**" if name == "demo" else "**checkpoint=none**")
        one.settled()
        one.page.get_by_text("No checkpoint").first.wait_for()
    assert len(one.data("sites")["value"]) == 25_925
    one.page.get_by_text("Demo data: simulated soils").first.wait_for()


def test_what_nobody_has_open_is_read_aside(serve, visit, synthetic_path, checkpoint) -> None:  # type: ignore[no-untyped-def]
    url = serve("--data", synthetic_path, "--checkpoint", checkpoint)
    visit(url).settled()
    one = visit(f"{url}?v=1&data=demo&checkpoint=none&theme=dark&field=soc_stock")
    one.page.get_by_text("Opening demo").wait_for()
    one.settled()
    assert len(one.data("sites")["value"]) == 25_925
    assert "data=demo" in one.page.url
    another = visit(f"{url}?data=demo&checkpoint=none")
    another.settled()
    assert another.page.get_by_text("Opening demo").count() == 0


def test_the_grid_selects_the_sites_of_its_cells(site: str, visit, synthetic_path) -> None:  # type: ignore[no-untyped-def]
    import binn

    dataset = binn.open_dataset(synthetic_path)
    one = visit(f"{site}?show=cell&sites=")
    one.settled()
    one.until(lambda: len(one.data("cells")["value"]) == 9, "the grid")
    place = one.page.evaluate(
        """() => {
          const doc = Bokeh.documents[0], map = doc.get_model_by_name('map')
          const view = Bokeh.index.find_one_by_id(map.id)
          const at = view.canvas_view.el.getBoundingClientRect(), inner = view.frame.bbox
          const cells = doc.get_model_by_name('cells').data
          const {x_scale, y_scale} = view.frame
          return [at.x + x_scale.compute(cells.x[4]), at.y + y_scale.compute(cells.y[4])]
        }"""
    )
    one.page.mouse.click(*place)
    members = np.flatnonzero(dataset["site_cell"].to_numpy() == 4).tolist()
    one.until(lambda: one.selected() == members, f"sites of cell 4: {members}")


def test_warming_all_of_conus(serve, visit) -> None:  # type: ignore[no-untyped-def]
    """The lesson's link: 2 K, everywhere; the map holds what the library computes."""
    import binn

    one = visit(serve() + "?tab=methods")
    one.page.get_by_role("link", name="Warm CONUS by 2 K").click()
    one.page.get_by_text("median of 25,925 sites").first.wait_for()
    dataset = binn.open_dataset("demo")
    parameters = binn.load_checkpoint("demo").physical(dataset)
    forcing = Forcing.from_dataset(dataset)
    before = stock(solve(parameters, forcing).soc, 0, 1).numpy()
    after = stock(solve(parameters, forcing.changed(warming=2.0)).soc, 0, 1).numpy()
    one.until(lambda: one.data("what-if-sites")["value"][0] is not None, "the change")
    np.testing.assert_allclose(
        one.data("what-if-sites")["value"], (after - before) / 1000, rtol=1e-5, atol=1e-6
    )
    loss = 100 * (np.median(after) / np.median(before) - 1)
    one.page.get_by_text(f"(−{abs(loss):.1f} %)").first.wait_for()
