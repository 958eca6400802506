"""Mail from the outbox through a real SMTP server: at issue, when voided, reminders, notices; each once, whatever happens."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from billing_world import BY, GERMAN, NOW, acting, bill_to, billed, rows, take_in, volume
from conftest import Begun
from mailserver import Mailserver

from flyusage import clock, config, db
from flyusage.invoices import background, letters, outbox
from flyusage.invoices.posting import UNSET, Post
from flyusage.invoices.settlement import Receipt, mark_uncollectible, record_payment, void
from flyusage.pricing import books, experiments

DUE = date(2026, 12, 2)  # 30 days after Nov 2


def prisms_story() -> int:
    """1,000 GB in October: $150.00 and 19 % of it, due on December 2; two billing contacts."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id, replace(GERMAN, emails=("ap@prism.example", "cfo@prism.example")))
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


@pytest.fixture
def posted(mailserver: Mailserver, monkeypatch: pytest.MonkeyPatch) -> Mailserver:
    """The server, which the settings point at."""
    monkeypatch.setenv("FLYUSAGE_SMTP_URL", mailserver.url)
    monkeypatch.setenv("FLYUSAGE_BASE_URL", "https://usage.example")
    config.settings.cache_clear()
    return mailserver


@pytest.fixture(autouse=True)
def settings_anew(monkeypatch: pytest.MonkeyPatch):
    yield
    monkeypatch.undo()
    config.settings.cache_clear()


def post(at: datetime = NOW) -> None:
    """Documents, then a round of a worker that has no pause behind it."""
    with clock.freeze(at):
        while background.work():
            pass
        Post().work()


def messages(server: Mailserver) -> list[EmailMessage]:
    return [message_from_bytes(one.content, policy=default) for one in server.got]


def text(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    return body.get_content()


def mails(action: str = "%") -> list[tuple]:
    return rows(
        "SELECT action, attempts, failure, last_error, outcome FROM outbox WHERE kind = 'mail' AND action LIKE :action ORDER BY id",
        action=action,
    )


def test_the_invoice_goes_to_its_contacts_once_with_its_pdf(prism, posted):
    one = billed(prism)
    post()
    post()
    (message,) = messages(posted)
    assert posted.got[0].to == ["ap@prism.example", "cfo@prism.example"]
    assert message["Subject"] == "Invoice PRISM-000001 from Demo Cloud GmbH (invented seller)"
    said = text(message)
    for part in ("To Prism GmbH:", "October 1, 2026 to October 31, 2026", "$178.50", "December 2, 2026"):
        assert part in said
    assert "https://usage.example/orgs/prism/invoices/PRISM-000001" in said
    assert "$178.50" in text(message, "html")
    (file,) = message.iter_attachments()
    ((pdf,),) = rows("SELECT pdf FROM invoice_document WHERE invoice_id = :id", id=one.id)
    assert (file.get_filename(), file.get_content()) == ("PRISM-000001.pdf", pdf)
    ((key,),) = rows("SELECT key::text FROM outbox WHERE kind = 'mail'")
    assert message["Message-ID"] == f"<{key}@flyusage>"
    assert mails() == [("issued", 0, None, None, "Sent to ap@prism.example, cfo@prism.example.")]


def test_without_a_document_nothing_goes_yet(prism, posted):
    billed(prism)
    with clock.freeze(NOW):
        Post().work()
    assert posted.got == []
    post()
    assert len(posted.got) == 1


def test_without_smtp_it_stays_queued_and_says_so(prism, mailserver):
    billed(prism)
    post()
    with db.platform_transaction() as session:
        (waiting,) = outbox.waiting(session, "mail")
    assert (waiting.number, waiting.attempts, waiting.last_error) == ("PRISM-000001", 0, None)
    assert UNSET == "Mail is not set up: FLYUSAGE_SMTP_URL is not set. It waits here and goes as soon as it is."
    assert mailserver.got == []


def test_without_contacts_nothing_goes(prism, posted):
    bill_to(prism, replace(GERMAN, emails=()))
    billed(prism)
    post()
    assert posted.got == []
    assert mails()[0][-1] == "Not sent: the organization names no billing contact."


def test_a_server_that_is_down_is_tried_again_under_the_same_message_id(prism, posted, monkeypatch):
    billed(prism)
    monkeypatch.setenv("FLYUSAGE_SMTP_URL", "smtp://127.0.0.1:1")
    config.settings.cache_clear()
    post()
    ((action, attempts, failure, error, outcome),) = mails()
    assert (action, attempts, failure, outcome) == ("issued", 1, "down", None)
    assert "127.0.0.1" in error
    monkeypatch.setenv("FLYUSAGE_SMTP_URL", posted.url)
    config.settings.cache_clear()
    post()  # its pause is not over
    assert posted.got == []
    post(NOW + timedelta(hours=1))
    assert len(posted.got) == 1
    assert mails()[0][1:3] == (1, None)


def test_the_one_window_that_smtp_leaves_shows_the_same_message_id(prism, posted):
    """The server took it and the connection broke before it could say so: it goes again, and is known for the same."""
    billed(prism)
    posted.drops_after_taking = True
    post()
    assert mails()[0][1:3] == (1, "down")
    posted.drops_after_taking = False
    post(NOW + timedelta(hours=1))
    first, second = messages(posted)
    assert first["Message-ID"] == second["Message-ID"]


def test_a_worker_killed_before_it_handed_over_is_followed_by_another(prism, posted):
    billed(prism)
    with clock.freeze(NOW):
        background.work()
    code = "import os, signal, flyusage.mail as m\nm.Postbox.send = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    code += "from flyusage.invoices.posting import Post; Post().work()"
    environment = {**os.environ, "FLYUSAGE_CLOCK": NOW.isoformat(), "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == -9
    assert posted.got == []
    post()
    assert len(posted.got) == 1
    assert mails() == [("issued", 0, None, None, "Sent to ap@prism.example, cfo@prism.example.")]


def test_one_refused_contact_keeps_no_other_from_it(prism, posted):
    billed(prism)
    posted.refused["cfo@prism.example"] = "550 gone"
    post()
    assert mails()[0][-1] == "Sent to ap@prism.example. Refused for cfo@prism.example: 550 gone."
    assert posted.got[0].to == ["ap@prism.example"]


def test_what_everybody_refuses_is_tried_again(prism, posted):
    billed(prism)
    posted.answer = "451 greylisted, come again"
    post()
    assert mails()[0][1:4] == (1, "refused", "(451, b'greylisted, come again')")
    posted.answer = None
    post(NOW + timedelta(hours=1))
    assert len(posted.got) == 1


def at(days_over: int) -> datetime:
    return datetime(DUE.year, DUE.month, DUE.day, 9, tzinfo=UTC) + timedelta(days=days_over)


def test_an_overdue_invoice_is_reminded_on_the_days_that_are_set(prism, posted):
    one = billed(prism)
    post()
    for day in (0, 1, 2, 3, 3, 4, 9, 10, 11, 20, 21, 22, 200):
        post(at(day))
    subjects = [message["Subject"] for message in messages(posted)]
    assert subjects[1:] == ["Reminder: invoice PRISM-000001 is overdue"] * 3
    assert [action for action, *_ in mails("reminder%")] == ["reminder 3", "reminder 10", "reminder 21"]
    said = text(messages(posted)[1])
    assert "was due on December 2, 2026, 3 days ago; $178.50 is still open." in said
    with acting(at(4)) as session:
        record_payment(session, prism, one.id, Receipt(10000, DUE, "part"), by=BY)


def test_after_a_rest_only_the_latest_reminder_goes(prism, posted):
    billed(prism)
    post(at(15))
    assert [action for action, *_ in mails("reminder%")] == ["reminder 10"]


@pytest.mark.parametrize("settle", ["paid", "given up", "void"])
def test_nobody_is_reminded_of_what_is_settled(prism, posted, settle):
    one = billed(prism)
    post()
    with acting(at(2)) as session:
        if settle == "paid":
            record_payment(session, prism, one.id, Receipt(17850, DUE, "SEPA"), by=BY)
        elif settle == "void":
            void(session, prism, one.id, reason="Wrong", by=BY)
        else:
            mark_uncollectible(session, prism, one.id, reason="Insolvent", by=BY)
    post(at(30))
    assert mails("reminder%") == []


def test_a_reminder_that_waited_too_long_is_not_sent(prism, posted, monkeypatch):
    one = billed(prism)
    post()
    monkeypatch.delenv("FLYUSAGE_SMTP_URL")
    config.settings.cache_clear()
    post(at(3))
    with acting(at(4)) as session:
        record_payment(session, prism, one.id, Receipt(17850, DUE, "SEPA"), by=BY)
    monkeypatch.setenv("FLYUSAGE_SMTP_URL", posted.url)
    config.settings.cache_clear()
    post(at(5))
    assert mails("reminder%")[0][-1] == "Not sent: the invoice is paid."
    assert len(posted.got) == 1


def test_no_days_no_reminders(prism, posted, monkeypatch):
    monkeypatch.setenv("FLYUSAGE_REMINDER_DAYS", "never")
    config.settings.cache_clear()
    billed(prism)
    post(at(50))
    assert mails("reminder%") == []


def test_a_void_invoice_is_told_with_its_reason(prism, posted):
    one = billed(prism)
    post()
    with acting() as session:
        void(session, prism, one.id, reason="Billed the wrong company", by=BY)
    post()
    assert messages(posted)[1]["Subject"] == "Invoice PRISM-000001 is void"
    assert "is void: Billed the wrong company" in text(messages(posted)[1])


def test_other_prices_are_announced_and_called_off(prism, posted):
    with acting() as session:
        trial = books.create_book(session, slug="trial", name="Trial", currency="USD")
        session.connection().exec_driver_sql(
            "INSERT INTO price_book_version (book_id, effective_from, published_at) VALUES (%s, '2026-01-01', now())",
            (trial,),
        )
        plan = experiments.Plan("cheaper", "trial", date(2026, 12, 10), orgs=("prism",), notice_days=30)
        experiments.start(session, plan, by=BY)
    post(datetime(2026, 11, 9, tzinfo=UTC))
    assert posted.got == []
    post(datetime(2026, 11, 10, tzinfo=UTC))
    post(datetime(2026, 11, 11, tzinfo=UTC))
    (message,) = messages(posted)
    assert message["Subject"] == "Your prices change on December 10, 2026"
    assert "from december 10, 2026 (00:00 utc) on, other prices hold for you" in text(message).lower()
    with acting(datetime(2026, 11, 12, tzinfo=UTC)) as session:
        experiments.end(session, "cheaper", by=BY)
    post(datetime(2026, 11, 12, tzinfo=UTC))
    assert [one["Subject"] for one in messages(posted)][1:] == ["Your prices stay as they are"]


def test_markup_in_names_is_text(prism, posted):
    bill_to(prism, replace(GERMAN, legal_name="<script>alert(1)</script>\r\nBcc: x@evil.example"))
    billed(prism)
    post()
    (message,) = messages(posted)
    assert "<script>" not in text(message, "html")
    assert "&lt;script&gt;" in text(message, "html")
    assert message["Bcc"] is None


def test_an_end_is_told_as_a_return():
    letter = letters.price_change(letters.PriceChange("A", "B", DUE, is_end=True), None)
    assert "the regular price list holds for you again" in letter.text
