"""Units and numbers as people read them; nothing here knows about a screen."""

from __future__ import annotations

import math
import re

__all__ = ["number", "with_unit", "written"]

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(unit: str) -> str:
    """A unit in print: ``gC m-2 yr-1`` becomes ``gC m⁻² yr⁻¹``, and ``1`` nothing."""
    if unit == "1":
        return ""
    return re.sub(r"(?<=[A-Za-z])-?\d+", lambda power: power[0].translate(_SUPERSCRIPT), unit)


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, thousands apart, small ones as powers of ten.

    Examples
    --------
    >>> number(12345.6), number(0.4567), number(0.000123)
    ('12,346', '0.457', '1.23×10⁻⁴')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}×10{str(int(power)).translate(_SUPERSCRIPT)}"
    else:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def with_unit(value: float, unit: str, digits: int = 3) -> str:
    """A number and its unit, with spaces that do not break."""
    unit = written(unit).replace(" ", "\N{NO-BREAK SPACE}")
    return number(value, digits) + (f"\N{NO-BREAK SPACE}{unit}" if unit else "")
