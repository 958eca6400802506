"""What a demo company needs beside events: the organization, its price book, an invented region, cost centres."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from sqlmodel import Session

from flyusage import clock
from flyusage.demo import story
from flyusage.demo.company import COST_CENTRES
from flyusage.demo.stream import Company
from flyusage.metering import cost_centres
from flyusage.metering.cost_centres import Assignment
from flyusage.metering.models import Region
from flyusage.money import round_half_away
from flyusage.orgs import audit
from flyusage.orgs.acting import system
from flyusage.orgs.models import Organization
from flyusage.pricing import agreements, books
from flyusage.pricing.books import ListedPrice
from flyusage.pricing.tax import BillingProfile

PRICE_BOOK = "demo"
PRICE_PLACES = 12
RETIRED_REGION = {
    "code": story.RETIRED_REGION,
    "name": "Zurich, Switzerland (invented for the demo)",
    "country": "CH",
    "continent": "Europe",
    "lat": 47.4581,
    "lon": 8.5481,
    "status": "retired",
    "egress_group": "na_eu",
    "price_markup": Decimal("1.153846154"),
}

# Domestic, with tax and an order number; abroad in the EU, where tax is reversed. The third company has entered no address yet, so
# that closing a month has something to decide. The VAT number is the one that the Dutch give as an example.
ADDRESSES = {
    "demo": BillingProfile(
        "Quillback Logistics GmbH (invented)", ("Am Sandtorkai 1", "Accounts payable"), "20457", "Hamburg", "DE",
        ("accounts@quillback.example",), purchase_order="QL-2026-0042", payment_terms_days=30,
    ),
    "demo-tidepool": BillingProfile(
        "Tidepool Games B.V. (invented)", ("Voorbeeldstraat 12",), "1012 AB", "Amsterdam", "NL", ("finance@tidepool.example",),
        vat_number="NL123456789B13",
    ),
}  # fmt: skip


def organization_of(session: Session, company: Company) -> int:
    """The company's organization, made if it is not there yet; its id."""
    made = session.scalar(sa.select(Organization.id).where(Organization.slug == company.slug))  # type: ignore[arg-type]
    if made is None:
        organization = Organization(slug=company.slug, name=company.name, is_synthetic=True, created_at=clock.now())
        session.add(organization)
        session.flush()
        assert organization.id is not None
        made = organization.id
        audit.record(
            session,
            made,
            actor="system:demo",
            action="organization.create",
            subject=company.slug,
            detail={"is_synthetic": True},
        )
        if company.slug in ADDRESSES:
            agreements.set_billing_profile(session, made, ADDRESSES[company.slug], by=system("demo"))
    return made


def set_up(session: Session, company: Company) -> int:
    """The organization with its prices, and the invented region if it plays a part; its id. Repeating it changes nothing.

    Its months are made ready here, before several writers would all make them.
    """
    org_id = organization_of(session, company)
    months = {"first": story.moment_of(company.tale.begins).date(), "last": company.anchor.date()}
    session.execute(sa.text("SELECT ensure_month_partitions(:first, :last)"), months)
    if company.tale.retired_on is not None:
        _add_retired_region(session, company.tale.retired_on)
    if company.has_story and books.book_named(session, PRICE_BOOK) is None:
        _publish_prices(session, company)
    if company.has_story:
        book = books.book_named(session, PRICE_BOOK)
        assert book is not None
        books.subscribe(session, org_id, book.id)
    return org_id


def assign_cost_centres(session: Session, org_id: int, company: Company) -> None:
    """Twelve cost centres over the apps that are known so far, from the company's first month on; one app changes hands.

    What somebody assigned meanwhile stays.
    """
    first = story.moment_of(company.tale.begins).date().replace(day=1)
    wanted = [Assignment(app, first, centre) for centre, domains in COST_CENTRES.items() for app in _apps(company, domains)]
    changing = next((app for app in _apps(company, ("insights",)) if app.endswith("api")), None)
    if changing is not None:
        wanted.append(Assignment(changing, company.anchor.date().replace(day=1), "Core Logistics"))
    there = {(one.app, one.from_month) for one in cost_centres.assignments(session, org_id)}
    missing = [one for one in wanted if (one.app, one.from_month) not in there]
    cost_centres.assign(session, org_id, missing, actor="system:demo", origin=company.slug)


def _apps(company: Company, domains: Sequence[str]) -> list[str]:
    return [app.name for app in company.apps if app.domain in domains]


def _add_retired_region(session: Session, retired_on: date) -> None:
    if session.scalar(sa.select(Region.id).where(Region.code == story.RETIRED_REGION)) is None:  # type: ignore[arg-type]
        session.execute(sa.insert(Region).values(**RETIRED_REGION, retired_on=retired_on))


def _publish_prices(session: Session, company: Company) -> None:
    """The list prices as they were, with prices for the invented region, and one invented step upwards for performance machines."""
    book = books.create_book(session, slug=PRICE_BOOK, name="Demo prices (with an invented step)", currency="USD", is_synthetic=True)
    listed = books.book_named(session, books.LIST)
    assert listed is not None
    first = story.moment_of(company.tale.begins).date()
    usual = books.prices_of(session, listed.id, first)
    twin = [replace(price, scope=story.RETIRED_REGION, note="invented") for price in usual if price.scope == story.SUCCESSOR_REGION]
    books.draft(session, book, first, prices=[*usual, *twin], note="The list prices")
    step = company.tale.price_step_on
    if step is not None:
        note = f"Invented for the demo: performance machines cost {story.PRICE_STEP_PERCENT} % more"
        books.draft(session, book, step, prices=[_stepped(price) for price in (*usual, *twin)], note=note)
    books.publish(session, book)


def _stepped(price: ListedPrice) -> ListedPrice:
    if not price.sku.startswith("machine.performance"):
        return price
    dearer = Fraction(price.amount) * (100 + story.PRICE_STEP_PERCENT) / 100
    return replace(price, amount=round_half_away(dearer, PRICE_PLACES), note="invented step")
