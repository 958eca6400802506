"""Late usage: what became known of a month after it was billed, as lines of the next invoice.

An adjustment is what the month costs with what is known now, less what it costs with what was billed: both rated by the same
terms and prices, line by line, in minor units. What was billed is the month's frozen usage and every change of it that later
invoices have adjusted already, so that nothing is billed twice and a void takes its adjustments with it. A month that was billed
anew is whole: what invoices before it had adjusted is given back to the cent, since rating it once more could come to something
else. `late_month` says which months to look at; a trigger on `usage_month` keeps it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.allocation import Cell, Place, Usage, UsageCell, allocate
from flyusage.invoices.compiling import compile_statement
from flyusage.invoices.drafting import draft
from flyusage.invoices.freezing import usage_of
from flyusage.invoices.rating_months import Rating, metered_of, rated_as
from flyusage.invoices.statement import Line, LineKind, Statement
from flyusage.invoices.wording import ADJUSTMENTS
from flyusage.metering.models import DAYS
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import Period, midnight, month_period
from flyusage.pricing.database import fetch
from flyusage.pricing.rating import Step
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import Terms, terms_of

BACK = "returned"  # in the keys of lines that give back what was charged late, once the month is billed anew
# Of the late month `l`: its own invoice stands. What is not billed, or void, its own invoice will hold whole.
IS_BILLED = """EXISTS (SELECT FROM invoice own WHERE own.org_id = l.org_id AND own.starts_on = l.month
                AND own.origin = 'period' AND own.state NOT IN ('draft', 'void'))"""


@dataclass(frozen=True)
class Adjusted:
    """Adjustment lines and, by line key, where their amounts belong. `months` were looked at, whether or not a cent changed."""

    months: tuple[date, ...]
    lines: tuple[Line, ...]
    places: Mapping[str, Mapping[Place, int]]

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
    looked_at = tuple(months)
    for month in looked_at:
        found = _month(session, org_id, month)
        lines += found.lines
        places |= found.places
    return Adjusted(looked_at, tuple(lines), places)


def left_charged(session: Session, org_id: int, month: date) -> str:
    """What a void of the month's invoice leaves charged: late usage of it on later invoices, in a sentence; empty where there is none.

    The next invoice gives it back once the month is billed anew. A month that is never billed again is for people to decide on.
    """
    found = session.execute(sa.text(_CHARGED_LATER), {"org": org_id, "month": month, "key": f"late/{month:%Y-%m}/%"}).all()
    if not sum(row.net_minor for row in found):
        return ""
    parts = ", ".join(f"{format_minor(row.net_minor, CURRENCIES[row.currency])} net on {row.number}" for row in found)
    return f"Late usage of {month:%B %Y} stays charged: {parts}. Billing the month anew gives it back; otherwise credit these lines."


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
    back = _given_back(session, org_id, month, agreed)
    return Adjusted(late.months, (*late.lines, *back.lines), {**late.places, **back.places})


def _given_back(session: Session, org_id: int, month: date, agreed: Terms) -> Adjusted:
    """What invoices charged of the month before it was billed anew, as far as it is not given back, with the tax that it had."""
    binds = {"org": org_id, "month": month, "late": f"late/{month:%Y-%m}/", "back": f"late/{month:%Y-%m}/{BACK}/"}
    places: dict[str, dict[Place, int]] = defaultdict(dict)
    for name, category, percent, *place, charged in session.execute(sa.text(_CHARGED_PLACES), binds):
        places[_back_key(month, name, category, percent)][Place(*place)] = -charged
    lines = [_back_line(month, row, agreed) for row in session.execute(sa.text(_CHARGED), binds)]
    return Adjusted((month,), tuple(lines), {line.key: places[line.key] for line in lines})


def _back_key(month: date, name: str, category: str, percent: Decimal) -> str:
    return f"late/{month:%Y-%m}/{BACK}/{category}-{percent.normalize():f}/{name}"


def _back_line(month: date, row: sa.Row, agreed: Terms) -> Line:
    exact = Fraction(-row.charged_minor, 10**agreed.currency.exponent)
    reason = agreed.tax.reason if row.tax_category == agreed.tax.category else ""
    return Line(
        kind=LineKind.ADJUSTMENT,
        key=_back_key(month, row.name, row.tax_category, row.tax_percent),
        product=ADJUSTMENTS,
        description=f"{month:%B %Y} is billed anew; charged late before: {row.description.partition(': ')[2] or row.description}",
        period=Period(midnight(row.starts_on), midnight(row.ends_on)),
        quantity=Decimal(1),
        unit="",
        unit_price=None,
        exact=exact,
        amount_minor=-row.charged_minor,
        tax=TaxKey(row.tax_category, row.tax_percent, reason),
        working=(Step(f"Charged on {row.numbers}", exact),),
        region=row.region,
        region_id=row.region_id,
        sku_id=row.sku_id,
        vm_size_id=row.vm_size_id,
    )


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


_CHARGED_LATER = """
SELECT i.number, i.currency, sum(l.amount_minor)::bigint AS net_minor FROM invoice i
JOIN invoice_line l ON l.org_id = i.org_id AND l.invoice_id = i.id
WHERE i.org_id = :org AND i.kind = 'invoice' AND i.starts_on > :month AND i.state NOT IN ('draft', 'void')
  AND l.kind = 'adjustment' AND l.key LIKE :key
GROUP BY i.id, i.number, i.currency HAVING sum(l.amount_minor) <> 0 ORDER BY i.id"""
_PLACE = "app_id, region_id, vm_size_id, sku_id"
# The month's own invoice that stands: it is whole, so what others froze of the month before it is billed by it.
_OWN = """(SELECT max(own.id) FROM invoice own
  WHERE own.org_id = :org AND own.starts_on = :month AND own.origin = 'period' AND own.state NOT IN ('draft', 'void'))"""
_OF_BILLED = f"""FROM invoice_usage JOIN invoice ON invoice.org_id = invoice_usage.org_id AND invoice.id = invoice_usage.invoice_id
WHERE invoice_usage.org_id = :org AND month = :month AND invoice.state <> 'void' AND invoice.id >= {_OWN}"""
# Late usage charged before the month's own invoice, and what was given back of it since; on a month's credit note amounts are turned over.
_LATE_LINES = f"""
SELECT i.id, i.number, l.position, l.description, l.starts_on, l.ends_on, l.region, l.region_id, l.sku_id, l.vm_size_id,
       l.tax_category, trim_scale(l.tax_percent) AS tax_percent, l.amount_minor, CASE i.kind WHEN 'credit_note' THEN -1 ELSE 1 END AS sign,
       CASE WHEN starts_with(l.key, :back) THEN regexp_replace(substr(l.key, length(:back) + 1), '^[^/]*/', '')
            ELSE substr(l.key, length(:late) + 1) END AS name
FROM invoice i JOIN invoice_line l ON l.org_id = i.org_id AND l.invoice_id = i.id
WHERE i.org_id = :org AND i.starts_on > :month AND i.origin = 'period' AND i.state NOT IN ('draft', 'void')
  AND l.kind = 'adjustment' AND starts_with(l.key, :late) AND (i.id < {_OWN} OR starts_with(l.key, :back))"""
_CHARGED = f"""
SELECT name, tax_category, tax_percent, sum(sign * amount_minor)::bigint AS charged_minor, min(description) AS description,
       min(starts_on) AS starts_on, max(ends_on) AS ends_on, min(region) AS region, min(region_id) AS region_id, min(sku_id) AS sku_id,
       min(vm_size_id) AS vm_size_id, string_agg(DISTINCT number, ', ' ORDER BY number) AS numbers
FROM ({_LATE_LINES}) late GROUP BY name, tax_category, tax_percent HAVING sum(sign * amount_minor) <> 0
ORDER BY name, tax_category, tax_percent"""
_CHARGED_PLACES = f"""
SELECT name, tax_category, tax_percent, c.app_id, c.region_id, c.vm_size_id, c.sku_id, sum(sign * c.amount_minor)::bigint AS charged_minor
FROM ({_LATE_LINES}) late JOIN invoice_cell c ON c.org_id = :org AND c.invoice_id = late.id AND c.position = late.position
GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(sign * c.amount_minor) <> 0 ORDER BY 1, 2, 3, 4, 5, 6, 7"""
_SUMS = ", ".join(f"sum({day})::bigint AS {day}" for day in DAYS)
_BILLED = f"SELECT {_PLACE}, {_SUMS} {_OF_BILLED} GROUP BY {_PLACE}"
_CHANGES = ", ".join(f"(coalesce(known.{day}, 0) - coalesce(billed.{day}, 0)) AS {day}" for day in DAYS)
_FREEZE_USAGE = f"""
WITH billed AS (SELECT {_PLACE}, {_SUMS} {_OF_BILLED} AND invoice.state <> 'draft' GROUP BY {_PLACE}),
known AS (SELECT * FROM usage_month WHERE org_id = :org AND month = :month),
changed AS (SELECT {_PLACE}, {_CHANGES} FROM known FULL JOIN billed USING ({_PLACE}))
INSERT INTO invoice_usage (org_id, invoice_id, month, {_PLACE}, total, {", ".join(DAYS)})
SELECT :org, :id, :month, {_PLACE}, {" + ".join(DAYS)}, {", ".join(DAYS)} FROM changed WHERE ({", ".join(DAYS)}) <> ({", ".join("0" * 31)})"""
_FREEZE_MACHINES = f"""
WITH billed AS (
  SELECT resource_id, {_PLACE}, sum(quantity)::bigint AS quantity FROM invoice_machine
  JOIN invoice ON invoice.org_id = invoice_machine.org_id AND invoice.id = invoice_machine.invoice_id
  WHERE invoice_machine.org_id = :org AND invoice_machine.starts_on >= :month
    AND invoice_machine.starts_on < CAST(:month AS date) + interval '1 month' AND invoice.state NOT IN ('void', 'draft')
    AND invoice.id >= {_OWN}
  GROUP BY resource_id, {_PLACE}
), known AS (SELECT resource_id, {_PLACE}, quantity FROM resource_month WHERE org_id = :org AND month = :month)
INSERT INTO invoice_machine (org_id, invoice_id, starts_on, resource_id, {_PLACE}, quantity)
SELECT :org, :id, :month, resource_id, {_PLACE}, coalesce(known.quantity, 0) - coalesce(billed.quantity, 0)
FROM known FULL JOIN billed USING (resource_id, {_PLACE})
WHERE coalesce(known.quantity, 0) <> coalesce(billed.quantity, 0)"""
