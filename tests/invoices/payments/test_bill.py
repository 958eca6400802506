from dataclasses import replace

from documents import document, line
from hypothesis import given
from hypothesis import strategies as st

from flyusage.invoices.payments.bill import MOST_ITEMS, Item, bill_of
from flyusage.money import JPY, Currency


def test_every_line_goes_then_tax_and_what_was_paid_before():
    # 100.00 + 23.45 = 123.45, 19 % of it 23.4555 → 23.46, 5.00 paid before: 141.91
    bill = bill_of(document(prepaid_minor=500))
    told = "Machines · Frankfurt (fra) · shared-cpu-1x"
    assert bill.items == (
        Item("line-1", told, 10000),
        Item("line-2", told, 2345),
        Item("tax-S-19", "Tax 19 % of €123.45", 2346),
        Item("prepaid", "Paid by credits", -500),
    )
    assert (bill.total, bill.currency, bill.number, bill.buyer) == (14191, "eur", "PRISM-000042", "Prism Analytics SAS")


def test_no_tax_is_no_line():
    assert [item.key for item in bill_of(document(line(1, 100, tax="AE", percent=0))).items] == ["line-1"]


def test_minor_units_are_the_processors():
    assert bill_of(document(line(1, 100), currency=JPY)).total == 119
    krona = bill_of(document(line(1, 100), currency=Currency("ISK", 0, "ISK ")))  # kept at two places there
    assert (krona.total, [item.amount for item in krona.items]) == (11900, [10000, 1900])


def test_what_does_not_fit_goes_by_product():
    lines = [line(n, n, group="Machines" if n % 3 else "Volumes") for n in range(1, 301)]
    bill = bill_of(document(*lines))
    # 100 lines of 3 + 6 + … + 300 = 15,150; all of 1 … 300 are 45,150
    assert bill.items[:2] == (
        Item("group-1", "Machines: 200 lines, each in the invoice", 30000),
        Item("group-2", "Volumes: 100 lines, each in the invoice", 15150),
    )
    assert bill.total == 45150 + 8579  # 19 % of 451.50 is 85.785


def test_long_texts_are_cut():
    assert len(bill_of(document(line(1, 1, description="x" * 3000))).items[0].text) == 500


@given(st.lists(st.integers(-(10**7), 10**8), min_size=1, max_size=400), st.integers(0, 10**6))
def test_items_always_come_to_what_is_due(amounts, prepaid):
    lines = [line(n, amount, group=f"Product {n % 7}") for n, amount in enumerate(amounts, 1)]
    if sum(amounts) < 0:
        lines.append(line(len(lines) + 1, -sum(amounts)))
    made = document(*lines)
    made = replace(made, prepaid_minor=min(prepaid, made.gross_minor), due_minor=made.gross_minor - min(prepaid, made.gross_minor))
    bill = bill_of(made)
    assert sum(item.amount for item in bill.items) == bill.total == made.due_minor
    assert len(bill.items) <= MOST_ITEMS
    assert len(bill.amounts) == len(bill.items)
