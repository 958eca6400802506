"""Deleting an organization, as far as money is concerned: what is owed is settled first."""

from datetime import datetime

from sqlmodel import Session

from flyusage.errors import FlyusageError
from flyusage.invoices import queries
from flyusage.invoices.models import State
from flyusage.invoices.queries import InvoiceEntry, Wanted
from flyusage.money import CURRENCIES, format_minor
from flyusage.orgs import memberships, organizations
from flyusage.orgs.acting import Actor

NAMED = 3


class InvoicesOpen(FlyusageError):
    """The organization still owes something."""

    code = "invoices_open"
    status = 409


def delete_organization(session: Session, org_id: int, *, by: Actor) -> datetime:
    """As `organizations.delete`. Raises InvoicesOpen, naming what is to be paid, and NotPermitted."""
    memberships.lock(session, org_id)
    owed = [one for one in queries.invoices(session, org_id, Wanted((State.OPEN,)), limit=queries.MOST).entries if one.balance_minor]
    if owed:
        raise InvoicesOpen(f"{_listed(owed)} still to be paid. Pay, then delete.")
    return organizations.delete(session, org_id, by=by)


def _listed(owed: list[InvoiceEntry]) -> str:
    named = [f"{one.number} ({format_minor(one.balance_minor, CURRENCIES[one.currency])})" for one in owed[:NAMED]]
    rest = len(owed) - len(named)
    if rest:
        named.append(f"{rest} more")
    return f"Invoice {named[0]} is" if len(named) == 1 else f"Invoices {', '.join(named[:-1])} and {named[-1]} are"
