"""What an organization buys from and is charged for, as far as what was billed allows it."""

from datetime import date

import sqlalchemy as sa
from sqlmodel import Session

from flyusage.invoices.errors import BookRefused, MonthBilled
from flyusage.invoices.models import invoice, seat_plan
from flyusage.invoices.queries import months_billed
from flyusage.metering.locks import lock_organizations
from flyusage.orgs.acting import Actor
from flyusage.pricing.agreements import buy_from
from flyusage.pricing.books import PriceBook


def change_book(session: Session, org_id: int, slug: str, *, by: Actor) -> PriceBook:
    """Price every month that is not billed yet by the book `slug`; audited. The book.

    Issued invoices stay. Raises TermsInvalid for a book that cannot be bought from, BookRefused for one of another currency than
    what was billed, since an organization's invoices have one.
    """
    lock_organizations(session, [org_id])  # whose month is being issued is billed first, and then refused
    new = buy_from(session, org_id, slug, by=by)
    plan = session.scalar(sa.select(seat_plan.c.currency).where(seat_plan.c.org_id == org_id, seat_plan.c.currency != new.currency))
    if plan is not None:
        raise BookRefused(f"Its seats are sold in {plan}, and {new.slug} is in {new.currency}. Make another organization for it.")
    other = sa.select(invoice.c.currency).where(invoice.c.org_id == org_id, invoice.c.currency != new.currency).limit(1)
    if billed := session.scalar(other):
        raise BookRefused(f"The organization is billed in {billed}, and {new.slug} is in {new.currency}. Make another organization for it.")
    return new


def refuse_billed(session: Session, org_id: int, since: date, until: date | None = None) -> None:
    """Raise MonthBilled where a month from that of `since` to that of `until` is billed: what is due in it would stand on no invoice.

    `until` is the last day of what recurs, None where it recurs for good; of what is due once the same day. A billed month's invoice
    stays as it is, and only late usage of it goes on the next. Holds the organization, so that no close comes between.
    """
    lock_organizations(session, [org_id])
    billed = [month for month in months_billed(session, org_id) if month >= since.replace(day=1) and (until is None or month <= until)]
    if billed:
        raise MonthBilled(
            f"{billed[-1]:%B %Y} is billed, so a charge of that month would stand on no invoice. Let it be due on a later day."
        )
