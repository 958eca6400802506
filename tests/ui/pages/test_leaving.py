"""Whoever leaves by themselves or by a list gets no more mails of budgets."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from cast import Cast, add_person

from flyusage import db
from flyusage.alerts import budgets
from flyusage.alerts.budgets import Plan
from flyusage.auth import sessions
from flyusage.orgs import invitations
from flyusage.orgs.acting import system
from flyusage.orgs.errors import ListTooLong
from flyusage.orgs.models import Role
from flyusage.orgs.roster import Roster
from flyusage.ui import reader
from flyusage.ui.addresses import text_in
from flyusage.ui.pages.members import question as members
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
