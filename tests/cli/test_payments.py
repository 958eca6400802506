"""`flyusage payments` and `flyusage mail`: what waits, trying again, both sides compared."""

import json
from collections.abc import Iterator
from datetime import timedelta

import processor
import pytest
from billing_world import NOW, bill_to, billed, invoice_row, take_in, value, volume
from conftest import Begun

from flyusage import clock, config
from flyusage.invoices.payments.background import Till


@pytest.fixture(scope="module")
def stripe() -> Iterator[processor.Stripe]:
    with processor.localstripe(is_idempotent=True) as stripe:
        yield stripe


@pytest.fixture
def proxy(stripe: processor.Stripe, monkeypatch: pytest.MonkeyPatch) -> Iterator[processor.Proxy]:
    stripe.forget()
    with processor.proxied(stripe) as proxy:
        monkeypatch.setenv("FLYUSAGE_STRIPE_API_KEY", processor.KEY)
        monkeypatch.setenv("FLYUSAGE_STRIPE_API_BASE", proxy.base)
        config.settings.cache_clear()
        yield proxy
    monkeypatch.undo()
    config.settings.cache_clear()


def prisms_story() -> int:
    """An invoice of $178.50, waiting to be handed over and mailed."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    return billed(org_id).id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with clock.freeze(NOW + timedelta(hours=3)):
        yield


def test_what_waits_is_shown_with_age_attempts_and_error(prism, proxy, flyusage):
    proxy.behaviour = processor.limiting("60")
    Till().work()
    said = flyusage("payments", "queue")
    assert said.code == 0
    title, row, sum_ = said.out.splitlines()[-3:]  # after what the worker logged
    assert title.split() == ["ORG", "INVOICE", "WHAT", "AGE", "ATTEMPTS", "NEXT", "LAST", "ERROR"]
    for part in ("prism", "PRISM-000001", "issued", "3 h 0 min", "429"):
        assert part in row
    assert sum_ == "1 waiting."
    told = json.loads(flyusage("payments", "queue", "--org", "prism", "--json").out)
    assert (told["count"], told["is_set_up"], told["waiting"][0]["failure"], told["waiting"][0]["attempts"]) == (1, True, "limited", 1)


def test_a_member_is_told_why(prism, proxy, flyusage):
    assert flyusage("payments", "status", "prism-000001").out == "PRISM-000001 is open; nothing stands in the way of its payment.\n"
    proxy.behaviour = processor.dropped_before
    Till().work()
    said = flyusage("payments", "status", "PRISM-000001").out
    assert said.startswith(
        "Your invoice is correct; payment is delayed because the payment processor does not answer. It is tried again by itself"
    )
    assert json.loads(flyusage("payments", "status", "PRISM-000001", "--json").out)["news"]["trouble"] == "delayed"


def test_trying_again_does_not_wait(prism, proxy, stripe, flyusage):
    assert flyusage("payments", "retry").out == "Nothing waits after an error.\n"
    proxy.behaviour = processor.failing_before
    Till().work()
    proxy.behaviour = processor.normal
    Till().work()
    assert stripe.invoices() == []
    assert flyusage("payments", "retry", "PRISM-000001").out == "1 to be tried again at once.\n"
    Till().work()
    assert stripe.invoice("PRISM-000001")["status"] == "open"
    assert value("SELECT detail ->> 'tasks' FROM audit_event WHERE action = 'outbox.retry'") == "1"
    assert flyusage("payments", "retry", "PRISM-000009").code == 1


def test_without_a_processor_it_says_so(prism, flyusage):
    assert (
        flyusage("payments", "queue").out.splitlines()[-1].startswith("1 waiting. No payment processor is set up: FLYUSAGE_STRIPE_API_KEY")
    )
    said = flyusage("payments", "reconcile")
    assert (said.code, said.err) == (1, "flyusage: No payment processor is set up. Set FLYUSAGE_STRIPE_API_KEY.\n")


def test_differences_are_printed_and_mended(prism, proxy, stripe, flyusage):
    Till().work()
    assert flyusage("payments", "reconcile", "--days", "4000").out == "0 differences, 0 mended.\n"
    there = stripe.invoice("PRISM-000001")
    stripe.with_card(there["customer"])
    stripe.ask("POST", f"/v1/invoices/{there['id']}/pay")
    said = flyusage("payments", "reconcile", "--dry-run")
    assert (said.code, said.out.splitlines()[-1]) == (0, "1 difference, 0 mended.")
    said = flyusage("payments", "reconcile", "--json")
    assert (said.code, json.loads(said.out)["found"][0]["sentence"]) == (0, "PRISM-000001: $178.50 received by the processor entered")
    assert invoice_row(prism)["state"] == "paid"


def test_what_is_left_for_people_is_an_exit_code(prism, proxy, stripe, flyusage):
    Till().work()
    stripe.ask("POST", f"/v1/invoices/{stripe.invoice('PRISM-000001')['id']}/void")
    said = flyusage("payments", "reconcile")
    assert (said.code, said.out.splitlines()[-1]) == (1, "1 difference, 0 mended.")
    queue = flyusage("payments", "queue").out.splitlines()
    assert queue[-1] == "1 left for people: `flyusage payments reconcile` looks again."
    assert "PRISM-000001 is open here and void at the processor" in queue[-2]
    (told,) = json.loads(flyusage("payments", "queue", "--json").out)["differences"]
    assert (told["slug"], told["number"]) == ("prism", "PRISM-000001")
    proxy.behaviour = processor.dropped_before
    said = flyusage("payments", "reconcile")
    assert said.code == 1
    assert said.err.startswith("flyusage: The payment processor could not be asked (")
    assert "Traceback" not in said.err


def test_mail_that_waits_says_why(prism, flyusage):
    said = flyusage("mail", "queue")
    assert "PRISM-000001" in said.out
    assert said.out.splitlines()[-1] == (
        "1 waiting. Mail is not set up: FLYUSAGE_SMTP_URL is not set. It waits here and goes as soon as it is."
    )
    assert json.loads(flyusage("mail", "queue", "--json").out)["is_set_up"] is False
    assert flyusage("mail", "retry").out == "Nothing waits after an error.\n"
