"""How a chart writes its numbers: axis ticks, and hover digits that its points can vouch for."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A measure's unit: what stands before and after a number, and how many decimals mean something."""

    prefix: str = ""
    suffix: str = ""
    places: int = 0
    title: str = ""


DOLLARS = Unit(prefix="$", places=2, title="US dollars")
HOURS = Unit(suffix=" h", places=1, title="hours")
GB_HOURS = Unit(suffix=" GB-h", places=1, title="GB-hours")
GB = Unit(suffix=" GB", places=1, title="GB")
MACHINES = Unit(places=1, title="machines")
PERCENT = Unit(suffix=" %", places=1, title="share")

SINGLE_BITS, DOUBLE_BITS = 24, 53  # of precision in the points' floats
NOTHING = 1e-9  # less than this over a whole chart is drawn as nothing
SCALES = ((1e9, "B"), (1e6, "M"))
COMPACT_SCALES = (*SCALES, (1e3, "k"))


@dataclass(frozen=True, slots=True)
class Ticks:
    """Tick values and their labels, and the top of the axis they were chosen for."""

    values: tuple[float, ...]
    labels: tuple[str, ...]
    low: float
    high: float


def value_ticks(low: float, high: float, unit: Unit, *, wanted: int = 5, is_compact: bool = False) -> Ticks:
    """At most `wanted` round steps (1, 2, 2.5 or 5 × 10ⁿ) over `low`..`high`, zero included.

    The axis ends a little above `high`, so that the tallest point does not touch the edge; nothing at all gives 0..1.
    `is_compact` writes thousands as k.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < NOTHING:
        high = 1.0
    step = _round_step((high - low) / wanted, is_whole=unit.places == 0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high * 1.04 / step + 1e-9)
    values = tuple(index * step for index in range(first, last + 1))
    labels = tuple(tick_label(value, unit, step=step, is_top=value == values[-1], is_compact=is_compact) for value in values)
    return Ticks(values, labels, low=low * 1.04, high=max(high * 1.04, values[-1]))


def tick_label(value: float, unit: Unit, *, step: float, is_top: bool = False, is_compact: bool = False) -> str:
    """`$4,000`, `$1.5M`, `0.002`: as many decimals as the step needs, millions and billions shortened.

    A unit after the number stands at the top tick alone ("800 GB"), a percent sign everywhere; zero has no scale.
    """
    suffix = unit.suffix if is_top or unit is PERCENT else ""
    if not value:
        return f"{unit.prefix}0{suffix}"
    scales = COMPACT_SCALES if is_compact else SCALES
    scale, letter = next(((size, name) for size, name in scales if abs(value) >= size or step >= size / 4), (1.0, ""))
    number = f"{abs(value) / scale:,.{_places_of(step / scale)}f}{letter}"
    return f"{'−' if value < 0 else ''}{unit.prefix}{number}{suffix}"


def short_number(value: float, unit: Unit) -> str:
    """`$300k`, `$1.25M`, `40 GB`: three significant digits, for a key or a label that has no room for more."""
    size, letter = next(((size, name) for size, name in COMPACT_SCALES if abs(value) >= size), (1.0, ""))
    return f"{unit.prefix}{value / size:,.3g}{letter}{unit.suffix}"


def hover_places(unit: Unit, highest: float, *, is_double: bool = False) -> int | None:
    """Decimals a hover may show for points up to `highest`; None when not even whole numbers are sure.

    A digit is shown only where it is at least four times the spacing of the points' floats there (32-bit ones unless
    `is_double`). Money shows cents or whole dollars, nothing between, but more for less than ten cents.
    """
    size = abs(highest)
    if not size:
        return unit.places
    spacing = 2.0 ** (math.floor(math.log2(size)) + 1 - (DOUBLE_BITS if is_double else SINGLE_BITS))
    if 4 * spacing > 1:
        return None
    is_small_money = bool(unit.prefix) and size < 0.1
    places = min(6, unit.places + math.ceil(-math.log10(size))) if is_small_money else unit.places
    while places > 0 and 10.0**-places < 4 * spacing:
        places -= 1
    return 0 if unit.prefix and places < unit.places else places


def hover_format(unit: Unit, highest: float, *, is_double: bool = False) -> str:
    """The d3 number format of a hover (goes between `%{y:` and `}`), with no more digits than are exact.

    Six significant digits with k, M, G past what the points' floats hold.
    """
    places = hover_places(unit, highest, is_double=is_double)
    return ",.6~s" if places is None else f",.{places}f"


def hover_number(unit: Unit, highest: float, *, is_double: bool = False) -> str:
    """The hover's number with its unit as a Plotly template: `$%{y:,.2f}`, `%{y:,.1f} GB`."""
    return f"{unit.prefix}%{{y:{hover_format(unit, highest, is_double=is_double)}}}{unit.suffix}"


def _round_step(rough: float, *, is_whole: bool) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    if is_whole:
        return max(1.0, float(math.ceil(step)))
    return step


def _places_of(step: float) -> int:
    """The decimals a round step is written with."""
    return next((places for places in range(12) if _is_whole(step * 10**places)), 12)


def _is_whole(number: float) -> bool:
    return round(number) >= 1 and abs(number - round(number)) < 1e-6 * number
