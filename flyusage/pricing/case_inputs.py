"""The inputs of one case, read by name and exactly: numbers, money, tiers, days, moments."""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flyusage.logs import harmless
from flyusage.money import CURRENCIES, USD, Currency
from flyusage.periods import Period
from flyusage.pricing.blocks import BlockTier
from flyusage.pricing.errors import InputInvalid, InputMissing
from flyusage.pricing.proration import days_between, moment_of
from flyusage.pricing.rating import ZERO, Tier, plain

LARGEST = 10**30
MOST_DECIMALS = 40
CLOSE = 0.75
INFINITE = ("inf", "infinity", "∞")
# What moves an amount: an input named so is never left out in silence. What names nothing of these (a note, a colour) is only told.
_MOVES_AMOUNTS = re.compile(
    r"allow|amount|bill|cap|charge|commit|count|coupon|credit|day|discount|event|exempt|fee|fixed|flat|free|gross|hour|includ|inclus"
    r"|limit|max|min|month|net|pct|per_|percent|period|price|prorat|qty|quantity|rate|rebate|reverse|round|second|size|start|tax|tier"
    r"|unit|usage|vat|weight",
    re.IGNORECASE,
)
# Words (a month's name, what a unit is called) move one only where they name a way to reckon.
_WAYS = re.compile(r"coupon|discount|exempt|inclus|prorat|reverse|round|tax|vat", re.IGNORECASE)
TIER_AMOUNT = ("unit", "unit_amount", "per_unit_amount", "unit_price", "price")
TIER_PERCENT = ("rate_pct", "rate", "percent")
TIER_FLAT = ("flat", "flat_amount", "flat_price", "flat_fee")
HARMLESS = ("bill_first_flat_at_zero", "unit_name")  # without tiers there is no first flat amount
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})(e[+-]?\d{1,2})?", re.IGNORECASE | re.ASCII)
_RATIO = re.compile(r"[+-]?\d{1,20}/[1-9]\d{0,19}", re.ASCII)


class Inputs:
    """What a case gives, by name. Reading a name notes it, so that what nobody asked for can be told.

    A name has further spellings in `also`; the first that is present counts. Every reader raises InputMissing or InputInvalid
    with the name in it.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._known: set[str] = set()
        self._parts: dict[str, Inputs] = {}

    def has(self, name: str, *also: str) -> bool:
        """Whether any of them is given; null is as good as absent."""
        self._known.update((name, *also))
        return any(self._values.get(one) is not None for one in (name, *also))

    def number(self, name: str, *also: str, default: Fraction | None = None) -> Fraction:
        """A number, `default` where it is absent."""
        found = self.optional(name, *also)
        if found is None and default is None:
            raise InputMissing(f"{name} is missing.")
        return found if found is not None else default or ZERO

    def optional(self, name: str, *also: str) -> Fraction | None:
        """A number, None where it is absent."""
        present = self._named(name, also)
        return None if present is None else number(self._values[present], present)

    def bound(self, name: str, *also: str) -> Fraction | None:
        """A number, None where it is absent or infinite: `inf`, as Stripe writes an open tier."""
        present = self._named(name, also)
        is_open = present is not None and str(self._values[present]).strip().lower() in INFINITE
        return None if is_open else self.optional(name, *also)

    def amount(self, name: str, *also: str, default: Fraction | None = None) -> Fraction:
        """A number not below zero."""
        found = self.number(name, *also, default=default)
        if found < 0:
            raise InputInvalid(f"{name} is below zero.")
        return found

    def whole(self, name: str, *also: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.number(name, *also, default=None if default is None else Fraction(default))
        if found.denominator != 1:
            raise InputInvalid(f"{name} is {found}, not a whole number.")
        return int(found)

    def flag(self, name: str, *also: str, default: bool) -> bool:
        """true or false."""
        present = self._named(name, also)
        value = default if present is None else self._values[present]
        if not isinstance(value, bool):
            raise InputInvalid(f"{present} is true or false.")
        return value

    def numbers(self, name: str, *also: str) -> list[Fraction]:
        """A list of numbers; a single one stands for itself, absence for none."""
        present = self._named(name, also)
        if present is None:
            return []
        value = self._values[present]
        return [number(one, f"{present}[{place}]") for place, one in enumerate(value if isinstance(value, list) else [value])]

    def text(self, name: str, *also: str, default: str | None = None) -> str:
        """A short text."""
        present = self._named(name, also)
        value = default if present is None else self._values[present]
        if value is None:
            raise InputMissing(f"{name} is missing.")
        if not isinstance(value, str):
            raise InputInvalid(f"{name} is a text.")
        return value

    def currency(self) -> Currency:
        """The currency, USD unless another is named by its ISO 4217 code."""
        code = self.text("currency", default=USD.code).upper()
        if code not in CURRENCIES:
            raise InputInvalid(f"{harmless(code[:20])} is no currency known here; known are {', '.join(sorted(CURRENCIES))}.")
        return CURRENCIES[code]

    def tiers(self, *, is_percentage: bool = False) -> tuple[Tier, ...]:
        """`tiers` of graduated and volume prices, or of percentages. Raises InputInvalid where one leaves a gap to the one before."""
        found: list[Tier] = []
        for one in self.objects("tiers", needed=True):
            start = one.optional("from", "from_value", "first_unit")
            before = found[-1].up_to if found else ZERO
            if start is not None and before is not None and not before <= start <= before + 1:
                raise InputInvalid(
                    f"A tier from {plain(start)} does not follow what ends at {plain(before)}: no unit may lie between tiers."
                )
            end = one.bound("up_to", "to_value", "to", "last_unit")
            if is_percentage:
                amount, percent = ZERO, one.number(*TIER_PERCENT, default=ZERO)
            else:
                amount, percent = one.number(*TIER_AMOUNT, default=ZERO), ZERO
            flat = one.number(*TIER_FLAT, default=ZERO)
            if not one.has(*TIER_FLAT, *(TIER_PERCENT if is_percentage else TIER_AMOUNT)):
                one.unknown()  # a misspelt one is what is wrong
                raise InputMissing(f"A tier has no {'rate_pct' if is_percentage else 'unit'} and no flat amount; a free one says 0.")
            size = None if is_percentage else one.optional("package_size", "size")
            found.append(Tier(end, amount, flat, percent, size))
        return tuple(found)

    def block_tiers(self) -> tuple[BlockTier, ...]:
        """`tiers` of block prices; max_blocks −1 means any number."""
        found = []
        for one in self.objects("tiers", needed=True):
            most = one.whole("max_blocks", "max", default=-1)
            found.append(
                BlockTier(one.number("block", "size", default=Fraction(1)), None if most == -1 else most, one.number("price", "unit"))
            )
        return tuple(found)

    def objects(self, name: str, *, needed: bool = False, of_numbers: str = "") -> list["Inputs"]:
        """A list of objects; with `of_numbers` a bare number stands for an object with that one name."""
        present = self._named(name, ())
        value = [] if present is None else self._values[present]
        if of_numbers and isinstance(value, list):
            value = [{of_numbers: one} if isinstance(one, str | int | Decimal) else one for one in value]
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise InputInvalid(f"{name} is a list of objects.")
        if needed and not value:
            raise InputMissing(f"{name} is missing.")
        parts = {f"{name}[{place}]": Inputs(one) for place, one in enumerate(value)}
        self._parts |= parts
        return list(parts.values())

    def days(self, *, left: bool = False) -> tuple[Fraction, Fraction]:
        """(days, of_days), as numbers or as dates: from and to, both counted, of a period [start, end); or seconds or hours of all of them.

        Raises InputInvalid for a day outside the period and for a moment inside a day.
        """
        if self.has("from") or self.has("to"):
            whole = self.period()
            span = Fraction(whole.seconds, 86_400)
            start, end = whole.start.date(), date.fromordinal(whole.end.date().toordinal() - 1)
            first = self._day("from") if self.has("from") else start
            last = self._day("to") if self.has("to") else end
            if first < start or last > end:
                raise InputInvalid(f"{first} to {last} is not inside the period, {start} to {end}.")
            return Fraction(days_between(first, last)), span
        for unit in ("seconds", "hours"):
            if self.has(unit) or self.has(f"of_{unit}"):
                return self.number(unit), self.number(f"of_{unit}")
        names = ("days_left", "days") if left else ("days", "days_left")
        if not self.has(*names) and not self.has("of_days", "days_in_period"):
            return Fraction(1), Fraction(1)
        return self.number(*names), self.number("of_days", "days_in_period")

    def period(self) -> Period:
        """`period`, [start, end)."""
        ends = self._pair(self._required("period"), "period")
        start, end = (moment(one, "period") for one in ends)
        if end <= start:
            raise InputInvalid("period ends after it starts.")
        return Period(start, end)

    def dated(self, name: str) -> list[tuple[datetime, Fraction]]:
        """A list of [moment, number]; absence stands for none."""
        present = self._named(name, ())
        value = [] if present is None else self._values[present]
        if not isinstance(value, list):
            raise InputInvalid(f"{name} is a list of [moment, number].")
        pairs = [self._pair(one, f"{name}[{place}]") for place, one in enumerate(value)]
        return [(moment(when, name), number(what, name)) for when, what in pairs]

    def unknown(self) -> list[str]:
        """Names that were given and never asked for. Raises InputInvalid for one that was likely meant as another, or moves an amount."""
        found = sorted(harmless(str(name)[:60]) for name in self._values if name not in self._known)
        for name in found:
            if meant := difflib.get_close_matches(name, sorted(self._known), n=1, cutoff=CLOSE):
                raise InputInvalid(f"{name} is no input of this kind; {meant[0]} is.")
            if name not in HARMLESS and (_WAYS if self._is_words(name) else _MOVES_AMOUNTS).search(name):
                known = ", ".join(sorted(self._known))
                raise InputInvalid(f"{name} is no input of this kind, and an amount without it could be wrong. Known are {known}.")
        return [*found, *(f"{place}.{name}" for place, part in self._parts.items() for name in part.unknown())]

    def _is_words(self, name: str) -> bool:
        value = self._values.get(name)
        return isinstance(value, str) and not (_NUMBER.fullmatch(value.strip()) or _RATIO.fullmatch(value.strip()))

    def _required(self, name: str) -> Any:
        if self._named(name, ()) is None:
            raise InputMissing(f"{name} is missing.")
        return self._values[name]

    def _day(self, name: str) -> date:
        found = moment(self._required(name), name)
        if found != moment_of(found.date()):
            raise InputInvalid(f"{name} is a day, which counts whole; for a part of one give seconds and of_seconds.")
        return found.date()

    def _pair(self, value: Any, name: str) -> Iterable[Any]:
        if not isinstance(value, list) or len(value) != 2:
            raise InputInvalid(f"{name} is a pair.")
        return value

    def _named(self, name: str, also: tuple[str, ...]) -> str | None:
        self._known.update((name, *also))
        given = [one for one in (name, *also) if self._values.get(one) is not None]
        for other in given[1:]:
            if self._values[other] != self._values[given[0]]:
                raise InputInvalid(f"{given[0]} and {other} are two names of one input, and they differ.")
        return given[0] if given else None


def number(value: Any, name: str) -> Fraction:
    """A number as JSON or as text: 12, "0.000000779247", "1/3". Raises InputInvalid."""
    said = f"{value:f}" if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= MOST_DECIMALS else str(value)
    is_number = isinstance(value, int | str | Decimal) and not isinstance(value, bool)
    if not is_number or not (_NUMBER.fullmatch(said.strip()) or _RATIO.fullmatch(said.strip())):
        raise InputInvalid(f"{name} is not a number: {harmless(said[:60])!r}.")
    found = Fraction(said.strip())
    if abs(found) > LARGEST:
        raise InputInvalid(f"{name} is too large to be an amount or a quantity.")
    return found


def moment(value: Any, name: str) -> datetime:
    """A date (its UTC midnight) or a moment in ISO 8601. Raises InputInvalid."""
    try:
        return moment_of(datetime.fromisoformat(value)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputInvalid(f"{name} holds {harmless(str(value)[:60])!r}, which is no date or moment of ISO 8601.") from error
