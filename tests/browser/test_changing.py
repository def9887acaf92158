"""What is drawn equals what is computed, whatever has been moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from on_screen import screen
from playwright.sync_api import Locator

import binn
from binn.clm5 import Forcing, solve, stock
from binn.parameters import KEYS, PARAMETERS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DRAWN = "what-if-profile"


def slider(one, key: str) -> Locator:  # type: ignore[no-untyped-def]
    return one.page.locator(f'input[type="range"][aria-label^="{key} ·"]')


def predicted(data: Path, checkpoint: Path) -> tuple[np.ndarray, Forcing]:
    dataset = binn.open_dataset(data)
    parameters = binn.predict(binn.load_checkpoint(checkpoint), dataset)["parameters"].to_numpy()
    return parameters, Forcing.from_dataset(dataset)


@pytest.mark.parametrize("sites", [[7], [3, 42, 43]], ids=["one", "three at a place"])
def test_after_each_slider_the_drawn_profile_is_the_solved_one(  # type: ignore[no-untyped-def]
    visit: Callable[..., object],
    site: str,
    synthetic_path: Path,
    checkpoint: Path,
    sites: list[int],
) -> None:
    parameters, forcing = predicted(synthetic_path, checkpoint)
    one = visit(site)
    one.settled()
    one.page.mouse.click(*screen(one.page, synthetic_path).at[sites[0]])
    one.until(lambda: one.selected() == sites, f"{sites} to be selected")
    one.page.get_by_role("tab", name="What if", exact=True).click()
    changed = parameters[sites].copy()
    for i, parameter in enumerate(PARAMETERS):
        handle = slider(one, parameter.key)
        handle.focus()
        before = float(handle.input_value())
        middle = (parameter.lower + parameter.upper) / 2
        for _ in range(3):  # by keyboard, away from the nearer end
            one.page.keyboard.press("ArrowRight" if before < middle else "ArrowLeft")
        value = float(handle.input_value())
        assert value != before, parameter.key
        changed[:, i] = value
        soc = solve(changed, forcing.take(sites)).soc.numpy()
        expected = np.median(soc, axis=0) / 1000
        assert expected.max() > 0

        def drawn(expected: np.ndarray = expected) -> bool:
            line = one.data(DRAWN)["changed"]
            return None not in line and np.allclose(line, expected, rtol=1e-6, atol=0)

        one.until(drawn, f"the profile after {parameter.key} = {value}")
    before = np.median(stock(_soc(parameters[sites], forcing.take(sites)), 0, 1).numpy()) / 1000
    after = np.median(stock(_soc(changed, forcing.take(sites)), 0, 1).numpy()) / 1000
    one.page.get_by_text(
        f"{100 * (after / before - 1):+.3g}"[:3].replace("-", "−")
    ).first.wait_for()
    one.page.get_by_role("button", name="Reset").click()
    one.until(lambda: None in one.data(DRAWN)["changed"], "the change to be gone")
    for i, key in enumerate(KEYS):
        at = float(slider(one, key).input_value())
        step = float(slider(one, key).get_attribute("step"))
        assert at == pytest.approx(np.median(parameters[sites, i]), abs=0.51 * step), key


def test_the_end_of_a_range_and_the_same_value_again(  # type: ignore[no-untyped-def]
    visit: Callable[..., object], site: str, synthetic_path: Path, checkpoint: Path
) -> None:
    parameters, forcing = predicted(synthetic_path, checkpoint)
    one = visit(site)
    one.settled()
    one.page.get_by_role("tab", name="What if", exact=True).click()
    handle = slider(one, "tau4s3")
    for end in ("Home", "End", "End", "Home"):
        value = {"Home": 20.0, "End": 400.0}[end]
        parameters[:, KEYS.index("tau4s3")] = value
        expected = np.median(solve(parameters, forcing).soc.numpy(), axis=0) / 1000
        handle.focus()
        one.page.keyboard.press(end)

        def drawn(expected: np.ndarray = expected) -> bool:
            line = one.data(DRAWN)["changed"]
            return None not in line and np.allclose(line, expected, rtol=1e-6, atol=0)

        one.until(drawn, f"the profile after tau4s3 = {value}")
        one.page.get_by_role("button", name="Reset").click()
        one.until(lambda: None in one.data(DRAWN)["changed"], "the change to be gone")


def _soc(parameters: np.ndarray, forcing: Forcing):  # type: ignore[no-untyped-def]
    return solve(parameters, forcing).soc


def test_a_slider_by_mouse_and_all_sites(  # type: ignore[no-untyped-def]
    visit: Callable[..., object], site: str, synthetic_path: Path, checkpoint: Path
) -> None:
    """Nothing selected: the change holds for all sites. The text says when nothing is learned."""
    parameters, forcing = predicted(synthetic_path, checkpoint)
    one = visit(site)
    one.settled()
    one.page.get_by_role("tab", name="What if", exact=True).click()
    handle = slider(one, "tau4s3")
    handle.wait_for(state="attached")
    handle.scroll_into_view_if_needed()
    thumb = handle.locator("xpath=..").bounding_box()
    rail = handle.locator("xpath=../..").bounding_box()
    assert thumb is not None
    assert rail is not None
    one.page.mouse.move(thumb["x"] + thumb["width"] / 2, thumb["y"] + thumb["height"] / 2)
    one.page.mouse.down()
    one.page.mouse.move(rail["x"] + 0.8 * rail["width"], thumb["y"] + 5, steps=6)
    one.page.mouse.up()
    value = float(handle.input_value())
    assert value == pytest.approx(20 + 0.8 * 380, abs=12)
    parameters[:, KEYS.index("tau4s3")] = value
    expected = np.median(solve(parameters, forcing).soc.numpy(), axis=0) / 1000

    def drawn() -> bool:
        line = one.data(DRAWN)["changed"]
        return None not in line and np.allclose(line, expected, rtol=1e-6, atol=0)

    one.until(drawn, "the profile of all sites")
    one.page.get_by_text("Not identifiable from SOC").first.wait_for()


def test_bedrock_scheme_and_field(  # type: ignore[no-untyped-def]
    visit: Callable[..., object], site: str, synthetic_path: Path, checkpoint: Path
) -> None:
    parameters, forcing = predicted(synthetic_path, checkpoint)
    one = visit(site)
    one.settled()

    def mapped(values: np.ndarray) -> Callable[[], bool]:
        # the column travels as float32
        return lambda: np.allclose(one.data("sites")["value"], values, rtol=1e-6)

    conserving = solve(parameters, forcing, bedrock="conserving").soc
    one.until(mapped(stock(conserving, 0, 1).numpy() / 1000), "stocks of the first metre")
    one.page.get_by_role("combobox", name="Bedrock").click()
    one.page.get_by_role("menuitem", name="Published").click()
    published = solve(parameters, forcing, bedrock="published").soc
    one.until(mapped(stock(published, 0, 1).numpy() / 1000), "stocks under the published scheme")
    one.page.get_by_text("Parameters were retrieved under the conserving").first.wait_for()
    one.page.get_by_role("combobox", name="Field").click()
    one.page.get_by_role("menuitem", name="q10 ·").click()
    one.until(mapped(parameters[:, KEYS.index("q10")]), "the parameter q10")


def test_depth_range_by_keyboard(  # type: ignore[no-untyped-def]
    visit: Callable[..., object], site: str, synthetic_path: Path, checkpoint: Path
) -> None:
    parameters, forcing = predicted(synthetic_path, checkpoint)
    one = visit(site)
    one.settled()
    lower = one.page.locator('input[type="range"][aria-label="Depth (m)"]').nth(1)
    lower.focus()
    for _ in range(7):
        one.page.keyboard.press("ArrowLeft")
    soc = solve(parameters, forcing).soc
    expected = stock(soc, 0, 0.3).numpy() / 1000
    one.until(
        lambda: np.allclose(one.data("sites")["value"], expected, rtol=1e-6),
        "stocks of the upper 0.3 m",
    )
    one.page.get_by_text("SOC stock, simulated, 0–0.3 m, all sites").first.wait_for()
