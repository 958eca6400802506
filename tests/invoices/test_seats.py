"""Seats: nobody takes one that is neither included nor paid, and what is paid is what the invoice says."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from cast import Cast, add_person
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyusage import clock, db
from flyusage.invoices import seats
from flyusage.invoices.drafting import draft
from flyusage.invoices.seats import NoSeatLeft, Seats
from flyusage.orgs import audit, invitations, memberships
from flyusage.orgs.acting import Actor, member, system
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.pricing.errors import TermsInvalid

NOVEMBER = date(2026, 11, 1)
MID = datetime(2026, 11, 15, 12, tzinfo=UTC)


@pytest.fixture
def prism(cast: Cast) -> Iterator[Cast]:
    """Two seats included, ten dollars for each more; the owner uses one."""
    with clock.freeze(MID):
        with db.platform_transaction() as session:
            agree(session, cast, 2, "10")
        yield cast


def agree(session, cast: Cast, included: int, amount: str) -> None:
    db.become(session.connection(), db.PLATFORM_ROLE, str(cast.prism.id))
    seats.agree(session, cast.prism.id, included, Decimal(amount), by=system("cli"))


def owner(cast: Cast) -> Actor:
    return member(cast.owner.user_id, Role.OWNER)


def held(cast: Cast) -> Seats:
    with db.transaction(cast.prism.id) as session:
        found = seats.held(session, cast.prism.id)
    assert found is not None
    return found


def invite(cast: Cast, *emails: str, role: Role = Role.DEVELOPER, add: int = 0) -> None:
    with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=owner(cast), add=add):
        invitations.invite(session, cast.prism.id, emails, role, by=owner(cast))


def change(cast: Cast, user_id: int, role: Role | None, *, add: int = 0) -> None:
    with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=owner(cast), add=add):
        memberships.change(session, cast.prism.id, {user_id: role}, by=owner(cast))


def lines(cast: Cast, month: date = NOVEMBER) -> list[tuple[str, int]]:
    """The draft's lines for seats."""
    with db.transaction(cast.prism.id) as session:
        statement = draft(session, cast.prism.id, month)
    return [(str(line.quantity), line.amount_minor) for line in statement.lines if line.description == "Additional seats"]


def test_members_and_open_invitations_take_seats_billing_and_viewers_none(prism: Cast):
    assert (held(prism).used.total, held(prism).free) == (1, 1)
    invite(prism, "v@x.example", "w@x.example", role=Role.VIEWER)
    invite(prism, "b@x.example", role=Role.BILLING)
    assert held(prism).used.total == 1
    invite(prism, "d@x.example")
    assert (held(prism).used.members, held(prism).used.invited, held(prism).free) == (1, 1, 0)
    with clock.freeze(MID + invitations.GOOD_FOR):
        assert held(prism).used.invited == 0  # what has run out holds nothing


def test_over_the_limit_nothing_happens_and_the_choice_has_its_price(prism: Cast):
    with pytest.raises(NoSeatLeft) as left:
        invite(prism, "a@x.example", "b@x.example", "c@x.example")
    # Nov 15 to 30 are 16 of 30 days: 2 × $10 × 16 / 30 = $10.67
    assert (left.value.missing, left.value.price, left.value.prorated) == (2, "$10.00", "$10.67")
    assert "Add 2 at $10.00 a month each ($10.67 for the rest of this month), or free them" in left.value.sentence
    with db.transaction(prism.prism.id) as session:
        assert invitations.waiting(session, prism.prism.id) == []
    assert lines(prism) == []


def test_with_consent_the_seats_are_paid_and_the_draft_says_the_same_cents(prism: Cast):
    invite(prism, "a@x.example", "b@x.example", "c@x.example", add=2)
    assert (held(prism).paid, held(prism).free) == (2, 0)
    assert lines(prism) == [("2", 1067)]
    assert lines(prism, date(2026, 12, 1)) == [("2", 2000)]
    assert (held(prism).in_month(NOVEMBER), held(prism).in_month(date(2026, 12, 1))) == (1067, 2000)
    with db.transaction(prism.prism.id) as session:
        assert "seats.add" in [one.action for one in audit.entries(session, prism.prism.id)]


def test_a_freed_seat_bills_to_that_day(prism: Cast):
    with db.platform_transaction() as session:
        people = [add_person(session, f"d{number}@x.example", prism.prism, Role.VIEWER).user_id for number in range(3)]
    with db.transaction(prism.prism.id) as session, seats.kept(session, prism.prism.id, by=owner(prism), add=2):
        memberships.change(session, prism.prism.id, dict.fromkeys(people, Role.DEVELOPER), by=owner(prism))
    with clock.freeze(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        change(prism, people[0], None)
        assert held(prism).paid == 1
        # Two seats Nov 15 to 20 (6 days): 20 × 6 / 30 = $4.00; one Nov 21 to 30 (10 days): 10 × 10 / 30 = $3.33
        assert sorted(lines(prism)) == [("1", 333), ("2", 400)]
        assert held(prism).in_month(NOVEMBER) == 733
        change(prism, people[1], Role.BILLING)
        assert held(prism).paid == 0
        assert lines(prism) == [("2", 400)]
        assert held(prism).in_month(NOVEMBER) == 400
    assert lines(prism, date(2026, 12, 1)) == []


def test_a_seat_given_back_and_taken_again_the_same_day_is_paid_once_for_it(prism: Cast):
    invite(prism, "a@x.example", "b@x.example", add=1)
    with db.transaction(prism.prism.id) as session:
        (first, _) = invitations.waiting(session, prism.prism.id)
    with db.transaction(prism.prism.id) as session, seats.kept(session, prism.prism.id, by=owner(prism)):
        invitations.revoke(session, prism.prism.id, first.id, by=owner(prism))
    assert held(prism).paid == 0
    invite(prism, "c@x.example", add=1)
    # Nov 15 (1 day, $0.33) and Nov 16 to 30 (15 days, $5.00): 16 days as without the change
    assert sorted(lines(prism)) == [("1", 33), ("1", 500)]


def test_a_spare_seat_is_given_back_but_none_in_use(prism: Cast):
    invite(prism, "a@x.example", add=3)
    assert (held(prism).paid, held(prism).free) == (3, 3)
    for count in (4, 0, -1):
        with pytest.raises(TermsInvalid), db.transaction(prism.prism.id) as session:
            seats.give_back(session, prism.prism.id, count, by=owner(prism))
    with db.transaction(prism.prism.id) as session:
        seats.give_back(session, prism.prism.id, 3, by=owner(prism))
    assert held(prism).paid == 0
    viewer = member(prism.member.user_id, Role.VIEWER)
    with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session:
        seats.give_back(session, prism.prism.id, 1, by=viewer)
    with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session, seats.kept(session, prism.prism.id, by=viewer, add=1):
        pass


def test_two_who_take_the_last_seat_at_once_get_one(prism: Cast):
    def attempt(email: str) -> bool:
        try:
            invite(prism, email)
        except NoSeatLeft:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(attempt, ["a@x.example", "b@x.example"])) == [False, True]


def test_without_a_plan_seats_are_not_counted(cast: Cast):
    with db.transaction(cast.prism.id) as session, seats.kept(session, cast.prism.id, by=owner(cast)):
        invitations.invite(session, cast.prism.id, [f"d{one}@x.example" for one in range(20)], Role.ADMIN, by=owner(cast))
        assert seats.held(session, cast.prism.id) is None


def test_a_new_price_holds_from_tomorrow_for_what_is_paid(prism: Cast):
    invite(prism, "a@x.example", "b@x.example", add=1)
    with db.platform_transaction() as session:
        agree(session, prism, 2, "30")
    # $10 × 1 / 30 = $0.33 for Nov 15, $30 × 15 / 30 = $15.00 for the rest
    assert sorted(lines(prism)) == [("1", 33), ("1", 1500)]
    assert (held(prism).paid, held(prism).price) == (1, "$30.00")


def test_a_member_agrees_no_plan_and_writes_no_fee(prism: Cast):
    with pytest.raises(NotPermitted), db.transaction(prism.prism.id) as session:
        seats.agree(session, prism.prism.id, 100, Decimal(0), by=owner(prism))
    for statement in (
        "UPDATE seat_plan SET included = 100",
        "UPDATE recurring_fee SET quantity = 0",
        "INSERT INTO paid_seat VALUES (1, 1)",
    ):
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), db.transaction(prism.prism.id) as session:
            session.execute(sa.text(statement))
    with db.transaction(prism.rival.id) as session:
        assert seats.held(session, prism.rival.id) is None
        assert session.scalar(sa.text("SELECT begin_paid_seats(5, '2026-11-15')")) is None


@given(st.lists(st.tuples(st.sampled_from(["take", "free"]), st.integers(1, 3), st.integers(0, 6)), min_size=1, max_size=6))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_taken_and_freed_the_page_says_what_the_draft_says(prism: Cast, steps: list[tuple[str, int, int]]):
    with db.platform_transaction() as session:
        session.execute(
            sa.text("DELETE FROM paid_seat; DELETE FROM recurring_fee; UPDATE invitation SET revoked_at = now() WHERE accepted_at IS NULL")
        )
    moment = datetime(2026, 11, 2, tzinfo=UTC)
    for number, (deed, count, later) in enumerate(steps):
        moment = moment.replace(day=min(30, moment.day + later))
        with clock.freeze(moment):
            if deed == "take":
                missing = max(0, count - held(prism).free)
                invite(prism, *(f"p{number}-{one}@x.example" for one in range(count)), add=missing)
            else:
                with db.transaction(prism.prism.id) as session:
                    open_ones = invitations.waiting(session, prism.prism.id)[:count]
                    with seats.kept(session, prism.prism.id, by=owner(prism)):
                        for one in open_ones:
                            invitations.revoke(session, prism.prism.id, one.id, by=owner(prism))
            assert held(prism).free >= 0
            assert held(prism).in_month(NOVEMBER) == sum(amount for _, amount in lines(prism))
