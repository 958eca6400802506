"""What is printed adds up, or is not constructed; as JSON it stays what it was."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from documents import BUYER, credit_note, document, line
from hypothesis import given
from hypothesis import strategies as st

from flyusage.invoices.document import Document, DocumentTax, Party, holdable
from flyusage.money import EUR, JPY, USD

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def test_sums_are_those_of_the_lines():
    made = document()
    # 100.00 + 23.45 = 123.45; 19 % of it is 23.4555, so 23.46; 146.91 in all
    assert (made.net_minor, made.tax_minor, made.gross_minor, made.due_minor) == (12345, 2346, 14691, 14691)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"net_minor": 12346}, "net is 12346, its parts give 12345"),
        ({"tax_minor": 2345}, "tax is 2345, its parts give 2346"),
        ({"gross_minor": 14690}, "gross is 14690, its parts give 14691"),
        ({"due_minor": 14692}, "due is 14692, its parts give 14691"),
        ({"prepaid_minor": -1, "due_minor": 14692}, "never negative"),
        ({"prepaid_minor": 14692, "due_minor": -1}, "never negative"),
        ({"number": " "}, "needs a number"),
        ({"kind": "receipt"}, "neither invoice nor credit note"),
        ({"kind": "credit_note"}, "a credit note is not due"),
        ({"page": "a5"}, "no page size"),
        ({"due_on": date(2026, 10, 31)}, "due before it is issued"),
        ({"period": (date(2026, 10, 2), date(2026, 10, 1))}, "ends before it begins"),
        ({"logo": b"<svg/>"}, "PNG or a JPEG"),
        ({"logo": PNG + bytes(512 * 1024)}, "at most 512 KiB"),
        ({"lines": (line(1, 12345), line(1, 0))}, "positions rise"),
    ],
)
def test_what_does_not_add_up_is_refused(changes: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        replace(document(), **changes)


def test_taxes_rest_on_their_lines():
    made = document()
    # the same sums, but the basis of one rate moved to another
    moved = (DocumentTax("S", Decimal(19), 12345 - 10000, 446), DocumentTax("S", Decimal(7), 10000, 700))
    with pytest.raises(ValueError, match="taxes rest on S 7 %: 10000, S 19 %: 2345, lines on S 19 %: 12345"):
        replace(made, taxes=moved, tax_minor=1146, gross_minor=13491, due_minor=13491)
    with pytest.raises(ValueError, match="a tax rate stands once"):
        replace(made, taxes=(*made.taxes, replace(made.taxes[0], basis_minor=0, tax_minor=0)))


@pytest.mark.parametrize(
    ("category", "percent", "sentence"),
    [
        ("S", "0", "no rate of category S"),
        ("S", "100", "no rate of category S"),
        ("S", "NaN", "no rate of category S"),
        ("AE", "19", "no rate of category AE"),
        ("VAT", "19", "none of the tax categories"),
    ],
)
def test_a_category_has_its_rates(category: str, percent: str, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        line(1, 100, tax=category, percent=percent)


def test_tax_is_rounded_once_half_away_from_zero():
    # 19 % of 0.50 is 0.095: 0.10, and on the other side of zero as well
    assert DocumentTax("S", Decimal(19), 50, 10).tax_minor == 10
    assert DocumentTax("S", Decimal(19), -50, -10).tax_minor == -10
    with pytest.raises(ValueError, match="tax S 19 % of 50 is 10, not 8"):
        DocumentTax("S", Decimal(19), 50, 8)
    with pytest.raises(ValueError, match="tax S 19 % is 9, its parts give 10"):
        document(line(1, 50), taxes=(DocumentTax("S", Decimal(19), 50, 9),), tax_minor=9, gross_minor=59, due_minor=59)


def test_a_credit_note_may_give_back_the_cent_that_rounding_left():
    # 4.97 at 19 % is 0.9443
    rest = document(
        line(1, 497),
        taxes=(DocumentTax("S", Decimal(19), 497, 95),),
        tax_minor=95,
        gross_minor=592,
        due_minor=592,
        kind="credit_note",
        due_on=None,
    )
    assert rest.tax_minor == 95


def test_a_reason_stands_where_no_tax_is_owed_and_only_there():
    with pytest.raises(ValueError, match="needs a reason"):
        DocumentTax("AE", Decimal(0), 100, 0)
    with pytest.raises(ValueError, match="has no reason"):
        DocumentTax("S", Decimal(19), 100, 19, "because")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"position": 0}, "count from 1"),
        ({"description": ""}, "says nothing"),
        ({"quantity": Decimal("Infinity")}, "no quantity"),
        ({"unit_price": Decimal("NaN")}, "no price"),
        ({"per_quantity": 0}, "for one unit or more"),
        ({"period": (date(2026, 10, 2), date(2026, 10, 1))}, "ends before it begins"),
    ],
)
def test_a_line_says_something_sensible(changes: dict[str, Any], sentence: str):
    with pytest.raises(ValueError, match=sentence):
        replace(line(1, 100), **changes)


def test_a_party_has_a_name_and_a_country_of_two_letters():
    with pytest.raises(ValueError, match="needs a name"):
        Party(name="  ")
    with pytest.raises(ValueError, match="no country"):
        Party(name="Prism", country="Germany")


def test_what_no_page_can_hold_is_replaced_where_it_enters():
    party = Party(name="A\x00B\x1b[31m\ud800", lines=("one\r\ntwo", "\ufffe\ufdd0"))
    assert party.name == "A\ufffdB\ufffd[31m\ufffd"
    assert party.lines == ("one  two", "\ufffd\ufffd")
    # marks of direction, joiners and everything beyond the first plane stay
    assert holdable("\u202eabc\u200d👩‍🚀 ﷺ 漢字") == "\u202eabc\u200d👩‍🚀 ﷺ 漢字"


def full_documents() -> list[Document]:
    mixed = (
        line(1, 10000), line(2, -500, tax="S", percent=7, is_allowance=True, unit_price=Decimal("0.000000779247"), per_quantity=1000),
        line(3, 0, tax="Z", percent=0), line(4, 700, tax="E", percent="0.0", detail="from October 15"),
    )  # fmt: skip
    return [
        document(),
        document(*mixed, prepaid_minor=300, logo=PNG, page="letter", demo_label="Sample", currency=USD, bank=None, purchase_order=None),
        credit_note(document(line(1, 4711, quantity=Decimal("-1.50")), currency=JPY, notes=(), buyer=Party(name="王家", country="CN"))),
    ]


@pytest.mark.parametrize("made", full_documents(), ids=["plain", "full", "credit note"])
def test_a_document_comes_back_from_its_json(made: Document):
    stored = json.loads(json.dumps(made.to_json(), allow_nan=False))
    back = Document.from_json(stored)
    assert back == made
    assert back.to_json() == stored
    assert str(back.lines[0].quantity) == str(made.lines[0].quantity)  # 1.50 is not 1.5: it is what was printed


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("paid",), True, "document.paid is not"),
        (("seller", "phone"), "1", "document.seller.phone is not"),
        (("lines", 1, "colour"), "red", r"document.lines\[1\].colour is not"),
        (("lines", 0, "quantity"), 5000, r"document.lines\[0\].quantity is not"),  # a number may have been a float
        (("lines", 0, "amount_minor"), 10000.0, r"document.lines\[0\].amount_minor is not|Expected `int`"),
        (("lines", 0, "amount_minor"), "10000", "Expected `int`"),
        (("issued_on",), "2026-11-1", "Invalid RFC3339|Invalid"),
        (("kind",), "receipt", "Invalid enum value"),
        (("net_minor",), 12346, "net is 12346"),
        (("currency",), EUR.code, "Expected `object`"),
    ],
)
def test_json_that_says_anything_else_is_refused(path: tuple[str | int, ...], value: object, sentence: str):
    stored = document().to_json()
    place: Any = stored
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=sentence):
        Document.from_json(stored)


def test_a_missing_field_takes_its_default_only_where_it_has_one():
    stored = document().to_json()
    del stored["demo_label"]
    assert Document.from_json(stored) == document()
    del stored["net_minor"]
    with pytest.raises(ValueError, match="missing required field `net_minor`"):
        Document.from_json(stored)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_survives_the_snapshot(name: str, notes: list[str]):
    made = document(buyer=replace(BUYER, name=f"x{name}"), notes=tuple(notes))
    text = json.dumps(made.to_json(), ensure_ascii=False)
    assert "\x00" not in text and text.encode()
    assert Document.from_json(json.loads(text)) == made
