"""What mails about invoices and prices say, as plain text and as HTML. Pure: no database, no clock, no settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flyusage import mail_page
from flyusage.invoices.document import Document
from flyusage.mail import Attachment, Letter
from flyusage.money import format_minor


@dataclass(frozen=True)
class PriceChange:
    """An organization's prices change on `changes_on`: an experiment begins or ends, or does not take place (`is_off`)."""

    buyer: str
    seller: str
    changes_on: date
    is_end: bool
    is_off: bool = False


def issued(document: Document, files: tuple[Attachment, ...], link: str | None) -> Letter:
    """The invoice or credit note itself, with its PDF."""
    if document.kind == "credit_note":
        reference = f" for invoice {document.refers_to[0]}" if document.refers_to else ""
        said = [f"attached is credit note {document.number}{reference} over {_money(document, document.gross_minor)}."]
        said += list(document.notes)
        return _letter(f"Credit note {document.number} from {document.seller.name}", document, said, [], link, files)
    facts = [
        ("Invoice", document.number),
        ("Period", f"{_day(document.period[0])} to {_day(document.period[1])}"),
        ("Net", _money(document, document.net_minor)),
        ("Tax", _money(document, document.tax_minor)),
        ("Total", _money(document, document.gross_minor)),
    ]
    if document.prepaid_minor:
        facts.append(("Paid by credits", _money(document, -document.prepaid_minor)))
    facts.append(("To be paid", _money(document, document.due_minor)))
    if document.due_on and document.due_minor:
        facts.append(("Due on", _day(document.due_on)))
    said = [f"attached is your invoice {document.number} as PDF; the e-invoice (Factur-X XML) is inside it."]
    if not document.due_minor:
        said.append("There is nothing left to pay.")
    return _letter(f"Invoice {document.number} from {document.seller.name}", document, said, facts, link, files)


def voided(document: Document, reason: str, link: str | None) -> Letter:
    """That an invoice was declared never owed."""
    said = [
        f"invoice {document.number} of {_day(document.issued_on)} over {_money(document, document.gross_minor)} is void: {reason}",
        "It is not to be paid. Please keep this message with it.",
    ]
    return _letter(f"Invoice {document.number} is void", document, said, [], link, ())


def reminder(document: Document, balance_minor: int, days_over: int, files: tuple[Attachment, ...], link: str | None) -> Letter:
    """That an invoice should have been paid `days_over` days ago; `balance_minor` is left."""
    due = f" on {_day(document.due_on)}" if document.due_on else ""
    said = [
        f"invoice {document.number} was due{due}, {days_over} day{'s' * (days_over != 1)} ago; {_money(document, balance_minor)} is still open.",
        "If you have paid meanwhile, thank you; there is nothing to do. The invoice is attached once more.",
    ]
    facts = [("Invoice", document.number), ("Still to be paid", _money(document, balance_minor))]
    if document.bank:
        facts += [("IBAN", document.bank.iban), ("Reference", document.bank.reference)]
    return _letter(f"Reminder: invoice {document.number} is overdue", document, said, facts, link, files)


def price_change(change: PriceChange, link: str | None) -> Letter:
    """That prices change on a day, or do not after all."""
    day = _day(change.changes_on)
    if change.is_off:
        subject, said = "Your prices stay as they are", f"the other prices that we announced for {day} do not take place. Your prices stay."
    elif change.is_end:
        subject, said = f"Your prices change on {day}", f"from {day} (00:00 UTC) on, the regular price list holds for you again."
    else:
        subject, said = (
            f"Your prices change on {day}",
            f"from {day} (00:00 UTC) on, other prices hold for you. What you used before is not changed.",
        )
    tail = "Each price, before and after, is in the price book." if not change.is_off else "You need to do nothing."
    return _put_together(subject, change.buyer, change.seller, [said, tail], [], link, "Price book", ())


def _letter(
    subject: str, document: Document, said: Sequence[str], facts: Sequence[tuple[str, str]], link: str | None, files: tuple[Attachment, ...]
) -> Letter:
    label = [f"{document.demo_label}."] if document.demo_label else []
    return _put_together(subject, document.buyer.name, document.seller.name, [*said, *label], facts, link, "The invoice online", files)


def _put_together(  # noqa: PLR0913 the parts of a letter
    subject: str, buyer: str, seller: str, said: Sequence[str], facts: Sequence[tuple[str, str]], link: str | None, linked: str,
    files: tuple[Attachment, ...],
) -> Letter:  # fmt: skip
    first = said[0][:1].upper() + said[0][1:]
    paragraphs = [f"To {buyer}:", first, *said[1:]]
    width = max((len(name) for name, _ in facts), default=0) + 2
    table = "\n".join(f"{name + ':':<{width}}{value}" for name, value in facts)
    parts = [*paragraphs, *([table] if table else []), *([f"{linked}: {link}"] if link else []), seller]
    return Letter(subject, "\n\n".join(parts) + "\n", _html(subject, paragraphs, facts, (linked, link), seller), files)


def _html(subject: str, paragraphs: Sequence[str], facts: Sequence[tuple[str, str]], link: tuple[str, str | None], seller: str) -> str:
    told = mail_page.facts(facts) if facts else ""
    parts = [mail_page.title(subject), *map(mail_page.paragraph, paragraphs), told, mail_page.button(link[1], link[0])]
    return mail_page.document(subject, paragraphs[1], parts, [seller])


def _money(document: Document, minor: int) -> str:
    return format_minor(minor, document.currency)


def _day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"
