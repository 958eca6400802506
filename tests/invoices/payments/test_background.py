"""The worker: from the outbox to the processor, with the processor down, slow, limiting, failing; and what people see of it."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import processor
import pytest
from billing_world import BY, NOW, acting, bill_to, billed, rows, take_in, value, volume
from conftest import Begun
from waiting import until

from flyusage import clock, config, db
from flyusage.invoices import outbox
from flyusage.invoices.crediting import credit
from flyusage.invoices.payments.background import Till
from flyusage.invoices.payments.news import Trouble, payment_news
from flyusage.invoices.settlement import Receipt, record_payment, void
from flyusage.pricing import grants
from flyusage.pricing.terms import CreditKind

LATER = NOW + timedelta(hours=2)


def prisms_story() -> int:
    """1,000 GB in October: $150.00, and 19 % of it $28.50."""
    org_id = take_in(*volume("v1", 1000), *volume("v2", 500, org="rival"))["prism"]
    bill_to(org_id)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


def work(at: datetime = NOW) -> None:
    """A round of a worker that has no pause behind it."""
    with clock.freeze(at):
        Till().work()


def task(action: str = "issued") -> dict:
    columns = ("attempts", "failure", "last_error", "due_at", "done_at", "outcome", "generation")
    (row,) = rows(f"SELECT {', '.join(columns)} FROM outbox WHERE kind = 'payment' AND action LIKE :action", action=action)
    return dict(zip(columns, row, strict=True))


def news(org_id: int, invoice_id: int):
    with db.transaction(org_id) as session:
        return payment_news(session, org_id, invoice_id)


def test_an_issued_invoice_is_handed_over_line_by_line(prism, proxy, one_stripe):
    one = billed(prism)
    work()
    there = one_stripe.invoice("PRISM-000001")
    assert (there["status"], there["total"], there["currency"]) == ("open", 17850, "usd")
    assert one_stripe.lines(there["id"]) == [("line-1", 15000), ("tax-S-19", 2850)]
    (customer,) = one_stripe.customers()
    assert (customer["name"], customer["email"]) == ("Prism GmbH", "ap@prism.example")
    done = task()
    assert (done["done_at"], done["attempts"], done["outcome"]) == (NOW, 0, f"Handed over as {there['id']}: 2 lines, 17850 compared.")
    kept = "SELECT processor_id, total_minor, handed_over_at, difference FROM processor_invoice"
    assert rows(kept) == [(there["id"], 17850, NOW, None)]
    calls = len(proxy.calls)
    work()
    assert len(proxy.calls) == calls  # nothing is left to tell
    assert news(prism, one.id) is None


@pytest.mark.parametrize(
    ("behaviour", "failure", "said"),
    [
        (processor.dropped_before, "down", "the payment processor does not answer"),
        (processor.dropped_after, "down", "the payment processor does not answer"),
        (processor.failing_after, "error", "answers with an error of its own"),
        (processor.limiting("7"), "limited", "takes only so many invoices at a time"),
        (lambda _call, _forward: processor.Answer(401), "key", "access to the payment processor needs renewing"),
        (lambda _call, _forward: processor.Answer(400), "refused", "does not accept it as it is"),
    ],
)
def test_what_stands_in_the_way_is_visible_and_passes(prism, proxy, one_stripe, behaviour, failure, said):
    one = billed(prism)
    proxy.behaviour = behaviour
    for attempt in range(1, 3):
        work(NOW + timedelta(hours=attempt))
        now = task()
        assert (now["attempts"], now["failure"], now["done_at"]) == (attempt, failure, None)
        assert now["last_error"]
        assert "prism.example" not in now["last_error"]  # addresses that are asked by hold the customer's
        assert now["due_at"] > NOW + timedelta(hours=attempt)
    told = news(prism, one.id)
    assert told.trouble is Trouble.DELAYED
    assert told.sentence.startswith(f"Your invoice is correct; payment is delayed because {said if said.startswith('the') else ''}")
    assert said in told.sentence
    with db.platform_transaction() as session:
        (waiting,) = outbox.waiting(session, "payment")
    assert (waiting.slug, waiting.number, waiting.attempts, waiting.failure) == ("prism", "PRISM-000001", 2, failure)
    proxy.behaviour = processor.normal
    work(NOW + timedelta(hours=9))
    assert one_stripe.lines(one_stripe.invoice("PRISM-000001")["id"]) == [("line-1", 15000), ("tax-S-19", 2850)]
    assert len(one_stripe.customers()) == 1
    now = task()
    assert (now["attempts"], now["failure"], now["done_at"]) == (2, None, NOW + timedelta(hours=9))
    assert news(prism, one.id) is None


def test_pauses_double_with_jitter_and_an_asked_for_pause_is_kept(prism, proxy):
    billed(prism)
    proxy.behaviour = processor.failing_before
    at = NOW
    for attempts in range(8):
        work(at)
        pause = (task()["due_at"] - at).total_seconds()
        assert 2.5 * 2**attempts <= pause <= 7.5 * 2**attempts
        work(at)  # too early: nothing is asked
        assert task()["attempts"] == attempts + 1
        at = task()["due_at"]
    proxy.behaviour = processor.limiting("3000")
    work(at)
    assert (task()["due_at"] - at).total_seconds() >= 3000


def test_a_processor_that_is_down_is_not_asked_for_every_invoice(prism, proxy):
    org_ids = dict(rows("SELECT slug, id FROM organization"))
    bill_to(org_ids["rival"])
    billed(prism)
    billed(org_ids["rival"])
    proxy.behaviour = processor.limiting("60")
    till = Till()
    with clock.freeze(NOW):
        for _ in range(5):
            till.work()
    assert len(proxy.calls) == 1
    assert sorted(rows("SELECT attempts FROM outbox WHERE kind = 'payment'")) == [(0,), (1,)]


def test_a_slow_one_is_given_up_and_found_done_later(prism, proxy, one_stripe, monkeypatch):
    billed(prism)
    over = Event()

    def slow(_call, forward):
        answer = forward()
        over.wait(30)
        return answer

    monkeypatch.setenv("FLYUSAGE_STRIPE_TIMEOUT_SECONDS", "0.3")
    config.settings.cache_clear()
    proxy.behaviour = processor.only(lambda call: call.method == "POST" and call.path == "/v1/invoices", slow)
    work()
    assert task()["failure"] == "down"
    over.set()
    monkeypatch.delenv("FLYUSAGE_STRIPE_TIMEOUT_SECONDS")
    config.settings.cache_clear()
    proxy.behaviour = processor.normal
    work(LATER)
    assert one_stripe.invoice("PRISM-000001")["status"] == "open"


def test_workers_at_once_hand_over_once(prism, proxy, one_stripe):
    billed(prism)
    threads = [Thread(target=Till().work) for _ in range(4)]
    with clock.freeze(NOW):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    work(LATER)
    assert one_stripe.lines(one_stripe.invoice("PRISM-000001")["id"]) == [("line-1", 15000), ("tax-S-19", 2850)]
    assert len(one_stripe.customers()) == 1


@pytest.mark.parametrize("at", [1, 3, 5, 9])
def test_a_worker_killed_in_the_middle_is_followed_by_another(prism, proxy, one_stripe, at):
    billed(prism)
    killed = Event()

    def killing(_call, forward):
        answer = forward()
        killed.set()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        return answer

    proxy.behaviour = processor.only(lambda call: call.number == at and not killed.is_set(), killing)
    code = "from flyusage.invoices.payments.background import Till; Till().work()"
    environment = {**os.environ, "FLYUSAGE_CLOCK": NOW.isoformat(), "PYTHONPATH": str(Path(__file__).parents[3])}
    worker = subprocess.Popen([sys.executable, "-c", code], env=environment)
    worker.wait()
    assert killed.is_set()
    assert task()["done_at"] is None

    def is_done_later() -> bool:
        work(LATER)
        return task()["done_at"] is not None

    until(is_done_later)  # the server may still hold the row for the one that is gone
    there = one_stripe.invoice("PRISM-000001")
    assert (there["status"], there["total"]) == ("open", 17850)
    assert one_stripe.lines(there["id"]) == [("line-1", 15000), ("tax-S-19", 2850)]
    assert len(one_stripe.customers()) == 1


def test_without_a_processor_it_waits(prism, caplog):
    one = billed(prism)
    work()
    assert (task()["attempts"], task()["done_at"]) == (0, None)
    assert news(prism, one.id) is None


def test_what_credits_paid_is_not_handed_over(prism, proxy):
    with acting(datetime(2026, 10, 5, tzinfo=UTC)) as session:
        grants.grant(session, prism, CreditKind.PREPAID, 30000, description="Prepaid", by=BY)
    billed(prism)
    work()
    assert task()["outcome"] == "Not handed over: the invoice is paid, and nothing is to be collected."
    assert proxy.calls == []


def test_a_void_invoice_is_voided_there_and_never_handed_over_after(prism, proxy, one_stripe):
    one = billed(prism)
    work()
    with acting() as session:
        void(session, prism, one.id, reason="Wrong buyer", by=BY)
    work()
    assert one_stripe.invoice("PRISM-000001")["status"] == "void"
    assert task("voided")["outcome"] == "PRISM-000001: voided at the processor"
    two = billed(prism)
    with acting() as session:
        void(session, prism, two.id, reason="Again", by=BY)
    work()
    work(LATER)
    assert [found["metadata"]["number"] for found in one_stripe.invoices()] == ["PRISM-000001"]


def test_a_bank_payment_ends_collecting_and_its_echo_is_no_money(prism, proxy, one_stripe):
    one = billed(prism)
    work()
    with acting() as session:
        record_payment(session, prism, one.id, Receipt(17850, NOW.date(), "SEPA 77"), by=BY)
    work()
    there = one_stripe.invoice("PRISM-000001")
    assert (there["status"], there["amount_paid"]) == ("paid", 17850)
    assert task("paid %")["outcome"] == "PRISM-000001: marked as paid elsewhere"
    assert value("SELECT count(*) FROM payment") == 1


def test_part_of_it_paid_by_bank_lowers_what_is_collected(prism, proxy, one_stripe):
    one = billed(prism)
    with acting() as session:
        record_payment(session, prism, one.id, Receipt(5000, NOW.date(), "SEPA 78"), by=BY)
    work()  # handed over whole; the second task waits for the first
    work(LATER)
    there = one_stripe.invoice("PRISM-000001")
    assert (there["status"], there["total"], there["amount_remaining"]) == ("open", 17850, 12850)


def test_a_credit_note_lowers_it_too(prism, proxy, one_stripe):
    one = billed(prism)
    work()
    with acting() as session:
        credit(session, prism, one.id, reason="Half of it was an outage", net_minor=7500, by=BY)
    work()
    # 75.00 net and 14.25 tax given back: 89.25 are left
    assert one_stripe.invoice("PRISM-000001")["amount_remaining"] == 8925
    with acting() as session:
        credit(session, prism, one.id, reason="The rest too", by=BY)
    work()
    assert one_stripe.invoice("PRISM-000001")["status"] == "paid"
    assert value("SELECT count(*) FROM payment") == 0
