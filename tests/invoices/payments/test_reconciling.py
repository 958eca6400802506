"""Both sides compared: what differs is found, mended where it can be, and left to people where it cannot."""

from datetime import timedelta

import processor
import pytest
from billing_world import BY, NOW, acting, bill_to, billed, invoice_row, rows, take_in, value, volume

from flyusage import clock, db
from flyusage.invoices.payments.background import Till
from flyusage.invoices.payments.processor import Processor, ProcessorTrouble
from flyusage.invoices.payments.reconciling import reconcile
from flyusage.invoices.settlement import Receipt, record_payment
from flyusage.orgs.acting import member
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role

SINCE = NOW - timedelta(days=400)  # localstripe's clock is the real one


@pytest.fixture
def prism(database, proxy) -> int:
    """An invoice of $178.50, handed over."""
    org_id = take_in(*volume("v1", 1000))["prism"]
    bill_to(org_id)
    billed(org_id)
    work()
    return org_id


@pytest.fixture
def there(prism, one_stripe) -> dict:
    return one_stripe.invoice("PRISM-000001")


def work(at=NOW) -> None:
    with clock.freeze(at):
        Till().work()


def compared(**options) -> list[tuple[str, bool]]:
    made = Processor.from_settings()
    assert made is not None
    with clock.freeze(NOW + timedelta(days=1)):
        return [(one.sentence, one.is_mended) for one in reconcile(made, SINCE, by=BY, **options)]


def test_where_both_agree_nothing_is_said(there):
    assert compared() == []
    assert value("SELECT compared_at FROM processor_invoice") == NOW + timedelta(days=1)


def test_money_of_which_no_event_told_is_entered(there, one_stripe):
    one_stripe.with_card(there["customer"])
    one_stripe.ask("POST", f"/v1/invoices/{there['id']}/pay")
    assert compared(mend=False) == [("PRISM-000001 is open here and paid at the processor", False)]
    assert compared() == [("PRISM-000001: $178.50 received by the processor entered", True)]
    assert compared() == []
    assert rows("SELECT state FROM invoice") == [("paid",)]


def test_what_is_void_there_is_left_to_people(there, one_stripe):
    one_stripe.ask("POST", f"/v1/invoices/{there['id']}/void")
    assert compared() == [("PRISM-000001 is open here and void at the processor", False)]
    assert value("SELECT difference FROM processor_invoice") == "PRISM-000001 is open here and void at the processor"


def test_a_bank_payment_whose_word_was_lost_is_told_again(prism, there, one_stripe):
    ((invoice_id,),) = rows("SELECT id FROM invoice")
    with acting() as session:
        record_payment(session, prism, invoice_id, Receipt(17850, NOW.date(), "SEPA"), by=BY)
    with db.platform_transaction() as session:
        session.connection().exec_driver_sql("UPDATE outbox SET done_at = now() WHERE done_at IS NULL AND kind = 'payment'")
    assert compared() == [("PRISM-000001: marked as paid elsewhere", True)]
    assert one_stripe.invoice("PRISM-000001")["status"] == "paid"
    assert compared() == []


def test_one_that_is_gone_is_handed_over_again(there, one_stripe, prism):
    with db.platform_transaction() as session:
        session.connection().exec_driver_sql("UPDATE processor_invoice SET processor_id = 'in_gone'")
    one_stripe.ask("POST", f"/v1/invoices/{there['id']}/void")
    ((sentence, is_mended), *_) = compared()
    assert (sentence, is_mended) == ("The processor has no in_gone any more; it is handed over again.", True)


def test_a_twin_is_taken_back(there, one_stripe, prism):
    ((invoice_id,),) = rows("SELECT id FROM invoice")
    form = {"customer": there["customer"], "currency": "usd", "collection_method": "charge_automatically"}
    form |= {
        "pending_invoice_items_behavior": "exclude",
        "metadata[flyusage_org]": str(prism),
        "metadata[flyusage_invoice]": str(invoice_id),
    }
    twin = one_stripe.ask("POST", "/v1/invoices", **form)["id"]
    assert compared(mend=False) == [(f"{twin} is there beside {there['id']}: one too many, unpaid; it is taken back.", False)]
    assert compared() == [(f"{twin} is there beside {there['id']}: one too many, unpaid; it is taken back.", True)]
    assert [one["id"] for one in one_stripe.invoices()] == [there["id"]]


def test_another_total_is_never_mended_by_itself(there, one_stripe):
    with db.platform_transaction() as session:
        session.connection().exec_driver_sql("UPDATE processor_invoice SET total_minor = 17849")
    ((sentence, is_mended),) = compared()
    assert sentence.startswith("The processor's total is 17850, ours 17849")
    assert not is_mended


def test_a_processor_that_is_down_ends_it(there, proxy):
    proxy.behaviour = processor.dropped_before
    with pytest.raises(ProcessorTrouble):
        compared()


def test_members_reconcile_nothing(there):
    made = Processor.from_settings()
    assert made is not None
    with pytest.raises(NotPermitted):
        list(reconcile(made, SINCE, by=member(1, Role.OWNER)))


def test_one_organization_alone(there, prism):
    assert compared(org_id=prism + 1) == []
    assert invoice_row(value("SELECT id FROM invoice"))["state"] == "open"
