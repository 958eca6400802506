"""What was used by whom and when, read as a stream, and amounts split by it."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.allocation import Place
from flyusage.invoices.drafting import question_of
from flyusage.invoices.focus.papers import Used
from flyusage.money import split
from flyusage.periods import Period
from flyusage.pricing.asking import Known
from flyusage.pricing.database import Binds
from flyusage.pricing.machine_cells import used_by_time
from flyusage.pricing.slices import epochs

AT_ONCE = 5_000


class Unit(StrEnum):
    """What a row is of: an app, or a single machine, volume or address."""

    APP = "app"
    MACHINE = "machine"


class Width(StrEnum):
    """How long a row's charge period is."""

    DAY = "day"
    HOUR = "hour"


class Portion(NamedTuple):
    """A part of what a place used on a day: by whom, from when, how much."""

    name: str | None
    kind: int | None
    start: datetime | None
    quantity: int


def portions_of(session: Session, known: Known, period: Period, *, by: Unit, per: Width) -> "Portions | None":
    """Who used what when in a month, as far as that is asked for; None where whole days of apps are."""
    if (by, per) == (Unit.APP, Width.DAY):
        return None
    question = question_of(known, period, epochs(period, ()))
    binds = Binds(question.moment.tail.binds)
    used = used_by_time(question, binds, per.value)
    return Portions(session, _statement(used, by, per), {**binds, "org": known.org_id})


class Portions:
    """A stream of what was used, by place, day and whoever used it, read beside the places in the same order."""

    def __init__(self, session: Session, statement: str, binds: Mapping[str, Any]) -> None:
        options = {"stream_results": True, "yield_per": AT_ONCE}
        found = session.execute(sa.text(statement), dict(binds), execution_options=options)
        self._groups = groupby(found, key=lambda row: (Place(*row[:4]), row[4]))
        self._next = next(self._groups, None)

    def of(self, place: Place, day: date) -> list[Portion]:
        """What was used there then; ask in rising order."""
        while self._next is not None and self._next[0] < (place, day):
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != (place, day):
            return []
        return [Portion(name and plain(name), kind, start, int(quantity)) for *_, name, kind, start, quantity in self._next[1]]


@dataclass(frozen=True)
class Amounts:
    """A place's day: as in `Used`, of one day."""

    usage: int
    lowered: int
    reserved: Mapping[str, int]
    shares: Mapping[str, int]
    credits: Mapping[str, int]

    @property
    def is_something(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.usage or self.lowered or any((*self.reserved.values(), *self.shares.values(), *self.credits.values())))

    def times(self, unit: int) -> "Amounts":
        """In finer units."""
        by_key = [{key: amount * unit for key, amount in one.items()} for one in (self.reserved, self.shares, self.credits)]
        return Amounts(self.usage * unit, self.lowered * unit, *by_key)

    def split(self, weights: Sequence[int]) -> "list[Amounts]":
        """In proportion to `weights`; each amount's parts sum to it."""
        if len(weights) == 1:
            return [self]
        usage, lowered = split(self.usage, weights), split(self.lowered, weights)
        by_key = [{key: split(amount, weights) for key, amount in one.items()} for one in (self.reserved, self.shares, self.credits)]
        return [
            Amounts(usage[place], lowered[place], *({key: parts[place] for key, parts in one.items()} for one in by_key))
            for place in range(len(weights))
        ]


def amounts_on(used: Used, index: int) -> Amounts:
    """A place's day of what `used` holds."""
    by_key = [{key: days[index] for key, days in one.items() if days[index]} for one in (used.reserved, used.shares, used.credits)]
    return Amounts(used.usage[index], used.lowered[index], *by_key)


def parted(quantity: int, portions: list[Portion]) -> list[Portion]:
    """The portions of what was billed: those that are known, or, where something else is known since, in their proportion."""
    known = sum(one.quantity for one in portions)
    if not known or not quantity:
        return [Portion(None, None, None, quantity)]
    if known == quantity:
        return portions
    parts = split(quantity, [one.quantity for one in portions])
    return [one._replace(quantity=part) for one, part in zip(portions, parts, strict=True)]


@lru_cache(20_000)
def plain(text: str) -> str:
    r"""`text` in ASCII, as FOCUS has it: accents are left out, and what has no plain letter is written `\u4eac`."""
    if text.isascii():
        return text
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return bare.encode("ascii", "backslashreplace").decode()


def _statement(used: str, by: Unit, per: Width) -> str:
    who = "r.name, r.kind" if by is Unit.MACHINE else "NULL::text, NULL::int"
    start = "moment AS hour" if per is Width.HOUR else "NULL::timestamptz"
    keys = ", ".join(f"timed.{one}" for one in ("app_id", "region_id", "vm_size_id", "sku_id", "moment"))
    if by is Unit.MACHINE:
        keys += ", timed.resource_id"
    joined = "JOIN resource r ON r.org_id = :org AND r.id = summed.resource_id" if by is Unit.MACHINE else ""
    return f"""
    SELECT summed.app_id, summed.region_id, vm_size_id, sku_id, moment::date AS day, {who}, {start}, quantity
    FROM (SELECT {keys}, sum(quantity) AS quantity FROM ({used}) AS timed GROUP BY {keys} HAVING sum(quantity) > 0) AS summed {joined}
    ORDER BY {keys.replace("timed.", "summed.")}"""
