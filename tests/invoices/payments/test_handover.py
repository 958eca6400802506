"""One invoice handed over, cut off at every call in every way: afterwards it is there once, with every line once."""

from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count

import processor
import pytest
import stripe as library

from flyusage.invoices.payments.bill import Bill, Item
from flyusage.invoices.payments.handover import Memory, Order, hand_over
from flyusage.invoices.payments.processor import Failure, Kept, Processor, ProcessorTrouble

CALLS = 11  # of a hand-over of three lines: 2 for the customer, 2 for the invoice, 1 + 3 for lines, 1 compared, 1 finalized, 1 compared
ORGS = count(1)
BILL = Bill(
    "PRISM-000001", "eur", 26775, (Item("line-1", "Volumes", 22500), Item("tax-S-19", "Tax", 4275), Item("prepaid", "Credits", 0)),
    (date(2026, 10, 1), date(2026, 10, 31)), "Prism GmbH", "Demo Cloud GmbH",
)  # fmt: skip


@dataclass
class Attempts:
    """Attempts at one hand-over, with what is remembered between them as the database does."""

    proxy: processor.Proxy
    timeout: float = 10
    order: Order = field(default_factory=lambda: Order(next(ORGS), 7, BILL, "ap@prism.example", ""))
    generation: int = 0

    def __post_init__(self) -> None:
        self._renew()

    def once(self) -> Kept:
        client = library.StripeClient(
            processor.KEY,
            base_addresses={"api": self.proxy.base},
            http_client=library.RequestsClient(timeout=self.timeout),
            max_network_retries=0,
        )
        memory = Memory(
            customer=lambda one: self._remember(customer=one),
            invoice=lambda one: self._remember(processor_id=one),
        )
        try:
            return hand_over(Processor(client), self.order, memory)
        except ProcessorTrouble as trouble:
            if trouble.needs_new_keys:
                self.generation += 1
                self._renew()
            raise

    def until_done(self, most: int = 3) -> Kept:
        for _ in range(most):
            try:
                return self.once()
            except ProcessorTrouble:
                pass
        raise AssertionError("never done")

    def _renew(self) -> None:
        self.order = replace(self.order, key=f"task-{self.order.org_id}:{self.generation}")

    def _remember(self, **known: str) -> None:
        self.order = replace(self.order, **known)


def is_there_once(stripe: processor.Stripe, order: Order) -> None:
    own = [one for one in stripe.invoices() if one["metadata"].get("flyusage_org") == str(order.org_id)]
    assert [(one["status"], one["total"], one["currency"]) for one in own] == [("open", 26775, "eur")]
    assert sorted(stripe.lines(own[0]["id"])) == [("line-1", 22500), ("prepaid", 0), ("tax-S-19", 4275)]
    assert sum(one["metadata"].get("flyusage_org") == str(order.org_id) for one in stripe.customers()) == 1


def test_an_invoice_is_handed_over_whole(both_stripes):
    with processor.proxied(both_stripes) as proxy:
        attempts = Attempts(proxy)
        kept = attempts.once()
        assert (kept.status, kept.total, kept.remaining, kept.org_id, kept.invoice_id) == ("open", 26775, 26775, attempts.order.org_id, 7)
        assert len(proxy.calls) == CALLS
        is_there_once(both_stripes, attempts.order)
        assert all(call.key for call in proxy.calls if call.method == "POST")
        assert attempts.once() == kept  # and again: looked at, not touched
        assert {call.method for call in proxy.calls[CALLS:]} == {"GET"}


@pytest.mark.parametrize("at", range(CALLS))
@pytest.mark.parametrize(
    "misbehaviour", [processor.dropped_before, processor.dropped_after, processor.failing_before, processor.failing_after]
)
def test_cut_off_at_any_call_it_is_there_once_in_the_end(both_stripes, misbehaviour, at):
    with processor.proxied(both_stripes) as proxy:
        proxy.behaviour = processor.only(lambda call: call.number == at, misbehaviour)
        attempts = Attempts(proxy)
        with pytest.raises(ProcessorTrouble) as met:
            attempts.once()
        is_dropped = misbehaviour in (processor.dropped_before, processor.dropped_after)
        assert met.value.failure is (Failure.DOWN if is_dropped else Failure.ERROR)
        attempts.until_done()
        is_there_once(both_stripes, attempts.order)


def test_whoever_forgot_everything_finds_it_again(both_stripes):
    """As when the process dies between an answer and the memory of it, a call later each time."""
    with processor.proxied(both_stripes) as proxy:
        attempts, cut = Attempts(proxy), 0
        fresh = attempts.order
        for after in range(CALLS):
            last = len(proxy.calls) + after
            proxy.behaviour = processor.only(lambda call, last=last: call.number >= last, processor.dropped_after)
            attempts.order = fresh
            try:
                attempts.once()
            except ProcessorTrouble:
                cut += 1
        assert cut > 5
        is_there_once(both_stripes, attempts.order)


def test_an_error_that_the_processor_would_repeat_is_asked_anew(one_stripe):
    """Stripe keeps even its own errors under a key; with the same key they would come for ever."""
    with processor.proxied(one_stripe) as proxy:
        attempts = Attempts(proxy)
        broken = {}

        def repeating(call, forward):
            if call.path != "/v1/invoices" or call.method != "POST":
                return forward()
            return broken.setdefault(call.key, processor.Answer(500)) if not broken or call.key in broken else forward()

        proxy.behaviour = repeating
        with pytest.raises(ProcessorTrouble):
            attempts.once()
        attempts.once()
        is_there_once(one_stripe, attempts.order)


def test_limits_say_how_long_to_wait(one_stripe):
    with processor.proxied(one_stripe) as proxy:
        attempts = Attempts(proxy)
        for written, seconds in (("17", 17.0), ("0.5", 0.5), (None, 0.0), ("soon", 0.0), ("999999999", 3600.0)):
            proxy.behaviour = processor.limiting(written)
            with pytest.raises(ProcessorTrouble) as met:
                attempts.once()
            assert (met.value.failure, met.value.pause_seconds, met.value.needs_new_keys) == (Failure.LIMITED, seconds, False)


def test_a_slow_processor_is_not_waited_for_forever(one_stripe):
    from threading import Event

    with processor.proxied(one_stripe) as proxy:
        over = Event()

        def slow(call, forward):
            answer = forward()  # the work is done, much too late for whoever asked
            over.wait(30)
            return answer

        attempts = Attempts(proxy, timeout=0.3)
        proxy.behaviour = processor.only(lambda call: call.path == "/v1/invoices" and call.method == "POST", slow)
        with pytest.raises(ProcessorTrouble) as met:
            attempts.once()
        assert met.value.failure is Failure.DOWN
        over.set()
        proxy.behaviour = processor.normal
        attempts.timeout = 60
        attempts.once()
        is_there_once(one_stripe, attempts.order)


def test_a_wrong_key_is_told_apart(one_stripe):
    with processor.proxied(one_stripe) as proxy:
        proxy.behaviour = lambda _call, _forward: processor.Answer(401)
        with pytest.raises(ProcessorTrouble) as met:
            Attempts(proxy).once()
        assert met.value.failure is Failure.KEY


def test_what_lies_around_for_the_customer_is_not_collected(both_stripes):
    with processor.proxied(both_stripes) as proxy:
        attempts = Attempts(proxy)
        proxy.behaviour = processor.only(lambda call: call.number == 2, processor.dropped_before)
        with pytest.raises(ProcessorTrouble):
            attempts.once()
        stray = {"customer": attempts.order.customer, "currency": "eur", "amount": "999", "description": "stray"}
        both_stripes.ask("POST", "/v1/invoiceitems", **stray)
        attempts.once()
        is_there_once(both_stripes, attempts.order)


def test_lines_of_a_draft_that_are_not_ours_are_taken_away(both_stripes):
    with processor.proxied(both_stripes) as proxy:
        attempts = Attempts(proxy)
        proxy.behaviour = processor.only(lambda call: call.path.endswith("/finalize"), processor.dropped_before)
        with pytest.raises(ProcessorTrouble):
            attempts.once()
        twice = {"customer": attempts.order.customer, "invoice": attempts.order.processor_id, "currency": "eur"}
        both_stripes.ask("POST", "/v1/invoiceitems", **twice, amount="22500", description="twice", **{"metadata[flyusage_line]": "line-1"})
        both_stripes.ask("POST", "/v1/invoiceitems", **twice, amount="5", description="a stranger's")
        proxy.behaviour = processor.normal
        attempts.once()
        is_there_once(both_stripes, attempts.order)


def test_amounts_that_differ_are_never_made_final(one_stripe):
    """The processor answers another amount than it was given."""

    def falsifying(_call, forward):
        answer = forward()
        return replace(answer, body=answer.body.replace(b'"amount": 4275', b'"amount": 4274'))

    with processor.proxied(one_stripe) as proxy:
        attempts = Attempts(proxy)
        proxy.behaviour = processor.only(lambda call: "/lines" in call.path, falsifying)
        with pytest.raises(ProcessorTrouble, match="1 lines missing, 1 too many") as met:
            attempts.once()
        assert met.value.failure is Failure.DIFFERS
        assert [one["status"] for one in one_stripe.invoices() if one["id"] == attempts.order.processor_id] == ["draft"]


def test_one_that_is_gone_there_is_made_anew(both_stripes):
    with processor.proxied(both_stripes) as proxy:
        attempts = Attempts(proxy)
        proxy.behaviour = processor.only(lambda call: call.path.endswith("/finalize"), processor.dropped_before)
        with pytest.raises(ProcessorTrouble):
            attempts.once()
        both_stripes.ask("DELETE", f"/v1/invoices/{attempts.order.processor_id}")
        proxy.behaviour = processor.normal
        attempts.once()
        is_there_once(both_stripes, attempts.order)


def test_more_lines_than_a_page_are_all_compared(one_stripe):
    items = tuple(Item(f"line-{n}", f"Line {n}", n) for n in range(1, 131))
    with processor.proxied(one_stripe) as proxy:
        attempts = Attempts(proxy)
        attempts.order = replace(attempts.order, bill=replace(BILL, items=items, total=sum(range(1, 131))))
        kept = attempts.once()
        assert sorted(one_stripe.lines(kept.id)) == sorted((item.key, item.amount) for item in items)
