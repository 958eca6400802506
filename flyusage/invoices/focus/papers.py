"""What a month was billed by, ready to be told: each document's amounts by place and day, and the quantities they are for.

The amounts are those of the invoice's own cells, split over days by the invoice's own rule (`allocation.by_day`), so that
they are the explorer's billed and effective cost to the minor unit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from sqlmodel import Session

from flyusage import clock
from flyusage.invoices.allocation import MONTH_DAYS, Place
from flyusage.invoices.amortizing import PREFIX, SUFFIX, Amortized, Taken, amortized_in, taken_in, taken_of
from flyusage.invoices.billed import document_of
from flyusage.invoices.billed_months import Documents, Draft, documents_of
from flyusage.invoices.breakdowns import ITSELF, BilledCell, Charge, Frozen, charges_of, usage_with
from flyusage.invoices.errors import NothingBilled
from flyusage.invoices.models import Kind, Origin
from flyusage.invoices.statement import LineKind
from flyusage.periods import midnight, month_period
from flyusage.pricing.asking import Known, know
from flyusage.pricing.database import fetch
from flyusage.pricing.errors import SellerMissing

Days = list[int]  # minor units, one for each day of a month


class Group(StrEnum):
    """What an amount is, as far as rows differ by it."""

    FEE = "fee"
    ONE_OFF = "one_off"
    UPFRONT = "upfront"
    REDUCTION = "reduction"
    MINIMUM = "minimum"
    CARRIED = "carried"
    LATE = "late"
    GIVEN_BACK = "given_back"
    UNUSED = "unused"


class Loose(NamedTuple):
    """An amount that is no usage of the month: `days` are those of `month`, `key` the line's."""

    group: Group
    key: str
    description: str
    place: Place
    month: date
    days: Days

    @property
    def is_billed(self) -> bool:
        """Whether a document asks for it; the other amounts only tell what was paid before."""
        return self.group is not Group.UNUSED

    @property
    def is_reduction(self) -> bool:
        """Whether it lowers what something else costs."""
        return self.group is Group.REDUCTION


@dataclass
class Used:
    """A place's month: what its usage came to with discounts and limits, and what reservations and credits took from it.

    Minor units by day; reservations (`reserved` below zero, `shares` what they cost) and `credits` by line key.
    """

    usage: Days = field(default_factory=lambda: [0] * MONTH_DAYS)
    lowered: Days = field(default_factory=lambda: [0] * MONTH_DAYS)
    reserved: dict[str, Days] = field(default_factory=dict)
    shares: dict[str, Days] = field(default_factory=dict)
    credits: dict[str, Days] = field(default_factory=dict)


@dataclass(frozen=True)
class Paper:
    """A document, or the draft of a month without one. What gives back is below zero; `taxes` are (name, minor units)."""

    number: str
    state: str
    currency: str
    issuer: str
    used: Mapping[Place, Used]
    loose: Sequence[Loose]
    quantities: Mapping[Place, Sequence[int]]
    names: Mapping[str, str]
    taxes: Sequence[tuple[str, int]]
    prepaid_minor: int


@dataclass(frozen=True)
class Papers:
    """Everything that bills a month: its documents in order of issue, or its draft."""

    month: date
    known: Known
    papers: Sequence[Paper]


def papers_of(session: Session, org_id: int, month: date, *, now: datetime | None = None) -> Papers:
    """What bills the month that begins on `month`. Raises NothingBilled for one without usage and documents, SellerMissing."""
    period = month_period(midnight(month))
    documents = documents_of(session, org_id, [month], until=None).get(month)
    known = know(session, org_id, None, now)
    if documents is not None:
        spread = amortized_in(session, org_id, period)
        return Papers(month, known, [_issued(session, org_id, month, one, spread) for one in _rows(session, org_id, documents)])
    if period.start > (now or clock.now()):
        raise NothingBilled(f"{month:%B %Y} has not begun, so nothing was used or billed in it.")
    is_before = known.history is None or period.end <= known.history.start
    nothing = NothingBilled(f"Nothing was used or billed in {month:%B %Y}. `flyusage invoices list` names what there is.")
    try:
        draft, spread = Draft(session, org_id, month, as_of=now, has_late=True), amortized_in(session, org_id, period)
    except SellerMissing:
        if is_before:
            raise nothing from None
        raise
    if is_before and not draft.statement.lines:
        raise nothing
    return Papers(month, known, [_drafted(draft, month, spread)])


class _Document(NamedTuple):
    id: int
    number: str
    kind: str
    origin: str
    state: str
    currency: str
    is_first: bool


def _issued(session: Session, org_id: int, month: date, one: _Document, spread: Amortized) -> Paper:
    printed = document_of(session, org_id, one.id)
    sign = -1 if one.kind == Kind.CREDIT_NOTE else 1
    corrects = one.origin == Origin.CORRECTION
    filing = _Filing(month, usage_with(session, org_id, one.id), sign=sign, corrects=corrects)
    filing.add(charges_of(session, org_id, one.id))
    if one.is_first:
        filing.spread(spread, taken_of(session, org_id, one.id))
    taxes = [(_tax_name(tax.category, f"{tax.percent.normalize():f}"), sign * tax.tax_minor) for tax in printed.taxes]
    return filing.paper(one.number, one.state, one.currency, printed.seller.name, taxes, printed.prepaid_minor)


def _drafted(draft: Draft, month: date, spread: Amortized) -> Paper:
    statement, setting = draft.statement, draft.reading.setting
    charges = draft.charges()
    filing = _Filing(month, draft.usage)
    filing.add(charges)
    lines = {line.key: line for line in statement.lines}
    filing.spread(spread, taken_in([(lines[one.key], one.cell) for one in charges], statement.currency))
    taxes = [(_tax_name(tax.category, f"{tax.percent.normalize():f}"), tax.tax_minor) for tax in statement.taxes]
    state = "draft, so far" if statement.is_open else "draft"
    return filing.paper(f"DRAFT-{month:%Y-%m}", state, statement.currency.code, setting.terms.seller.name, taxes, statement.prepaid_minor)


class _Filing:
    """Amounts put where they belong."""

    def __init__(self, month: date, usage: Frozen, *, sign: int = 1, corrects: bool = False) -> None:
        self.month, self._usage, self._sign, self._corrects = month, usage, sign, corrects
        self.quantities = {} if corrects else {place: days for (held, of, place), days in usage.items() if (held, of) == (ITSELF, month)}
        self.used: dict[Place, Used] = defaultdict(Used)
        self.loose: dict[tuple[Group, str, Place, date], Loose] = {}
        self.names: dict[str, str] = {}

    def add(self, charges: Iterable[Charge]) -> None:
        for charge in charges:
            self.names[charge.key] = charge.description
            days = self._days(charge.cell)
            place, kind = charge.cell.place, charge.kind
            if self._corrects or kind not in _KINDS:
                self._add_loose(Group.GIVEN_BACK, charge, days)
            elif kind == LineKind.USAGE and place in self.quantities:
                _add(self.used[place].usage, days)
            elif kind in _LOOSE:
                self._add_loose(Group.UPFRONT if _is_upfront(charge) else _LOOSE[LineKind(kind)], charge, days)
            elif place not in self.quantities:
                self._add_loose(Group.REDUCTION, charge, days)
            elif kind == LineKind.RESERVATION:
                _add(self.used[place].reserved.setdefault(charge.key, _none()), days)
            elif kind == LineKind.PROMOTIONAL:
                _add(self.used[place].credits.setdefault(charge.key, _none()), days)
            else:
                _add(self.used[place].lowered, days)

    def spread(self, amortized: Amortized, taken: Mapping[str, Taken]) -> None:
        """Put the month's shares of what reservations cost up front where their credit was taken."""
        for one in amortized.upfronts:
            for cell in Amortized([one]).cells(self.month, taken):
                days = [self._sign * amount for amount in self._days(cell)]  # a share is what it is, whatever the document does
                if cell.place in self.quantities:
                    _add(self.used[cell.place].shares.setdefault(one.key, _none()), days)
                else:
                    self._add_loose(Group.UNUSED, Charge("", one.key, self.names.get(one.key, "Reservation"), cell), days)

    def paper(self, number: str, state: str, currency: str, issuer: str, taxes: list[tuple[str, int]], prepaid_minor: int) -> Paper:
        loose = sorted(self.loose.values(), key=lambda one: (one.month, one.group, one.key, one.place))
        return Paper(number, state, currency, issuer, dict(self.used), loose, self.quantities, self.names, taxes, prepaid_minor)

    def _add_loose(self, group: Group, charge: Charge, days: Days) -> None:
        key = (group, charge.key, charge.cell.place, charge.cell.month)
        if key not in self.loose:
            self.loose[key] = Loose(group, charge.key, charge.description, charge.cell.place, charge.cell.month, _none())
        _add(self.loose[key].days, days)

    def _days(self, cell: BilledCell) -> Days:
        days = _none()
        for day, part in cell.by_day(self._usage):
            days[(day - cell.month).days] += self._sign * part
        return days


def _rows(session: Session, org_id: int, documents: Documents) -> list[_Document]:
    found = []
    for place, (id_, _) in enumerate(documents.signed):
        ((number, kind, origin, state, currency),) = fetch(session, _DOCUMENT, {"org": org_id, "id": id_})
        found.append(_Document(id_, number, kind, origin, state, currency, is_first=place == 0))
    return found


def _is_upfront(charge: Charge) -> bool:
    return charge.key.startswith(PREFIX) and charge.key.endswith(SUFFIX)


def _tax_name(category: str, percent: str) -> str:
    return f"Tax {category} {percent} %"


def _none() -> Days:
    return [0] * MONTH_DAYS


def _add(whole: Days, days: Days) -> None:
    for index, amount in enumerate(days):
        whole[index] += amount


_KINDS = tuple(LineKind)
_LOOSE = {
    LineKind.USAGE: Group.ONE_OFF,  # rated without usage: a flat amount that is due all the same
    LineKind.FEE: Group.FEE,
    LineKind.ONE_OFF: Group.ONE_OFF,
    LineKind.ADJUSTMENT: Group.LATE,
    LineKind.MINIMUM: Group.MINIMUM,
    LineKind.CARRIED: Group.CARRIED,
}
_DOCUMENT = "SELECT number, kind, origin, state, currency FROM invoice WHERE org_id = :org AND id = :id"
