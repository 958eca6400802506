"""Organizations with little, round usage in October 2026, and their invoices.

A GB of volume for 30 days is $0.15 in every region, so that 1,000 GB from Oct 1 to Oct 31 are $150.00. Nothing runs afterwards.
"""

from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from factories import Event, ingest, volume_created, volume_destroyed
from usage_world import NOW as WORLD_NOW
from usage_world import World

from flyusage import clock, db
from flyusage.invoices.examining import release
from flyusage.invoices.issuing import issue
from flyusage.invoices.storing import Issued
from flyusage.metering.rollups import catch_up
from flyusage.orgs.acting import Actor, system
from flyusage.pricing import agreements, grants
from flyusage.pricing.agreements import set_billing_profile
from flyusage.pricing.tax import BillingProfile
from flyusage.pricing.terms import CpuKind, CreditKind, Discount, RecurringFee, Reservation

OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
BY = system("tests")
GERMAN = BillingProfile("Prism GmbH", ("Torstraße 140",), "10119", "Berlin", "DE", ("ap@prism.example",), payment_terms_days=30)
SWISS = BillingProfile("Rival AG", ("Bahnhofstrasse 1",), "8001", "Zürich", "CH")


def volume(
    name: str, gb: float, *, org: str = "prism", app: str = "web", region: str = "dfw", month: int = 10, days: int = 30
) -> list[Event]:
    """`gb` GB for `days` days from the first of a month of 2026 on; $0.15 per GB for 30."""
    start, where = date(2026, month, 1), {"org": org, "app": app, "region": region}
    end = start + timedelta(days=days)
    return [volume_created(name, f"{start}T00:00:00Z", gb=gb, **where), volume_destroyed(name, f"{end}T00:00:00Z", **where)]


def take_in(*events: Event, at: datetime = NOW) -> dict[str, int]:
    """Ingest and roll up; the organizations' ids by slug."""
    with clock.freeze(at):
        result = ingest(events)
        assert not result.refused
        with db.platform_transaction() as session:
            known = dict(session.execute(sa.text("SELECT slug, id FROM organization")).all())
        for org_id in known.values():
            catch_up(org_id)
    return known


def bill_to(org_id: int, profile: BillingProfile = GERMAN) -> None:
    """Enter the billing profile."""
    with db.platform_transaction() as session:
        set_billing_profile(session, org_id, profile, by=BY)


def billed(org_id: int, month: date = OCTOBER, *, at: datetime = NOW, released: bool = True, by: Actor = BY) -> Issued:
    """Issue the month's invoice, whatever is out of the ordinary unless told."""
    with clock.freeze(at), db.platform_transaction() as session:
        if released:
            release(session, org_id, month, reason="tests", by=by)
        return issue(session, org_id, month, by=by, render=False)


def bill_world(made: World) -> dict[date, Issued]:
    """usage_world with September (a discount, a fee, a promotional credit, a reservation) and October billed; November is open.

    The reservation's $91.00 are for the 91 days of September to November: $30.00, $31.00 and $30.00.
    """
    september = date(2026, 9, 1)
    with acting(WORLD_NOW) as session:
        agreements.give_discount(session, made.org_id, Discount("Loyal", september, percent=Decimal("7.5"), periods=1), by=BY)
        agreements.add_fee(session, made.org_id, RecurringFee("Support", september, date(2026, 9, 30), Decimal(29), "USD"), by=BY)
        fra = session.execute(sa.text("SELECT id FROM region WHERE code = 'fra'")).scalar_one()
        agreements.reserve(session, made.org_id, Reservation(fra, CpuKind.PERFORMANCE, 9100, 400, "USD", september, 3), by=BY)
    with acting(WORLD_NOW.replace(month=9, day=25)) as session:
        grants.grant(session, made.org_id, CreditKind.PROMOTIONAL, 1234, description="Welcome", by=BY)
    return {month: billed(made.org_id, month, at=WORLD_NOW) for month in (september, OCTOBER)}


def rows(query: str, **binds: Any) -> list[tuple[Any, ...]]:
    """The answer to a question, as the platform."""
    with db.platform_transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(query), binds)]


def value(query: str, **binds: Any) -> Any:
    """The only value of an answer."""
    ((found,),) = rows(query, **binds)
    return found


def invoice_row(invoice_id: int) -> Mapping[str, Any]:
    """The invoice as it is stored."""
    with db.platform_transaction() as session:
        return dict(session.execute(sa.text("SELECT * FROM invoice WHERE id = :id"), {"id": invoice_id}).mappings().one())


@contextmanager
def acting(at: datetime = NOW):
    """A transaction of the platform with the clock at a moment."""
    with clock.freeze(at), db.platform_transaction() as session:
        yield session
