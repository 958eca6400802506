"""Payments, voids and invoices that are given up; credit notes. Totals by hand: 225.00 net, 42.75 tax, 267.75 gross."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from billing_world import BY, NOW, OCTOBER, acting, bill_to, billed, invoice_row, rows, take_in, value, volume
from conftest import Begun, Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyusage import clock, db
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.crediting import credit
from flyusage.invoices.errors import AmountInvalid, CreditTooLarge, InvoiceUnknown, OnHold, StateForbids
from flyusage.invoices.settlement import Payment, Receipt, mark_uncollectible, record_payment, void
from flyusage.invoices.storing import Issued
from flyusage.orgs.acting import Actor, member
from flyusage.orgs.errors import NotPermitted
from flyusage.orgs.models import Role
from flyusage.pricing import agreements, grants
from flyusage.pricing.terms import CreditKind, Discount, OneOffCharge, RecurringFee

TODAY = NOW.date()


def prisms_story() -> int:
    """1,000 GB of web and 500 of api: $150.00 and $75.00 net, 19 %."""
    org_id = take_in(*volume("v1", 1000), *volume("v2", 500, app="api"))["prism"]
    bill_to(org_id)
    return org_id


@pytest.fixture
def prism(begun: Begun) -> int:
    return begun(prisms_story)


def pay(org_id: int, one: Issued, amount: int, *, by: Actor = BY, key: str | None = None, reference: str = "wire") -> Payment:
    with acting() as session:
        return record_payment(session, org_id, one.id, Receipt(amount, TODAY, reference, key=key), by=by)


def give_back(
    org_id: int,
    one: Issued,
    *,
    lines: Mapping[int, int | None] | None = None,
    net_minor: int | None = None,
    reason: str = "Agreed by phone",
) -> Issued:
    with acting() as session:
        return credit(session, org_id, one.id, reason=reason, lines=lines, net_minor=net_minor, by=BY)


def state_of(one: Issued) -> tuple[str, int]:
    row = invoice_row(one.id)
    return row["state"], row["balance_minor"]


def test_payments_in_parts_pay_and_what_is_too_much_becomes_a_credit(prism):
    one = billed(prism)
    assert (pay(prism, one, 10000).balance_minor, state_of(one)) == (16775, ("open", 16775))
    last = pay(prism, one, 20000)
    assert (last.applied_minor, last.state, state_of(one)) == (16775, "paid", ("paid", 0))
    assert rows("SELECT kind, amount_minor, description FROM credit_grant") == [("prepaid", 3225, "Paid beyond PRISM-000001")]
    assert rows("SELECT amount_minor, applied_minor FROM payment ORDER BY id") == [(10000, 10000), (20000, 16775)]
    assert [detail["balance_minor"] for (detail,) in rows("SELECT detail FROM audit_event WHERE action = 'invoice.pay' ORDER BY id")] == [
        16775,
        0,
    ]


def test_money_for_what_is_paid_already_is_kept_as_a_credit(prism):
    one = billed(prism)
    pay(prism, one, 26775)
    assert pay(prism, one, 500).applied_minor == 0
    assert rows("SELECT amount_minor FROM credit_grant") == [(500,)]


def test_the_same_payment_by_its_key_counts_once(prism):
    one = billed(prism)
    first, again = pay(prism, one, 10000, key="evt_1"), pay(prism, one, 10000, key="evt_1")
    assert (first.id, state_of(one)) == (again.id, ("open", 16775))


def test_payments_at_once_count_one_after_the_other(prism):
    one = billed(prism)
    start = threading.Barrier(10)

    def attempt(_: int) -> None:
        start.wait()
        with db.platform_transaction() as session:
            record_payment(session, prism, one.id, Receipt(5000, TODAY, "wire"), by=BY)

    with clock.freeze(NOW), ThreadPoolExecutor(10) as threads:
        list(threads.map(attempt, range(10)))
    # 10 × 50.00 for 267.75: 232.25 too much
    assert (state_of(one), value("SELECT sum(amount_minor) FROM credit_grant")) == (("paid", 0), 50000 - 26775)


def test_nonsense_is_no_payment(prism):
    one = billed(prism)
    with pytest.raises(AmountInvalid, match="above zero"):
        pay(prism, one, 0)
    with pytest.raises(AmountInvalid, match="still to come"), acting() as session:
        record_payment(session, prism, one.id, Receipt(1, date(2026, 11, 3), "x"), by=BY)
    with pytest.raises(InvoiceUnknown), acting() as session:
        record_payment(session, prism, 999, Receipt(1, TODAY, "x"), by=BY)
    with pytest.raises(NotPermitted):
        pay(prism, one, 1, by=member(1, Role.OWNER))


def test_a_void_gives_credits_back_and_holds_the_month(prism):
    with acting(datetime(2026, 10, 5, tzinfo=UTC)) as session:
        grants.grant(session, prism, CreditKind.PREPAID, 1000, description="Prepaid", by=BY)
    one = billed(prism)
    assert value("SELECT used_minor FROM credit_grant") == 1000
    with acting() as session:
        void(session, prism, one.id, reason="Wrong terms", by=BY)
    assert (state_of(one), invoice_row(one.id)["closed_reason"]) == (("void", 25775), "Wrong terms")
    assert value("SELECT used_minor FROM credit_grant") == 0
    with pytest.raises(OnHold, match="PRISM-000001 was voided: Wrong terms"):
        billed(prism, released=False)
    again = billed(prism)
    assert (again.number, again.due_minor) == ("PRISM-000002", 25775)
    assert ("payment", "voided") in rows("SELECT kind, action FROM outbox")


def test_only_what_nobody_has_paid_can_be_voided(prism):
    one = billed(prism)
    pay(prism, one, 1)
    with (
        pytest.raises(StateForbids, match=r"PRISM-000001 is paid or credited in part \(\$267.74 is left\) and cannot be voided"),
        acting() as session,
    ):
        void(session, prism, one.id, reason="x", by=BY)
    note = give_back(prism, one)
    with pytest.raises(StateForbids, match="is a credit note"), acting() as session:
        void(session, prism, note.id, reason="x", by=BY)


def test_what_was_given_up_is_still_paid_when_money_comes(prism):
    one = billed(prism)
    with pytest.raises(AmountInvalid, match="Say why"), acting() as session:
        mark_uncollectible(session, prism, one.id, reason=" ", by=BY)
    with acting() as session:
        mark_uncollectible(session, prism, one.id, reason="Insolvent", by=BY)
    assert state_of(one) == ("uncollectible", 26775)
    pay(prism, one, 6775)
    assert state_of(one) == ("uncollectible", 20000)
    pay(prism, one, 20000)
    assert state_of(one) == ("paid", 0)
    with pytest.raises(StateForbids, match="PRISM-000001 is paid and cannot be given up"), acting() as session:
        mark_uncollectible(session, prism, one.id, reason="x", by=BY)


def test_a_full_credit_note_mirrors_the_invoice(prism):
    one = billed(prism)
    note = give_back(prism, one)
    row = invoice_row(note.id)
    assert (note.number, row["kind"], row["state"], row["refers_to"], row["applied_minor"]) == (
        "PRISM-C000001",
        "credit_note",
        "paid",
        one.id,
        26775,
    )
    assert (row["net_minor"], row["tax_minor"], row["gross_minor"]) == (22500, 4275, 26775)
    assert state_of(one) == ("paid", 0)
    assert note.document.refers_to == ("PRISM-000001", TODAY)
    assert note.document.notes == ("Reason: Agreed by phone", "$267.75 are set off against invoice PRISM-000001.")
    cells = rows("SELECT invoice_id, app_id, region_id, vm_size_id, sku_id, amount_minor FROM invoice_cell ORDER BY 1, 2")
    assert [cell[1:] for cell in cells if cell[0] == one.id] == [cell[1:] for cell in cells if cell[0] == note.id]
    with pytest.raises(CreditTooLarge, match="PRISM-000001 is given back in full already"):
        give_back(prism, one)


def test_what_was_paid_comes_back_as_a_prepaid_credit(prism):
    one = billed(prism)
    pay(prism, one, 20000)
    note = give_back(prism, one)
    # 67.75 were still owed, 200.00 had been paid
    assert (invoice_row(note.id)["applied_minor"], state_of(one)) == (6775, ("paid", 0))
    assert rows("SELECT kind, amount_minor, description FROM credit_grant") == [("prepaid", 20000, "Credit for PRISM-000001")]


def test_part_of_a_line_and_then_the_rest(prism):
    one = billed(prism)
    part = give_back(prism, one, lines={1: 7500})
    # 75.00 at 19 % is 14.25; over web and api as 2 : 1
    assert (part.net_minor, part.gross_minor) == (7500, 8925)
    assert rows("SELECT amount_minor FROM invoice_cell WHERE invoice_id = :id ORDER BY 1", id=part.id) == [(2500,), (5000,)]
    assert part.document.lines[0].detail == "Part of line 1 of PRISM-000001, $225.00"
    with pytest.raises(CreditTooLarge, match=r"Line 1 of PRISM-000001 has \$150.00 left"):
        give_back(prism, one, lines={1: 15001})
    rest = give_back(prism, one)
    assert (rest.net_minor, rest.gross_minor, state_of(one)) == (15000, 17850, ("paid", 0))


def test_an_amount_names_no_line(prism):
    one = billed(prism)
    note = give_back(prism, one, net_minor=100)
    assert [(line.description, line.amount_minor) for line in note.document.lines] == [("Credit on invoice PRISM-000001", 100)]
    assert note.gross_minor == 119
    with pytest.raises(CreditTooLarge, match=r"has \$224.00 net left"):
        give_back(prism, one, net_minor=22401)
    assert give_back(prism, one).net_minor == 22400
    for wrong in (0, -5):
        with pytest.raises(AmountInvalid, match="above zero"):
            give_back(prism, one, net_minor=wrong)


def test_a_line_that_is_not_there_and_a_reason_that_is_not_given(prism):
    one = billed(prism)
    with pytest.raises(AmountInvalid, match="has no line 7; it has 1"):
        give_back(prism, one, lines={7: None})
    with pytest.raises(AmountInvalid, match="Say why"):
        give_back(prism, one, reason=" ")
    with acting() as session:
        void(session, prism, one.id, reason="x", by=BY)
    with pytest.raises(StateForbids, match="PRISM-000001 is void; there is nothing to credit"):
        give_back(prism, one)


@pytest.fixture(scope="module")
def various(shared_database: Database) -> tuple[int, Issued]:
    """An invoice with everything: five volumes, a support plan, a charge, 7 % off, a promotional credit; a German buyer."""
    org_id = take_in(
        *(
            event
            for n in range(5)
            for event in volume(f"v{n}", 100 + 37 * n, app=("web", "api", "jobs")[n % 3], region=("dfw", "fra")[n % 2])
        )
    )["prism"]
    bill_to(org_id)
    with acting(datetime(2026, 10, 5, tzinfo=UTC)) as session:
        agreements.give_discount(session, org_id, Discount("Loyal", OCTOBER, percent=7), by=BY)
        agreements.add_fee(session, org_id, RecurringFee("Support", OCTOBER, unit_amount=29, currency="USD"), by=BY)
        agreements.add_charge(session, org_id, OneOffCharge("Migration", 1234, "USD", date(2026, 10, 9)), by=BY)
        grants.grant(session, org_id, CreditKind.PROMOTIONAL, 333, description="Welcome", by=BY)
    return org_id, billed(org_id)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.integers(1, 4000), st.tuples(st.integers(1, 4), st.integers(1, 2000))), max_size=4))
def test_credit_notes_and_their_invoice_come_to_exactly_zero(various, steps):
    """Whatever was given back before, by amount or by line, the rest makes net, tax and every breakdown zero, tax never below it."""
    org_id, one = various
    with acting() as session:
        notes = []
        for step in steps:
            try:
                with session.begin_nested():
                    chosen = {"lines": {step[0]: step[1]}} if isinstance(step, tuple) else {"net_minor": step}
                    notes.append(credit(session, org_id, one.id, reason="x", by=BY, **chosen))
            except CreditTooLarge:
                continue
        notes.append(credit(session, org_id, one.id, reason="the rest", by=BY))
        assert sum(note.net_minor for note in notes) == one.net_minor
        assert sum(note.gross_minor for note in notes) == one.gross_minor
        assert all(0 <= note.net_minor <= note.gross_minor for note in notes)
        for by in By:
            whole = {part.key: part.amount_minor for part in breakdown(session, org_id, one.id, by)}
            back = [breakdown(session, org_id, note.id, by) for note in notes]
            assert sum(whole.values()) == one.net_minor
            assert [sum(part.amount_minor for part in parts) for parts in back] == [note.net_minor for note in notes]
            if by not in (By.DAY, By.MACHINE, By.PRODUCT):  # those are split anew for each note; a credit is a product of its own
                for parts in back:
                    for part in parts:
                        whole[part.key] -= part.amount_minor
                assert set(whole.values()) == {0}
        session.rollback()
