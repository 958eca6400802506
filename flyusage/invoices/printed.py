"""What stands on an invoice's pages, as text, part by part. The template only places it.

Text from outside goes to the page by `shown` alone: as it is, but for what would reorder its neighbours or leave the page.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flyusage.invoices import einvoice, glyphs
from flyusage.invoices.countries import COUNTRIES
from flyusage.invoices.document import EXEMPT, OUTSIDE_SCOPE, REVERSE_CHARGE, Document, DocumentLine, DocumentTax, Party
from flyusage.money import Currency, format_money, format_quantity

LINES_ON_FIRST_PAGE = 12  # with more, the first page sums up by product and the lines begin on the second
COLUMN_EMS, FACT_EMS, BREAK_EMS = 14, 9, 4  # a narrow column at 9 pt, that of the facts, and the pieces a wider word may break into
HEADING_EMS = 30  # a heading in semibold, less than three quarters of the page
FOOTER_NAME = 60
# What would reorder its neighbours, and what shows nothing but would stand in every copy of the letter before it.
UNSEEN = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\xad\u034f\u180e\u2060\ufeff"))
ISOLATE, POP = "\u2068", "\u2069"  # direction by the first letter, without effect on what is around
STATE_AFTER_CITY = ("US", "CA", "AU")
POSTCODE_LAST = ("GB", "IE", "IN", "SG", "NZ", "ZA", "HK")

KERNING = 1.03  # what pairs of letters may add to their widths

Text = dict[str, Any]


def page_texts(document: Document) -> Text:
    """Everything that `invoice.typ` places, in its terms: plain JSON, nothing to calculate."""
    is_credit = document.kind == "credit_note"
    is_long = len(document.lines) > LINES_ON_FIRST_PAGE
    return {
        "paper": {"a4": "a4", "letter": "us-letter"}[document.page],
        "title": f"{_kind(document)} {document.number}, {document.seller.name}",
        "author": document.seller.name,
        "xml-name": einvoice.FILENAME,
        "xml-description": f"Factur-X, {einvoice.PROFILE}",
        "faces": glyphs.faces(document.buyer.country),
        "kind": _kind(document),
        "number": shown(document.number),
        "demo": shown(document.demo_label or ""),
        "footer": shown(" · ".join((_cut(document.seller.name, FOOTER_NAME), _cut(document.number, FOOTER_NAME)))),
        "headline": _headline(document),
        "seller": _party("From", document.seller),
        "buyer": _party("Credited to" if is_credit else "Billed to", document.buyer),
        "facts": _facts(document),
        "is_long": is_long,
        "summary": _summary(document),
        "groups": [_group(name, subgroups, document) for name, subgroups in _grouped(document).items()],
        "has_rates": len(document.taxes) > 1,
        "currency": document.currency.code,
        "taxes": [_tax(tax, document) for tax in document.taxes],
        "totals": _totals(document),
        "payment": _payment(document),
        "owed": _owed(document),
        "terms": shown(document.payment_terms) if document.due_minor else "",
        "net": _number(document.net_minor, document.currency),
        "notes": [shown(note) for note in document.notes],
        "logo": list(document.logo or b""),
    }


def shown(text: str, *, ems: int = COLUMN_EMS) -> str:
    """`text` as a column `ems` wide can hold it: it reads the same, cannot reorder what is beside it, and breaks somewhere."""
    if text.isascii():
        return text if len(text) <= ems else _breakable(text, ems)
    text = glyphs.drawable(text.translate(UNSEEN))
    is_mixed = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)
    return f"{ISOLATE}{_breakable(text, ems)}{POP}" if is_mixed else _breakable(text, ems)


def _breakable(text: str, ems: int) -> str:
    """`text` with break opportunities that show nothing in words wider than their column; no others, since they are copied along."""
    return re.sub(r"\S+", lambda run: _broken(run[0]) if _ems_at_most(run[0], beyond=1) > ems else run[0], text)


def _broken(run: str) -> str:
    parts, width, known = [], 0.0, glyphs.widths()
    for character in run:
        width += known.get(character, 1)
        # a mark, or what joins its neighbours, stays with the letter before it
        if width > BREAK_EMS and parts and not unicodedata.category(character).startswith(("M", "C")) and parts[-1] != "\u200d":
            parts.append("\u200b")
            width = known.get(character, 1)
        parts.append(character)
    return "".join(parts)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _kind(document: Document) -> str:
    return "Credit note" if document.kind == "credit_note" else "Invoice"


def _headline(document: Document) -> list[Text]:
    """The three things that are looked for: how much, by when, and what to write on the payment."""
    is_credit = document.kind == "credit_note"
    amount = _money(document.due_minor, document.currency)
    parts = [{"label": "Total credited" if is_credit else "Total due", "value": amount, "length": len(amount)}]
    if document.due_on and document.due_minor:
        parts.append(_headed("Due by", _day(document.due_on)))
    else:
        parts.append(_headed("Issued on", _day(document.issued_on)))
    if is_credit and document.refers_to:
        parts.append(_headed("Corrects invoice", document.refers_to[0]))
    elif document.bank and document.due_minor:
        parts.append(_headed("Payment reference", document.bank.reference))
    elif not document.due_minor:
        parts.append(_headed("Payment", "Nothing to pay"))
    return parts


def _headed(label: str, value: str) -> Text:
    return {"label": label, "value": shown(value), "length": len(value)}


def _party(label: str, party: Party) -> Text:
    lines = [*party.lines, *_town(party), COUNTRIES.get(party.country, party.country)]
    numbers = (("VAT number", party.vat_number), ("Tax number", party.tax_number), ("Company number", party.registration_number))
    return {
        "label": label,
        "name": shown(party.name),
        "lines": [shown(line) for line in lines if line.strip()],
        "facts": [shown(f"{name} {number}") for name, number in numbers if number] + ([shown(party.email)] if party.email else []),
        "faces": glyphs.faces(party.country),
    }


def _town(party: Party) -> Sequence[str]:
    """The line or lines of town and postcode, in the order of the country."""
    if party.country in STATE_AFTER_CITY:
        return [" ".join(filter(None, (", ".join(filter(None, (party.city, party.subdivision))), party.postcode)))]
    if party.country in POSTCODE_LAST:
        return [", ".join(filter(None, (party.city, party.subdivision))), party.postcode]
    return [" ".join(filter(None, (party.postcode, party.city))), party.subdivision or ""]


def _facts(document: Document) -> list[tuple[str, str]]:
    facts = [("Number", document.number), ("Issued", _day(document.issued_on))]
    if document.due_on and document.due_minor:
        facts.append(("Due", _day(document.due_on)))
    facts.append(("Billing period", _span(document.period)))
    if document.refers_to:
        facts.append(("Corrects", f"{document.refers_to[0]} of {_day(document.refers_to[1])}"))
    if document.purchase_order:
        facts.append(("Purchase order", document.purchase_order))
    facts.append(("Currency", document.currency.code))
    return [(label, shown(value, ems=FACT_EMS)) for label, value in facts]


def _grouped(document: Document) -> dict[str, dict[str, list[DocumentLine]]]:
    """Lines by product and region, each in the order of its first line."""
    groups: dict[str, dict[str, list[DocumentLine]]] = {}
    for line in document.lines:
        groups.setdefault(line.group, {}).setdefault(line.subgroup, []).append(line)
    return groups


def _summary(document: Document) -> list[Text]:
    rows = []
    for name, subgroups in _grouped(document).items():
        regions = len([subgroup for subgroup in subgroups if subgroup])
        beside = f" in {regions} regions" if regions > 1 else ""
        rows.append({"name": shown(name), "beside": beside, "amount": _summed(subgroups.values(), document.currency)})
    return rows


def _group(name: str, subgroups: dict[str, list[DocumentLine]], document: Document) -> Text:
    """A product. Regions with a line each stand beside its description instead of above it; a single line is its own total."""
    is_flat = all(len(lines) == 1 or not subgroup for subgroup, lines in subgroups.items())
    parts = [
        {
            "name": "" if is_flat else shown(subgroup),
            "lines-of-name": _name_lines(subgroup),
            "amount": _summed([lines], document.currency) if len(subgroups) > 1 else "",
            "lines": [_line(line, document, beside=line.subgroup if is_flat else "") for line in lines],
        }
        for subgroup, lines in subgroups.items()
    ]
    is_single = sum(map(len, subgroups.values())) == 1
    total = "" if is_single else _summed(subgroups.values(), document.currency)
    return {"name": shown(name), "lines-of-name": _name_lines(name), "amount": total, "parts": parts}


def _name_lines(name: str) -> int:
    """1 where a heading surely needs no second line, 0 where only the typesetter can tell."""
    return int(_ems_at_most(name) <= HEADING_EMS)


def _summed(parts: Iterable[list[DocumentLine]], currency: Currency) -> str:
    return _number(sum(line.amount_minor for lines in parts for line in lines), currency)


def _line(line: DocumentLine, document: Document, *, beside: str) -> Text:
    period = _span(line.period) if line.period != document.period else ""
    is_lump = not line.unit and abs(line.quantity) == 1
    row = {
        "text": shown(line.description),
        "beside": shown(beside.replace(" (", "\N{NO-BREAK SPACE}(")),
        "detail": shown(" · ".join(filter(None, (period, line.detail)))),
        "quantity": "" if is_lump else format_quantity(line.quantity),
        "unit": shown(f" {_unit(line)}" if line.unit else ""),
        "price": "" if line.unit_price is None else _price(line.unit_price, document.currency),
        "per": shown(f" {line.per}" if line.unit_price is not None and line.per else ""),
        "rate": _percent(line.tax_percent) if line.tax_percent else _CATEGORY_MARKS.get(line.tax_category, "0 %"),
        "amount": _number(line.amount_minor, document.currency),
    }
    return row | {"lines": _text_lines(row, has_rates=len(document.taxes) > 1)}


def _unit(line: DocumentLine) -> str:
    """The unit in the number of its quantity: 1 month, 2 months."""
    single = line.unit.removesuffix("s")
    return single if abs(line.quantity) == 1 and single in einvoice.UNIT_CODES else line.unit


def _text_lines(row: Text, *, has_rates: bool) -> int:
    """How many lines of text a row surely has: 1, 2 with a detail, 0 where only the typesetter can tell.

    Columns are those of `invoice.typ` on A4, in points.
    """
    described = f"{row['text']} · {row['beside']}" if row["beside"] else row["text"]
    first = 106 if has_rates else 140
    widths = (
        (described, 9, first), (row["detail"], 8, first), (row["quantity"] + row["unit"], 9, 98), (row["price"] + row["per"], 9, 118),
        (row["amount"], 9, 76), (row["rate"], 9, 33),
    )  # fmt: skip
    if not all(_fits(text, width / size) for text, size, width in widths):
        return 0
    return 2 if row["detail"] else 1


def _fits(text: str, ems: float) -> bool:
    # no letter is wider than 1.02 em, which settles most without looking at them
    return (text.isascii() and len(text) * 1.02 <= ems) or _ems_at_most(text) <= ems


def _ems_at_most(text: str, *, beyond: float = math.inf) -> float:
    """Ems that `text` cannot exceed at regular weight; `beyond` for each character that is neither ASCII nor a sign of amounts."""
    known = glyphs.widths()
    return sum([known.get(character, beyond) for character in text]) * KERNING


_CATEGORY_MARKS = {EXEMPT: "exempt", REVERSE_CHARGE: "reverse", OUTSIDE_SCOPE: "–"}


def _price(amount: Decimal, currency: Currency) -> str:
    exponent = amount.normalize().as_tuple().exponent
    places = max(currency.exponent, -exponent if isinstance(exponent, int) else 0)
    return format_money(amount, currency, places=places)


def _tax(tax: DocumentTax, document: Document) -> Text:
    return {
        "name": _tax_name(tax, document),
        "basis": _number(tax.basis_minor, document.currency),
        "tax": _number(tax.tax_minor, document.currency),
        "reason": shown(tax.reason),
    }


def _tax_name(tax: DocumentTax, document: Document) -> str:
    fixed = {EXEMPT: "Exempt", REVERSE_CHARGE: "Reverse charge", OUTSIDE_SCOPE: "Not taxed"}.get(tax.category)
    return fixed or f"{'VAT' if document.seller.vat_number else 'Tax'} {_percent(tax.percent)}"


def _totals(document: Document) -> list[Text]:
    def row(label: str, minor: int, *, is_strong: bool = False) -> Text:
        return {"label": label, "amount": _money(minor, document.currency), "is_strong": is_strong}

    is_credit = document.kind == "credit_note"
    rows = [row("Net amount", document.net_minor), row("Tax", document.tax_minor)]
    if document.prepaid_minor:
        rows += [row("Total", document.gross_minor), row("Paid from credit balance", -document.prepaid_minor)]
    return [*rows, row("Total credited" if is_credit else "Total due", document.due_minor, is_strong=True)]


def _payment(document: Document) -> list[tuple[str, str]]:
    """Where to pay; nothing where nothing is to be paid."""
    bank = document.bank
    if bank is None or not _owed(document):
        return []
    rows = (("Account holder", document.seller.name), ("IBAN", _in_fours(bank.iban)), ("BIC", bank.bic), ("Bank", bank.bank_name))
    return [(label, shown(value)) for label, value in rows if value]


def _owed(document: Document) -> list[tuple[str, str]]:
    """What to pay: amount, day and reference."""
    if document.kind == "credit_note" or not document.due_minor:
        return []
    rows = [("Amount", _money(document.due_minor, document.currency))]
    rows += [("Due by", _day(document.due_on))] if document.due_on else []
    rows += [("Reference", document.bank.reference)] if document.bank else []
    return [(label, shown(value)) for label, value in rows]


def _in_fours(iban: str) -> str:
    """An IBAN in its groups of four; any other account number as it is."""
    plain = iban.replace(" ", "")
    return " ".join(plain[place : place + 4] for place in range(0, len(plain), 4)) if re.fullmatch(r"[A-Z]{2}\d{2}\w+", plain) else iban


def _money(minor: int, currency: Currency) -> str:
    return format_money(Fraction(minor, 10**currency.exponent), currency)


def _number(minor: int, currency: Currency) -> str:
    """An amount in a column that names its currency above."""
    whole, part = divmod(abs(minor), 10**currency.exponent)
    sign = "−" if minor < 0 else ""
    return f"{sign}{whole:,}.{part:0{currency.exponent}}" if currency.exponent else f"{sign}{whole:,}"


def _percent(percent: Decimal) -> str:
    return f"{percent.normalize():f} %"


def _day(day: date) -> str:
    return f"{day:%B}\N{NO-BREAK SPACE}{day.day}, {day.year}"


def _span(period: tuple[date, date]) -> str:
    """`October 2026`, `October 1 – 14, 2026`: both days are billed."""
    first, last = period
    if first.day == 1 and last == (first + timedelta(days=32)).replace(day=1) - timedelta(days=1):
        return f"{first:%B} {first.year}"
    if first == last:
        return _day(first)
    if first.year != last.year:
        return f"{_day(first)} – {_day(last)}"
    until = f"{last.day}" if first.month == last.month else f"{last:%B} {last.day}"
    return f"{first:%B} {first.day} – {until}, {last.year}"
