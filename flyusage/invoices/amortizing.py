"""What was paid up front for reservations, spread over the days of their terms, and where each month's share of it belongs.

Effective cost holds the share in the place of the upfront amount. A month's share belongs where that month's credit of the
reservation was taken, in proportion to it; the part of the credit that nothing used takes its part of the share to no app.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from sqlmodel import Session

from flyusage.invoices.allocation import Place
from flyusage.invoices.breakdowns import BilledCell
from flyusage.invoices.models import NOTHING
from flyusage.invoices.statement import Line, LineKind
from flyusage.money import CURRENCIES, Currency, split, to_minor
from flyusage.periods import Period, midnight, next_month
from flyusage.pricing.database import fetch
from flyusage.pricing.terms import terms_of

PREFIX, SUFFIX = "reservation/", "/upfront"


@dataclass(frozen=True)
class Upfront:
    """What the reservation `key` cost up front, minor units, for the days of `[starts_on, ends_on)`."""

    key: str
    region_id: int
    starts_on: date
    ends_on: date
    amount_minor: int

    def share(self, month: date) -> int:
        """The part of it that the month's days have: equal ones by largest remainder, so that a term's months sum to it."""
        shares = split(self.amount_minor, [1] * (self.ends_on - self.starts_on).days)
        first = max(0, (month - self.starts_on).days)
        return sum(shares[first : max(0, (next_month(midnight(month)).date() - self.starts_on).days)])


@dataclass(frozen=True)
class Taken:
    """What a month's credit of a reservation took, by place, and how much of the credit nothing used; minor units above zero."""

    places: Mapping[Place, int]
    unused: int


@dataclass(frozen=True)
class Amortized:
    """Upfront amounts that have a share in some month."""

    upfronts: Sequence[Upfront]

    def share(self, month: date) -> int:
        """What of them all is the month's."""
        return sum(one.share(month) for one in self.upfronts)

    def cells(self, month: date, taken: Mapping[str, Taken]) -> list[BilledCell]:
        """The month's shares by place. `taken` is by the reservation's key."""
        found = []
        end = next_month(midnight(month)).date()
        for one in self.upfronts:
            if not (share := one.share(month)):
                continue
            used = taken.get(one.key, Taken({}, 1))
            nowhere = Place(NOTHING, one.region_id, NOTHING, NOTHING)
            places = [*used.places, nowhere]
            parts = split(share, [*used.places.values(), used.unused if used.places else 1])
            span = max(month, one.starts_on), min(end, one.ends_on)
            found += [BilledCell(place, part, *span) for place, part in zip(places, parts, strict=True) if part]
        return found


def amortized_in(session: Session, org_id: int, period: Period, *, until: datetime | None = None) -> Amortized:
    """The upfront amounts with a share in `period`: those that invoices hold, as they stood at `until`, and those agreed since."""
    binds = {"org": org_id, "start": period.start.date(), "end": period.end.date(), "until": until and until + timedelta(seconds=1)}
    billed = [Upfront(*row) for row in fetch(session, _BILLED, binds)]
    held = {one.key for one in billed}
    months = {month for (month,) in fetch(session, _MONTHS, binds)}
    agreed = []
    for one in terms_of(session, org_id, period).reservations:
        key, begins = f"{PREFIX}{one.id}", one.starts_on.replace(day=1)
        if one.upfront_minor and key not in held and begins not in months:
            agreed.append(Upfront(key, one.region_id, one.starts_on, one.term.end.date(), one.upfront_minor))
    return Amortized([one for one in (*billed, *agreed) if one.amount_minor])


def is_upfront(line: Line) -> bool:
    """Whether a line is what a reservation costs up front."""
    return line.kind is LineKind.ONE_OFF and line.key.startswith(PREFIX) and line.key.endswith(SUFFIX)


def taken_in(cells: Iterable[tuple[Line, BilledCell]], currency: Currency) -> dict[str, Taken]:
    """What the credits of a draft's reservations took."""
    rows = [
        (line.key, *cell.place, cell.amount_minor, line.working[0].amount)
        for line, cell in cells
        if line.kind is LineKind.RESERVATION and line.working
    ]
    return _taken(rows, currency)


def taken_of(session: Session, org_id: int, invoice_id: int) -> dict[str, Taken]:
    """What the credits of an invoice's reservations took."""
    rows = fetch(session, _TAKEN, {"org": org_id, "id": invoice_id})
    return _taken([row[:-1] for row in rows], CURRENCIES[rows[0][-1]]) if rows else {}


def _taken(rows: Iterable[tuple], currency: Currency) -> dict[str, Taken]:
    """Of (key, place, minor units below zero, the credit in the major unit below zero)."""
    places: dict[str, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    credits_: dict[str, int] = {}
    for key, *place, amount, credit in rows:
        places[key][Place(*place)] -= amount
        credits_[key] = to_minor(-Fraction(credit), currency)
    return {key: Taken(dict(found), max(0, credits_[key] - sum(found.values()))) for key, found in places.items()}


_STANDS = "i.state IN ('open', 'paid', 'uncollectible') AND (CAST(:until AS timestamptz) IS NULL OR i.issued_at < :until)"
_BILLED = f"""
SELECT left(line.key, -{len(SUFFIX)}), line.region_id, line.starts_on, line.ends_on,
       sum(CASE i.kind WHEN 'invoice' THEN line.amount_minor ELSE -line.amount_minor END)::bigint
FROM invoice_line line JOIN invoice i ON i.org_id = line.org_id AND i.id = line.invoice_id
WHERE line.org_id = :org AND line.key LIKE '{PREFIX}%{SUFFIX}' AND line.starts_on < :end AND line.ends_on > :start AND {_STANDS}
GROUP BY 1, 2, 3, 4 ORDER BY 1"""
_MONTHS = f"SELECT DISTINCT starts_on FROM invoice i WHERE i.org_id = :org AND i.origin = 'period' AND {_STANDS}"
_TAKEN = """
SELECT line.key, cell.app_id, cell.region_id, cell.vm_size_id, cell.sku_id, cell.amount_minor, line.working -> 'steps' -> 0 ->> 'amount', i.currency
FROM invoice_line line JOIN invoice_cell cell USING (org_id, invoice_id, position) JOIN invoice i ON i.org_id = line.org_id AND i.id = line.invoice_id
WHERE line.org_id = :org AND line.invoice_id = :id AND line.kind = 'reservation'
ORDER BY line.position, cell.app_id, cell.vm_size_id, cell.region_id, cell.sku_id"""
