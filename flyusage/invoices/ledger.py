"""The lines of a statement under construction, and how much of each is left for the next reduction. Pure.

Reductions work on what the ones before them left of every line, in whole minor units: no line falls below zero, and the
shares of a reduction say to the cent what it took from where.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flyusage.invoices.statement import Line, LineKind, Share
from flyusage.invoices.usage_lines import Setting
from flyusage.money import format_money, split, to_minor
from flyusage.pricing.rating import Step, plain

SPENT = (LineKind.USAGE, LineKind.FEE, LineKind.MINIMUM)


@dataclass
class Ledger:
    """`lines` in reading order, `left` of each in minor units, by key."""

    setting: Setting
    lines: list[Line]
    left: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.left = {line.key: line.amount_minor for line in self.lines}

    @property
    def net_minor(self) -> int:
        """The sum of all lines."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def spent(self) -> list[Line]:
        """Usage and fees, and what minimums of single prices added: what discounts and spending limits look at."""
        return [line for line in self.lines if line.kind in SPENT]

    def left_of(self, lines: Iterable[Line]) -> int:
        """What is left of `lines` together."""
        return sum(self.left[line.key] for line in lines)

    def add(self, line: Line) -> None:
        """One more line; what it reduces has that much less left."""
        self.lines.append(line)
        self.left[line.key] = 0 if line.shares else line.amount_minor
        for share in line.shares:
            self.left[share.key] += share.amount_minor

    def shares(self, lines: Sequence[Line], taken: int) -> tuple[Share, ...]:
        """`taken`, at most what is left of `lines`, spread in proportion to that; never more than a line has left."""
        parts = split(taken, [self.left[line.key] for line in lines]) if taken else []
        return tuple(Share(line.key, -part) for line, part in zip(lines, parts, strict=False) if part)

    def major(self, amount_minor: int) -> Fraction:
        """Minor units in the major unit."""
        return Fraction(amount_minor, 10**self.setting.terms.currency.exponent)

    def minor(self, amount: Fraction) -> int:
        """The major unit in minor units, rounded once."""
        return to_minor(amount, self.setting.terms.currency)

    def said(self, amount: Fraction) -> str:
        """An amount as steps say it."""
        return format_money(amount, self.setting.terms.currency)


def lump(setting: Setting, kind: LineKind, key: str, named: tuple[str, str], amount_minor: int, **more: Any) -> Line:
    """A line that is an amount and no quantity; `named` are its product and description. `more` are further fields of Line.

    Without a working of its own its description is the working.
    """
    exact = more.pop("exact", Fraction(amount_minor, 10**setting.terms.currency.exponent))
    values: dict[str, Any] = {
        "kind": kind,
        "key": key,
        "product": named[0],
        "description": named[1],
        "period": setting.terms.period,
        "quantity": Decimal(1),
        "unit": "",
        "unit_price": None,
        "exact": exact,
        "amount_minor": amount_minor,
        "tax": setting.terms.tax,
        "working": (Step(named[1], exact),),
    }
    return Line(**{**values, **more})


def reduction(ledger: Ledger, kind: LineKind, key: str, named: tuple[str, str], lines: Sequence[Line], taken: int, **more: Any) -> Line:
    """A line that takes `taken` minor units from `lines`. `more` as in `lump`."""
    return lump(ledger.setting, kind, key, named, -taken, shares=ledger.shares(lines, taken), **more)


def percent(value: Decimal | Fraction) -> str:
    """`12.5 %`."""
    return f"{plain(Fraction(value))} %"
