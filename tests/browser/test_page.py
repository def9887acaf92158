"""The page itself: empty, in trouble, without a checkpoint, on a phone, dark, after a reload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from on_screen import drag, screen

import binn
from binn.clm5 import Forcing, clm5_defaults, solve, stock

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAINTED = """() => {
  const map = Bokeh.documents[0].get_model_by_name("map")
  return Bokeh.index.find_one_by_id(map.id)._render_count
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"


def test_without_arguments_the_demonstration_is_there(serve, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(serve())
    one.settled()
    one.page.get_by_text("Demo data: simulated soils · cpu").wait_for()
    one.page.get_by_text("not for scientific conclusions").first.wait_for()
    dataset = binn.open_dataset("demo")
    parameters = binn.load_checkpoint("demo").physical(dataset)
    soc = solve(parameters, Forcing.from_dataset(dataset)).soc
    expected = stock(soc, 0.0, 1.0).numpy() / 1000
    np.testing.assert_allclose(one.data("sites")["value"], expected, rtol=1e-6)
    assert one.page.evaluate(OVERFLOW) <= 0


@pytest.mark.parametrize("kind", ["missing", "truncated", "argument"])
def test_what_cannot_be_opened_is_one_sentence(  # type: ignore[no-untyped-def]
    serve, visit, synthetic_path: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "<b>soil</b>.nc"  # a name is never read as markup
    arguments = ("--data", path)
    if kind == "truncated":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(synthetic_path.read_bytes()[:6000])
    elif kind == "argument":
        arguments = ("--dta", path)
    one = visit(serve(*arguments))
    alert = one.page.get_by_role("alert")
    alert.wait_for()
    assert "<b>soil</b>.nc" in alert.inner_text()
    assert "Traceback" not in one.page.content()
    assert one.page.locator("canvas").count() == 0


def test_without_a_checkpoint_clm5_defaults_are_shown_and_named(  # type: ignore[no-untyped-def]
    serve, visit, synthetic_path: Path
) -> None:
    one = visit(serve("--data", synthetic_path))
    one.settled()
    one.page.get_by_text("No checkpoint: simulated with CLM5 default parameters.").first.wait_for()
    dataset = binn.open_dataset(synthetic_path)
    with pytest.warns(match="prior"):
        soc = solve(clm5_defaults(np.full(45, 40.0)), Forcing.from_dataset(dataset)).soc.numpy()
    np.testing.assert_allclose(
        one.data("profile")["base"], np.median(soc, axis=0) / 1000, rtol=1e-6
    )
    one.page.get_by_role("tab", name="What if", exact=True).click()
    one.page.get_by_text("efolding, fs1s2: outside the prior range").wait_for()


def test_simulated_data_are_called_so(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    one.page.get_by_text("SYNTHETIC sites of a test (simulated data).").wait_for()
    one.page.get_by_text("Simulated observations: not for scientific conclusions.").wait_for()


def test_tabs_are_those_that_work(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    names = ("Explore", "Traceability", "BINN vs PRODA", "What if", "Evaluation", "Training")
    assert one.page.get_by_role("tab").all_inner_texts() == [*names, "Methods"]
    for name in names:
        one.page.get_by_role("tab", name=name, exact=True).click()
        one.page.wait_for_timeout(400)
    one.page.get_by_role("tab", name="Methods", exact=True).click()
    one.page.get_by_text("arXiv:2502.00672").first.wait_for()


def test_a_reload_begins_anew(site: str, visit, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    one.page.mouse.click(*screen(one.page, synthetic_path).at[7])
    one.until(lambda: one.selected() == [7], "the site to be selected")
    one.page.reload()
    one.settled()
    assert one.selected() == []
    one.page.mouse.click(*screen(one.page, synthetic_path).at[30])
    one.until(lambda: one.selected() == [30], "the site to be selected")


def test_visitors_do_not_see_each_others_selection(  # type: ignore[no-untyped-def]
    site: str, visit, synthetic_path: Path
) -> None:
    first, second = visit(site), visit(site)
    first.settled()
    second.settled()
    first.page.mouse.click(*screen(first.page, synthetic_path).at[7])
    first.until(lambda: first.selected() == [7], "the site to be selected")
    assert second.selected() == []


def test_on_a_phone(site: str, visit, synthetic_path: Path) -> None:  # type: ignore[no-untyped-def]
    one = visit(site, 390, 844)
    one.settled()
    one.page.get_by_role("button", name="Open drawer").wait_for()  # it starts closed
    assert one.page.evaluate(OVERFLOW) <= 0
    places = screen(one.page, synthetic_path)
    left, top, right, bottom = places.frame
    assert 0 <= left < right <= 390
    assert right - left > 330
    assert bottom - top > 200
    one.page.mouse.click(*places.at[7])
    one.until(lambda: one.selected() == [7], "the site to be selected")
    one.page.get_by_role("button", name="Open drawer").click()
    one.page.get_by_label("Find profile id").wait_for()
    assert one.page.evaluate(OVERFLOW) <= 0


def test_dark_and_back(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()

    def background() -> int:
        fill = one.page.evaluate(
            "() => Bokeh.documents[0].get_model_by_name('map').background_fill_color"
        )
        return int(fill.lstrip("#")[:2], 16)

    assert background() > 200
    one.page.get_by_role("button", name="Toggle theme").click()
    one.until(lambda: background() < 60, "the map to be dark")
    one.page.get_by_role("button", name="Toggle theme").click()
    one.until(lambda: background() > 200, "the map to be light")


def test_the_map_is_painted_again_only_for_changes_of_its_own(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    painted = one.page.evaluate(PAINTED)
    one.page.get_by_role("button", name="Numbers of the parameters").click()
    one.page.get_by_role("table").first.wait_for()
    one.page.get_by_role("button", name="Forcing").click()
    one.page.get_by_text("Carbon input").first.wait_for()
    one.page.wait_for_timeout(500)
    assert one.page.evaluate(PAINTED) == painted
    one.page.set_viewport_size({"width": 1000, "height": 640})
    one.until(lambda: one.page.evaluate(PAINTED) > painted, "the map in its new size")
    painted = one.page.evaluate(PAINTED)
    one.page.get_by_role("button", name="Toggle theme").click()
    one.until(lambda: one.page.evaluate(PAINTED) > painted, "the map in its new colours")


def test_profile_switches(site: str, visit) -> None:  # type: ignore[no-untyped-def]
    one = visit(site)
    one.settled()
    shown = """name => Bokeh.documents[0].get_model_by_name(name)?.renderers
        .filter(r => r.visible && r.glyph.type == "Line").length"""
    assert one.page.evaluate(shown, "profile-linear") == 2
    one.page.get_by_role("button", name="Pools").click()
    one.until(lambda: one.page.evaluate(shown, "profile-linear") == 14, "the seven pools")
    one.page.get_by_role("button", name="Log").click()
    one.until(lambda: one.page.evaluate(shown, "profile-log") == 14, "the logarithmic axis")


def test_the_real_set(serve, visit, new_york: Path) -> None:  # type: ignore[no-untyped-def]
    """New York: tap and box on 1,158 real sites, of which 166 share their places."""
    one = visit(serve("--data", new_york))
    one.settled()
    dataset = binn.open_dataset(new_york)
    places = screen(one.page, new_york)
    one.page.get_by_text("real data").first.wait_for()
    lonlat = np.column_stack([dataset["lon"], dataset["lat"]])
    _, place, count = np.unique(lonlat, axis=0, return_inverse=True, return_counts=True)
    crowd = int(count.argmax())
    together = np.flatnonzero(place == crowd)
    assert len(together) > 1
    one.page.mouse.click(*places.at[together[0]])
    one.until(lambda: one.selected() == together.tolist(), "all profiles of the place")
    left, top, right, bottom = places.frame
    box = [
        places.clear_of(left + 0.3 * (right - left), 0, 1),
        places.clear_of(top + 0.3 * (bottom - top), 1, 1),
        places.clear_of(left + 0.6 * (right - left), 0, 1),
        places.clear_of(top + 0.7 * (bottom - top), 1, 1),
    ]
    expected = places.inside(*box)
    assert len(expected) > 20
    drag(one.page, [(box[0], box[1]), (box[2], box[3])])
    one.until(lambda: one.selected() == expected, f"{len(expected)} sites in the box")
    one.page.get_by_text(f"{len(expected):,} sites selected", exact=True).wait_for()
