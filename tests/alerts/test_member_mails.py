"""Mails that members choose: to whom, once whatever happens, what they say, and how they are stopped."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from billing_world import take_in, volume
from cast import Tenant, add_person
from conftest import Begun, chosen
from mailserver import Mailserver

from flyusage import clock, db
from flyusage.alerts import anomalies, background, budgets, endpoints, member_mails, summary
from flyusage.alerts.background import Watch, note_member_mails
from flyusage.alerts.errors import MailLinkInvalid
from flyusage.alerts.member_mails import Kind
from flyusage.orgs import audit
from flyusage.orgs.acting import Actor, system
from flyusage.orgs.models import Role
from flyusage.ui import mail_stop

NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
HOSTILE = "<img src=x>\u202e&amp;web"
SITE = {"FLYUSAGE_BASE_URL": "https://usage.example.com"}


def prisms_story() -> int:
    """In September web's 600 GB cost $90.00; in October they went on for $93.00 and the hostile app's 400 GB came for $62.00."""
    with clock.freeze(NOW):
        org = take_in(
            volume("v1", 600, month=9)[0],
            volume("v2", 400, app=HOSTILE, region="fra")[0],
            volume("r", 100, month=9, org="rival")[0],
            at=NOW,
        )["prism"]
        with db.platform_transaction() as session:
            tenant = Tenant(org, "prism", "prism")
            for role in (Role.OWNER, Role.BILLING, Role.VIEWER, Role.DEVELOPER):
                add_person(session, f"{role}@prism.example", tenant, role)
        return org


@pytest.fixture
def prism(begun: Begun) -> Iterator[int]:
    org_id = begun(prisms_story)
    with clock.freeze(NOW):
        yield org_id


def work(mailserver: Mailserver) -> None:
    with chosen({"FLYUSAGE_SMTP_URL": mailserver.url, **SITE}):
        while Watch().work():
            pass


def mails(mailserver: Mailserver) -> dict[str, EmailMessage]:
    return {one.to[0]: message_from_bytes(one.content, policy=policy.default) for one in mailserver.got}  # pyright: ignore[reportReturnType]


def text_of(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")


def choose(org_id: int, email: str, kind: Kind, *, is_wanted: bool) -> int:
    with db.platform_transaction() as session:
        user_id = session.scalars(sa.text("SELECT id FROM user_account WHERE email = :email"), {"email": email}).one()
        assert member_mails.choose(session, org_id, user_id, kind, is_wanted=is_wanted, by=Actor(f"user:{user_id}")) is not None
    return user_id


def test_the_summary_says_the_month_to_owners_and_billing_and_to_whoever_chose_it_once(prism: int, mailserver: Mailserver):
    viewer = choose(prism, "viewer@prism.example", Kind.SUMMARY, is_wanted=True)
    with db.transaction(prism) as session:
        with clock.freeze(datetime(2026, 10, 2, tzinfo=UTC)):
            budgets.create(session, prism, budgets.Plan("Web", 9000, {"app": "web"}), by=system("tests"))
            budgets.create(session, prism, budgets.Plan("All", 20000), by=system("tests"))
    with chosen({"FLYUSAGE_SMTP_URL": mailserver.url, **SITE}), clock.freeze(NOW), ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(Watch().work) for _ in range(4)]:
            one.result()
    work(mailserver)
    found = mails(mailserver)
    assert sorted(found) == ["billing@prism.example", "owner@prism.example", "viewer@prism.example"]
    assert len(mailserver.got) == 3
    mail = found["viewer@prism.example"]
    assert mail["Subject"] == "prism: $155.00 in October 2026"
    said = text_of(mail, "plain")
    assert "prism used $155.00 in October 2026: $65.00 more than in September (+72.2 %)." in said
    assert re.search(r"\+\$62\.00  <img src=x>·&amp;web.*\n  \+\$3\.00  web", said)
    assert "1 of 2 budgets overspent\n  Web: $93.00 of $90.00\n  All: $155.00 of $200.00" in said
    html = text_of(mail, "html")
    assert "<bdi>&lt;img src=x&gt;·&amp;amp;web" in html
    assert "<img" not in html
    assert "https://usage.example.com/orgs/prism/usage?show=contracted_cost" in html
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = mail["List-Unsubscribe"].partition("token=")[2].rstrip(">")
    assert member_mails.read_stop(token) == (prism, viewer, Kind.SUMMARY)
    with pytest.raises(MailLinkInvalid):
        member_mails.read_stop(token[:-6] + "AAAAAA")
    with db.transaction(prism) as session:
        (chose,) = [one for one in audit.entries(session, prism) if one.action == "members.choose_mails"]
        assert (chose.actor, chose.detail) == (f"user:{viewer}", {"kind": "summary", "is_wanted": True})


def test_it_waits_for_the_invoice_or_four_days_and_tells_nothing_of_long_ago(prism: int):
    def due(day: int) -> int:
        with clock.freeze(datetime(2026, 11, day, 6, tzinfo=UTC)):
            with db.platform_transaction() as session:
                found = summary.organizations_due(session)
            if (prism, date(2026, 10, 1)) not in found:
                return -1
            with db.transaction(prism) as session:
                return summary.note_due(session, prism, date(2026, 10, 1))

    assert [due(3), due(17), due(5), due(6)] == [-1, -1, 2, -1]


def test_a_worker_that_dies_after_the_server_took_it_sends_the_same_message_again(prism: int, mailserver: Mailserver, monkeypatch):
    choose(prism, "billing@prism.example", Kind.SUMMARY, is_wanted=False)
    note_member_mails()
    monkeypatch.setattr(member_mails, "_DONE", "SELECT 1 / 0")
    with pytest.raises(sa.exc.DataError):
        work(mailserver)
    monkeypatch.undo()
    work(mailserver)
    assert [one.to for one in mailserver.got] == [["owner@prism.example"]] * 2
    first, second = (message_from_bytes(one.content) for one in mailserver.got)
    assert first["Message-ID"] == second["Message-ID"]


def test_who_stopped_it_gets_none_though_it_waited_and_who_sees_some_apps_reads_of_these(prism: int, mailserver: Mailserver):
    choose(prism, "developer@prism.example", Kind.SUMMARY, is_wanted=True)
    with db.platform_transaction() as session:
        session.execute(
            sa.text(
                """UPDATE membership SET app_ids = ARRAY(SELECT id FROM app WHERE org_id = :org AND name = 'web')
                   WHERE org_id = :org AND role = 'developer'"""
            ),
            {"org": prism},
        )
    note_member_mails()
    choose(prism, "owner@prism.example", Kind.SUMMARY, is_wanted=False)
    work(mailserver)
    found = mails(mailserver)
    assert sorted(found) == ["billing@prism.example", "developer@prism.example"]
    said = text_of(found["developer@prism.example"], "plain")
    assert "prism used $93.00 in October 2026, in the apps you see: $3.00 more than in September" in said
    assert "img" not in said
    with db.transaction(prism) as session:
        outcomes = {row.user_id: row.outcome for row in session.execute(sa.text("SELECT user_id, outcome FROM member_mail"))}
    assert sum("wants no such mails" in str(one) for one in outcomes.values()) == 1


def test_the_link_asks_and_a_post_stops_it(prism: int):
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    with db.platform_transaction() as session:
        owner = session.scalars(sa.text("SELECT id FROM user_account WHERE email = 'owner@prism.example'")).one()
    with chosen(SITE), TestClient(Starlette(routes=mail_stop.routes)) as client:
        link = (member_mails.stop_link(prism, owner, Kind.ANOMALIES) or "").removeprefix(SITE["FLYUSAGE_BASE_URL"])
        assert "Stop mails about anomalies?" in client.get(link).text

        def wanted() -> list[bool]:
            with db.platform_transaction() as session:
                return [one.is_wanted for one in member_mails.choices(session, owner)]

        assert wanted() == [True, True]
        assert "no more" in client.post(link, data={"List-Unsubscribe": "One-Click"}).text
        assert wanted() == [True, False]
        assert client.post("/mail/stop?token=x").status_code == 404
        assert client.get("/mail/stop").status_code == 404


def test_anomalies_are_mailed_once_a_day_where_no_endpoint_hears_of_them(prism: int, mailserver: Mailserver):
    def found(app: str, at: datetime, minor: int) -> None:
        with db.platform_transaction() as session:
            session.execute(
                sa.text(
                    """INSERT INTO anomaly (org_id, meters, app_id, region_id, is_rise, since, until, difference_minor, expected_minor, calm, told_at)
                       SELECT o.id, 'running', a.id, 0, true, :since, :until,
                              :minor, 100, 0, :at FROM organization o JOIN app a ON a.org_id = o.id WHERE o.slug = 'prism' AND a.name = :app"""
                ),
                {
                    "at": at,
                    "since": at - timedelta(hours=4),
                    "until": at - timedelta(hours=1),
                    "minor": minor,
                    "app": app,
                },
            )

    def sent(at: datetime) -> list[tuple[str, str]]:
        mailserver.got.clear()
        with clock.freeze(at):
            note_member_mails()
            note_member_mails()
            with chosen({"FLYUSAGE_SMTP_URL": mailserver.url, **SITE}):
                watch = Watch()
                watch._look_at = float("inf")  # the round over budgets and months is not what is asked here
                watch.work()
        return sorted((one.to[0], str(message_from_bytes(one.content, policy=policy.default)["Subject"])) for one in mailserver.got)

    choose(prism, "owner@prism.example", Kind.SUMMARY, is_wanted=False)
    choose(prism, "billing@prism.example", Kind.SUMMARY, is_wanted=False)
    day = datetime(2026, 11, 20, 9, tzinfo=UTC)
    found("web", day, 1250)
    found(HOSTILE, day, 4000)
    assert sent(day) == [("owner@prism.example", "prism: +$40.00, <img src=x>·&amp;web everywhere and 1 more")]
    found("web", day.replace(hour=11), 700)
    assert sent(day.replace(hour=12)) == []  # one a day
    assert sent(day.replace(day=21)) == [("owner@prism.example", "prism: +$7.00, web everywhere")]
    assert sent(day.replace(day=22)) == []  # nothing is told twice
    with db.transaction(prism) as session:
        endpoints.create(
            session, prism, kind="chat", name="ops", url="https://hooks.example.com/x", topics=["anomalies"], by=system("tests")
        )
    found("web", day.replace(day=23), 900)
    assert sent(day.replace(day=23)) == []


def test_an_anomaly_that_is_being_told_while_mails_are_noted_is_in_the_next(prism: int):
    told = """INSERT INTO anomaly (org_id, meters, app_id, region_id, is_rise, since, until, difference_minor, expected_minor, calm, told_at)
              VALUES (:org, 'running', 0, :region, true, :since, :until, 100, 100, 0, :at)"""
    watched = "INSERT INTO anomaly_watch (org_id, meters, looked_through) VALUES (:org, 'running', :at)"
    day = datetime(2026, 11, 20, 9, tzinfo=UTC)
    row = {"org": prism, "since": day - timedelta(hours=4), "until": day - timedelta(hours=1), "at": day}
    with db.platform_transaction() as session:
        session.execute(sa.text(watched), {"org": prism, "at": day})
        session.execute(sa.text(told), {**row, "region": 1})
    seen: set[tuple[datetime, datetime]] = set()

    def told_at(moment: datetime) -> int:
        """How many anomalies are in the mails that are noted at `moment`, and sent at once."""
        with clock.freeze(moment):
            note_member_mails()
        with db.transaction(prism) as session:
            spans = {(a, b) for a, b in session.execute(sa.text("SELECT told_from, told_to FROM member_mail WHERE kind = 'anomalies'"))}
            found = [one for a, b in spans - seen for one in anomalies.anomalies_told(session, prism, a, b)]
        seen.update(spans)
        return len(found)

    with db.platform_transaction() as looking:
        looking.execute(sa.text("SELECT FROM anomaly_watch WHERE org_id = :org FOR UPDATE"), {"org": prism})
        looking.execute(sa.text(told), {**row, "region": 2})
        meanwhile = told_at(day + timedelta(seconds=1))
    assert [meanwhile, told_at(day + timedelta(minutes=1)), told_at(day + timedelta(days=1))] == [0, 2, 0]


def test_a_mail_that_cannot_be_written_holds_up_no_other(prism: int, mailserver: Mailserver, monkeypatch):
    def fails(due: member_mails.Due, to: member_mails.Recipient, stop: str | None):
        if to.email.startswith("billing"):
            raise KeyError("of one organization")
        return summary.write(due, to, stop)

    monkeypatch.setitem(background.WRITERS, Kind.SUMMARY, fails)
    note_member_mails()
    work(mailserver)
    assert [one.to for one in mailserver.got] == [["owner@prism.example"]]
    with db.transaction(prism) as session:
        (left,) = session.execute(sa.text("SELECT attempts, last_error FROM member_mail WHERE done_at IS NULL")).all()
    assert (left.attempts, "of one organization" in left.last_error) == (1, True)


def test_an_organization_whose_month_cannot_be_told_holds_up_no_other(prism: int, monkeypatch):
    def fails(session, org_id: int, month: date) -> int:
        if not noted:
            noted.append(org_id)
            raise KeyError("of one organization")
        noted.append(org_id)
        return 0

    noted: list[int] = []
    monkeypatch.setattr(summary, "organizations_due", lambda _session: [(prism, date(2026, 10, 1)), (prism, date(2026, 9, 1))])
    monkeypatch.setattr(summary, "note_due", fails)
    note_member_mails()
    assert noted == [prism, prism]
