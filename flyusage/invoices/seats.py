"""Seats: how many are included, what more cost, and that nobody takes one that is neither.

A subscription includes some seats; each one more costs a price per calendar month, by the day, both ends counted, as a recurring
fee of the month's invoice. Paid seats are taken by consent and given back by themselves when somebody frees theirs: such a seat
bills to that day. Without a plan seats are not counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from flyusage.errors import FlyusageError
from flyusage.invoices.models import seat_plan
from flyusage.money import CURRENCIES, Currency, format_minor, format_money, to_minor
from flyusage.orgs import audit, memberships, seats
from flyusage.orgs.acting import Actor
from flyusage.orgs.permissions import Permission, require
from flyusage.orgs.seats import Used, today
from flyusage.periods import DAY, Period, midnight, month_period
from flyusage.pricing.books import book_of
from flyusage.pricing.errors import TermsInvalid
from flyusage.pricing.proration import prorate

MOST_SEATS = 100_000


@dataclass(frozen=True)
class SeatFee:
    """`quantity` paid seats from `first_day` to `last_day`, both billed; None: until given back."""

    fee_id: int
    quantity: int
    unit_amount: Decimal
    first_day: date
    last_day: date | None

    def in_month(self, month: date, currency: Currency) -> int:
        """Minor units on that calendar month's invoice, as its line has them."""
        period = month_period(midnight(month))
        term = Period(
            midnight(self.first_day), midnight(self.last_day) + DAY if self.last_day else max(period.end, midnight(self.first_day))
        )
        exact = prorate(Fraction(self.unit_amount) * self.quantity, term.clip(period).seconds // 86_400, period.seconds // 86_400)
        return to_minor(exact, currency)


@dataclass(frozen=True)
class Seats:
    """Where an organization stands: seats `used`, `included` in its subscription, and `paid` beside them; `fees` touch this month or later."""

    used: Used
    included: int
    paid: int
    unit_amount: Decimal
    currency: Currency
    fees: tuple[SeatFee, ...]

    @property
    def free(self) -> int:
        """Seats that somebody could take at once; below zero where the plan came to be smaller than what is used."""
        return self.included + self.paid - self.used.total

    @property
    def price(self) -> str:
        """Of one more seat, a calendar month."""
        return format_money(self.unit_amount, self.currency)

    def today(self, count: int) -> str:
        """What `count` more from today on add to this month's invoice, as their line will have it."""
        return format_minor(SeatFee(0, count, self.unit_amount, today(), None).in_month(today(), self.currency), self.currency)

    def saved(self, count: int) -> str:
        """What giving `count` paid seats back takes off this month's invoice; they bill to today."""
        month = today().replace(day=1)
        after = sum(one.in_month(month, self.currency) for one in _without(self.fees, count))
        return format_minor(self.in_month(month) - after, self.currency)

    def in_month(self, month: date) -> int:
        """Minor units that all paid seats come to on that month's invoice."""
        return sum(one.in_month(month, self.currency) for one in self.fees)


class NoSeatLeft(FlyusageError):
    """More seats are taken than are included and paid; `missing` says how many to add or to free."""

    code = "no_seat_left"
    status = 409

    def __init__(self, missing: int, held: Seats) -> None:
        are = "1 seat is" if missing == 1 else f"{missing} seats are"
        each = "" if missing == 1 else " each"
        super().__init__(
            f"{are} missing: {held.included} are included, {held.paid} paid, {held.used.total} used. Add {missing} at {held.price} a month"
            f"{each} ({held.today(missing)} for the rest of this month), or free {'it' if missing == 1 else 'them'}: "
            "billing and viewer take no seat."
        )
        self.missing = missing
        self.price, self.prorated = held.price, held.today(missing)


def agree(session: Session, org_id: int, included: int, unit_amount: Decimal, *, by: Actor) -> None:
    """Include `included` seats, and sell more at `unit_amount` of the book's currency a month, from now on. For the platform.

    Seats that are paid already go on at the new price tomorrow. Raises TermsInvalid; NotPermitted for members.
    """
    by.is_no_member("Seats are agreed")
    if not 0 <= included <= MOST_SEATS or not unit_amount.is_finite() or unit_amount < 0:
        raise TermsInvalid(f"A plan includes 0 to {MOST_SEATS:,} seats, and sells more at zero or above.")
    memberships.lock(session, org_id)
    before = held(session, org_id)
    values = {"included": included, "unit_amount": unit_amount, "currency": book_of(session, org_id).currency}
    put = insert(seat_plan).values(org_id=org_id, **values)
    session.execute(put.on_conflict_do_update(index_elements=["org_id"], set_=values))
    if before is not None and before.paid and before.unit_amount != unit_amount:
        _give_back(session, before, before.paid)
        _begin(session, before.paid, today() + timedelta(days=1))
    audit.record(
        session, org_id, actor=by.name, action="seats.agree", subject="seats", detail={**values, "unit_amount": f"{unit_amount:f}"}
    )


def held(session: Session, org_id: int) -> Seats | None:
    """Where the organization stands; None without a plan."""
    plan = session.execute(
        sa.text("SELECT included, unit_amount, currency FROM seat_plan WHERE org_id = :org"), {"org": org_id}
    ).one_or_none()
    if plan is None:
        return None
    rows = session.execute(sa.text(_FEES), {"org": org_id, "month": today().replace(day=1)})
    fees = tuple(SeatFee(row.id, int(row.quantity), row.unit_amount, row.first_day, row.last_day) for row in rows)
    paid = sum(one.quantity for one in fees if one.last_day is None)
    return Seats(seats.used(session, org_id), plan.included, paid, plan.unit_amount, CURRENCIES[plan.currency], fees)


@contextmanager
def kept(session: Session, org_id: int, *, by: Actor, add: int = 0) -> Iterator[None]:
    """Change an organization's people inside the block; its seats follow, in the same transaction (`db.transaction`).

    `add` seats are paid for first, as was consented to. Raises NoSeatLeft where the change takes more than there are. Seats that it
    frees are given back as far as they are paid; they bill to today.
    """
    memberships.lock(session, org_id)
    before = held(session, org_id)
    if before is not None and add > 0:
        _add(session, org_id, before, add, by=by)
    yield
    after = held(session, org_id)
    if before is None or after is None:
        return
    if after.free < 0 and after.used.total > before.used.total:
        raise NoSeatLeft(-after.free, after)
    freed = min(before.used.total - after.used.total, after.free, after.paid)
    if freed > 0:
        _give_back(session, after, freed)
        audit.record(session, org_id, actor=by.name, action="seats.give_back", subject="seats", detail={"seats": freed})


def give_back(session: Session, org_id: int, count: int, *, by: Actor) -> None:
    """Stop paying for `count` seats that nobody uses; they bill to today. Raises NotPermitted, TermsInvalid."""
    memberships.lock(session, org_id)
    _require(session, org_id, by)
    present = held(session, org_id)
    if present is None or not 0 < count <= min(present.paid, present.free):
        raise TermsInvalid("Those seats are in use, or given back already. Load the page again.")
    _give_back(session, present, count)
    audit.record(session, org_id, actor=by.name, action="seats.give_back", subject="seats", detail={"seats": count})


def _add(session: Session, org_id: int, present: Seats, count: int, *, by: Actor) -> None:
    """What was given back today is paid for today already: as many begin tomorrow."""
    _require(session, org_id, by)
    if count > MOST_SEATS:
        raise TermsInvalid(f"Add {MOST_SEATS:,} seats at once at most.")
    tomorrow = today() + timedelta(days=1)
    ended = sum(one.quantity for one in present.fees if one.last_day == today())
    renewed = sum(one.quantity for one in present.fees if one.first_day == tomorrow)
    later = min(count, max(0, ended - renewed))
    _begin(session, count - later, today())
    _begin(session, later, tomorrow)
    detail = {"seats": count, "unit_amount": f"{present.unit_amount:f}", "currency": present.currency.code}
    audit.record(session, org_id, actor=by.name, action="seats.add", subject="seats", detail=detail)


def _give_back(session: Session, present: Seats, count: int) -> None:
    """The newest first; of a fee for more seats than are left to give back, the rest goes on tomorrow."""
    kept = _without(present.fees, count)
    left = {one.fee_id for one in kept if one.last_day is None}
    for fee in present.fees:
        if fee.last_day is None and fee.fee_id not in left:
            session.execute(sa.text("SELECT end_paid_seats(:fee, :day)"), {"fee": fee.fee_id, "day": today()})
    for fee in kept:
        if not fee.fee_id:
            _begin(session, fee.quantity, fee.first_day)


def _without(fees: tuple[SeatFee, ...], count: int) -> list[SeatFee]:
    """The fees once `count` seats are given back: ended today, never begun, or begun tomorrow for those that stay (id 0)."""
    left, tomorrow = [one for one in fees if one.last_day is not None], today() + timedelta(days=1)
    for fee in sorted((one for one in fees if one.last_day is None), key=lambda one: one.fee_id, reverse=True):
        if count <= 0:
            left.append(fee)
            continue
        if fee.first_day <= today():
            left.append(replace(fee, last_day=today()))
        if fee.quantity > count:
            left.append(SeatFee(0, fee.quantity - count, fee.unit_amount, max(tomorrow, fee.first_day), None))
        count -= fee.quantity
    return left


def _begin(session: Session, count: int, first_day: date) -> None:
    if count > 0:
        session.execute(sa.text("SELECT begin_paid_seats(:count, :day)"), {"count": count, "day": first_day})


def _require(session: Session, org_id: int, by: Actor) -> None:
    standing = memberships.present_role(session, org_id, by)
    if standing is not None:
        require(standing, Permission.MEMBERS_MANAGE)


_FEES = """
SELECT f.id, f.quantity, f.unit_amount, f.first_day, f.last_day FROM paid_seat p
JOIN recurring_fee f ON f.org_id = p.org_id AND f.id = p.fee_id
WHERE p.org_id = :org AND (f.last_day IS NULL OR f.last_day >= :month) ORDER BY f.id"""
