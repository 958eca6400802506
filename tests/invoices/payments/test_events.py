"""Events of the processor: who may send them, that each counts once, and what becomes of an invoice."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

import processor
import pytest
import requests
import uvicorn
from billing_world import BY, NOW, acting, bill_to, billed, invoice_row, rows, take_in, value, volume
from conftest import Begun
from starlette.applications import Starlette
from stripe import WebhookSignature
from waiting import until

from flyusage import clock, config, db
from flyusage.api import webhooks
from flyusage.invoices.payments.background import Till
from flyusage.invoices.payments.news import Trouble, payment_news
from flyusage.invoices.settlement import Receipt, record_payment

SECRET = "whsec_tests"


def prisms_story() -> int:
    """$150.00 and 19 % of it: $178.50."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FLYUSAGE_STRIPE_WEBHOOK_SECRET", f"whsec_next, {SECRET}")
    config.settings.cache_clear()
    yield
    monkeypatch.undo()
    config.settings.cache_clear()


@pytest.fixture
def listening(prism: int) -> Iterator[str]:
    """The route on a real port."""
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=webhooks.routes), port=0, log_config=None, lifespan="off", ws="none"))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/webhooks/stripe"
    server.should_exit = True
    thread.join()


@dataclass(frozen=True)
class Client:
    """Whoever sends events."""

    address: str

    def post(self, content: bytes, headers: dict[str, str | bytes] | None = None) -> requests.Response:
        return requests.post(self.address, content, headers=headers or {}, timeout=30)


@pytest.fixture
def client(listening: str) -> Client:
    return Client(listening)


def event(type_: str = "invoice.paid", id_: str = "evt_1", **about) -> bytes:
    about = {"id": "in_1", "object": "invoice", "amount_paid": 17850, "metadata": {}} | about
    return json.dumps({"id": id_, "type": type_, "created": int(time.time()), "data": {"object": about}}).encode()


def sign(body: bytes, secret: str = SECRET, age: int = 0) -> dict[str, str]:
    moment = int(time.time()) - age
    # by the library's own reckoning, not ours
    return {"stripe-signature": f"t={moment},v1={WebhookSignature._compute_signature(f'{moment}.{body.decode()}', secret)}"}


def ours(org_id: int, invoice_id: int) -> dict:
    return {"metadata": {"flyusage_org": str(org_id), "flyusage_invoice": str(invoice_id)}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda body, _signature: (body, {}), "carries no signature"),
        (lambda body, _signature: (body, {"stripe-signature": "t=x,v1=y"}), "carries no signature"),
        (lambda body, _signature: (body, {"stripe-signature": "t=²,v1=y"}), "carries no signature"),
        (lambda body, _signature: (body, sign(body, "whsec_other")), "not the payment processor's"),
        (lambda body, signature: (body.replace(b"17850", b"99999"), signature), "not the payment processor's"),
        (lambda body, _signature: (body, sign(body, age=301)), "signed too long ago"),
        (lambda body, _signature: (body, sign(body, age=-330)), "signed too long ago"),  # a second later it is 329
    ],
)
def test_only_the_processor_is_let_in(prism, client, changed, said):
    one = billed(prism)
    body = event(**ours(prism, one.id))
    content, headers = changed(body, sign(body))
    headers = {name: text.encode() for name, text in headers.items()}
    answer = client.post(content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "signature_invalid")
    assert said in answer.json()["detail"]
    assert invoice_row(one.id)["state"] == "open"
    assert rows("SELECT id FROM processor_event") == []


def test_without_a_secret_nobody_is_believed(prism, client, monkeypatch):
    monkeypatch.delenv("FLYUSAGE_STRIPE_WEBHOOK_SECRET")
    config.settings.cache_clear()
    body = event()
    answer = client.post(body, headers=sign(body, ""))
    assert (answer.status_code, answer.json()["code"]) == (503, "events_unset")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"id": 1, "type": "x", "created": "y", "data": {"object": {}}}', b"\xff"])
def test_signed_nonsense_is_refused(prism, client, body):
    moment = int(time.time())
    right = hmac.new(SECRET.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    answer = client.post(body, headers={"stripe-signature": f"t={moment},v1={right}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "event_unreadable")


def test_a_book_is_no_event(client):
    assert client.post(b"x" * 1_000_001).status_code == 413


def test_a_payment_counts_once_however_often_it_is_told(prism, client):
    one = billed(prism)
    body = event(**ours(prism, one.id))
    headers = sign(body)
    said = [client.post(body, headers=headers).json()["outcome"] for _ in range(3)]
    assert said == ["PRISM-000001: $178.50 received by the processor entered", "seen before", "seen before"]
    again = event("invoice.payment_succeeded", "evt_2", **ours(prism, one.id))  # the same payment by its other name
    assert client.post(again, headers=sign(again)).json()["outcome"] == "entered before"
    assert (invoice_row(one.id)["state"], invoice_row(one.id)["balance_minor"]) == ("paid", 0)
    assert rows("SELECT amount_minor, method, reference, recorded_by FROM payment") == [(17850, "stripe", "in_1", "system:stripe")]
    assert rows("SELECT kind FROM outbox WHERE action LIKE 'paid%'") == []  # the processor knows


def test_events_at_once_count_once(prism, client):
    one = billed(prism)
    body = event(**ours(prism, one.id))
    other = event("invoice.payment_succeeded", "evt_2", **ours(prism, one.id))
    threads = [Thread(target=client.post, args=(content, sign(content))) for content in (body, other) * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value("SELECT sum(amount_minor) FROM payment") == 17850


def test_parts_add_up(prism, client):
    one = billed(prism)
    for number, paid in enumerate((10000, 10000, 17850, 12000)):  # what is told is the sum so far; late and repeated ones add nothing
        body = event(id_=f"evt_{number}", amount_paid=paid, **ours(prism, one.id))
        assert client.post(body, headers=sign(body)).status_code == 200
    assert rows("SELECT amount_minor FROM payment ORDER BY id") == [(10000,), (7850,)]
    assert invoice_row(one.id)["state"] == "paid"


def test_a_failed_payment_is_told_until_it_succeeds(prism, client):
    one = billed(prism)
    with db.platform_transaction() as session:
        session.connection().exec_driver_sql(
            "INSERT INTO processor_invoice (org_id, invoice_id, processor_id, total_minor, created_at) VALUES (%s, %s, 'in_1', 17850, now())",
            (prism, one.id),
        )
    body = event("invoice.payment_failed", last_payment_error={"message": "Your card was\ndeclined."})
    assert client.post(body, headers=sign(body)).json()["outcome"] == "failure noted"
    with db.transaction(prism) as session:
        news = payment_news(session, prism, one.id)
    assert news is not None
    assert news.trouble is Trouble.FAILED
    assert "Your invoice is correct; the payment did not go through" in news.sentence
    assert "Your card was declined." in news.sentence
    body = event(id_="evt_2")
    client.post(body, headers=sign(body))
    with db.transaction(prism) as session:
        assert payment_news(session, prism, one.id) is None


def test_a_second_payment_becomes_a_credit(prism, client):
    one = billed(prism)
    with acting() as session:
        record_payment(session, prism, one.id, Receipt(17850, NOW.date(), "SEPA"), by=BY)
    body = event(**ours(prism, one.id))
    client.post(body, headers=sign(body))
    assert rows("SELECT amount_minor FROM credit_grant") == [(17850,)]


@pytest.mark.parametrize(
    "about",
    [
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"flyusage_org": "1", "flyusage_invoice": "999"}},
        {"metadata": {"flyusage_org": "1; DROP", "flyusage_invoice": "1"}},
    ],
)
def test_other_peoples_invoices_are_none_of_ours(prism, client, about):
    billed(prism)
    body = event(**about)
    assert client.post(body, headers=sign(body)).json()["outcome"] == "not about an invoice of ours"
    assert rows("SELECT id FROM payment") == []


def test_what_is_of_no_interest_is_taken_and_left(prism, client):
    body = event("customer.created")
    assert client.post(body, headers=sign(body)).json()["outcome"] == "not of interest"


@pytest.mark.parametrize(("card", "state"), [("4242424242424242", "paid"), ("4000000000000341", "open")])
def test_from_the_card_to_the_invoice(prism, proxy, one_stripe, listening, card, state):
    """Handed over, collected by localstripe from a card that works or fails, told by its own event."""
    one_stripe.ask("POST", "/_config/webhooks/ours", url=listening, secret=SECRET)
    one = billed(prism)
    proxy.behaviour = processor.only(lambda call: call.path.endswith("/finalize"), processor.dropped_before)
    with clock.freeze(NOW):
        Till().work()
    (customer,) = one_stripe.customers()
    one_stripe.with_card(customer["id"], card)
    proxy.behaviour = processor.normal
    with clock.freeze(NOW + timedelta(hours=1)):
        Till().work()
    wanted = "invoice.payment_succeeded" if state == "paid" else "invoice.payment_failed"
    until(lambda: rows("SELECT id FROM processor_event WHERE type = :type", type=wanted))
    assert invoice_row(one.id)["state"] == state
    assert value("SELECT count(*) FROM payment") == (1 if state == "paid" else 0)
