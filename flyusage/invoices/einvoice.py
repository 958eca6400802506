"""A document as Factur-X / ZUGFeRD of profile EN 16931: the invoice's content as XML (UN/CEFACT CII D16B).

`xml` always gives the content; it names the European standard as its guideline only where `gaps` finds nothing missing.
Rule numbers (BR-…) and terms (BT-…, BG-…) are those of EN 16931-1.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from flyusage.invoices.document import (
    EXEMPT,
    OUTSIDE_SCOPE,
    REVERSE_CHARGE,
    STANDARD,
    ZERO_RATED,
    Document,
    DocumentLine,
    DocumentTax,
    Party,
)
from flyusage.money import Currency, to_minor

FILENAME = "factur-x.xml"
PROFILE = "EN 16931"
GUIDELINE = "urn:cen.eu:en16931:2017"
WITHOUT_GUIDELINE = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
INVOICE, CREDIT_NOTE = "380", "381"
CREDIT_TRANSFER, SEPA_CREDIT_TRANSFER = "30", "58"
ONE = "C62"
# UN/ECE recommendation 20. What it has no code for (GB-months) is counted in ones, and the item says in what.
UNIT_CODES = {
    "second": "SEC", "machine-second": "SEC", "IP-second": "SEC", "minute": "MIN", "hour": "HUR", "machine-hour": "HUR", "IP-hour": "HUR",
    "GPU-hour": "HUR", "day": "DAY", "month": "MON", "year": "ANN", "byte": "AD", "kB": "2P", "MB": "4L", "GB": "E34", "TB": "E35",
    "piece": "H87", "": ONE,
}  # fmt: skip

Parent = Any  # an element of lxml, which comes without types


def xml(document: Document) -> bytes:
    """The content of `document` as CII XML in UTF-8; the same document gives the same bytes."""
    root = etree.Element(_named("rsm:CrossIndustryInvoice"), nsmap=NAMESPACES)
    context = _add(_add(root, "rsm:ExchangedDocumentContext"), "ram:GuidelineSpecifiedDocumentContextParameter")
    _add(context, "ram:ID", WITHOUT_GUIDELINE if gaps(document) else GUIDELINE)
    _header(root, document)
    transaction = _add(root, "rsm:SupplyChainTradeTransaction")
    for line in _delivered(document):
        _line(transaction, line, document)
    _agreement(transaction, document)
    delivery = _add(_add(transaction, "ram:ApplicableHeaderTradeDelivery"), "ram:ActualDeliverySupplyChainEvent")
    _day(_add(delivery, "ram:OccurrenceDateTime"), document.period[1])  # a supply over a period is complete on its last day
    _settlement(transaction, document)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def gaps(document: Document) -> tuple[str, ...]:
    """What EN 16931 demands and `document` does not have, as sentences; empty where its XML is an invoice by that standard."""
    seller, buyer = document.seller, document.buyer
    categories = {tax.category for tax in document.taxes}
    is_taxed = bool(categories & {STANDARD, ZERO_RATED, EXEMPT, REVERSE_CHARGE})
    found = {
        "An invoice has one line at least.": bool(document.lines),  # BR-16
        "The seller's country is missing.": bool(seller.country),  # BR-09
        "The buyer's country is missing.": bool(buyer.country),  # BR-11
        "The seller has neither a VAT number nor one in a register.": bool(seller.registration_number or seller.vat_number),  # BR-CO-26
        "The seller has neither a VAT number nor a tax number.": not is_taxed or bool(seller.vat_number or seller.tax_number),  # BR-S-02
        "For reverse charge the buyer needs a VAT number.": REVERSE_CHARGE not in categories or bool(buyer.vat_number),  # BR-AE-02
        "What is outside the scope of VAT stands alone.": OUTSIDE_SCOPE not in categories or len(categories) == 1,  # BR-O-11
        f"Amounts in {document.currency.code} have more than two decimals.": document.currency.exponent <= 2,  # BR-DEC-01 to 28
        "There is neither a due date nor a term of payment.": bool(
            document.due_on or _terms(document) or not document.due_minor
        ),  # BR-CO-25
    }
    return tuple(sentence for sentence, is_there in found.items() if not is_there)


def _header(root: Parent, document: Document) -> None:
    header = _add(root, "rsm:ExchangedDocument")
    _add(header, "ram:ID", document.number)
    _add(header, "ram:TypeCode", INVOICE if document.kind == "invoice" else CREDIT_NOTE)
    _day(_add(header, "ram:IssueDateTime"), document.issued_on)
    for note in filter(str.strip, document.notes):
        _add(_add(header, "ram:IncludedNote"), "ram:Content", note)


def _delivered(document: Document) -> Iterable[DocumentLine]:
    """What stands as a line; discounts on the whole are none, unless there is nothing else (BR-16)."""
    return [line for line in document.lines if not line.is_allowance] or document.lines


def _allowances(document: Document) -> Iterable[DocumentLine]:
    delivered = {line.position for line in _delivered(document)}
    return [line for line in document.lines if line.position not in delivered]


def _line(transaction: Parent, line: DocumentLine, document: Document) -> None:
    item = _add(transaction, "ram:IncludedSupplyChainTradeLineItem")
    _add(_add(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", str(line.position))
    product = _add(item, "ram:SpecifiedTradeProduct")
    _add(product, "ram:Name", line.description)
    code = unit_code(line.unit)
    counted = f"Counted in {line.unit}" if code == ONE and line.unit else ""
    _add(product, "ram:Description", " · ".join(filter(None, (line.group, line.subgroup, line.detail, counted))))
    quantity, price, base = _priced(line, document.currency)
    net_price = _add(_add(item, "ram:SpecifiedLineTradeAgreement"), "ram:NetPriceProductTradePrice")
    _add(net_price, "ram:ChargeAmount", f"{price:f}")
    if base != 1:
        _add(net_price, "ram:BasisQuantity", f"{base:f}", unitCode=code)
    _add(_add(item, "ram:SpecifiedLineTradeDelivery"), "ram:BilledQuantity", f"{quantity:f}", unitCode=code)
    settlement = _add(item, "ram:SpecifiedLineTradeSettlement")
    _tax_key(_add(settlement, "ram:ApplicableTradeTax"), line.tax_category, line.tax_percent)
    if line.period != document.period:
        _period(settlement, line.period)
    total = _add(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    _add(total, "ram:LineTotalAmount", _amount(line.amount_minor, document.currency))


def unit_code(unit: str) -> str:
    """The code of UN/ECE recommendation 20 for a unit as printed, in singular or plural; `C62` (one) where it has none."""
    return UNIT_CODES.get(unit) or UNIT_CODES.get(unit.removesuffix("s"), ONE)


def _priced(line: DocumentLine, currency: Currency) -> tuple[Decimal, Decimal, Decimal]:
    """Quantity, net price and the quantity that the price is for, so that quantity × price ÷ base, rounded, is the line's amount.

    Where a price per unit does not tell the amount (tiers, components, packages) the amount is the price of the whole quantity.
    No price is negative (BR-27); what is given back has a negative quantity.
    """
    quantity, price = line.quantity, line.unit_price
    if price is not None and price >= 0:
        exact = Fraction(quantity) * Fraction(price) / line.per_quantity
        if to_minor(exact, currency) == line.amount_minor:
            return quantity, price, Decimal(line.per_quantity)
    amount = Decimal(_amount(abs(line.amount_minor), currency))
    whole = abs(quantity) or Decimal(1)
    return whole.copy_sign(line.amount_minor), amount, whole


def _agreement(transaction: Parent, document: Document) -> None:
    agreement = _add(transaction, "ram:ApplicableHeaderTradeAgreement")
    # BR-O-02: who invoices what is outside the scope of VAT gives no VAT number, neither his own nor the buyer's.
    is_outside = any(tax.category == OUTSIDE_SCOPE for tax in document.taxes)
    _party(_add(agreement, "ram:SellerTradeParty"), document.seller, is_outside=is_outside)
    _party(_add(agreement, "ram:BuyerTradeParty"), document.buyer, is_outside=is_outside)
    if document.purchase_order:
        _add(_add(agreement, "ram:BuyerOrderReferencedDocument"), "ram:IssuerAssignedID", document.purchase_order)


def _party(place: Parent, party: Party, *, is_outside: bool) -> None:
    if is_outside and party.vat_number and not party.registration_number:
        _add(place, "ram:ID", party.vat_number)  # BR-CO-26: some number must tell the seller
    _add(place, "ram:Name", party.name)
    if party.registration_number:
        _add(_add(place, "ram:SpecifiedLegalOrganization"), "ram:ID", party.registration_number)
    address = _add(place, "ram:PostalTradeAddress")
    _add(address, "ram:PostcodeCode", party.postcode)
    one, two, *rest = (*filter(str.strip, party.lines), "", "")
    for name, text in (("One", one), ("Two", two), ("Three", ", ".join(filter(None, rest)))):
        _add(address, f"ram:Line{name}", text)
    _add(address, "ram:CityName", party.city)
    _add(address, "ram:CountryID", party.country)
    _add(address, "ram:CountrySubDivisionName", party.subdivision or "")
    if party.email:
        _add(_add(place, "ram:URIUniversalCommunication"), "ram:URIID", party.email, schemeID="EM")
    if party.vat_number and not is_outside:
        _add(_add(place, "ram:SpecifiedTaxRegistration"), "ram:ID", _with_country(party), schemeID="VA")
    if party.tax_number and not is_outside:
        _add(_add(place, "ram:SpecifiedTaxRegistration"), "ram:ID", party.tax_number, schemeID="FC")


def _with_country(party: Party) -> str:
    """A VAT number with the letters of its country (BR-CO-09), without spaces."""
    number = "".join((party.vat_number or "").split())
    return number if number[:2].isalpha() else party.country + number


def _settlement(transaction: Parent, document: Document) -> None:
    settlement = _add(transaction, "ram:ApplicableHeaderTradeSettlement")
    if document.bank:
        _add(settlement, "ram:PaymentReference", document.bank.reference)
    _add(settlement, "ram:InvoiceCurrencyCode", document.currency.code)
    _payment_means(settlement, document)
    for tax in document.taxes:
        _tax(settlement, tax, document.currency)
    _period(settlement, document.period)
    for line in _allowances(document):
        _allowance(settlement, line, document.currency)
    if document.due_on or _terms(document):
        terms = _add(settlement, "ram:SpecifiedTradePaymentTerms")
        _add(terms, "ram:Description", _terms(document))
        if document.due_on:
            _day(_add(terms, "ram:DueDateDateTime"), document.due_on)
    _sums(settlement, document)
    if document.refers_to:
        number, issued_on = document.refers_to
        referred = _add(settlement, "ram:InvoiceReferencedDocument")
        _add(referred, "ram:IssuerAssignedID", number)
        _day(_add(referred, "ram:FormattedIssueDateTime"), issued_on, name="qdt:DateTimeString")


def _terms(document: Document) -> str:
    """Terms of payment; a credit note asks for none, and says so (BR-CO-25)."""
    return document.payment_terms.strip() or ("The amount is credited." if document.kind == "credit_note" else "")


def _payment_means(settlement: Parent, document: Document) -> None:
    bank = document.bank
    if bank is None:
        return
    account = "".join(bank.iban.split())
    is_iban = account[:2].isalpha() and account[2:4].isdigit()
    means = _add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    _add(means, "ram:TypeCode", SEPA_CREDIT_TRANSFER if is_iban and document.currency.code == "EUR" else CREDIT_TRANSFER)
    payee = _add(means, "ram:PayeePartyCreditorFinancialAccount")
    if is_iban:
        _add(payee, "ram:IBANID", account)
    _add(payee, "ram:AccountName", document.seller.name)
    if not is_iban:
        _add(payee, "ram:ProprietaryID", bank.iban)
    if bank.bic:
        _add(_add(means, "ram:PayeeSpecifiedCreditorFinancialInstitution"), "ram:BICID", bank.bic)


def _tax(settlement: Parent, tax: DocumentTax, currency: Currency) -> None:
    place = _add(settlement, "ram:ApplicableTradeTax")
    _add(place, "ram:CalculatedAmount", _amount(tax.tax_minor, currency))
    _add(place, "ram:TypeCode", "VAT")
    if tax.category not in (STANDARD, ZERO_RATED):  # BR-S-10, BR-Z-10
        _add(place, "ram:ExemptionReason", tax.reason)
    _add(place, "ram:BasisAmount", _amount(tax.basis_minor, currency))
    _add(place, "ram:CategoryCode", tax.category)
    if tax.category != OUTSIDE_SCOPE:
        _add(place, "ram:RateApplicablePercent", f"{tax.percent:f}")


def _tax_key(place: Parent, category: str, percent: Decimal) -> None:
    _add(place, "ram:TypeCode", "VAT")
    _add(place, "ram:CategoryCode", category)
    if category != OUTSIDE_SCOPE:  # BR-O-05
        _add(place, "ram:RateApplicablePercent", f"{percent:f}")


def _allowance(settlement: Parent, line: DocumentLine, currency: Currency) -> None:
    """A discount on the whole (BG-20), or a surcharge (BG-21) where it is positive."""
    place = _add(settlement, "ram:SpecifiedTradeAllowanceCharge")
    _add(_add(place, "ram:ChargeIndicator"), "udt:Indicator", "true" if line.amount_minor > 0 else "false")
    _add(place, "ram:ActualAmount", _amount(abs(line.amount_minor), currency))
    _add(place, "ram:Reason", line.description)
    _tax_key(_add(place, "ram:CategoryTradeTax"), line.tax_category, line.tax_percent)


def _sums(settlement: Parent, document: Document) -> None:
    amounts = [line.amount_minor for line in _allowances(document)]
    charged, allowed = sum(each for each in amounts if each > 0), -sum(each for each in amounts if each < 0)
    sums = _add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")

    def put(name: str, minor: int, **attributes: str) -> None:
        _add(sums, f"ram:{name}", _amount(minor, document.currency), **attributes)

    put("LineTotalAmount", sum(line.amount_minor for line in _delivered(document)))
    put("ChargeTotalAmount", charged)
    put("AllowanceTotalAmount", allowed)
    put("TaxBasisTotalAmount", document.net_minor)
    put("TaxTotalAmount", document.tax_minor, currencyID=document.currency.code)
    put("GrandTotalAmount", document.gross_minor)
    put("TotalPrepaidAmount", document.prepaid_minor)
    put("DuePayableAmount", document.due_minor)


def _period(place: Parent, period: tuple[date, date]) -> None:
    billed = _add(place, "ram:BillingSpecifiedPeriod")
    _day(_add(billed, "ram:StartDateTime"), period[0])
    _day(_add(billed, "ram:EndDateTime"), period[1])


def _day(place: Parent, day: date, *, name: str = "udt:DateTimeString") -> None:
    _add(place, name, f"{day:%Y%m%d}", format="102")


def _amount(minor: int, currency: Currency) -> str:
    whole, part = divmod(abs(minor), 10**currency.exponent)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{part:0{currency.exponent}}" if currency.exponent else f"{sign}{whole}"


def _add(parent: Parent, name: str, text: str | None = None, **attributes: str) -> Parent:
    """A new last child of `parent`; none where its text is empty, since the standard has no empty elements."""
    if text is not None and not text.strip():
        return parent
    element = etree.SubElement(parent, _named(name), attributes)
    element.text = text
    return element


@cache
def _named(name: str) -> str:
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
