"""Budgets: what counts, who may change them, and that each threshold tells once, whatever comes late, twice or at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from email import message_from_bytes
from time import sleep

import pytest
import sqlalchemy as sa
from billing_world import take_in, volume
from conftest import Begun, chosen
from mailserver import Mailserver

from flyusage import clock, db
from flyusage.alerts import endpoints, saved_views, telling
from flyusage.alerts.background import Watch, look
from flyusage.alerts.budgets import Plan, budgets, change, create, end, standing
from flyusage.alerts.errors import BudgetInvalid, BudgetUnknown, EndpointUnknown, ViewUnknown
from flyusage.alerts.saved_views import Reader
from flyusage.auth.errors import AddressInvalid
from flyusage.orgs.acting import member, system
from flyusage.orgs.audit import entries
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.orgs.permissions import Permission

BY = system("test")
NOW = datetime(2026, 10, 16, tzinfo=UTC)
MONTH = date(2026, 10, 1)
ANN = "ann@prism.example"


def prisms_story() -> int:
    """Half of October, in which web's 600 GB cost $45.00 and api's 400 GB $30.00: $3 and $2 a day. Rival has 100 GB."""
    with clock.freeze(NOW):
        running = (volume("v1", 600)[0], volume("v2", 400, app="api", region="fra")[0], volume("r", 100, org="rival")[0])
        return take_in(*running, at=NOW)["prism"]


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with clock.freeze(NOW):
        yield org_id


def make(org_id: int, name: str = "All", dollars: int = 100, **more) -> int:
    with db.transaction(org_id) as session:
        return create(session, org_id, Plan(name, dollars * 100, **{"recipients": (ANN,), **more}), by=BY).id


def reached(org_id: int) -> list[tuple[str, int, str | None]]:
    with db.transaction(org_id) as session:
        return sorted((one.basis, one.percent, one.outcome) for one in telling.alerts(session, org_id))


def test_it_counts_what_its_filter_leaves_and_expects_the_rest_of_the_month(prism: int):
    make(prism)
    make(prism, "Web", scope={"app": "web"})
    make(prism, "Not in Dallas", scope={"region": "!dfw"})
    with db.transaction(prism) as session:
        found = {one.plan.name: standing(session, prism, one) for one in budgets(session, prism)}
    assert {name: one.spent_minor for name, one in found.items()} == {"All": 7500, "Web": 4500, "Not in Dallas": 3000}
    whole = found["All"].expected
    assert whole is not None
    assert whole.expected == pytest.approx(15500, rel=0.01)  # 31 days of $5
    assert whole.low <= 15500 <= whole.high
    assert found["All"].percent == 75


def test_the_highest_of_what_is_reached_at_once_tells_and_only_once(prism: int, mailserver: Mailserver):
    make(prism, percents=(50, 70, 100), forecast_percents=(100, 200))
    look()
    look()
    assert reached(prism) == [("expected", 100, None), ("spent", 50, "Told with 70 %."), ("spent", 70, None)]
    with chosen({"FLYUSAGE_SMTP_URL": mailserver.url}):
        Watch().work()
        Watch().work()
    subjects = sorted(str(message_from_bytes(one.content)["Subject"]) for one in mailserver.got)
    assert subjects == ["Budget All: 100 % expected", "Budget All: 70 % spent"]
    assert {address for one in mailserver.got for address in one.to} == {ANN}
    assert [outcome for _, _, outcome in reached(prism)] == [f"Sent to {ANN}.", "Told with 70 %.", f"Sent to {ANN}."]


def test_a_deleted_organizations_budgets_tell_nothing_until_it_is_brought_back(prism: int):
    make(prism, dollars=100)
    with db.platform_transaction() as session:
        telling.note_reached(session, prism)  # waits to be told
        session.execute(sa.text("UPDATE organization SET deleted_at = now() WHERE id = :org"), {"org": prism})
        assert telling.organizations_with_budgets(session) == []
        assert telling.waiting(session, 10) == []
        session.execute(sa.text("UPDATE organization SET deleted_at = NULL WHERE id = :org"), {"org": prism})
        assert telling.organizations_with_budgets(session) == [prism]
        assert len(telling.waiting(session, 10)) > 0


def test_two_workers_at_once_tell_once(prism: int, mailserver: Mailserver):
    make(prism, percents=(50,), forecast_percents=())
    with chosen({"FLYUSAGE_SMTP_URL": mailserver.url}):
        with clock.freeze(NOW), ThreadPoolExecutor(4) as threads:
            for one in [threads.submit(Watch().work) for _ in range(4)]:
                one.result()
        Watch().work()
    assert len(mailserver.got) == 1


def test_a_server_that_is_down_is_asked_again_and_what_was_reached_stays(prism: int, mailserver: Mailserver):
    make(prism, percents=(50,), forecast_percents=())
    with chosen({"FLYUSAGE_SMTP_URL": "smtp://127.0.0.1:1"}):
        Watch().work()
    with db.transaction(prism) as session:
        (waiting,) = telling.alerts(session, prism)
    assert waiting.outcome is None
    assert "127.0.0.1" in (waiting.last_error or "")
    with chosen({"FLYUSAGE_SMTP_URL": mailserver.url}):
        Watch().work()
        assert mailserver.got == []  # its pause is not over
        with clock.freeze(datetime(2026, 10, 16, 1, tzinfo=UTC)):
            Watch().work()
    assert len(mailserver.got) == 1


def test_late_and_withdrawn_usage_tells_nothing_twice_and_a_new_month_begins_anew(prism: int):
    make(prism, percents=(50, 80), forecast_percents=())
    look()
    take_in(*volume("late", 200, days=10), at=NOW)  # $10 more: 85 %
    look()
    look()
    assert [(basis, percent) for basis, percent, _ in reached(prism)] == [("spent", 50), ("spent", 80)]
    with clock.freeze(datetime(2026, 11, 9, 12, tzinfo=UTC)):
        look()
        with db.transaction(prism) as session:
            months = {one.month for one in telling.alerts(session, prism)}
    assert months == {MONTH}  # 8.5 days of $5 are $42.50
    with clock.freeze(datetime(2026, 11, 10, 12, tzinfo=UTC)):
        take_in(*volume("more", 400, month=11, days=9), at=clock.now())
        look()
        with db.transaction(prism) as session:
            assert {one.month for one in telling.alerts(session, prism)} == {MONTH, date(2026, 11, 1)}


def test_who_names_nobody_is_told_by_the_page_alone(prism: int):
    make(prism, percents=(50,), forecast_percents=(), recipients=())
    look()
    assert reached(prism) == [("spent", 50, "Not sent: the budget names nobody.")]


@pytest.mark.parametrize("role", [Role.VIEWER])
def test_a_viewer_changes_none(prism: int, role: Role):
    made = make(prism)
    with db.transaction(prism) as session:
        for deed in (
            lambda: create(session, prism, Plan("Other", 100), by=member(1, role)),
            lambda: change(session, prism, made, Plan("Other", 100), by=member(1, role)),
            lambda: end(session, prism, made, by=member(1, role)),
        ):
            with pytest.raises(NotPermitted):
                deed()


def test_changes_are_audited_before_and_after(prism: int):
    made = make(prism)
    with db.transaction(prism) as session:
        change(session, prism, made, Plan("Everything", 5000), by=BY)
        end(session, prism, made, by=BY)
        with pytest.raises(BudgetUnknown):
            end(session, prism, made, by=BY)
        audited = [(one.action, one.detail) for one in entries(session, prism) if one.subject == f"budget:{made}"]
    assert [action for action, _ in audited] == ["budget.end", "budget.change", "budget.create"]
    assert (audited[1][1]["before"]["amount_minor"], audited[1][1]["after"]["amount_minor"]) == (10000, 5000)


@pytest.mark.parametrize(
    ("plan", "part"),
    [
        (Plan(" ", 100), "name of 1 to 100"),
        (Plan("x", 0), "above zero"),
        (Plan("x", 100, {"colour": "red"}), "colour is none"),
        (Plan("x", 100, {"machine": "d890"}), "machine is none"),
        (Plan("x", 100, {"app": "a\0b"}), "a character that no name has"),
        (Plan("x", 100, percents=(0,)), "between 1 and 1000"),
        (Plan("x", 100, forecast_percents=(1001,)), "between 1 and 1000"),
        (Plan("x", 100, recipients=tuple(f"p{number}@example.com" for number in range(21))), "20 people at most"),
    ],
)
def test_what_cannot_be_a_budget_is_a_sentence(prism: int, plan: Plan, part: str):
    with db.transaction(prism) as session, pytest.raises(BudgetInvalid, match=part):
        create(session, prism, plan, by=BY)


def test_names_are_one_budgets_and_addresses_are_addresses(prism: int):
    make(prism)
    with db.transaction(prism) as session:
        with pytest.raises(BudgetInvalid, match="called All already"):
            create(session, prism, Plan("All", 100), by=BY)
        with pytest.raises(AddressInvalid):
            create(session, prism, Plan("x", 100, recipients=("nobody",)), by=BY)


def test_another_organization_sees_and_touches_none(prism: int):
    made = make(prism)
    with db.platform_transaction() as session:
        rival = session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'rival'"))
    assert isinstance(rival, int)
    with db.transaction(rival) as session:
        assert budgets(session, rival) == []
        with pytest.raises(BudgetUnknown):
            end(session, rival, made, by=BY)


@pytest.mark.parametrize("what", ["budget", "endpoint", "view"])
def test_what_two_end_at_once_ends_once(prism: int, what: str):
    """Both saw it in force; the audit would say twice that it ended."""
    making, ending, action = AT_ONCE[what]
    with db.transaction(prism) as session:
        number = making(session, prism)

    def end_it():
        with db.transaction(prism) as session:
            ending(session, prism, number)

    with ThreadPoolExecutor(1) as thread:
        with db.transaction(prism) as session:
            ending(session, prism, number)
            other = thread.submit(end_it)
            sleep(0.3)  # it comes meanwhile, and waits
        with pytest.raises((BudgetUnknown, EndpointUnknown, ViewUnknown)):
            other.result()
    with db.transaction(prism) as session:
        assert [one.action for one in entries(session, prism)].count(action) == 1


READER = Reader(BY, frozenset(Permission))
AT_ONCE = {
    "budget": (
        lambda session, org: create(session, org, Plan("once", 100), by=BY).id,
        lambda session, org, number: end(session, org, number, by=BY),
        "budget.end",
    ),
    "endpoint": (
        lambda session, org: (
            endpoints.create(
                session, org, kind="webhook", name="once", url="https://hooks.example/x", topics=("budgets",), by=BY
            ).endpoint.id
        ),
        lambda session, org, number: endpoints.end(session, org, number, by=BY),
        "endpoint.end",
    ),
    "view": (
        lambda session, org: saved_views.save(session, org, "once", {"by": "app"}, is_shared=True, is_pinned=False, reader=READER).id,
        lambda session, org, number: saved_views.delete(session, org, number, reader=READER),
        "view.delete",
    ),
}
