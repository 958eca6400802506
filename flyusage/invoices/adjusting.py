"""Late usage: what became known of a month after it was billed, as lines of the next invoice.

An adjustment is what the month costs with what is known now, less what it costs with what was billed: both rated by the same
terms and prices, line by line, in minor units. What was billed is the month's frozen usage and every change of it that later
invoices have adjusted already, so that nothing is billed twice and a void takes its adjustments with it. A month that was billed
anew is whole: what invoices before it had adjusted is given back (`returning.py`). `late_month` says which months to look at; a
trigger on `usage_month` keeps it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.allocation import Cell, Place, Usage, UsageCell, allocate
from flyusage.invoices.breakdowns import ITSELF, TOTALS_HELD, USAGE_HELD, Frozen, FrozenTotals, Total
from flyusage.invoices.compiling import compile_statement
from flyusage.invoices.drafting import draft
from flyusage.invoices.freezing import usage_of
from flyusage.invoices.rating_months import Rating, metered_of, rated_as
from flyusage.invoices.returning import OWN, returned
from flyusage.invoices.statement import Line, LineKind, Statement
from flyusage.invoices.wording import ADJUSTMENTS
from flyusage.metering.models import DAYS
from flyusage.periods import midnight, month_period
from flyusage.pricing.database import fetch
from flyusage.pricing.rating import Step
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import terms_of

# Of the late month `l`: its own invoice stands. What is not billed, or void, its own invoice will hold whole.
IS_BILLED = """EXISTS (SELECT FROM invoice own WHERE own.org_id = l.org_id AND own.starts_on = l.month
                AND own.origin = 'period' AND own.state NOT IN ('draft', 'void'))"""


@dataclass(frozen=True)
class Adjusted:
    """Adjustment lines and, by line key, where their amounts belong. `months` were looked at, whether or not a cent changed.

    `held_by` says of lines that give late usage back which invoice had charged it.
    """

    months: tuple[date, ...]
    lines: tuple[Line, ...]
    places: Mapping[str, Mapping[Place, int]]
    held_by: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> "Adjusted":
        """No month was late."""
        return cls((), (), {})


def late_months(session: Session, org_id: int) -> list[date]:
    """Billed months of which something else is known now, oldest first; a void month is billed anew, not adjusted."""
    return list(
        session.scalars(sa.text(f"SELECT month FROM late_month l WHERE org_id = :org AND {IS_BILLED} ORDER BY month"), {"org": org_id})
    )


def draft_with_late_usage(session: Session, org_id: int, month: date, *, as_of: datetime | None = None) -> Statement:
    """The draft of `month` as its invoice will be, if it is the next one: with what became known of months that were billed before."""
    return draft(session, org_id, month, as_of=as_of, adjustments=late_usage(session, org_id, month).lines)


def late_usage(session: Session, org_id: int, month: date) -> Adjusted:
    """What became known of months before `month` since they were billed: the next invoice holds it."""
    return adjust(session, org_id, [late for late in late_months(session, org_id) if late < month.replace(day=1)])


def adjust(session: Session, org_id: int, months: Iterable[date]) -> Adjusted:
    """What `months`, which are billed, cost more or less than was billed. Late usage keeps its own month's tax."""
    lines: list[Line] = []
    places: dict[str, Mapping[Place, int]] = {}
    held_by: dict[str, int] = {}
    looked_at = tuple(months)
    for month in looked_at:
        found = _month(session, org_id, month)
        lines += found.lines
        places |= found.places
        held_by |= found.held_by
    return Adjusted(looked_at, tuple(lines), places, held_by)


def usage_late(session: Session, org_id: int, adjusted: Adjusted) -> Frozen:
    """What late lines are for, by day, before an invoice freezes it: as `usage_with` will tell it."""
    changed = [
        (ITSELF, month, *row) for month in adjusted.months for row in fetch(session, _CHANGED_USAGE, {"org": org_id, "month": month})
    ]
    rows = [*changed, *fetch(session, USAGE_HELD, {"org": org_id, "ids": list(adjusted.held_by.values())})]
    return {(row[0], row[1], Place(*row[2:6])): tuple(map(int, row[6:])) for row in rows}


def totals_late(session: Session, org_id: int, adjusted: Adjusted) -> FrozenTotals:
    """The same by machine, volume and address: as `totals_with` will tell it."""
    changed = [
        (ITSELF, *place, month, resource_id, quantity)
        for month in adjusted.months
        for resource_id, *place, quantity in fetch(session, _CHANGED_MACHINES, {"org": org_id, "month": month})
    ]
    found: dict[tuple[int, Place], list[Total]] = defaultdict(list)
    for row in [*changed, *fetch(session, TOTALS_HELD, {"org": org_id, "ids": list(adjusted.held_by.values())})]:
        found[row[0], Place(*row[1:5])].append(Total(row[5], row[6], int(row[7])))
    return found


def freeze_changes(session: Session, org_id: int, invoice_id: int, months: Sequence[date]) -> None:
    """Keep with the adjusting invoice by how much each month's usage differs from what was billed; nothing is late any more."""
    for month in months:
        binds = {"org": org_id, "id": invoice_id, "month": month}
        session.execute(sa.text(_FREEZE_USAGE), binds)
        session.execute(sa.text(_FREEZE_MACHINES), binds)
        session.execute(sa.text("DELETE FROM late_month WHERE org_id = :org AND month = :month"), binds)


def difference(known: Statement, billed: Statement, usage: tuple[Usage, Usage], tax: TaxKey) -> Adjusted:
    """What `known` comes to beyond `billed`, line by line; `usage` is what each was rated from. Pure."""
    month, currency = usage[0].month, known.currency
    cells = [_cells(one, used) for one, used in zip((known, billed), usage, strict=True)]
    before, after = ({line.key: line for line in one.lines} for one in (billed, known))
    lines, places = [], {}
    for key in dict.fromkeys([*after, *before]):
        new, old = after.get(key), before.get(key)
        changed = _amount(new) - _amount(old)
        if not changed:
            continue
        line = _line(month, new, old, Fraction(1, 10**currency.exponent), tax)
        lines.append(line)
        moved: dict[Place, int] = defaultdict(int)
        for sign, found in ((1, cells[0]), (-1, cells[1])):
            for cell in found.get(key, ()):
                moved[cell.place] += sign * cell.amount_minor
        places[line.key] = {place: part for place, part in moved.items() if part}
    return Adjusted((month,), tuple(lines), places)


def _month(session: Session, org_id: int, month: date) -> Adjusted:
    agreed = terms_of(session, org_id, month_period(midnight(month)))
    rating = rated_as(session, replace(agreed, promotional=(), prepaid=()), clock.now())
    known, billed = usage_of(session, [org_id], month)[org_id], _billed_usage(session, org_id, month)
    late = difference(_rated(rating, known), _rated(rating, billed), (known, billed), agreed.tax)
    back = returned(session, org_id, month, agreed)
    lines, places = (*late.lines, *(one.line for one in back)), {**late.places, **{one.line.key: one.places for one in back}}
    return Adjusted(late.months, lines, places, {one.line.key: one.held_by for one in back})


def _rated(rating: Rating, usage: Usage) -> Statement:
    return compile_statement(rating.setting, metered_of(usage, rating.setting.epochs), fee_prices=rating.fee_prices)


def _billed_usage(session: Session, org_id: int, month: date) -> Usage:
    rows = fetch(session, _BILLED, {"org": org_id, "month": month})
    return Usage.of(month, (UsageCell(Place(*row[:4]), tuple(map(int, row[4:]))) for row in rows))


def _cells(statement: Statement, usage: Usage) -> dict[str, list[Cell]]:
    numbered = list(enumerate(statement.lines, 1))
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in allocate(numbered, usage):
        found[numbered[cell.position - 1][1].key].append(cell)
    return found


def _line(month: date, new: Line | None, old: Line | None, unit: Fraction, tax: TaxKey) -> Line:
    """The change of one line. Its working says what is known now and what was billed."""
    model = new or old
    assert model is not None
    exact = (_amount(new) - _amount(old)) * unit
    steps = [Step("Rated with what is known now", _amount(new) * unit), Step("Billed before", -_amount(old) * unit)]
    quantity = (new.quantity if new else Decimal(0)) - (old.quantity if old else Decimal(0))
    return replace(
        model,
        kind=LineKind.ADJUSTMENT,
        key=f"late/{month:%Y-%m}/{model.key}",
        product=ADJUSTMENTS,
        description=f"{month:%B %Y}, late usage: {model.description}",
        quantity=quantity,
        unit_price=None,
        exact=exact,
        amount_minor=_amount(new) - _amount(old),
        tax=tax,
        working=tuple(steps),
        components=(),
        shares=(),
    )


def _amount(line: Line | None) -> int:
    return line.amount_minor if line else 0


_PLACE = "app_id, region_id, vm_size_id, sku_id"
_OF_BILLED = f"""FROM invoice_usage JOIN invoice ON invoice.org_id = invoice_usage.org_id AND invoice.id = invoice_usage.invoice_id
WHERE invoice_usage.org_id = :org AND month = :month AND invoice.state <> 'void' AND invoice.id >= {OWN}"""
_SUMS = ", ".join(f"sum({day})::bigint AS {day}" for day in DAYS)
_BILLED = f"SELECT {_PLACE}, {_SUMS} {_OF_BILLED} GROUP BY {_PLACE}"
_CHANGES = ", ".join(f"(coalesce(known.{day}, 0) - coalesce(billed.{day}, 0)) AS {day}" for day in DAYS)
_CHANGED_USAGE = f"""
WITH billed AS (SELECT {_PLACE}, {_SUMS} {_OF_BILLED} AND invoice.state <> 'draft' GROUP BY {_PLACE}),
known AS (SELECT * FROM usage_month WHERE org_id = :org AND month = :month),
changed AS (SELECT {_PLACE}, {_CHANGES} FROM known FULL JOIN billed USING ({_PLACE}))
SELECT {_PLACE}, {", ".join(DAYS)} FROM changed WHERE ({", ".join(DAYS)}) <> ({", ".join("0" * 31)})"""
_FREEZE_USAGE = f"""
INSERT INTO invoice_usage (org_id, invoice_id, month, {_PLACE}, total, {", ".join(DAYS)})
SELECT :org, :id, :month, {_PLACE}, {" + ".join(DAYS)}, {", ".join(DAYS)} FROM ({_CHANGED_USAGE}) AS changed"""
_CHANGED_MACHINES = f"""
WITH billed AS (
  SELECT resource_id, {_PLACE}, sum(quantity)::bigint AS quantity FROM invoice_machine
  JOIN invoice ON invoice.org_id = invoice_machine.org_id AND invoice.id = invoice_machine.invoice_id
  WHERE invoice_machine.org_id = :org AND invoice_machine.starts_on >= :month
    AND invoice_machine.starts_on < CAST(:month AS date) + interval '1 month' AND invoice.state NOT IN ('void', 'draft')
    AND invoice.id >= {OWN}
  GROUP BY resource_id, {_PLACE}
), known AS (SELECT resource_id, {_PLACE}, quantity FROM resource_month WHERE org_id = :org AND month = :month)
SELECT resource_id, {_PLACE}, coalesce(known.quantity, 0) - coalesce(billed.quantity, 0) AS quantity
FROM known FULL JOIN billed USING (resource_id, {_PLACE})
WHERE coalesce(known.quantity, 0) <> coalesce(billed.quantity, 0) ORDER BY resource_id"""
_FREEZE_MACHINES = f"""
INSERT INTO invoice_machine (org_id, invoice_id, starts_on, resource_id, {_PLACE}, quantity)
SELECT :org, :id, :month, resource_id, {_PLACE}, quantity FROM ({_CHANGED_MACHINES}) AS changed"""
