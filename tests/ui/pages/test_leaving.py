"""Whoever leaves by themselves or by a list gets no more mails of budgets."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from cast import Cast, add_person

from flyusage import db
from flyusage.alerts import budgets
from flyusage.alerts.budgets import Plan
from flyusage.auth import sessions
from flyusage.orgs.acting import system
from flyusage.orgs.models import Role
from flyusage.ui import reader
from flyusage.ui.pages.members import question as members
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
    members.apply("prism", listed, Role.VIEWER, members.compare("prism", listed).digest)
    assert recipients(told) == ("dev@prism.example", "x@y.example")
