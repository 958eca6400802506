"""Cents, unit prices and the one rounding rule. Nothing here is a float."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, InvalidOperation
from fractions import Fraction
from math import floor, lcm


@dataclass(frozen=True)
class Currency:
    """An ISO 4217 currency: code, minor-unit exponent and the symbol printed before an amount."""

    code: str
    exponent: int
    symbol: str


USD = Currency("USD", 2, "$")
EUR = Currency("EUR", 2, "€")
JPY = Currency("JPY", 0, "¥")
# Minor units by ISO 4217; a currency without a symbol of its own is printed by its code.
_TWO_PLACES = (
    *("AED", "ARS", "AUD", "BRL", "CAD", "CHF", "CNY", "COP", "CZK", "DKK", "EGP", "HKD", "HUF", "IDR", "ILS", "INR", "KES", "MAD", "MXN"),
    *("MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PLN", "QAR", "RON", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "UYU", "ZAR"),
)
_OTHERS = (
    Currency("GBP", 2, "£"),
    *(Currency(code, 2, f"{code} ") for code in _TWO_PLACES),
    *(Currency(code, 0, f"{code} ") for code in ("CLP", "ISK", "KRW", "PYG", "RWF", "VND", "XAF", "XOF")),
    *(Currency(code, 3, f"{code} ") for code in ("BHD", "JOD", "KWD", "OMR", "TND")),
)
_AMOUNT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_EVERY_DIGIT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)  # the common context would round to 28
CURRENCIES = {currency.code: currency for currency in (USD, EUR, JPY, *_OTHERS)}


def round_half_away(amount: Fraction, places: int) -> Decimal:
    """`amount` at `places` decimals, halves away from zero (0.005 → 0.01, -0.005 → -0.01), however long it is."""
    units = to_units(amount, places)
    return Decimal(units).scaleb(-places, _EVERY_DIGIT)


def to_minor(amount: Fraction, currency: Currency) -> int:
    """Minor units owed for `amount` (USD cents, JPY yen), halves away from zero (0.005 USD → 1, -0.005 → -1)."""
    return to_units(amount, currency.exponent)


def to_units(amount: Fraction, places: int) -> int:
    """`amount` in units of 10^-places, halves away from zero; whole numbers throughout, since a close rounds by the million."""
    numerator, denominator = amount.as_integer_ratio()
    size = (2 * abs(numerator) * 10**places + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


def format_money(amount: Fraction | Decimal | int, currency: Currency = USD, *, places: int | None = None) -> str:
    """`$1,234.56`, negative `−$1,234.56` (a true minus); rounded once, halves away from zero."""
    shown = round_half_away(Fraction(amount), currency.exponent if places is None else places)
    sign = "−" if shown.is_signed() else ""
    return f"{sign}{currency.symbol}{shown.copy_abs():,f}"


def format_minor(amount_minor: int, currency: Currency) -> str:
    """Minor units as `format_money` writes their amount: 123456 cents are `$1,234.56`."""
    return format_money(Fraction(amount_minor, 10**currency.exponent), currency)


def format_quantity(quantity: Fraction | Decimal | int, *, places: int = 2) -> str:
    """A quantity as everything that people read says it; files and answers to programs hold it exactly.

    Whole ones have no decimals (`1,488`), others `places` (`126,976.20`). Below one it is four, or three digits that say
    something, and no zeros behind them (`0.25`, `0.3333`, `0.000123`): what is not nothing never reads as nothing.
    """
    exact = Fraction(quantity)
    size = abs(exact)
    if exact.denominator == 1:
        shown = f"{size.numerator:,}"
    elif size >= 1:
        shown = f"{round_half_away(size, places):,f}"
    else:
        zeros = len(str(size.denominator // size.numerator)) - 1
        shown = f"{round_half_away(size, max(4, zeros + 3)):f}".rstrip("0").rstrip(".")
    return f"−{shown}" if exact < 0 else shown


def parse_minor(text: str, currency: Currency) -> int | None:
    """`1,250.00` in minor units; None for what is no amount of whole minor units, or has more than fifteen digits of them."""
    if not _AMOUNT.fullmatch(text.strip()):  # a comma stands between thousands alone: 1,50 is somebody's 1.50, and no 150
        return None
    try:
        amount = Decimal(text.replace(",", "").strip()).scaleb(currency.exponent)
    except InvalidOperation:
        return None
    if amount != amount.to_integral_value() or abs(amount) >= 10**15:
        return None
    return int(amount)


def split(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in proportion to `weights`, by largest remainder, ties to the earlier; the parts sum to it.

    Without any weight above zero everything goes to the first. Raises ValueError for no weights or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("weights must be given and not negative")
    whole, size = sum(weights), abs(total)
    if whole == 0:
        return [total, *[0] * (len(weights) - 1)]
    parts, rests = [], []
    for weight in weights:
        part, rest = divmod(size * weight, whole)
        parts.append(part)
        rests.append(rest)
    missing = size - sum(parts)
    if missing:
        for place in sorted(range(len(parts)), key=lambda place: -rests[place])[:missing]:  # sorting keeps ties in order
            parts[place] += 1
    return parts if total >= 0 else [-part for part in parts]


def split_fractions(total: int, weights: Sequence[Fraction]) -> list[int]:
    """As `split`, by exact weights."""
    shared = lcm(*(weight.denominator for weight in weights)) if weights else 1
    return split(total, [weight.numerator * (shared // weight.denominator) for weight in weights])


def in_proportion(total: int, weights: Sequence[int]) -> list[int]:
    """As `split`, of weights with a sum other than zero that may differ in sign: what has the other sign gets parts of the other sign.

    Nothing is split into nothing. Raises ValueError where something is to be split by weights that cancel out.
    """
    if not total:
        return [0] * len(weights)
    if total < 0:
        return [-part for part in in_proportion(-total, weights)]
    whole = sum(weights)
    if not whole:
        raise ValueError("weights must not cancel out")
    exact = [Fraction(total * weight, whole) for weight in weights]
    parts = [floor(one) for one in exact]
    missing = total - sum(parts)
    for place in sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])[:missing]:
        parts[place] += 1
    return parts
