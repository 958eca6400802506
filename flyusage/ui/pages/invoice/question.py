"""The invoice page's questions to the database, answered ready to print. Blocks; call it off the event loop."""

from dataclasses import dataclass, field

from flyusage import db
from flyusage.invoices import queries, questions
from flyusage.invoices.breakdowns import By, breakdown
from flyusage.invoices.errors import InvoiceUnknown
from flyusage.invoices.payments.news import payment_news
from flyusage.orgs.permissions import Permission
from flyusage.orgs.staff import StaffPermission
from flyusage.ui.charts.text import visible
from flyusage.ui.pages.billing.address import Choice, billing_href
from flyusage.ui.pages.invoice.rows import Missing, Screen
from flyusage.ui.pages.invoice.screen import Told, screen
from flyusage.ui.session import is_staff, open_organization

QUOTED = 60


@dataclass(frozen=True)
class Asked:
    """What the address names."""

    slug: str
    number: str
    by: By


@dataclass(frozen=True)
class Answered:
    """The invoice, or that there is none."""

    screen: Screen | None = None
    missing: Missing = field(default_factory=Missing)


def ask(asked: Asked) -> Answered:
    """The invoice under its number, of the organization in the address only; by region for whoever asks by machine and sees none.

    Raises NotPermitted.
    """
    org = open_organization(asked.slug, Permission.INVOICES_READ)
    if org is None:
        return Answered()
    sees_machines = Permission.MACHINES_READ in org.permissions
    by = asked.by if sees_machines or asked.by is not By.MACHINE else By.REGION
    with db.transaction(org.id, apps=org.apps) as session:
        try:
            entry = queries.find(session, asked.number, org.id)
        except InvoiceUnknown:
            return Answered(missing=_missing(org.slug, asked.number))
        invoice = queries.detail(session, org.id, entry.id)
        corrected = invoice.document.refers_to[0] if invoice.document.refers_to else ""
        found = breakdown(session, org.id, entry.id, by)
        news = payment_news(session, org.id, entry.id)
    may_correct = is_staff(StaffPermission.INVOICES_CORRECT)
    return Answered(screen(Told(org.slug, invoice, by, found, corrected, news.sentence if news else "", sees_machines, may_correct)))


def question_line(slug: str, number: str, position: int, note: str) -> None:
    """Question a line of the organization's invoice. Raises NotPermitted, InvoiceUnknown, and AmountInvalid for an empty note."""
    org = open_organization(slug, Permission.INVOICES_READ)
    if org is None:
        raise InvoiceUnknown("There is no such organization. Reload the page.")
    with db.transaction(org.id, apps=org.apps) as session:
        questions.ask(session, org.id, queries.find(session, number, org.id).id, position, note, by=org.by)


def _missing(slug: str, number: str) -> Missing:
    named = visible(number[:QUOTED])
    return Missing(f"“{named}” is no invoice or credit note of this organization.", billing_href(slug, Choice()))
