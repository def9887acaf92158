"""Numbers and units in print."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.units import number, with_unit, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12.345, "12.3"),
        (0.4567, "0.457"),
        (1234.5, "1,234"),
        (-2.5, "−2.50"),
        (0.000123, "1.23×10⁻⁴"),
        (2.5e9, "2.50×10⁹"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_written_number_keeps_its_digits(value: float) -> None:
    plain = number(value, 4).replace(",", "").replace("−", "-")
    mantissa, _, power = plain.partition("×10")
    digits = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    read = float(mantissa + (f"e{power.translate(digits)}" if power else ""))
    assert read == pytest.approx(value, rel=1e-3)


def test_units() -> None:
    assert written("gC m-2 yr-1") == "gC m⁻² yr⁻¹"
    assert written("m2 yr-1") == "m² yr⁻¹"
    assert written("1") == ""
    assert with_unit(2.0, "1") == "2.00"
    assert with_unit(2.0, "kgC m-3") == "2.00\N{NO-BREAK SPACE}kgC\N{NO-BREAK SPACE}m⁻³"
