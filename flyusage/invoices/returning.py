"""What invoices charged late of a month that was then voided and billed anew: given back by the next invoice, to the cent.

The month's new invoice is whole, so nothing that was adjusted before it is owed any more; rating the difference once more could come to
something else. What credit notes gave back of such lines is not given back again. Each line names the one invoice that charged it, whose
frozen quantities say which machines and days it belongs to.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.allocation import Place
from flyusage.invoices.billed import Places, billed
from flyusage.invoices.statement import Line, LineKind
from flyusage.invoices.wording import ADJUSTMENTS
from flyusage.money import CURRENCIES, format_minor
from flyusage.periods import Period, midnight
from flyusage.pricing.rating import Step
from flyusage.pricing.tax import TaxKey
from flyusage.pricing.terms import Terms

BACK = "returned"  # late/2026-10/returned/PRISM-000002/S-19/volume/dfw: the key of what PRISM-000002 had charged as late/2026-10/volume/dfw
# Of an `invoice_line` called line: whether it gives back late usage, and the id of the invoice that had charged it, null for any other.
IS_RETURNED = f"line.kind = 'adjustment' AND line.key LIKE 'late/____-__/{BACK}/%'"
HELD_BY = f"""CASE WHEN {IS_RETURNED} THEN (
  SELECT charging.id FROM invoice charging WHERE charging.org_id = line.org_id AND charging.number = split_part(line.key, '/', 4)) END"""
# The month's own invoice that stands: it is whole, so what others froze of the month before it is billed by it.
OWN = """(SELECT max(own.id) FROM invoice own
  WHERE own.org_id = :org AND own.starts_on = :month AND own.origin = 'period' AND own.state NOT IN ('draft', 'void'))"""


class Charged(NamedTuple):
    """What is told apart: the invoice that charged it, the line of the late month by its name, and how it was taxed."""

    invoice_id: int
    number: str
    name: str
    category: str
    percent: Decimal


@dataclass(frozen=True)
class LateLine:
    """A line that charged late usage, or gave it back; `places` hold what stands of it, above zero where it was charged."""

    row: sa.Row
    places: Places


class Returned(NamedTuple):
    """A line that gives back what the invoice `held_by` had charged; `places` sum to it."""

    line: Line
    places: Places
    held_by: int


def returned(session: Session, org_id: int, month: date, agreed: Terms) -> list[Returned]:
    """What is still charged of `month` from before it was billed anew, as lines that give it back, with the tax that it had."""
    found: dict[Charged, list[LateLine]] = defaultdict(list)
    for late in _late_lines(session, org_id, month):
        row = late.row
        found[Charged(row.charging_id, row.charging, row.name, row.tax_category, row.tax_percent)].append(late)
    lines = []
    for charged, parts in sorted(found.items()):
        places: dict[Place, int] = defaultdict(int)
        for late in parts:
            for place, amount in late.places.items():
                places[place] -= amount
        if amount := sum(places.values()):
            line = _line(month, charged, [late.row for late in parts], amount, agreed)
            lines.append(Returned(line, {place: part for place, part in sorted(places.items()) if part}, charged.invoice_id))
    return lines


def charging(session: Session, org_id: int, key: str) -> int | None:
    """The invoice that had charged what the line `key` gives back, by id; None for any other line."""
    named = "SELECT id FROM invoice WHERE org_id = :org AND number = split_part(:key, '/', 4)"
    return session.scalar(sa.text(named), {"org": org_id, "key": key}) if key.split("/")[2:3] == [BACK] else None


def left_charged(session: Session, org_id: int, month: date) -> str:
    """What a void of the month's invoice leaves charged: late usage of it on later invoices, in a sentence; empty where there is none.

    The next invoice gives it back once the month is billed anew. A month that is never billed again is for people to decide on.
    """
    said, total = [], 0
    for row in session.execute(sa.text(_CHARGED_LATER), {"org": org_id, "month": month, "late": f"late/{month:%Y-%m}/"}).all():
        net = row.net_minor
        if row.is_noted:
            source = billed(session, org_id, row.id)
            net = sum(sum(source.lines[position].left.values()) for position in row.positions)
        total += net
        said += [f"{format_minor(net, CURRENCIES[row.currency])} net on {row.number}"] if net else []
    if not total:
        return ""
    return (
        f"Late usage of {month:%B %Y} stays charged: {', '.join(said)}. Billing the month anew gives it back; otherwise credit these lines."
    )


def _late_lines(session: Session, org_id: int, month: date) -> list[LateLine]:
    """With what credit notes left of them, as far as notes came before an invoice that gave the lines back: notes after it are extra."""
    binds = {"org": org_id, "month": month, "late": f"late/{month:%Y-%m}/", "back": f"late/{month:%Y-%m}/{BACK}/"}
    rows = session.execute(sa.text(_LATE_LINES), binds).all()
    if not rows:
        return []
    places: dict[tuple[int, int], dict[Place, int]] = defaultdict(dict)
    for invoice_id, position, *place, amount in session.execute(sa.text(_LATE_PLACES), binds):
        places[invoice_id, position][Place(*place)] = amount
    given = sorted({row.id for row in rows if row.is_back})
    for invoice_id in {row.id for row in rows if row.is_noted}:
        source = billed(session, org_id, invoice_id, before=next((back for back in given if back > invoice_id), None))
        places |= {(invoice_id, position): dict(line.left) for position, line in source.lines.items()}
    return [LateLine(row, {place: row.sign * amount for place, amount in places[row.id, row.position].items()}) for row in rows]


def _line(month: date, charged: Charged, rows: list[sa.Row], amount_minor: int, agreed: Terms) -> Line:
    exact, model = Fraction(amount_minor, 10**agreed.currency.exponent), min(rows, key=lambda row: (row.is_back, row.id))
    reason = agreed.tax.reason if charged.category == agreed.tax.category else ""
    return Line(
        kind=LineKind.ADJUSTMENT,
        key=f"late/{month:%Y-%m}/{BACK}/{charged.number}/{charged.category}-{charged.percent.normalize():f}/{charged.name}",
        product=ADJUSTMENTS,
        description=f"{month:%B %Y} is billed anew; charged late before: {model.description.partition(': ')[2] or model.description}",
        period=Period(midnight(min(row.starts_on for row in rows)), midnight(max(row.ends_on for row in rows))),
        quantity=Decimal(1),
        unit="",
        unit_price=None,
        exact=exact,
        amount_minor=amount_minor,
        tax=TaxKey(charged.category, charged.percent, reason),
        working=(Step(f"Charged on {charged.number}", exact),),
        region=model.region,
        region_id=model.region_id,
        sku_id=model.sku_id,
        vm_size_id=model.vm_size_id,
    )


_IS_NOTED = "EXISTS (SELECT FROM invoice note WHERE note.org_id = i.org_id AND note.refers_to = i.id) AS is_noted"
_CHARGED_LATER = f"""
SELECT i.id, i.number, i.currency, sum(l.amount_minor)::bigint AS net_minor, array_agg(l.position) AS positions, {_IS_NOTED} FROM invoice i
JOIN invoice_line l ON l.org_id = i.org_id AND l.invoice_id = i.id
WHERE i.org_id = :org AND i.kind = 'invoice' AND i.origin = 'period' AND i.starts_on > :month AND i.state NOT IN ('draft', 'void')
  AND l.kind = 'adjustment' AND starts_with(l.key, :late)
GROUP BY i.org_id, i.id, i.number, i.currency ORDER BY i.id"""
# Late usage charged before the month's own invoice, and what was given back of it since; on a month's credit note amounts are turned over.
_LATE = f"""
FROM invoice i JOIN invoice_line l ON l.org_id = i.org_id AND l.invoice_id = i.id
JOIN invoice charging ON charging.org_id = i.org_id
  AND charging.number = CASE WHEN starts_with(l.key, :back) THEN split_part(l.key, '/', 4) ELSE i.number END
WHERE i.org_id = :org AND i.starts_on > :month AND i.origin = 'period' AND i.state NOT IN ('draft', 'void')
  AND l.kind = 'adjustment' AND starts_with(l.key, :late) AND (i.id < {OWN} OR starts_with(l.key, :back))"""
_LATE_LINES = f"""
SELECT i.id, l.position, l.description, l.starts_on, l.ends_on, l.region, l.region_id, l.sku_id, l.vm_size_id,
       l.tax_category, trim_scale(l.tax_percent) AS tax_percent, CASE i.kind WHEN 'credit_note' THEN -1 ELSE 1 END AS sign,
       starts_with(l.key, :back) AS is_back, {_IS_NOTED}, charging.id AS charging_id, charging.number AS charging,
       CASE WHEN starts_with(l.key, :back) THEN regexp_replace(substr(l.key, length(:back) + 1), '^[^/]*/[^/]*/', '')
            ELSE substr(l.key, length(:late) + 1) END AS name
{_LATE}
ORDER BY i.id, l.position"""
_LATE_PLACES = f"""
SELECT c.invoice_id, c.position, c.app_id, c.region_id, c.vm_size_id, c.sku_id, c.amount_minor FROM invoice_cell c
JOIN (SELECT i.id, l.position {_LATE}) late ON c.org_id = :org AND c.invoice_id = late.id AND c.position = late.position
ORDER BY 1, 2, 3, 4, 5, 6"""
