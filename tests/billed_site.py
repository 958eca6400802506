"""The browser tests' organizations with agreements and invoices: what the billing pages are looked at with.

Prism (tests/story.py) is a German company with 10 % off for a year, a support plan and a prepaid credit. October 2026 is issued,
as November 2 was; a part of it is paid. Rival has neither an address nor an invoice. The clock stands at the story's end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal

from factories import ingest
from story import NOW, prism, rival

from flyusage import clock, db
from flyusage.cli import bootstrap
from flyusage.invoices.examining import release
from flyusage.invoices.issuing import issue
from flyusage.invoices.settlement import Receipt, record_payment
from flyusage.metering.rollups import catch_up
from flyusage.orgs.acting import system
from flyusage.orgs.queries import organization_by_slug
from flyusage.pricing.agreements import add_fee, give_discount, set_billing_profile
from flyusage.pricing.grants import grant
from flyusage.pricing.tax import BillingProfile
from flyusage.pricing.terms import CreditKind, Discount, RecurringFee
from flyusage.pricing.urls import parse_moment

BY = system("tests")
OCTOBER = date(2026, 10, 1)
MIDDLE = datetime(2026, 10, 15, tzinfo=UTC)
ISSUED_AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
PROFILE = BillingProfile("Prism GmbH & Co. <KG>", ("Torstraße 140",), "10119", "Berlin", "DE", ("ap@prism.example",), payment_terms_days=30)


def fill() -> str:
    """Put everything into the database that the settings point at; the number of October's invoice."""
    bootstrap.be_ready()
    assert not ingest([*prism(), *rival()]).refused
    with db.lookup_transaction() as session:
        ids = {slug: organization_by_slug(session, slug).id for slug in ("prism", "rival")}
    for org_id in ids.values():
        catch_up(org_id)
    return bill(ids["prism"])


def bill(org_id: int) -> str:
    """Agree with Prism what it pays by, and issue its October, of which the events are rolled up; the invoice's number."""
    with clock.freeze(MIDDLE), db.platform_transaction() as session:
        grant(session, org_id, CreditKind.PREPAID, 5000, description="Prepaid 2026", by=BY)
    with clock.freeze(ISSUED_AT), db.platform_transaction() as session:
        set_billing_profile(session, org_id, PROFILE, by=BY)
        give_discount(session, org_id, Discount("Launch discount of 10 %", OCTOBER, percent=Decimal(10), periods=12), by=BY)
        add_fee(session, org_id, RecurringFee("Support plan <b>Standard</b>", OCTOBER, unit_amount=Decimal(29), currency="USD"), by=BY)
        release(session, org_id, OCTOBER, reason="tests", by=BY)
        issued = issue(session, org_id, OCTOBER, by=BY)
        record_payment(session, org_id, issued.id, Receipt(10000, date(2026, 11, 2), "SEPA 4711"), by=BY)
        grant(session, org_id, CreditKind.PREPAID, 2000, description="Prepaid again", by=BY)
    return issued.number


@contextmanager
def filled() -> Iterator[int]:
    """Prism's id, once everything is there; the clock stands at the story's end inside the block."""
    fill()
    moment = parse_moment(NOW)
    assert moment is not None
    with db.lookup_transaction() as session:
        org_id = organization_by_slug(session, "prism").id
    with clock.freeze(moment):
        yield org_id
