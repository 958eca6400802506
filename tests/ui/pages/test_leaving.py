"""Whoever leaves by themselves or by a list gets no more mails of budgets."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from cast import Cast, add_person

from flyusage import clock, db
from flyusage.alerts import budgets
from flyusage.alerts.budgets import Plan
from flyusage.auth import sessions
from flyusage.invoices.seats import SeatFee, Seats
from flyusage.money import CURRENCIES
from flyusage.orgs import api_tokens, invitations
from flyusage.orgs.acting import member, system
from flyusage.orgs.errors import ListTooLong
from flyusage.orgs.models import Role
from flyusage.orgs.roster import Roster
from flyusage.orgs.seats import Used
from flyusage.ui import reader
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.members import question as members
from flyusage.ui.pages.members.leaving import seats_freed
from flyusage.ui.pages.members.rows import RosterRow
from flyusage.ui.pages.members.screen import roster_row
from flyusage.ui.pages.members.state import LONGEST_PASTE
from flyusage.ui.pages.settings import question as settings


@pytest.fixture
def told(cast: Cast) -> Iterator[int]:
    """Prism, whose budget of everything writes to a developer of no app at all, to the member, and to somebody else."""
    with db.platform_transaction() as session:
        limited = add_person(session, "dev@prism.example", cast.prism, Role.DEVELOPER)
        session.execute(sa.text("UPDATE membership SET app_ids = '{}' WHERE user_id = :user"), {"user": limited.user_id})
        for one in (limited, cast.owner):
            secrets[one.email] = sessions.start(session, one.user_id, address="::1", device="")
    with db.transaction(cast.prism.id) as session:
        plan = Plan("All", 100, recipients=("dev@prism.example", cast.member.email, "x@y.example"))
        budgets.create(session, cast.prism.id, plan, by=system("tests"))
    yield cast.prism.id
    reader._secret.set("")


secrets: dict[str, str] = {}
USD = CURRENCIES["USD"]
VIEW = """
INSERT INTO saved_view (org_id, owner_id, name, query, is_shared, is_pinned, created_at)
VALUES (:org, :owner, :name, '{}', :shared, false, now())"""


def recipients(org_id: int) -> tuple[str, ...]:
    with db.transaction(org_id) as session:
        return budgets.budgets(session, org_id)[0].plan.recipients


def test_whoever_leaves_is_written_to_no_more_though_they_see_no_budget(cast: Cast, told: int):
    reader._secret.set(secrets["dev@prism.example"])
    settings.leave("prism")
    assert recipients(told) == (cast.member.email, "x@y.example")


def test_whom_a_list_leaves_out_is_written_to_no_more(cast: Cast, told: int):
    reader._secret.set(secrets[cast.owner.email])
    listed = f"{cast.owner.email} dev@prism.example"
    members.apply("prism", members.Listed(listed), members.compare("prism", listed).digest)
    assert recipients(told) == ("dev@prism.example", "x@y.example")


@pytest.fixture
def leavers(cast: Cast, told: int) -> list[int]:
    """Two who leave, one with a token and a view of their own, one with a shared view."""
    reader._secret.set(secrets[cast.owner.email])
    with db.platform_transaction() as session:
        dev = session.scalar(sa.text("SELECT id FROM user_account WHERE email = 'dev@prism.example'"))
        session.execute(sa.text("UPDATE membership SET app_ids = NULL WHERE user_id = :dev"), {"dev": dev})
    with db.transaction(told) as session:
        api_tokens.create(session, told, name="ci", scopes=["usage.read"], by=member(dev, Role.DEVELOPER), user_id=dev)
        for owner, name, is_shared in ((dev, "Mine", False), (cast.member.user_id, "Ours", True)):
            session.execute(sa.text(VIEW), {"org": told, "owner": owner, "name": name, "shared": is_shared})
    return [dev, cast.member.user_id]


def test_what_stops_with_several_is_told_by_whose_it_is_and_one_heir_takes_it_all(cast: Cast, told: int, leavers: list[int]):
    row = members.leaving("prism", leavers)
    assert (row.id, sorted(row.ids), row.does) == (0, sorted(leavers), "Remove 2 from the organization")
    assert row.says[0].startswith("2 people lose ")
    assert [one.partition(" (")[0] for one in row.tokens] == ["dev@prism.example: ci"]
    assert sorted(row.budgets) == sorted(f"All: mails to {one}" for one in ("dev@prism.example", cast.member.email))
    assert sorted(row.views) == sorted(["dev@prism.example: Mine: deleted without an heir", f"{cast.member.email}: Ours: shared, goes on"])
    assert [one.id for one in row.heirs] == [str(cast.owner.user_id)]  # whoever leaves takes nothing over
    listed = members.compare("prism", cast.owner.email).stops
    assert (listed.tokens, listed.budgets, listed.views, listed.heirs) == (row.tokens, row.budgets, row.views, row.heirs)
    members.remove("prism", leavers, cast.owner.user_id)
    assert set(recipients(told)) == {cast.owner.email, "x@y.example"}
    assert views_of(told) == {("Mine", cast.owner.user_id), ("Ours", cast.owner.user_id)}


def test_a_list_hands_over_to_the_heir_that_was_chosen(cast: Cast, told: int, leavers: list[int]):
    text = cast.owner.email
    members.apply("prism", members.Listed(text, heir=cast.owner.user_id), members.compare("prism", text).digest)
    assert views_of(told) == {("Mine", cast.owner.user_id), ("Ours", cast.owner.user_id)}


def test_what_the_seats_of_several_take_off_the_next_invoice_is_said():
    """A seat of $30 in November, given back on the 15th, bills for 15 of 30 days."""

    def said(included: int, paid: int, count: int) -> str:
        fees = (SeatFee(1, paid, Decimal(30), date(2026, 11, 1), None),) if paid else ()
        return seats_freed(Seats(Used(4, 0), included, paid, Decimal(30), USD, fees), count, is_one=False)

    with clock.freeze(datetime(2026, 11, 15, 12, tzinfo=UTC)):
        assert said(1, 3, 2) == "2 seats are given back and bill to today: the next invoice is $30.00 lower."
        assert said(3, 1, 2) == "2 seats get free, and 1 of them is given back and bills to today: the next invoice is $15.00 lower."
        assert said(1, 3, 1) == "1 seat is given back and bills to today: the next invoice is $15.00 lower."
        assert said(4, 0, 2) == "2 seats get free."
        assert said(1, 2, 1) == "1 seat gets free."  # one too many was taken already
        assert said(1, 3, 0) == ""


def views_of(org_id: int) -> set[tuple[str, int | None]]:
    with db.transaction(org_id) as session:
        return {(name, owner) for name, owner in session.execute(sa.text("SELECT name, owner_id FROM saved_view"))}


def test_a_list_with_more_joiners_than_can_be_invited_says_so_before_it_is_confirmed():
    def row(joiners: int) -> RosterRow:
        return roster_row(Roster(tuple(f"a{one}@example.com" for one in range(joiners)), ("bob@example.com",), (), (), (), 3), None)

    assert row(200).does == "Invite 200, remove 1"
    assert (row(201).does, row(201).notes) == (
        "",
        ["200 can be invited at once: leave 1 of the joiners out, and match the list again with them afterwards."],
    )


def test_a_list_that_is_too_long_is_refused_and_never_cut():
    """What were cut off would count as people who leave."""
    everybody = "\n".join(f"person{number:05}@example.com" for number in range(5_000))
    assert len(invitations.addresses_in(text_in({"addresses": everybody}, "addresses", longest=LONGEST_PASTE))) == 5_000
    with pytest.raises(ListTooLong, match="500,000 characters, and nothing was read"):
        invitations.addresses_in(text_in({"addresses": everybody * 5}, "addresses", longest=LONGEST_PASTE))
