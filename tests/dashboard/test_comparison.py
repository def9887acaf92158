"""BINN beside PRODA: what is said and drawn are the numbers of the definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from proda_data import UNKNOWN, opened_on_grid, opened_on_sites

from binn.clm5 import Forcing
from binn.diagnostics import COMPONENTS, DEFINITIONS
from dashboard.comparison_ground import shades
from dashboard.state.comparison import Compared, agreement, compared
from dashboard.state.comparison_places import place_of
from dashboard.state.comparison_words import headline, sentences, table_of
from dashboard.state.field import FieldChoice, limits
from dashboard.state.opened import Opened


@pytest.fixture(scope="module")
def on_grid() -> Opened:
    return opened_on_grid()


def every(opened: Opened, field: FieldChoice | None = None) -> list[Compared]:
    place = place_of(opened)
    binn, proda, truth = (
        opened.estimate("conserving", source, place) for source in ("binn", "proda", "truth")
    )
    return [
        compared(key, definition, binn, proda, truth, field or FieldChoice())
        for definition in DEFINITIONS
        for key in COMPONENTS
    ]


def test_places_are_cells_on_a_grid_and_else_sites(on_grid: Opened) -> None:
    assert place_of(on_grid) == "cell"
    assert place_of(opened_on_sites()) == "site"


@pytest.mark.filterwarnings("ignore::binn.clm5.OutsidePriorWarning")
def test_numbers_are_those_of_the_library(on_grid: Opened) -> None:
    from binn.clm5 import solve
    from binn.diagnostics import components

    known = np.arange(9) != UNKNOWN
    proda = on_grid.dataset["proda_parameters"].to_numpy()[known]
    forcing = Forcing.from_dataset(on_grid.dataset, on="cell")
    binn = torch.from_numpy(on_grid.parameters_of("binn", "cell"))
    for definition in DEFINITIONS:
        mine = components(solve(binn, forcing), definition)
        other = components(solve(proda, forcing.take(np.flatnonzero(known))), definition)
        found = {one.key: one for one in every(on_grid) if one.definition == definition}
        for key in COMPONENTS:
            one = found[key]
            assert one.common.tolist() == np.flatnonzero(known).tolist()
            np.testing.assert_allclose(one.binn, mine[key], rtol=1e-12)
            np.testing.assert_allclose(one.proda[known], other[key], rtol=1e-12)
            np.testing.assert_array_equal(one.difference[known], (one.binn - one.proda)[known])
            assert np.isnan(one.difference[UNKNOWN])


def test_agreement_is_over_the_common_places(on_grid: Opened) -> None:
    known = np.arange(9) != UNKNOWN
    for one in every(on_grid):
        binn, proda, truth = one.binn[known], one.proda[known], one.truth[known]
        whole = one.overall
        assert whole.n == 8
        flat = one.key == "input_allocation" and one.definition == "published"
        if flat:  # CLM5's default beta is the same everywhere
            assert np.ptp(binn) < 1e-12
            assert np.isnan(whole.r)
        else:
            assert whole.r == pytest.approx(np.corrcoef(binn, proda)[0, 1], abs=1e-12)
        assert whole.binn == np.median(binn)
        assert whole.proda == np.median(proda)
        assert whole.difference == np.median(binn - proda)
        assert whole.binn_error == np.median(abs(binn - truth))
        assert whole.proda_error == np.median(abs(proda - truth))
        part = one.among(np.array([0, 1, UNKNOWN, 7]))
        assert part.n == 3
        some = [0, 1, 7]
        if not flat:
            expected = np.corrcoef(one.binn[some], one.proda[some])[0, 1]
            assert part.r == pytest.approx(expected, abs=1e-12)


def test_what_has_no_correlation_has_none() -> None:
    assert np.isnan(agreement(np.ones(3), np.arange(3.0)).r)
    assert np.isnan(agreement(np.array([0.1, 0.1 + 1e-16]), np.arange(2.0)).r)
    assert np.isnan(agreement(np.ones(1), np.ones(1)).r)
    nobody = agreement(np.empty(0), np.empty(0))
    assert nobody.n == 0
    assert np.isnan(nobody.difference)


@pytest.mark.parametrize("reach", ["2-98 %", "min-max", "fixed"])
def test_both_share_their_colours_and_differences_are_centred(on_grid: Opened, reach: str) -> None:
    field = FieldChoice(key="vertical_transport", reach=reach, limits=(-3.0, 1.0))
    percent = "2-98 %" if reach == "fixed" else reach
    for one in every(on_grid, field):
        if reach == "fixed" and one.key == "vertical_transport":
            assert (one.low, one.high) == (-3.0, 1.0)
        else:
            both = np.concatenate([one.binn, one.proda])
            assert (one.low, one.high) == limits(both, percent, diverging=False)
        assert one.reach > 0
        assert one.reach == limits(one.difference, percent, diverging=True)[1]


def test_where_they_differ_most(on_grid: Opened) -> None:
    for one in every(on_grid):
        size = abs(one.difference)
        if not np.nanmax(size) > 0:
            assert one.key == "carbon_input"  # it is forcing: the same for both
            assert not len(one.most_different)
            assert "same at every cell" in sentences(one, "cell", np.repeat("x", 9), None)
            continue
        assert one.most_different.tolist() == [np.nanargmax(size)]
        biome = on_grid.dataset["cell_biome"].to_numpy()
        apart = one.apart(biome)
        expected = {
            name: np.nanmedian(size[biome == name])
            for name in ("Invented forest", "Invented meadow")
        }
        assert {part.biome: part.size for part in apart} == expected
        assert apart[0].size == max(expected.values())
        assert sum(part.n for part in apart) == 8
        said = sentences(one, "cell", biome, None)
        assert f"They differ most in {apart[0].biome}" in said
        assert "Simulated data: truth known" in said
        nearer = "BINN" if one.overall.binn_error < one.overall.proda_error else "PRODA"
        assert f"{nearer} is nearer" in said


def test_most_are_five_in_a_hundred() -> None:
    rng = np.random.default_rng(1)
    binn, proda = rng.standard_normal((2, 400))
    one = Compared("x", "X", "1", "stock", binn, proda, None, 0, 1, 1, (-4, 4))
    size = abs(binn - proda)
    assert set(one.most_different.tolist()) == set(np.argsort(size)[-20:].tolist())


def test_the_density_counts_every_place(on_grid: Opened) -> None:
    for one in every(on_grid, FieldChoice(reach="min-max")):
        drawn = one.density(7)
        assert np.nansum(drawn.count) == 8
        assert drawn.beyond == 0
        assert drawn.count.dtype == np.float32
    rng = np.random.default_rng(2)
    binn, proda = rng.uniform(0, 1, (2, 500))
    drawn = Compared("x", "X", "1", "stock", binn, proda, None, 0, 1, 1, (0.1, 0.6)).density(5)
    inside = ((binn >= 0.1) & (binn <= 0.6) & (proda >= 0.1) & (proda <= 0.6)).sum()
    assert np.nansum(drawn.count) == inside
    assert drawn.beyond == 500 - inside
    low = (binn >= 0.1) & (binn < 0.2) & (proda >= 0.5) & (proda <= 0.6)
    assert drawn.count[0, 4] == low.sum()  # rows are BINN, columns PRODA


def test_the_table_holds_both_definitions(on_grid: Opened) -> None:
    found = every(on_grid)
    caption, head, rows = table_of(found, "cell")
    assert len(rows) == 12
    assert all(len(row) == len(head) for row in rows)
    assert [row[0] for row in rows] == [one.label for one in found]
    assert "Simulated data: truth known" in caption
    assert "Nearer the truth" in head
    for one in found:
        object.__setattr__(one, "truth", None)
    caption, head, _ = table_of(found, "cell")
    assert "ruth" not in caption + "".join(head)
    assert "nearer" not in sentences(found[0], "cell", np.repeat("x", 9), None)


def test_headlines_say_r_and_n(on_grid: Opened) -> None:
    one = every(on_grid)[1]
    expected = f"{one.overall.r:.3f}".replace("-", "−")
    assert headline(one, "cell") == f"Baseline decomposition (yr⁻¹): r = {expected}, n = 8 cells"


def test_colour_numbers() -> None:
    values = np.array([np.nan, -9.0, 0.0, 0.5, 1.0, 9.0])
    assert shades(values, 0.0, 1.0).tolist() == [1, 2, 2, 129, 255, 255]
