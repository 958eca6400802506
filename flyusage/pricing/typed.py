"""What people type where prices are agreed or drafted, read exactly."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flyusage.logs import harmless
from flyusage.money import Currency, parse_minor, round_half_away
from flyusage.pricing.case_inputs import number
from flyusage.pricing.errors import InputInvalid

PLACES = 30


def decimal(text: str, name: str) -> Decimal:
    """A number that was typed as `name`, exactly. Raises InputInvalid."""
    value = number(text, name)
    found = round_half_away(value, PLACES)
    if Fraction(found) != value:
        raise InputInvalid(f"{name} has no end as a decimal.")
    return Decimal(f"{found.normalize():f}")


def tiers_json(text: str, name: str) -> Any:
    """The JSON of tiers that was typed as `name`. Raises InputInvalid."""
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise InputInvalid(f"{name} is not JSON ({error}).") from error


def minor(text: str, name: str, currency: Currency) -> int:
    """An amount that was typed as `name`, in minor units of `currency`. Raises InputInvalid."""
    found = parse_minor(text, currency)
    if found is None:
        places = f"{currency.exponent} decimals" if currency.exponent else "no decimals"
        raise InputInvalid(f"{name} is an amount in {currency.code} with {places} at most, not {harmless(text[:40])!r}.")
    return found
